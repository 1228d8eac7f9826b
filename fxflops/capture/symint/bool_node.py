"""A truth about sizes, as the node of a ``torch.SymBool``."""

from __future__ import annotations

from fxflops.algebra.evaluate import evaluate
from fxflops.algebra.polynomial import Dim
from fxflops.capture.symint.node import Env, Node


class BoolNode(Node):
    """A truth: known, or that of ``value sign 0``."""

    __slots__ = ("sign", "value")

    pytype = bool

    def __init__(self, env: Env, constant: bool | None, value: Dim = 0, sign: str = "") -> None:
        super().__init__(env, constant)
        self.value = value
        self.sign = sign

    def __repr__(self) -> str:
        return str(self._constant) if self.sign == "" else f"{self.value!r} {self.sign} 0"

    def _compute_hint(self) -> bool:
        value = evaluate(self.value, self.env.hints)
        return bool({"==": value == 0, "!=": value != 0, ">=": value >= 0}[self.sign])

    def _assume_hint(self) -> None:
        assumed = self if self.hint else self.sym_not()
        self.env.record_guard(assumed.value, assumed.sign)

    def sym_not(self) -> BoolNode:
        if self._constant is not None:
            return self.env.truth(not self._constant)
        if self.sign == ">=":
            return BoolNode(self.env, None, -self.value - 1, ">=")
        return BoolNode(self.env, None, self.value, "!=" if self.sign == "==" else "==")

    def sym_and(self, other: BoolNode) -> BoolNode:
        """As Python's ``and``: the second is the answer if the first holds."""
        if other._constant is not None:
            return self if other._constant else other
        return other if self.evaluate() else self.env.false

    def sym_or(self, other: BoolNode) -> BoolNode:
        if other._constant is not None:
            return other if other._constant else self
        return self.env.true if self.evaluate() else other

    and_ = bitwise_and = sym_and
    or_ = bitwise_or = sym_or

    def eq(self, other: BoolNode) -> BoolNode:
        return self.env.truth(self.evaluate() == other.evaluate())

    def ne(self, other: BoolNode) -> BoolNode:
        return self.env.truth(self.evaluate() != other.evaluate())

    def sym_ite(self, then: Node, otherwise: Node) -> Node:
        return then if self.evaluate() else otherwise

    def sym_int(self) -> Node:
        return self.env.int_node(int(self.evaluate()))

    def sym_float(self) -> Node:
        return self.sym_int().sym_float()
