"""The symbols of sympy that formulas are written in."""

from __future__ import annotations

from typing import Any

import sympy


class Symbol(sympy.Symbol):  # type: ignore[misc]
    """A size by its name: ``formula.subs({"N": 1})`` finds it, though it is known to be positive.

    sympy takes a symbol that it knows something of for another one than the symbol of the same name
    of which nothing is known, which is what a name means to it.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> Any:
        """Equal to sympy's own symbol of the same name and assumptions."""
        if not isinstance(other, sympy.Symbol):
            return super().__eq__(other)
        return self._hashable_content() == other._hashable_content()

    __hash__ = sympy.Symbol.__hash__  # by the class's name, which is that of sympy's own

    def _eval_subs(self, old: Any, new: Any) -> Any:
        """Private: what sympy asks of each part of an expression in which something is replaced."""
        if not isinstance(old, sympy.Symbol) or old.name != self.name:
            return None
        is_bare = set(old.assumptions0) <= {"commutative"}
        return new if is_bare or old == self else None
