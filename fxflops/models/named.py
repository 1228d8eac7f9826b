"""A model that has not been built yet, and how to build and call it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from importlib import import_module
from types import MethodType
from typing import TYPE_CHECKING, Any, TypeAlias

from fxflops.errors import ModelError
from fxflops.spec import Hyper, InputSpec

if TYPE_CHECKING:
    from torch import Tensor, nn

Arguments: TypeAlias = "tuple[tuple[Any, ...], dict[str, Any]]"
"""What a call takes by position, and by keyword."""

Call: TypeAlias = "Callable[[nn.Module, InputSpec, tuple[Tensor, ...]], Arguments]"
"""The arguments of a call of a module that is given the tensors of a spec."""


BATCH = "N"
"""The size that is 1 where nobody says another."""

LARGEST = 4 * 2**30
"""Bytes of weights above which a model is not built with real ones."""

NOT_OF_META = (
    AttributeError,
    ImportError,
    KeyError,
    NameError,
    OSError,
    SyntaxError,
    TypeError,
)
"""What building a model raises on any device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """What of a model can be set when it is built: fields, by their paths.

    ``value`` gives what a field is set to; it raises ModelError for a field that the model does not
    have. ``build`` makes the model with other values in some fields.
    """

    value: Callable[[str], Any]
    build: Callable[[Mapping[str, Any]], nn.Module]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedModel:
    """A model that has not been built yet, and the input that its source proposes for it."""

    name: str
    build: Callable[[], nn.Module]
    inputs: InputSpec | None = None
    defaults: Mapping[str, int] = field(default_factory=dict)
    narrower: tuple[InputSpec, ...] = ()
    """Specs to fall back on, in order, where the model does not take every size of ``inputs``."""
    last_resort: InputSpec | None = None
    """One to fall back on where none of these can be captured."""
    call: Call | None = None
    """How it takes the tensors of its spec; None is by position."""
    is_new: bool = False
    """Whether each call of ``build`` gives a module that nobody else has."""
    is_packaged: bool = False
    """Whether its code is a package's, which its user does not change."""
    fixed: Mapping[str, int] = field(default_factory=dict)
    """Names of axes that ``inputs`` fixes, which may be given at these sizes alone."""
    about: str = ""
    """What the title says of the sizes."""
    notes: tuple[str, ...] = ()
    architecture: Callable[[], Architecture] | None = None
    """What of it can be set; None where nothing can."""
    hyper: tuple[Hyper, ...] = ()
    """What is set to symbols."""

    def sizes(self, spec: InputSpec) -> dict[str, int]:
        """The sizes that stand in for those not given: its own, and for a batch the least, 1."""
        usual = {axis.name: axis.minimum for axis in spec.axes if axis.name == BATCH}
        own = {**usual, **self.defaults}
        return {axis.name: own[axis.name] for axis in spec.axes if axis.name in own}


def build(model: NamedModel) -> nn.Module:
    """Build it with real weights, as its source initializes them.

    Raises ModelError when it raises, or returns something else than a module.
    """
    from torch import nn

    try:
        module = model.build()
    except Exception as error:
        lines = [" ".join(line.split()) for line in str(error).splitlines() if line.strip()]
        # What is missing is said first, and then how to install it.
        said = " ".join(lines) if isinstance(error, ImportError) else next(iter(lines), "")
        message = said or type(error).__name__
        raise ModelError(f"Cannot build {model.name}: {message}") from error
    if not isinstance(module, nn.Module):
        raise ModelError(f"{model.name} gives a {type(module).__name__}, not a torch.nn.Module.")
    return module


def build_empty(model: NamedModel) -> nn.Module:
    """Build it on the meta device, or with real weights where its constructor needs numbers."""
    import torch
    from torch.nn.modules.module import register_module_parameter_registration_hook

    made = 0

    def add(_module: object, _name: str, parameter: Tensor | None) -> None:
        nonlocal made
        made += parameter.nbytes if parameter is not None and parameter.is_meta else 0

    hook = register_module_parameter_registration_hook(add)
    try:
        with torch.device("meta"):
            return build(model)
    except ModelError as error:
        if isinstance(error.__cause__, NOT_OF_META) and "meta" not in str(error):
            raise  # with real weights it would fail, too, after it has taken memory for them
        if made > LARGEST:
            raise ModelError(
                f"{error} (on the meta device). With real weights it takes more than "
                f"{made / 2**30:.1f} GiB: have its constructor not use values of tensors."
            ) from error
    finally:
        hook.remove()
    return build(model)


def called(model: NamedModel, module: nn.Module, inputs: InputSpec) -> nn.Module:
    """``module`` itself, changed so that it takes the tensors of ``inputs`` by position.

    A model of transformers takes each row for one whole sequence.
    """
    from fxflops.models.sequences import of_whole_sequences

    module = of_whole_sequences(module)
    if model.call is None:
        return module
    arrange = model.call

    def forward(
        original: Callable[..., Any], itself: nn.Module, *tensors: Tensor, **cache: Any
    ) -> Any:
        args, kwargs = arrange(itself, inputs, tensors) if tensors else ((), {})
        return original(*args, **kwargs, **cache)

    by_position = inspect.Parameter.POSITIONAL_OR_KEYWORD
    names = ["self", *(tensor.name for tensor in inputs.tensors)]
    named = [inspect.Parameter(name, by_position) for name in names]
    return with_forward(module, forward, inspect.Signature(named))  # for torch.export


def by_name(module: nn.Module, inputs: InputSpec, tensors: tuple[Tensor, ...]) -> Arguments:
    """By keyword where ``forward`` knows the names of the spec, and otherwise by position."""
    known = inspect.signature(type(module).forward).parameters
    names = [tensor.name for tensor in inputs.tensors]
    if all(name in known for name in names):
        return (), dict(zip(names, tensors, strict=True))
    return tensors, {}


def with_forward(
    module: nn.Module, forward: Callable[..., Any], signature: inspect.Signature | None = None
) -> nn.Module:
    """``module`` itself, which calls ``forward(original, module, …)`` in place of its own.

    It remains a method: that of a copy of the module is the copy's.
    """
    replaced = module.forward
    function = getattr(replaced, "__func__", None)

    def method(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        original = MethodType(function, self) if function else replaced
        return forward(original, self, *args, **kwargs)

    if signature is None:
        wraps(function or replaced)(method)
    else:
        method.__signature__ = signature  # type: ignore[attr-defined]
    module.forward = MethodType(method, module)
    return module


def required(package: str, name: str) -> Any:
    """The package that the model ``name`` needs, imported.

    Raises ModelError, with the command that installs it, where it is missing.
    """
    try:
        return import_module(package)
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and error.name == package:
            raise ModelError(
                f"{name} needs {package}, which is not installed: pip install {package}"
            ) from error
        raise ModelError(f"{name} needs {package}, which cannot be imported: {error}") from error


def closest(name: str, known: Iterable[str]) -> str:
    """The known names that are nearest, as the end of a sentence."""
    import difflib

    public = [other for other in known if not other.startswith("_")]
    matches = difflib.get_close_matches(name, public, n=3, cutoff=0.5)
    return f"; did you mean {', '.join(matches)}" if matches else ""
