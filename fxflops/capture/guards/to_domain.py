"""From the assumptions that a capture recorded to the domain of its formulas.

A capture runs the model at one size and records what the model and PyTorch's kernels asked of the
symbolic sizes: each answer is an assumption, a guard ``value == 0``, ``!= 0`` or ``>= 0``. What
follows from the symbols' least values is no condition; what fixes a size is an error; the rest, in
its plainest form, is the domain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from math import lcm

from fxflops.algebra import Dim, FloorDiv, Symbol, beyond, lower_bound, substitute, symbols_of
from fxflops.algebra.polynomial import ONE, from_atom, terms_of
from fxflops.capture.guards.simplify import plain
from fxflops.domain import DataSize, Domain, Guard
from fxflops.errors import SpecializationError

Bounds = Mapping[Symbol, Guard]
"""For a symbol ``s`` the guard ``s - least >= 0``."""


def domain_from_guards(
    symbols: tuple[Symbol, ...], assumed: Iterable[Guard], data: tuple[DataSize, ...] = ()
) -> Domain:
    """The sizes above 1 at which all that was assumed holds; ``data`` are those that data decide.

    Its guards are those that are neither always true nor implied by another, in order: first
    the least sizes. Raises SpecializationError for one that fixes a size, or a product of sizes.
    """
    conditions = [r for r in dict.fromkeys(assumed) if not _always(_where(r, {}))]
    bounds = _bounds(conditions)
    kept: dict[Guard, Guard] = {}
    for guard in conditions:
        large = _where(guard, bounds)
        if _always(large) or any(_implies(known, large) for known in kept):
            continue
        if _fixes_a_size(guard):
            names = sorted(symbol.name for symbol in symbols_of(guard.value))
            raise SpecializationError(_fixed_message(guard), tuple(names))
        kept = {known: shown for known, shown in kept.items() if not _implies(large, known)}
        kept[large] = _plain_where(guard, bounds)
    symbols = (*symbols, *(size.symbol for size in data))
    least = {symbol.name: max(2, symbol.minimum) for symbol in symbols}
    shown = [bounds[s] for s in symbols if s in bounds and _least(bounds[s]) > least[s.name]]
    return Domain(symbols, (*shown, *dict.fromkeys(kept.values())), least, data=data)


def all_implied(guards: Iterable[Guard], known: Sequence[Guard]) -> bool:
    """Whether each of ``guards`` holds for all sizes above 1 at which all of ``known`` do."""
    bounds = _bounds(known)
    given = [_where(other, bounds) for other in known]
    return all(
        _always(large) or any(_implies(other, large) for other in given)
        for large in map(partial(_where, bounds=bounds), guards)
    )


def least_values(domain: Domain) -> dict[Symbol, int]:
    """The least value of each symbol in the domain, where it is known to be above its minimum.

    Those that data decide are left out, since the domain may yet be extended to smaller ones.
    """
    bounds = _bounds(domain.guards)
    symbols = [symbol for symbol in domain.symbols if not symbol.is_data]
    proven = {s: max(domain.least.get(s.name, 1), _known(s, bounds)) for s in symbols}
    return {symbol: least for symbol, least in proven.items() if least > symbol.minimum}


def _bounds(guards: Sequence[Guard]) -> Bounds:
    """The least sizes that some of ``guards`` amount to, where all of them hold."""
    bounds: dict[Symbol, Guard] = {}
    raised = True
    while raised:
        raised = False
        for guard in guards:
            found = _plain_where(guard, bounds)
            symbol = _bounded(found)
            if symbol is not None and _least(found) > _known(symbol, bounds):
                bounds[symbol] = found
                raised = True
    return bounds


def _bounded(guard: Guard) -> Symbol | None:
    """The symbol of which the guard gives a lower bound, if that is what it does."""
    terms = terms_of(guard.value)
    varying = [monomial for monomial in terms if monomial != ONE]
    if guard.sign != ">=" or len(varying) != 1 or len(varying[0]) != 1:
        return None
    [(atom, power)] = varying[0]
    if isinstance(atom, Symbol) and power == 1 and terms[varying[0]] == 1:
        return atom
    return None


def _least(bound: Guard) -> int:
    return -terms_of(bound.value).get(ONE, 0)


def _known(symbol: Symbol, bounds: Bounds) -> int:
    return max(symbol.minimum, _least(bounds[symbol])) if symbol in bounds else symbol.minimum


def _plain_where(guard: Guard, bounds: Bounds) -> Guard:
    """Its plainest form that says the same where ``bounds`` hold, sizes of 1 included."""
    least = {symbol: _known(symbol, bounds) for symbol in symbols_of(guard.value)}
    found = plain(guard._replace(value=beyond(guard.value, least)))
    back = {s: from_atom(s) - (least[s] - s.minimum) for s in symbols_of(found.value)}
    return found._replace(value=substitute(found.value, back))


def _where(guard: Guard, bounds: Bounds) -> Guard:
    """The guard in symbols for sizes above 1 where ``bounds`` hold, in its plainest form."""
    least = {symbol: max(2, _known(symbol, bounds)) for symbol in symbols_of(guard.value)}
    return plain(guard._replace(value=beyond(guard.value, least)))


def _always(guard: Guard) -> bool:
    value = guard.value
    if isinstance(value, int):
        return guard.holds({})
    low, high = lower_bound(value), lower_bound(-value)
    if guard.sign == ">=":
        return low is not None and low >= 0
    if guard.sign == "!=":
        return (low is not None and low > 0) or (high is not None and high > 0)
    return False


def _implies(known: Guard, guard: Guard) -> bool:
    if known.sign == guard.sign and known.value == guard.value:
        return True
    if known.sign == guard.sign != ">=" and known.value == -guard.value:
        return True
    if known.sign != ">=" or guard.sign == "==":
        return False
    excess = lower_bound(guard.value - known.value)
    return excess is not None and excess >= (1 if guard.sign == "!=" else 0)


def _fixes_a_size(guard: Guard) -> bool:
    """Whether it is an equation that only finitely many sizes solve.

    That is one with terms of one sign, plus one constant, along the sizes at which its floors come
    out: ``H - H//2 == 112`` fixes H, as ``H == 224`` does at even sizes. ``H == W`` and
    ``H % 32 == 0`` have infinitely many solutions and are conditions.
    """
    if guard.sign != "==":
        return False
    period = _period(guard.value)
    multiples = {symbol: period * from_atom(symbol) for symbol in symbols_of(guard.value)}
    value = substitute(guard.value, multiples)
    signs = {c > 0 for m, c in terms_of(value).items() if m != ONE}
    return len(signs) == 1


def _period(value: Dim) -> int:
    """A multiple at which all floors of ``value`` with known denominators come out."""
    atoms = {atom for monomial in terms_of(value) for atom, _ in monomial}
    return lcm(
        *(
            atom.denominator * _period(atom.numerator)
            for atom in atoms
            if isinstance(atom, FloorDiv) and isinstance(atom.denominator, int)
        )
    )


def _fixed_message(guard: Guard) -> str:
    from fxflops.algebra.closed_form import guard_text

    names = sorted(symbol.name for symbol in symbols_of(guard.value))
    condition = guard_text(guard.value, guard.sign)
    where = f" at {guard.where}" if guard.where else ""
    return (
        f"The model fixes {' and '.join(names)}{where}: it holds only where {condition}. "
        f"Write the number in place of the symbol in the input spec."
    )
