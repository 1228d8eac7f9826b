"""Each tool run for real on each module of the zoo, beside its convention's integer.

A tool may differ, or fail, only where its convention says that it is not proven; and what a
convention is said to be proven for is what it is proven for here.
"""

import contextlib
import io
import logging
import warnings
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

import pytest
import torch

from fxflops import conventions
from fxflops.algebra import evaluate
from fxflops.capture.prepare import hints, on_meta, symbol_of
from fxflops.conventions.kinds import OURS, kinds, unproven
from fxflops.conventions.proven import PROVEN
from fxflops.conventions.quote import convention_total
from fxflops.conventions.record import record
from fxflops.peers.here import functions_restored
from fxflops.spec import parse
from tests.conventions.zoo import CASES

DISTRIBUTIONS = {"ptflops-aten": "ptflops", "torch-profiler": "torch", "flop-counter": "torch"}
TOOLS = [name for name in conventions.names() if conventions.find(name).version != OURS]


@cache
def recorded(position, ones):
    """The record of a case with the axes ``ones`` fixed at 1, and the symbols of the others."""
    spec = parse(CASES[position].spec).fixed(dict.fromkeys(ones, 1))
    torch.manual_seed(0)
    recording = record(on_meta(CASES[position].build()), spec, hints(spec, {}))
    return recording, {axis.name: axis for axis in spec.axes}


def convention_says(tool, position, sizes):
    ones = tuple(name for name, size in sizes.items() if size == 1)
    recording, axes = recorded(position, ones)
    total = convention_total(conventions.find(tool), recording)
    return evaluate(total, {symbol_of(axes[name]): sizes[name] for name in axes})


def tool_says(tool, position, sizes):
    """The tool's number, or the error with which it fails."""
    case = CASES[position]
    tensor = parse(case.spec).tensors[0]
    shape = [axis if isinstance(axis, int) else sizes[axis.name] for axis in tensor.axes]
    x = torch.zeros(shape, dtype=torch.int64) if tensor.dtype else torch.rand(shape)
    torch.manual_seed(0)
    model = case.build().eval()
    quiet = io.StringIO()
    with (
        functions_restored(),
        torch.no_grad(),
        warnings.catch_warnings(),
        contextlib.redirect_stdout(quiet),
        contextlib.redirect_stderr(quiet),
    ):
        warnings.simplefilter("ignore")
        runner = import_module(f"fxflops.peers.tools.{tool.replace('-', '_')}")
        try:
            return runner.run(model, (x,)).total
        except Exception as error:
            return repr(error)


@cache
def outcomes(tool):
    """For each case, whether the tool says what its convention says at all sizes."""
    logging.disable(logging.CRITICAL)
    try:
        return [
            next(
                (
                    (case, sizes, theirs, ours)
                    for sizes in case.sizes()
                    if (theirs := tool_says(tool, position, sizes))
                    != (ours := convention_says(tool, position, sizes))
                ),
                None,
            )
            for position, case in enumerate(CASES)
        ]
    finally:
        logging.disable(logging.NOTSET)


def kinds_of(position):
    return kinds(recorded(position, ())[0])


def run(tool, monkeypatch):
    monkeypatch.setenv("KINETO_LOG_LEVEL", "99")
    distribution = DISTRIBUTIONS.get(tool, tool)
    try:
        version(distribution)
    except PackageNotFoundError:
        pytest.skip(f"needs {distribution}")
    return outcomes(tool)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_convention_is_the_tools_or_says_where_it_is_not_proven(tool, monkeypatch):
    convention = conventions.find(tool)
    differing, proven, found = [], set(), set()
    for position, outcome in enumerate(run(tool, monkeypatch)):
        found |= set(kinds_of(position))
        if outcome is None:
            proven |= set(kinds_of(position))
        elif not unproven(recorded(position, ())[0], convention):
            differing.append(outcome)
    assert not differing, "\n".join(map(str, differing))
    assert proven >= PROVEN - convention.unproven.keys()
    assert found >= convention.unproven.keys()


def test_the_table_is_that_of_the_zoo():
    """``python -m tests.conventions.prove`` writes it anew."""
    assert {kind for position in range(len(CASES)) for kind in kinds_of(position)} == PROVEN
