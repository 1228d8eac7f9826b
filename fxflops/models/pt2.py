"""Programs that ``torch.export.save`` has written: ``model.pt2``."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fxflops.errors import ModelError
from fxflops.models.archive import IS_NO_PROGRAM, malformed, printable, readable
from fxflops.models.named import Arguments, NamedModel
from fxflops.spec import DTYPES, Axis, InputSpec, TensorInput

if TYPE_CHECKING:
    import torch
    from torch.export import ExportedProgram

USUAL = {1: "N", 2: "NL", 3: "NLD", 4: "NCHW", 5: "NCTHW"}
"""What the axes of a tensor of so many are called, where they are free."""


def find(path: str, *, trust: bool = False) -> NamedModel:
    """The program in the file, its dynamic dimensions free and the others fixed.

    Nothing in the file is executed. One that needs it is loaded only with ``trust``.

    Raises ModelError where the file cannot be read, or would have to be trusted.
    """
    import torch
    from torch.export.pt2_archive import _package  # private: torch.export.load hides its errors

    archive = readable(path, trust=trust)
    try:
        with _quiet():
            program = _package.load_pt2(archive).exported_programs["model"]
            module = torch.export.unflatten(program)
    except Exception as error:
        said = printable(" ".join(str(error).split())[:300]) or type(error).__name__
        raise ModelError(f"Cannot load {path} in PyTorch {torch.__version__}: {said}") from error
    try:
        spec, defaults, notes = _inputs(program, path)
        call = _nested(program)
    except IS_NO_PROGRAM as error:
        raise malformed(path, error) from error
    return NamedModel(
        name=path,
        build=lambda: module,
        inputs=spec,
        defaults=defaults,
        call=call,
        is_new=True,
        notes=notes,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the log in which torch prints the stack of an error that it also raises."""
    log = logging.getLogger("torch.export")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def _inputs(
    program: ExportedProgram, path: str
) -> tuple[InputSpec, dict[str, int], tuple[str, ...]]:
    """The spec of the tensors that the program takes, sizes to count at, and what to know."""
    names: dict[Any, str] = {}
    defaults: dict[str, int] = {}
    notes: list[str] = []
    tensors = []
    for value, name in _taken(program, path):
        axes = []
        for position, size in enumerate(value.shape):
            if isinstance(size, int):
                axes.append(size)
                continue
            axes.append(_axis(size, position, value.dim(), program, names, defaults))
            if isinstance(axes[-1], int):
                notes.append(f"{name} has {size} on axis {position}, which is fixed at {axes[-1]}.")
        dtype = str(value.dtype).removeprefix("torch.")
        if dtype not in DTYPES:
            raise ModelError(f"{path} takes {name} of {dtype}, which an input spec cannot say.")
        tensors.append(TensorInput(name=name, axes=tuple(axes), dtype=dtype))
    notes += _largest(program, names)
    return InputSpec(tuple(tensors)), defaults, tuple(notes)


def _taken(program: ExportedProgram, path: str) -> Iterator[tuple[torch.Tensor, str]]:
    """The tensors that the program takes, as it describes them, and their names."""
    from torch.export.graph_signature import ConstantArgument, TensorArgument

    nodes = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    for given in program.graph_signature.input_specs:
        if given.kind.name != "USER_INPUT" or isinstance(given.arg, ConstantArgument):
            continue
        if not isinstance(given.arg, TensorArgument):
            raise ModelError(f"{path} takes {given.arg.name}, which is no tensor but a number.")
        yield nodes[given.arg.name].meta["val"], given.arg.name


def _axis(
    size: torch.SymInt,
    position: int,
    axes: int,
    program: ExportedProgram,
    names: dict[Any, str],
    defaults: dict[str, int],
) -> int | Axis:
    """The free axis of this size, or the size it was saved with where it is no multiple."""
    expression = size.node.expr
    multiple, symbol = expression.as_coeff_Mul()
    hint = int(size.node.hint) if size.node.hint is not None else None
    if not symbol.is_Symbol:
        if hint is None:
            raise ModelError(f"The program takes a tensor of size {expression} and says no value.")
        return hint
    if symbol not in names:
        usual = USUAL.get(axes, "N")
        name = usual[position] if position < len(usual) else f"D{position}"
        taken = set(names.values())
        names[symbol] = next(n for n in (name, f"{name}{len(taken)}") if n not in taken)
    step = int(multiple)
    least = program.range_constraints[symbol].lower
    minimum = step * int(least) if least.is_Integer and least > 2 else step
    if hint is not None:
        defaults[names[symbol]] = hint
    return Axis(name=names[symbol], multiple=step, minimum=minimum)


def _largest(program: ExportedProgram, names: dict[Any, str]) -> Iterator[str]:
    """What the program says it takes at most, which the formulas do not know."""
    for symbol, name in names.items():
        upper = program.range_constraints[symbol].upper
        if upper.is_Integer and upper.is_finite:
            yield f"The program itself takes no {name} above {upper} times its multiple."


def _nested(program: ExportedProgram) -> Any:
    """How the program takes the tensors of its spec: nested, with the constants of its export."""
    from torch.export.graph_signature import ConstantArgument
    from torch.utils._pytree import tree_unflatten  # private: the nesting of arguments

    taken = [s.arg for s in program.graph_signature.input_specs if s.kind.name == "USER_INPUT"]
    structure = program.call_spec.in_spec

    def arrange(module: object, inputs: InputSpec, tensors: tuple[Any, ...]) -> Arguments:
        given = iter(tensors)
        leaves = [a.value if isinstance(a, ConstantArgument) else next(given) for a in taken]
        args, kwargs = tree_unflatten(leaves, structure)
        return args, kwargs

    return arrange
