"""A figure is one file and one entry; everything else then has it."""

import json
import sys
from types import ModuleType
from typing import NamedTuple

import pytest

import fxflops
from fxflops import figures
from fxflops.algebra import Dim, evaluate
from fxflops.cache import codec
from fxflops.errors import SpecError
from fxflops.figures.span import Span
from fxflops.report import Number
from fxflops.reports import FORMATS, render
from fxflops.reports.count import document
from fxflops.reports.document import Table
from tests.reports.tiny import WHOLE, H, N

SHOWING = [format for format in FORMATS if format not in ("latex-table", "speedscope")]
"""Those that are not of modules alone."""


class Widest(NamedTuple):
    """The widest call, a figure that nothing else of the package knows."""

    width: Dim

    @classmethod
    def of(cls, analysis):
        return cls(max((evaluate(n.cost.flops, {}) for n in analysis.nodes), default=0))

    def numbers(self, answer):
        yield Number("widest.flops", "widest call", *_known(self.width, answer))
        yield Number("widest.half", "half of it", None, is_ratio=True)

    def tables(self, answer):
        yield Table(("place", "width"), "lr", [["head", "70"]], caption="The widest call")

    def notes(self, answer):
        yield "Wide is what is not narrow."

    def details(self, answer):
        yield "widest.place", "head"


def _known(width, answer):
    quantity = answer.quantity(width)
    return quantity.value, "FLOP", quantity


@pytest.fixture
def widest(monkeypatch):
    module = ModuleType("fxflops.figures.widest")
    module.Widest = Widest
    monkeypatch.setitem(sys.modules, "fxflops.figures.widest", module)
    monkeypatch.setitem(figures.FIGURES, "widest", "always")
    return WHOLE._replace(figures={"span": Span(()), "widest": Widest(14 * N * H)})


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize("format", SHOWING)
def test_every_format_shows_it(widest, format, symbolic):
    text = render(document(widest.at({"N": 5, "H": 14}), symbolic=symbolic), format)
    if (format, symbolic) != ("latex", True):  # which has the formula alone
        assert "980" in text  # 14 * 5 * 14
    assert "head" in text
    if format != "csv":
        assert "Wide is what is not narrow." in text or format == "json"
    if symbolic or format in ("json", "csv"):
        assert "14*N*H" in text or "14 H N" in text


def test_in_formulas_alone_it_has_no_value(widest):
    found = document(widest.at(None), symbolic=True).data()
    assert found["widest"] == {
        "flops": {"formula": "14*N*H", "value": None},
        "half": None,
        "place": "head",
    }
    assert found["span"] == {"value": None}
    assert "widest call [FLOP]\n  14*N*H\n" in render(
        document(widest.at(None), symbolic=True), "table"
    )


def test_the_cache_has_it(widest):
    kept = widest._replace(modules=WHOLE.modules[:2], notes=())
    found = json.loads(json.dumps(codec.written(kept)))
    assert codec.read(found) == kept
    figures.FIGURES.pop("widest")
    with pytest.raises(ValueError, match="no figures"):
        codec.read(found)


def test_python_has_it(widest):
    import torch

    analysis = fxflops.analyze(torch.nn.Linear(3, 5, bias=False), "x: 2 3")
    assert analysis.figure("widest") == {"widest.flops": 60, "widest.half": None}
    assert analysis.figure("span") == {"span": 60, "parallelism": 1.0}
    assert fxflops.analyze(torch.nn.ReLU(), "x: N 3").figure("span", N=4)["span"] == 0
    with pytest.raises(SpecError, match=r"no figure 'mass'\. Known: span, .*widest"):
        analysis.figure("mass")


def test_a_figure_is_shown_where_another_is_unknown():
    """Of a model without FLOPs the span is 0, and there is no parallelism."""
    free = WHOLE._replace(figures={"span": Span(())})
    text = render(document(free.at({"N": 5, "H": 14})), "table")
    assert [line.split() for line in text.splitlines() if line.startswith("span")] == [
        ["span", "(critical", "path)", "0", "0", "FLOP"]
    ]
    assert "parallelism" not in text
