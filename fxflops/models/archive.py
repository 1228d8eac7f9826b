"""What of a saved program's archive can be read without executing anything that is in it.

``torch.export.load`` executes what an archive says, in four ways:

- it unpickles the example inputs, weights that are more than plain tensors, and custom objects;
- it loads compiled libraries;
- it evaluates the text of every symbolic size as Python, and that of every guard;
- it resolves the name of every operator by attributes of ``torch``, which lead anywhere.

So it never sees the archive itself. It gets a new one, of the members that a count needs: the
program, and descriptions of its tensors on the meta device, without their data. A program that
says more than sizes, tensors and PyTorch's operators is refused, unless it is trusted.

Sources: torch/export/pt2_archive/_package.py, torch/_export/serde/{schema,serialize}.py (2.14).
"""

from __future__ import annotations

import ast
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, TypeAlias

from fxflops.errors import ModelError

Json: TypeAlias = Any

FORMAT = ("archive_format", "archive_version", "byteorder", ".data/version")
PROGRAM = "models/model.json"
SAMPLES = "data/sample_inputs/model.pt"
TENSORS = {
    "data/weights/": "data/weights/model_weights_config.json",
    "data/constants/": "data/constants/model_constants_config.json",
}
"""Folders of tensors, and the members that describe what is in them."""

METADATA = ("stack_trace", "nn_module_stack")
ON_META = {"type": "meta", "index": None}
OPERATORS = re.compile(
    r"torch\.ops\.(aten|prims|quantized|quantized_decomposed|torchvision)\.(?!from_file\.)\w+\.\w+"
    r"|torch\.ops\.higher_order\.(cond|flex_attention|wrap_with_autocast|wrap_with_set_grad_enabled)"
    r"|torch\._?sym_\w+"
    r"|math\.(ceil|floor|trunc|sqrt)"
    r"|_operator\.(abs|add|and_|eq|floordiv|ge|getitem|gt|le|lt|mod|mul|ne|neg|or_|pos|pow|sub)"
    r"|_operator\.truediv"
)
"""None of these does anything but compute; ``aten.from_file`` makes a file."""

PLAIN = re.compile(r"[\w.:/\- ]*", re.ASCII)
"""A name that becomes part of Python code: it may break the code, and calls nothing."""

CONTAINERS = {"builtins.list", "builtins.tuple", "builtins.dict", "collections.OrderedDict", None}
SIZE_FUNCTIONS = frozenset(
    [
        "Abs",
        "Add",
        "And",
        "CeilToInt",
        "CleanDiv",
        "Equality",
        "Float",
        "FloatPow",
        "FloatTrueDiv",
        "FloorDiv",
        "FloorToInt",
        "GreaterThan",
        "Identity",
        "IntTrueDiv",
        "Integer",
        "LShift",
        "LessThan",
        "Max",
        "Min",
        "Mod",
        "ModularIndexing",
        "Mul",
        "Not",
        "Or",
        "Pow",
        "PowByNatural",
        "PythonMod",
        "RShift",
        "Rational",
        "RoundToInt",
        "StrictGreaterThan",
        "StrictLessThan",
        "Symbol",
        "ToFloat",
        "TruncToFloat",
        "TruncToInt",
        "Unequality",
        "Where",
        "ceiling",
        "floor",
    ]
)
DATA = {"torch_version", "as_string", "as_strings", "stack_trace", "nn_module_stack", "out_spec"}
"""Fields whose strings stay strings, or are replaced."""


def readable(path: str, *, trust: bool) -> io.BytesIO:
    """The archive that is safe to load; with ``trust``, with all that its program asks for.

    Raises ModelError where the file is no such archive, and where it needs trust.
    """
    members = _members(path)
    program = _json(members, PROGRAM, path)
    kept = {name: members[name] for name in FORMAT if name in members}
    if not trust:
        for danger in _dangers(program, ""):
            raise _refused(path, danger)
    kept[PROGRAM] = json.dumps(_reduced(program)).encode()
    kept[SAMPLES] = b""
    for folder, config in TENSORS.items():
        if config not in members and f"{folder}model.pt" in members:
            raise ModelError(
                f"{path} has its weights pickled, as PyTorch before 2.9 saved them: save it again."
            )
        described = _json(members, config, path)
        kept |= _tensors(described, members, folder, path, trust=trust)
        kept[config] = json.dumps(described).encode()
    return _written(kept)


def _members(path: str) -> dict[str, bytes]:
    """The archive's members by their names below its root; weights are not read."""
    found: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(path) as file:
            for item in file.infolist():
                name = item.filename.partition("/")[2]
                if name in found:
                    raise ModelError(f"{path} has two members {name!r}.")
                if item.compress_type != zipfile.ZIP_STORED:
                    raise ModelError(f"{path} has a compressed member, as no saved program has.")
                found[name] = file.read(item)
    except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise ModelError(f"Cannot read {path}: {error}") from error
    return found


def _json(members: Mapping[str, bytes], name: str, path: str) -> Json:
    if name not in members:
        raise ModelError(f"{path} has no {name}: it was not saved by torch.export.save.")
    try:
        read = json.loads(members[name])
    except (ValueError, RecursionError) as error:
        raise ModelError(f"Cannot read {name} in {path}: {error}") from error
    if not isinstance(read, dict):
        raise ModelError(f"Cannot read {name} in {path}: it is no JSON object.")
    return read


def _refused(path: str, danger: str) -> ModelError:
    refused = f"{path} {danger}: loading it may execute code. If you trust its source, give"
    return ModelError(
        f"{refused} trust=True.",
        command_line=f"{refused} --trust.",
    )


def _dangers(value: Json, key: str) -> Iterator[str]:
    """What in the program is more than sizes, tensors and PyTorch's operators."""
    if isinstance(value, dict):
        if value.get("custom_obj_values"):
            yield "has custom objects"
        for name, item in value.items():
            if name == "metadata" or name == "guards_code":
                continue  # left out by _reduced
            if key != "range_constraints" and not PLAIN.fullmatch(name):
                yield f"has a name that is none, {name[:60]!r}"
            yield from _dangers(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from _dangers(item, key)
    elif isinstance(value, str):
        if key == "expr_str":
            if not _is_size(value):
                yield f"has a size that is none, {value[:60]!r}"
        elif key in ("target", "as_operator"):
            if not OPERATORS.fullmatch(value):
                yield f"calls {value[:60]}"
        elif key == "in_spec":
            if not _is_nesting(value):
                yield "takes arguments in containers of its own"
        elif key not in DATA and not PLAIN.fullmatch(value):
            yield f"has a name that is none, {value[:60]!r}"


def _is_size(text: str) -> bool:
    """Whether it is sympy's own notation of a size: calls of its functions on numbers, names."""
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return _is_expression(tree.body)


def _is_expression(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, (int, float))
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub) and _is_expression(node.operand)
    if isinstance(node, ast.Name):
        return node.id in ("true", "false") or re.fullmatch(r"[szu]+f?\d+", node.id) is not None
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return False
    if node.func.id not in SIZE_FUNCTIONS:
        return False
    if not all(isinstance(option.value, ast.Constant) for option in node.keywords):
        return False
    if node.func.id in ("Symbol", "Float"):
        return len(node.args) == 1 and _is_text(node.args[0])
    return all(map(_is_expression, node.args))


def _is_text(node: ast.expr) -> bool:
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return is_text and PLAIN.fullmatch(node.value) is not None  # type: ignore[attr-defined]


def _is_nesting(text: str) -> bool:
    """Whether it describes lists, tuples and dicts in one another."""
    try:
        _, root = json.loads(text)
        waiting = [root]
        while waiting:
            spec = waiting.pop()
            context = spec["context"] or "null"
            keys = json.loads(context)
            if spec["type"] not in CONTAINERS or not isinstance(keys, (list, type(None))):
                return False
            if not all(isinstance(k, int) or PLAIN.fullmatch(k) for k in keys or ()):
                return False
            waiting += spec["children_spec"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return False
    return True


def _flat(text: str) -> str:
    """The nesting ``text`` as one tuple of all that is in it, whatever containers it names."""
    _, root = json.loads(text)
    waiting, leaves = [root], []
    while waiting:
        spec = waiting.pop()
        waiting += spec["children_spec"]
        if spec["type"] is None:
            leaves.append(spec)
    tuple_of = {"type": "builtins.tuple", "context": "null", "children_spec": leaves}
    return json.dumps([1, tuple_of])


def _reduced(value: Json, key: str = "") -> Json:
    """The program on the meta device, without guards, and with what a report needs of metadata."""
    if key in ("device", "as_device") and isinstance(value, dict):
        return ON_META
    if key == "guards_code":
        return []
    if key == "out_spec":
        return _flat(value)
    if isinstance(value, dict):
        if key == "metadata":
            return {name: value[name] for name in METADATA if name in value}
        return {name: _reduced(item, name) for name, item in value.items()}
    return [_reduced(item, key) for item in value] if isinstance(value, list) else value


def _tensors(
    described: Json, members: Mapping[str, bytes], folder: str, path: str, *, trust: bool
) -> dict[str, bytes]:
    """The members that ``described`` names; plain tensors become, in place, ones on meta."""
    kept: dict[str, bytes] = {}
    config = described.get("config")
    if not isinstance(config, dict):
        raise ModelError(f"Cannot read {path}: it does not describe what is in {folder}.")
    numbers = count()
    for name, payload in config.items():
        meta, member = payload.get("tensor_meta"), payload.get("path_name", "")
        if payload.get("use_pickle") or not isinstance(meta, dict) or not PLAIN.fullmatch(name):
            if not trust:
                raise _refused(path, f"has a pickled {name[:60]!r}")
            if folder + member not in members:
                raise ModelError(f"{path} has no {folder}{member}.")
            kept[folder + member] = members[folder + member]
            continue
        prefix = "weight_" if "weights" in folder else "tensor_"
        payload["path_name"] = f"{prefix}meta_{next(numbers)}"
        payload["tensor_meta"] = _contiguous(meta)
        kept[folder + payload["path_name"]] = b""
    return kept


def _contiguous(meta: Json) -> Json:
    """The description of a tensor of the same sizes on meta, which has no data to share."""
    strides, step = [], 1
    for size in reversed(meta["sizes"]):
        strides.append({"as_int": step})
        step *= max(size["as_int"], 1)
    offset = {"as_int": 0}
    return meta | {"device": ON_META, "strides": strides[::-1], "storage_offset": offset}


def _written(members: Mapping[str, bytes]) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            file.writestr(f"model/{name}", content)
    buffer.seek(0)
    return buffer
