"""Every row of an operator that has a definition, at its sizes and at sizes of 0 and 1."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._pytree import tree_leaves, tree_map_only

from fxflops.capture.calls import bind
from fxflops.cost import COUNTERS, Cost
from fxflops.registry import COMPLEX, FORMULAS, cost_of
from tests.formulas.by_definition import DEFINITIONS, ROWS_OF_THEIR_OWN, Definition
from tests.formulas.counted import DONE, fresh, numbers
from tests.formulas.harness import Case, Typed, _shapes, _tuples
from tests.formulas.test_definitions import PROOFS
from tests.formulas.test_empty import CRASH, small
from tests.formulas.test_formulas import RUNNABLE

for _file in sorted(Path(__file__).parent.glob("definitions_*.py")):
    import_module(f"tests.formulas.{_file.stem}")

LISTED = Path(__file__).parent / "without_definition.txt"
LEAST = 0.6
"""The share of registered operators that have a definition."""
MOST = 70_000
"""Operations of a row that is run number by number."""

ALL = [*RUNNABLE, *ROWS_OF_THEIR_OWN]
ROWS = [
    i
    for i, case in enumerate(ALL)
    if case.op in DEFINITIONS
    and not case.is_complex
    and sum(getattr(case, counter) for counter in COUNTERS) <= MOST
]


def array(of: Any, definition: Definition, generator: torch.Generator) -> torch.Tensor:
    """Doubles in the definition's range in the place of floats, ones in the place of the rest."""
    if isinstance(of, Typed):
        return torch.ones(of.shape, dtype=of.dtype)
    share = torch.rand(of, generator=generator, dtype=torch.float64)
    return definition.low + (definition.high - definition.low) * share


def counting(tensor: torch.Tensor) -> Any:
    return numbers(tensor.numpy()) if tensor.is_floating_point() else tensor.numpy()


def agrees(row: Case, out: Any, *, small: bool = False) -> None:
    """The row's definition has the values of the operator, and the counts of the formula."""
    definition = DEFINITIONS[row.op]
    generator = torch.Generator().manual_seed(0)
    args, kwargs = row.operands(lambda of: array(of, definition, generator))
    results = (
        row.op(*args, **kwargs) if definition.values and (definition.small or not small) else None
    )
    given = tree_map_only(torch.Tensor, counting, bind(row.op, args, kwargs))
    parameters = inspect.signature(definition.function).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        given = {name: given[name] for name in parameters if name in given}
    fresh()
    with np.errstate(invalid="ignore"):
        defined = definition.function(**given)
    counted = Cost(**{counter: DONE[counter] for counter in COUNTERS})
    for ours, theirs in zip(tree_leaves(defined), tree_leaves(results), strict=False):
        if ours is not None and theirs is not None:
            np.testing.assert_allclose(
                np.asarray(ours).astype(float), theirs.numpy(), rtol=1e-7, atol=1e-7
            )
    shapes, keywords = row.operands(lambda t: _shapes(t, int))
    arguments = bind(row.op, _tuples(shapes), _tuples(keywords))
    cost = cost_of(row.op, arguments, out)
    assert cost is not None
    for counter in COUNTERS:
        assert getattr(cost, counter) == getattr(counted, counter), counter


@pytest.mark.parametrize("index", ROWS, ids=lambda i: str(ALL[i]))
def test_the_definition_has_the_operators_values_and_counts(index: int) -> None:
    agrees(ALL[index], ALL[index].results(int))


@pytest.mark.parametrize(
    "index",
    [
        i
        for i in ROWS
        if i < len(RUNNABLE)
        and RUNNABLE[i].device == "meta"
        and RUNNABLE[i].out is None
        and RUNNABLE[i].op not in CRASH
    ],
    ids=lambda i: str(RUNNABLE[i]),
)
def test_it_does_where_a_size_is_0_or_1(index: int) -> None:
    for row, out in small(index):
        try:
            agrees(row, out, small=True)
        except (RuntimeError, IndexError):  # kernels refuse what the meta device lets pass
            continue
        except ValueError:  # sizes that do not fit together, which the meta device lets pass
            assert not DEFINITIONS[row.op].small
            continue


def without_definition() -> list[str]:
    """The operators whose formula is held against the arithmetic of its rows alone."""
    proven = {proof.op for proof in PROOFS} | {ALL[i].op for i in ROWS}
    of_reals = [str(op) for op in FORMULAS if op not in proven]
    return sorted([*of_reals, *(f"{op} of complex numbers" for op in COMPLEX)])


def test_the_operators_without_a_definition_are_those_listed() -> None:
    """The list may only become shorter: a new operator comes with its definition.

    Of what other versions of PyTorch have, some are not listed.
    """
    listed = LISTED.read_text().splitlines()
    assert listed == sorted(set(listed))
    unknown = set(without_definition()) - set(listed)
    assert unknown == set(), "write a definition for each of these"
    if torch.__version__.startswith("2.14."):
        proven = set(listed) - set(without_definition())
        assert proven == set(), "these have definitions: take them from without_definition.txt"


def test_how_many_operators_have_a_definition() -> None:
    registered = len(FORMULAS) + len(COMPLEX)
    assert registered - len(without_definition()) >= LEAST * registered


@pytest.mark.parametrize("operator", DEFINITIONS, ids=str)
def test_every_definition_has_a_row_to_run(operator: Any) -> None:
    assert operator in {ALL[i].op for i in ROWS}
