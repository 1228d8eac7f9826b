"""What a notebook shows and computes: trees, tables of pandas, curves, comparisons, names."""

import re
from html.parser import HTMLParser

import numpy
import pytest
import sympy
import torch
from torch import nn

import fxflops
from fxflops.reports import notebook
from tests.reports.tiny import PLAIN, SIZES

AT = {"N": 3, "H": 96, "W": 160}
COUNTS = ("contraction", "elementwise", "transcendental", "comparison", "bytes_read",
          "bytes_written", "flops", "macs", "bytes")  # fmt: skip


@pytest.fixture(scope="module")
def resnet():
    return fxflops.analyze("torchvision:resnet18")


@pytest.fixture(scope="module")
def alexnet():
    return fxflops.analyze("torchvision:alexnet", "image: N 3 H%32>=64 W%32>=64")


class Tags(HTMLParser):
    """Elements that are open, and whether they are closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parsed(html):
    tags = Tags()
    tags.feed(html)
    tags.close()
    assert not tags.open
    return tags


def test_a_notebook_shows_a_tree_to_unfold(resnet):
    html = resnet._repr_html_()
    tags = parsed(html)
    assert len(html) < 60_000
    names = [tag for tag, _ in tags.seen]
    assert names.count("details") > 8
    assert "script" not in names
    assert "layer1.0" not in tags.text  # its label is short, the path is its title
    assert "1.81 GMAC · 3.63 GFLOP" in " ".join(tags.text)
    assert re.search(r"#[0-9a-f]{3}|rgb\(", html) is None  # colors are those of the page
    titles = [attributes.get("title") for _, attributes in tags.seen]
    assert "layer4.1.conv2" in titles


def test_a_name_is_not_html_and_an_incomplete_answer_says_so_first():
    tags = parsed(notebook.render(PLAIN.at(SIZES)))
    assert not {"i", "b", "script"} & {tag for tag, _ in tags.seen}
    text = [part for part in tags.text if part.strip()]
    assert text[1].startswith("≥ 500, INCOMPLETE: 4 calls uncounted")


def test_without_sizes_a_notebook_says_where_formulas_hold():
    analysis = fxflops.analyze(nn.ReLU(), "x: N L")
    tags = parsed(analysis._repr_html_())
    assert "ReLU · x NxL" in " ".join(tags.text)


def test_a_model_of_thousands_of_modules_is_shown_by_its_dearest():
    class Deep(nn.Module):
        def __init__(self):
            super().__init__()
            self.all = nn.ModuleList(nn.Linear(4, 4 + i % 7) for i in range(900))

        def forward(self, x):
            return [module(x) for module in self.all]

    analysis = fxflops.analyze(Deep(), "x: N 4", defaults={"N": 2})
    html = analysis._repr_html_()
    assert len(html) < 400_000
    assert "dearest modules are shown" in html


@pytest.mark.parametrize("rows", ["modules", "operators", "nodes"])
@pytest.mark.parametrize("model", ["torchvision:resnet18", "rtdetr_r18"])
def test_sums_of_a_table_are_the_totals(rows, model):
    pytest.importorskip("pandas")
    analysis = fxflops.analyze(model)
    frame = (
        analysis.to_dataframe(rows, **AT)
        if model[0] == "t"
        else analysis.to_dataframe(rows, N=2, H=320, W=608)
    )
    expected = analysis.at(**(AT if model[0] == "t" else {"N": 2, "H": 320, "W": 608}))
    for name in COUNTS:
        assert int(frame[name].sum()) == getattr(expected, name)
    if rows == "modules":
        assert int(frame["parameters"].sum()) == analysis.parameters
    if rows == "nodes":
        assert len(frame) == len(analysis.nodes)


def test_a_count_that_is_not_known_is_missing_and_large_ones_are_exact():
    pandas = pytest.importorskip("pandas")

    class Net(nn.Module):
        def forward(self, x):
            return torch.linalg.qr(x @ x)[0]

    analysis = fxflops.analyze(Net(), "x: N 3 3")
    frame = analysis.to_dataframe("nodes", N=5).set_index("op")
    assert frame.loc["aten.linalg_qr.default", "flops"] is pandas.NA
    assert frame.loc["aten.matmul.default", "flops"] == 2 * 5 * 3 * 3 * 3
    huge = analysis.to_dataframe("nodes", N=10**30).set_index("op")
    assert huge.loc["aten.matmul.default", "flops"] == 2 * 10**30 * 27
    modules = analysis.to_dataframe("modules", N=5)
    assert list(modules["uncounted"]) == [1]


def test_without_pandas_one_line_says_what_to_install(resnet, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(fxflops.SpecError, match=r"^to_dataframe needs pandas: pip install 'fxflo"):
        resnet.to_dataframe()
    with pytest.raises(fxflops.SpecError, match=r"no rows of 'layers'\. Known: modules, operators"):
        resnet.to_dataframe("layers")


def test_names_stand_for_symbols(resnet):
    formula = resnet.formula("flops")
    exact = resnet.at(**AT).flops
    assert formula.subs(AT) == exact
    assert formula.subs("N", 3).subs({"H": 96}).subs(resnet.symbols["W"], 160) == exact
    assert formula.subs({sympy.Symbol(name): size for name, size in AT.items()}) == exact
    assert formula.subs(sympy.Symbol("N", integer=True, positive=True), 3).free_symbols == {
        resnet.symbols["H"],
        resnet.symbols["W"],
    }
    assert formula.subs({"M": 3}) == formula
    ours = resnet.symbols["N"]
    same = sympy.Symbol("N", integer=True, positive=True)
    assert ours == same
    assert same == ours
    assert hash(ours) == hash(same)
    assert ours != sympy.Symbol("N")
    assert ours != None  # noqa: E711  # sympy asks so
    assert ours.is_positive
    assert sympy.diff(formula, same) == sympy.diff(formula, ours) != 0
    function = sympy.lambdify([resnet.symbols[name] for name in AT], formula)
    assert function(*AT.values()) == exact


def test_a_curve_has_the_exact_counts(resnet):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    sizes = list(range(320, 641, 32))
    axes = resnet.plot("flops", H=sizes, W=sizes)
    line = axes.lines[0]
    assert list(line.get_xdata()) == sizes
    expected = [resnet.at(N=1, H=size, W=size).flops for size in sizes]
    assert numpy.allclose(numpy.array(line.get_ydata()) * 1e9, expected, rtol=1e-12)
    assert axes.get_xlabel() == "H = W"
    assert axes.get_ylabel() == "FLOPs [GFLOP]"
    assert axes.get_ylim()[0] == 0
    with pytest.raises(fxflops.SpecError, match="as many of each: H 2, W 3"):
        resnet.plot("flops", H=[64, 96], W=[32, 64, 96])
    with pytest.raises(fxflops.SpecError, match="needs a size to go along"):
        resnet.plot("flops", H=64)
    with pytest.raises(fxflops.DomainError, match="multiple of 32"):
        resnet.plot("flops", H=[64, 65])
    with pytest.raises(fxflops.SpecError, match="no quantity"):
        resnet.plot("cost", H=[64])
    pyplot.close("all")


def test_without_matplotlib_one_line_says_what_to_install(resnet, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(fxflops.SpecError, match=r"^A plot needs matplotlib: pip install 'fxflops"):
        resnet.plot("flops", H=[64, 96])


def test_two_models_side_by_side(resnet, alexnet):
    found = fxflops.compare(resnet, alexnet, N=2, H=96, W=160)
    left, right = resnet.at(N=2, H=96, W=160), alexnet.at(N=2, H=96, W=160)
    rows = {name: (a, b) for name, a, b in found.rows()}
    for name in ("flops", "contraction", "bytes_written", "macs"):
        assert rows[name] == (getattr(left, name), getattr(right, name))
    assert rows["parameters"] == (resnet.parameters, alexnet.parameters)
    text = str(found)
    assert f"{left.flops:,}" in text
    assert f"-{left.flops - right.flops:,}" in text
    assert max(map(len, text.splitlines())) <= 100
    assert f"{right.flops:,}" in parsed(found._repr_html_()).text
    frame = pytest.importorskip("pandas") and found.to_dataframe()
    assert frame.loc["flops", "torchvision:alexnet"] == right.flops
    with pytest.raises(fxflops.SpecError, match="Neither model has a size Q"):
        fxflops.compare(resnet, alexnet, Q=3)
    with pytest.raises(fxflops.SpecError, match="two analyses, not str"):
        fxflops.compare(resnet, "torchvision:alexnet")


def test_curves_of_two_models_have_a_legend(resnet, alexnet):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    axes = fxflops.compare(resnet, alexnet, N=2).plot("macs", H=[96, 128], W=[96, 128])
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["torchvision:resnet18", "torchvision:alexnet"]
    pyplot.close("all")


def test_why_is_a_text_in_python_too(resnet):
    assert "conv2d 3→64, 7x7, stride 2" in resnet.why("conv1")
