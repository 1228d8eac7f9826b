"""A model with symbols in the place of some of its fields."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from fxflops.architecture.free import Free, parse_free
from fxflops.errors import SpecError
from fxflops.models.named import Architecture, NamedModel
from fxflops.spec import Axis, Hyper


def freed(named: NamedModel, free: Free) -> NamedModel:
    """``named`` with the fields freed that ``free`` says, its own values as their defaults.

    Raises SpecError for a field that is no whole number, ModelError for one that it does not have.
    """
    hyper = parse_free(free)
    if named.architecture is None:
        raise SpecError(
            f"{named.name} has no configuration and no constructor to free fields of: give a model "
            "by name, package.module:callable, or a function that builds it."
        )
    architecture = named.architecture()
    own = {one.size.name: _own(architecture, one) for one in hyper if isinstance(one.size, Axis)}
    usual = {f: _usual(own.get(h.size.name), h.size) for h in hyper for f in h.fields}
    return replace(
        named,
        build=named.build if None not in own.values() else partial(architecture.build, usual),
        architecture=lambda: architecture,
        hyper=hyper,
        inputs=named.inputs and named.inputs.with_hyper(hyper),
        narrower=tuple(spec.with_hyper(hyper) for spec in named.narrower),
        defaults={**named.defaults, **{n: value for n, value in own.items() if value is not None}},
    )


def _usual(own: int | None, size: int | Axis) -> int:
    """A size to build with, where nothing is known of the model yet."""
    if own is not None or isinstance(size, int):
        return own or size
    return max(2 * size.multiple, size.minimum)


def _own(architecture: Architecture, hyper: Hyper) -> int | None:
    """The value that the fields have, None where they have none, or not the same."""
    found = {field: architecture.value(field) for field in hyper.fields}
    for field, value in found.items():
        if value is not None and type(value) is not int:
            kind = repr(value) if isinstance(value, (bool, float, str)) else type(value).__name__
            raise SpecError(f"--free: {field} is {kind}, no whole number.")
    values = set(found.values())
    return values.pop() if len(values) == 1 else None
