"""A model with symbols in the place of some of its fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    return replace(
        named,
        architecture=lambda: architecture,
        hyper=hyper,
        inputs=named.inputs and named.inputs.with_hyper(hyper),
        narrower=tuple(spec.with_hyper(hyper) for spec in named.narrower),
        defaults={**named.defaults, **{n: value for n, value in own.items() if value is not None}},
    )


def axes_of(hyper: Iterable[Hyper]) -> dict[str, Axis]:
    """The free sizes among them, by name."""
    return {one.size.name: one.size for one in hyper if isinstance(one.size, Axis)}


def with_sizes(named: NamedModel, sizes: Mapping[str, int]) -> NamedModel:
    """``named``, which builds its model with these sizes, where it has none of its own."""
    if named.architecture is None or all(
        size == named.defaults.get(n) for n, size in sizes.items()
    ):
        return named
    values = {
        field: sizes[hyper.size.name] if isinstance(hyper.size, Axis) else hyper.size
        for hyper in named.hyper
        for field in hyper.fields
    }
    return replace(named, build=partial(named.architecture().build, values))


def _own(architecture: Architecture, hyper: Hyper) -> int | None:
    """The value that the fields have, None where they have none, or not the same."""
    found = {field: architecture.value(field) for field in hyper.fields}
    for field, value in found.items():
        if value is not None and type(value) is not int:
            kind = repr(value) if isinstance(value, (bool, float, str)) else type(value).__name__
            raise SpecError(f"--free: {field} is {kind}, no whole number.")
    values = set(found.values())
    return values.pop() if len(values) == 1 else None
