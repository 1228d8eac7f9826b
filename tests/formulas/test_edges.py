"""Calls whose cost is not known, sums that have no closed form, einsum at random."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from fxflops.algebra import Symbol
from fxflops.errors import UnsizedError
from tests.formulas.harness import Case, vision

aten = torch.ops.aten

QKV = ((11, 3, 8), (13, 3, 8), (13, 3, 8))

UNKNOWN = (
    # How many samples a bin has depends on the regions.
    Case("adaptive samples", vision.roi_align.default, ((2, 3, 5, 7), (4, 5), 0.5, 2, 2, 0, True)),
    Case("adaptive samples", vision.ps_roi_align.default, ((2, 4, 5, 7), (4, 5), 0.5, 2, 2, 0)),
    # How long the packed sequences are.
    Case(
        "packed flash attention",
        aten._flash_attention_forward.default,
        (*QKV, (3,), (3,), 5, 7, 0.0, False, False),
        out=((11, 3, 8), (3, 11), (), (), ()),
    ),
    Case(
        "packed efficient attention",
        aten._efficient_attention_forward.default,
        (*QKV, None, (3,), (3,), 5, 7, 0.0, 0),
        out=((11, 3, 8), (3, 11), (), (), 5, 7),
    ),
    # Singular values.
    Case("nuclear norm", aten.linalg_matrix_norm.str_ord, ((5, 7), "nuc")),
    Case("spectral norm", aten.linalg_norm.default, ((5, 7), 2)),
)


@pytest.mark.parametrize("case", UNKNOWN, ids=str)
def test_a_cost_that_depends_on_data_is_not_known(case: Case) -> None:
    assert case.cost() is None


def test_windows_over_a_symbol_in_a_symbolic_number_are_known_where_it_divides() -> None:
    from fxflops.formulas.pool import windows

    height, count = Symbol("H").size, Symbol("K").size
    assert windows(height * count, count) == height * count
    assert windows(height, height) == height
    assert windows(height, count) is None


def test_the_logarithm_of_a_symbol_says_what_to_do() -> None:
    from fxflops.formulas.order import ceil_log2

    assert [ceil_log2(n) for n in (0, 1, 2, 3, 4, 5, 8, 9)] == [0, 0, 1, 2, 2, 3, 3, 4]
    with pytest.raises(UnsizedError, match=r"no closed form over a symbolic length: fix the axis"):
        ceil_log2(Symbol("S").size)


def random_equation(seed: int) -> tuple[str, list[tuple[int, ...]], list[int] | None]:
    """Up to four operands of labels a-f without repetition, sizes 2-7, a result, often a path."""
    chance = random.Random(seed)
    sizes = dict(zip("abcdef", range(2, 8), strict=True))
    terms = ["".join(chance.sample("abcdef", chance.randint(1, 4))) for _ in range(4)]
    terms = terms[: chance.randint(2, 4)]
    present = sorted(set("".join(terms)))
    result = "".join(chance.sample(present, chance.randint(0, len(present))))
    path: list[int] | None = []
    for left in range(len(terms), 1, -1):
        path += sorted(chance.sample(range(left), 2))
    shapes = [tuple(sizes[label] for label in term) for term in terms]
    return f"{','.join(terms)}->{result}", shapes, path if chance.random() < 0.5 else None


@pytest.mark.parametrize("seed", range(80))
def test_einsum_is_what_torch_counts(seed: int) -> None:
    equation, shapes, path = random_equation(seed)
    case = Case(equation, aten.einsum.default, (equation, [*shapes]), {"path": path})
    with FlopCounterMode(display=False) as counter:
        case.run()
    cost: Any = case.cost()
    assert cost.contraction == counter.get_total_flops()
    assert case.symbolic_cost() == cost
