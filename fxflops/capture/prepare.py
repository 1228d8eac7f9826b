"""What a front end runs: the model without its weights, and inputs of the sizes asked for."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import reduce
from operator import add
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from fxflops._torch import python_dispatch
from fxflops.algebra import Symbol
from fxflops.capture import arguments
from fxflops.capture.source import raised_at
from fxflops.errors import CaptureError, ModelError, SpecError, shown
from fxflops.spec import Axis, InputSpec, Size, terms_of

VALUES = re.compile(r"\btensor\([^()]*(?:\([^()]*\)[^()]*)*\)")
"""A tensor as text: on the meta device its values are what happens to be in memory."""

INSIDE = re.compile(
    r"( INTERNAL ASSERT FAILED)?( at| \(Triggered internally at)? \"?[^\s\"]+\.(cpp|cu|h)\"?:\d+\)?"
    r"(, please report a bug to PyTorch)?\.?"
)
"""A line of PyTorch's own code in C++."""

PAST = 64

RELATED = ((1, 2), (1, 4), (2, 1), (3, 2), (3, 4), (3, 1), (4, 1))
"""Sizes of a model instead of one that is taken, as fractions of it: heads divide one another."""

LONGEST = 400
"""Characters of what an error says."""

capture_lock = threading.RLock()
"""Held by a capture: what it replaces while the model runs, and puts back, all threads share."""


@contextmanager
def alone() -> Iterator[None]:
    """Nothing that listens to operators outside hears those inside: a capture in a capture."""
    if not python_dispatch._get_current_dispatch_mode_stack():
        yield
        return
    with python_dispatch._disable_current_modes():
        yield


def on_meta(model: nn.Module, dtype: str | None = None) -> nn.Module:
    """A copy of ``model`` in eval mode whose tensors, all on the meta device, hold no data.

    ``model`` is not changed, and its weights are not copied. With ``dtype``, floating-point
    tensors become of that type.

    Raises CaptureError for a model that Python cannot copy.
    """
    memo: dict[int, object] = {}
    for path, module in model.named_modules():
        for tensor in _tensors(vars(module)):
            _require_dense(tensor, path)
            memo[id(tensor)] = arguments.on_meta(tensor)
    twin = copied(model, lambda: arguments.copied_on_meta(model, memo))
    try:
        return prepared(twin, dtype)
    except Exception as error:  # a module of TorchScript is one that does not
        raise CaptureError(
            f"A copy of {type(model).__name__} does not go to the meta device: {error}"
        ) from error


def copied(model: nn.Module, copy_of_it: Callable[[], Any]) -> nn.Module:
    """The copy, which has no module of ``model`` in it.

    Raises CaptureError for a model that Python cannot copy.
    """
    refused = f"Cannot copy {type(model).__name__}, which fxflops does to leave it as it is: "
    try:
        copied = copy_of_it()
    except Exception as error:
        raise CaptureError(f"{refused}{error}") from error
    if not isinstance(copied, nn.Module):
        raise CaptureError(f"{refused}its __deepcopy__ gives a {type(copied).__name__}.")
    own = {id(module) for module in model.modules()}
    for path, module in copied.named_modules():
        if id(module) in own:
            where = f"the module {path}" if path else "it"
            raise CaptureError(f"{refused}{where} is in the copy, too (__deepcopy__).")
    return copied


def prepared(model: nn.Module, dtype: str | None = None) -> nn.Module:
    """``model`` itself, in eval mode, on the meta device, its floats of ``dtype``."""
    return model.eval().to("meta", getattr(torch, dtype) if dtype else None)


def require_shapes(model: nn.Module, name: str) -> None:
    """Refuse a model with a parameter whose shape only its first call fixes: `torch.nn.LazyLinear`.

    And one that TorchScript has compiled: its operators are not called from Python.

    Raises ModelError that names the module.
    """
    for path, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise ModelError(
                f"{name} is compiled by TorchScript (torch.jit), in {path or 'itself'}: "
                "count the torch.nn.Module that it was made of."
            )
        if any(map(is_lazy, (*module.parameters(recurse=False), *module.buffers(recurse=False)))):
            raise ModelError(
                f"{name} has parameters of no shape yet, in {path or 'itself'}: "
                "call it once on an input, and count it then."
            )


def _tensors(value: object) -> Iterator[Tensor]:
    """The tensors in nested dicts, lists and tuples, modules left to themselves."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)


def _require_dense(tensor: Tensor, path: str) -> None:
    """Raises CaptureError for a tensor whose sizes are not all that its memory depends on."""
    layout = "nested" if tensor.is_nested else str(tensor.layout).removeprefix("torch.")
    if layout not in ("strided", "sparse_coo", "_mkldnn"):
        raise CaptureError(
            f"The model holds a {layout} tensor, in {path or 'itself'}: how much work it is, its "
            "values decide. Count the model with a dense tensor in its place (to_dense())."
        )


def example_inputs(
    inputs: InputSpec, sizes: Mapping[str, int | torch.SymInt], dtype: torch.dtype
) -> tuple[Tensor, ...]:
    """Meta tensors of the spec's shapes at ``sizes``; ``dtype`` where the spec names none.

    Raises CaptureError for sizes that are too large for any tensor.
    """

    def size(axis: Size) -> int | torch.SymInt:
        terms = (sizes[t.name] if isinstance(t, Axis) else t for t in terms_of(axis))
        return reduce(add, terms)

    made = []
    for tensor in inputs.tensors:
        shape = tuple(map(size, tensor.axes))
        kind = getattr(torch, tensor.dtype) if tensor.dtype else dtype
        try:
            made.append(torch.empty(shape, dtype=kind, device="meta"))
        except (RuntimeError, TypeError, OverflowError) as error:
            raise SpecError(
                f"{tensor.name} of the input has more bytes than a tensor can have, 2**63: "
                f"{shown(str(tensor))}. Leave an axis free, and give its size later."
            ) from error
    return tuple(made)


def random_inputs(
    inputs: InputSpec, sizes: Mapping[str, int], dtype: torch.dtype, device: str = "cpu"
) -> tuple[Tensor, ...]:
    """Tensors to run a model with: normal numbers, and zeros where the spec asks for integers."""

    def filled(empty: Tensor) -> Tensor:
        fill = torch.randn if empty.is_floating_point() else torch.zeros
        return fill(empty.shape, dtype=empty.dtype, device=device)

    return tuple(map(filled, example_inputs(inputs, sizes, dtype)))


def floating_dtype(model: nn.Module) -> torch.dtype:
    """The dtype of the model's first floating-point parameter or buffer; float32 without one."""
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point():
            return tensor.dtype
    return torch.float32


def hints(inputs: InputSpec, defaults: Mapping[str, int]) -> dict[str, int]:
    """A size for each free axis to trace with: plausible, above 1, and pairwise different.

    Near the default where there is one; otherwise 2 for an axis that leads, a few hundred for the
    last axes of an image, a few tens for others.
    """
    chosen: dict[str, int] = {}
    of_model = {hyper.size.name for hyper in inputs.hyper if isinstance(hyper.size, Axis)}
    for axis in inputs.axes:
        size = max(defaults.get(axis.name, _usual(axis, inputs)), axis.minimum, 2 * axis.multiple)
        size -= size % axis.multiple
        if axis.name in of_model and size in chosen.values():
            size = _related(size, axis, chosen.values())
        while size in chosen.values():
            size += axis.multiple
        chosen[axis.name] = size
    return chosen


def _related(size: int, axis: Axis, taken: Collection[int]) -> int:
    """Another size of a model that divides, or is a multiple of, the one that it has."""
    least = max(axis.minimum, 2 * axis.multiple)
    candidates = (size * up // down for up, down in RELATED)
    return next(
        (c for c in candidates if c >= least and c % axis.multiple == 0 and c not in taken), size
    )


def _usual(axis: Axis, inputs: InputSpec) -> int:
    tensor = next((t for t in inputs.tensors if axis in t.axes), None)
    if tensor is None:  # of a cache, or in sums alone
        return PAST
    position = tensor.axes.index(axis)
    if position == 0:
        return 2
    return 224 if len(tensor.axes) >= 4 and position >= 2 else 16


def symbol_of(axis: Axis) -> Symbol:
    """The symbol of a free axis."""
    if not axis.minimum:
        return Symbol(axis.name, 1, 1, offset=1)
    return Symbol(axis.name, axis.multiple, axis.minimum // axis.multiple)


def module_types(model: nn.Module) -> dict[str, str]:
    """The name of each module's type by its path, in the order of registration."""
    named = model.named_modules(remove_duplicate=False)
    return {path: type(module).__name__ for path, module in named}


def packages_of(model: nn.Module) -> tuple[str, ...]:
    """The packages, other than torch, that the classes of the model's modules come from."""
    classes = {base for module in model.modules() for base in type(module).__mro__}
    packages = {cls.__module__.partition(".")[0] for cls in classes}
    return tuple(sorted(packages - {"builtins", "torch"}))


def needs_a_value(error: BaseException) -> bool:
    """Whether the model failed since it goes on with the value of a tensor."""
    return _is_of_values(VALUES.sub("a tensor whose values are not known", str(error)))


def _is_of_values(message: str) -> bool:
    return "meta tensor" in message or "values are not known" in message


def failure(error: BaseException) -> str:
    """What an error of the model says, in one line, and the line of the model that raised it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if lines and lines[0].startswith("Traceback (most recent"):
        lines = lines[-1:]  # the error of another error's message
    if len(lines) > 1 and lines[0].endswith(":"):
        lines = [" ".join(lines[:2])]
    message = lines[0].rstrip(".") if lines else type(error).__name__
    message = VALUES.sub("a tensor whose values are not known", INSIDE.sub("", message))
    message = message if len(message) <= LONGEST else f"{message[:LONGEST]}…"
    where = raised_at(error)
    said = f"{message} ({where})." if where else f"{message}."
    if _is_of_values(message):
        said += " Only a run has the values of tensors: use a number or a size in their place."
    return said
