"""What of a saved program's archive can be read without executing anything that is in it.

``torch.export.load`` executes what an archive says, in four ways:

- it unpickles the example inputs, weights that are more than plain tensors, and custom objects;
- it loads compiled libraries;
- it evaluates the text of every symbolic size as Python, and that of every guard;
- it resolves the name of every operator by attributes of ``torch``, which lead anywhere.

So it never sees the archive itself. It gets a new one, of the members that a count needs: the
program, and descriptions of its tensors on the meta device, without their data. A program that
says more than sizes, tensors and PyTorch's operators is refused, unless it is trusted.

What a file can make this do is bounded: it is opened only where it is a regular file, weights are
not read, other members up to a limit, and a size has few digits, whatever it multiplies or raises.

Sources: torch/export/pt2_archive/_package.py, torch/_export/serde/{schema,serialize}.py (2.14).
"""

from __future__ import annotations

import ast
import io
import json
import os
import re
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
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

LARGEST = 2**28
"""Bytes of a member that is read: the program of a model of thousands of layers is a tenth."""

LONGEST, DEEPEST = 4000, 40
"""Characters of the text of a size, and levels of calls in it."""

BITS, EXPONENT = 2048, 64
"""Of the largest number that a size can have on the way, and the largest exponent."""

OF_A_SYMBOL, OF_A_FLOAT = 64, 1100
"""Bits of the whole part."""

ENCRYPTED = 0x1
IS_NO_PROGRAM = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What reading a program raises that is not written as `torch.export.save` writes one."""

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
    try:
        with _opened(path) as file:
            return _readable(Members(file, path), path, trust=trust)
    except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError, struct.error) as error:
        raise ModelError(f"Cannot read {path}: {error}") from error
    except (*IS_NO_PROGRAM, MemoryError, RuntimeError) as error:
        raise malformed(path, error) from error


def malformed(path: str, error: BaseException) -> ModelError:
    """What to say of a program that is not written as it should be."""
    said = " ".join(str(error).split())[:200]
    return ModelError(
        f"{path} is no program as torch.export.save writes it ({type(error).__name__}: "
        f"{printable(said)}). Save it again."
    )


def printable(text: str) -> str:
    """The text on one line, with what is no printable character escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _readable(members: Members, path: str, *, trust: bool) -> io.BytesIO:
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


def _opened(path: str) -> zipfile.ZipFile:
    """The archive, if that is what the path names; a device or a pipe is not opened."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ModelError(f"Cannot read {path}: it is no regular file.")
    return zipfile.ZipFile(path)


class Members(Mapping[str, bytes]):
    """The archive's members by their names below its root; each is read when it is asked for.

    Raises ModelError for members that no saved program has, and for one that is too large.
    """

    def __init__(self, file: zipfile.ZipFile, path: str) -> None:
        self._file, self._path = file, path
        self._found: dict[str, zipfile.ZipInfo] = {}
        size = os.stat(path).st_size
        for item in file.infolist():
            name = item.filename.partition("/")[2]
            if name in self._found:
                raise ModelError(f"{path} has two members {name!r}.")
            if item.flag_bits & ENCRYPTED:
                raise ModelError(f"{path} has an encrypted member, as no saved program has.")
            if item.compress_type != zipfile.ZIP_STORED:
                raise ModelError(f"{path} has a compressed member, as no saved program has.")
            if item.file_size != item.compress_size or item.file_size > size:
                raise ModelError(f"Cannot read {path}: it says a wrong size of {name!r}.")
            self._found[name] = item

    def __getitem__(self, name: str) -> bytes:
        item = self._found[name]
        if item.file_size > LARGEST:
            raise ModelError(f"{self._path} has a {name!r} of more than {LARGEST:,} bytes.")
        return self._file.read(item)

    def __contains__(self, name: object) -> bool:
        return name in self._found

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def _json(members: Mapping[str, bytes], name: str, path: str) -> Json:
    if name not in members:
        raise ModelError(f"{path} has no {name}: it was not saved by torch.export.save.")
    try:
        read = json.loads(members[name])
    except (ValueError, RecursionError) as error:
        raise ModelError(f"Cannot read {name} in {path}: {printable(str(error))}") from error
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
                yield f"has a size that is none, or too large, {value[:60]!r}"
        elif key in ("target", "as_operator"):
            if not OPERATORS.fullmatch(value):
                yield f"calls {printable(value[:60])}"
        elif key == "in_spec":
            if not _is_nesting(value):
                yield "takes arguments in containers of its own"
        elif key not in DATA and not PLAIN.fullmatch(value):
            yield f"has a name that is none, {value[:60]!r}"


def _is_size(text: str) -> bool:
    """Whether it is sympy's own notation of a size: calls of its functions on numbers, names.

    To be one it must also be quick to evaluate: no number on the way has more than `BITS`.
    """
    if len(text) > LONGEST:
        return False
    try:
        tree = ast.parse(text, mode="eval")
        return _is_expression(tree.body) and _bits(tree.body, DEEPEST) <= BITS
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return False


def _bits(node: ast.expr, levels: int) -> int:
    """How many bits the whole part of the expression's value has at most, above `BITS` if many."""
    if levels == 0:
        return BITS + 1
    if isinstance(node, ast.Constant):
        return int(abs(node.value)).bit_length()  # type: ignore[arg-type]
    if isinstance(node, ast.UnaryOp):
        return _bits(node.operand, levels - 1)
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return OF_A_SYMBOL
    if node.func.id in ("Symbol", "Float"):
        return OF_A_SYMBOL if node.func.id == "Symbol" else _bits_of_float(node)
    inner = [_bits(part, levels - 1) for part in node.args]
    if max(inner, default=0) > BITS:
        return BITS + 1
    rule = BITS_OF.get(node.func.id)
    if rule is None:
        return max(inner, default=0) + len(inner)
    exponent = _exponent(node.args[-1]) if node.args else None
    return BITS + 1 if exponent is None and rule is not _of_product else rule(inner, exponent or 0)


def _bits_of_float(node: ast.Call) -> int:
    float(ast.literal_eval(node.args[0]))  # ValueError for no number
    return OF_A_FLOAT if abs(float(ast.literal_eval(node.args[0]))) < float("inf") else BITS + 1


def _exponent(node: ast.expr) -> int | None:
    """The magnitude of a constant exponent, a fraction's larger part; None for others."""
    if isinstance(node, ast.UnaryOp):
        return _exponent(node.operand)
    if isinstance(node, ast.Constant):
        size = abs(node.value)  # type: ignore[arg-type]
        return int(size) + 1 if size <= EXPONENT else None
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return None
    if node.func.id == "Float" and len(node.args) == 1:
        size = abs(float(ast.literal_eval(node.args[0])))
        return int(size) + 1 if size <= EXPONENT else None
    if node.func.id not in ("Integer", "Rational", "ToFloat"):
        return None
    parts = [_exponent(part) for part in node.args]
    return max((part or 0 for part in parts), default=None) if None not in parts else None


def _of_product(bits: list[int], _: int) -> int:
    return sum(bits)


def _of_power(bits: list[int], exponent: int) -> int:
    return bits[0] * max(exponent, 1)


def _of_shift(bits: list[int], by: int) -> int:
    return bits[0] + by


BITS_OF: dict[str, Callable[[list[int], int], int]] = {
    "Mul": _of_product,
    "Pow": _of_power,
    "PowByNatural": _of_power,
    "FloatPow": _of_power,
    "LShift": _of_shift,
}
"""Functions whose result is larger than the sum of their arguments."""


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
                raise ModelError(f"{path} has no {(folder + member)!r}.")
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
