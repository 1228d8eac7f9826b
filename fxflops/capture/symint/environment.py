"""The sizes of one capture, in the place of torch's ``ShapeEnv``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from fxflops.algebra.evaluate import beyond, beyond_one, settled
from fxflops.algebra.minmax import is_natural, linear_minima, maximum, without_minima
from fxflops.algebra.polynomial import Dim, Symbol, lower_bound
from fxflops.capture.symint.bool_node import BoolNode
from fxflops.capture.symint.float_node import FloatNode
from fxflops.capture.symint.int_node import IntNode
from fxflops.capture.symint.node import Expression, Node

GuardRecorder = Callable[[Dim, Any], None]
"""Told that ``value sign 0`` was assumed, with sign one of ``== != >=``."""


class SizeEnv:
    """The sizes of one capture: their hints, and who is told of assumptions about them.

    Stands in for torch's ``ShapeEnv``, of which torch asks only what is below. ``least`` are values
    that symbols are known to have at least, by a guard that stands for itself.
    """

    prefer_deferred_runtime_asserts_over_guards = False
    _translation_validation_enabled = False
    _replacements_version_counter = 0

    def __init__(
        self,
        hints: Mapping[Symbol, int],
        record_guard: GuardRecorder,
        text: Callable[[Node], str] = repr,
    ) -> None:
        self.hints = dict(hints)
        self.record_guard = record_guard
        self.text = text
        self.least: dict[Symbol, int] = {}
        self._ints: dict[Dim, IntNode] = {}
        self.true = BoolNode(self, True)
        self.false = BoolNode(self, False)

    def size(self, value: Dim) -> int | torch.SymInt:
        """``value`` as a size for PyTorch."""
        return value if isinstance(value, int) else torch.SymInt(self.int_node(value))

    def int_node(self, value: Dim) -> IntNode:
        """The one node of this value."""
        node = self._ints.get(value)
        if node is None:
            node = self._ints[value] = IntNode(self, value)
        return node

    def float_node(self, numerator: Dim, denominator: Dim) -> FloatNode:
        """A node of this ratio, with a positive denominator."""
        return FloatNode(self, numerator, denominator)

    def compare(self, value: Dim, sign: str) -> BoolNode:
        """The truth of ``value sign 0``, where sign is ``==`` or ``>=``."""
        known = self.known(value, sign)
        if known is None:
            known = decided(beyond_one(value), sign)
            node = BoolNode(self, None, value, sign)
            if known is None:
                return node
            assumed = node if known else node.sym_not()
            self.record_guard(assumed.value, assumed.sign)
        return self.truth(known)

    def known(self, value: Dim, sign: str) -> bool | None:
        """The truth of ``value sign 0``, where it is known without an assumption."""
        known = decided(value, sign)
        if known is None and self.least:
            known = decided(beyond(value, self.least), sign)
        if known is None and not isinstance(value, int) and linear_minima(value):
            known = decided_by_minima(value, sign)
        return known

    def maximum(self, left: Dim, right: Dim) -> Dim:
        """The larger one, where the sizes are at least ``least``."""
        return settled(maximum(left, right), self.least) if self.least else maximum(left, right)

    def truth(self, value: bool) -> BoolNode:
        """The node of a truth that is known."""
        return self.true if value else self.false

    def evaluate_sym_node(self, node: Node, *_: object, **__: object) -> Any:
        """Asked by torch: the node's value now."""
        return node.evaluate()

    def _maybe_evaluate_static(self, expr: Expression, **_: object) -> Any:
        """Asked by torch: the value if it is known without assumptions."""
        return expr.node.constant

    def simplify(self, expr: Expression) -> Expression:
        """Asked by torch: nothing to do."""
        return expr

    replace = simplify


def decided_by_minima(value: Dim, sign: str) -> bool | None:
    """`decided`, where ``Min(U, k)`` is at most each of the two."""
    if sign == "==":
        return False if decided_by_minima(value - 1, ">=") else None
    for side, truth in ((value, True), (-value - 1, False)):
        if any(is_natural(larger) for larger in without_minima(side)):
            return truth
    return None


def decided(value: Dim, sign: str) -> bool | None:
    """The truth of ``value sign 0`` for all sizes, where bounds tell it."""
    if isinstance(value, int):
        return value == 0 if sign == "==" else value >= 0
    low = lower_bound(value)
    if low is not None and (low > 0 or (low == 0 and sign == ">=")):
        return sign == ">="
    high = lower_bound(-value)
    return False if high is not None and high > 0 else None
