"""The page's arithmetic against Python's, in Node.js: formulas, domains, written numbers."""

import json
import random
import re

import pytest

from fxflops.errors import DomainError
from fxflops.reports import render
from fxflops.reports.count import document
from fxflops.reports.html import asset
from fxflops.reports.html.data import exploration
from fxflops.reports.wording import decimal, exact, scaled, share
from tests.reports.html.reports import MODELS, VARIANTS, random_sizes
from tests.reports.html.script import needs_node, run
from tests.reports.tiny import PLAIN, SIZES

ASSETS = ("arithmetic", "numbers", "domain", "model", "typeset", "dom", "icicle", "tables", "curve")


@needs_node
@pytest.mark.parametrize("name", [*MODELS, *VARIANTS])
def test_every_count_of_a_page_is_the_integer_that_python_has(name):
    """Modules, operators and parts at 20 random sizes, totals beyond 2^53 among them."""
    report = {**MODELS, **VARIANTS}[name]().report
    several = random_sizes(report, 10) + random_sizes(report, 10, large=True)
    computed = run(
        """
        const model = new Model(given.data);
        const rows = [...model.nodes, ...model.operators, ...model.parts];
        return given.sizes.map((sizes) => {
          model.setSizes(new Map(sizes.map(([name, size]) => [name, BigInt(size)])));
          const of = (row) => model.quantities.map((one) => String(model.value(row, one)));
          return rows.map(of);
        });
        """,
        {
            "data": exploration(document(report.at(None))),
            "sizes": [[[n, str(size)] for n, size in sizes.items()] for sizes in several],
        },
    )
    largest = 0
    for sizes, rows in zip(several, computed, strict=True):
        answer = report.at(sizes)
        training = report.training
        costs = [row.cost for row in (*report.modules, *sorted_operators(report))]
        costs += [applied.saved for applied in report.applied]
        costs += [report.saved] if report.applied else []
        costs += list(report.once.values())
        costs += list(training.phases.values()) if training else []
        costs += [training.optimizer.step] if training else []
        expected = [
            [
                str(answer.quantity(count).value)
                for count in (
                    cost.flops,
                    cost.contraction,  # of MACs, which are half of it
                    *cost.counts,
                    cost.bytes,
                )
            ]
            for cost in costs
        ]
        assert rows == expected
        largest = max(largest, int(expected[0][0]))
    assert largest > 2**53 or not report.domain.symbols


def sorted_operators(report):
    from fxflops.reports.count import operators

    return operators(report.at(None))


@needs_node
@pytest.mark.parametrize("name", [*MODELS, *VARIANTS])
def test_a_quotient_without_brackets_comes_out_where_the_formula_holds(name):
    """Which is why it is typeset as a plain fraction, and one in brackets as a floor."""
    report = {**MODELS, **VARIANTS}[name]().report
    found = run(
        """
        let plain = 0, floors = 0;
        const rests = [];
        for (const text of given.formulas) (function visit(tree) {
          if (tree.kind === "quotient") {
            if (isFloor(tree)) floors++;
            else {
              plain++;
              const [above, below] = [compile(tree.left), compile(tree.right)];
              for (const sizes of given.sizes) {
                const at = new Map(sizes.map(([name, size]) => [name, BigInt(size)]));
                if (above(at) % below(at)) rests.push([text, sizes]);
              }
            }
          }
          for (const part of [tree.left, tree.right, ...[tree.of ?? []].flat()])
            if (part) visit(part);
        })(parse(text));
        return {plain, floors, rests};
        """,
        {
            "formulas": exploration(document(report.at(None)))["formulas"],
            "sizes": [[[n, str(s)] for n, s in at.items()] for at in random_sizes(report, 20)],
        },
    )
    assert found["rests"] == []
    if name in ("rtdetr_r18", "convolutions"):
        assert found["plain" if name == "rtdetr_r18" else "floors"] > 20


@needs_node
@pytest.mark.parametrize("name", [*MODELS, "tiny"])
def test_a_page_refuses_the_sizes_that_python_refuses_and_proposes_sizes_inside(name):
    report = PLAIN if name == "tiny" else MODELS[name]().report
    chosen = random.Random(1)
    names = report.domain.names
    several = [{n: chosen.choice([1, 2, 3, 14, 32, 64, 630, 96]) for n in names} for _ in range(60)]
    found = run(
        """
        const domain = new Domain(given.data.sizes, given.data.conditions);
        const asObject = (at) => Object.fromEntries([...at].map(([k, v]) => [k, Number(v)]));
        return given.several.map((sizes) => {
          const at = new Map(Object.entries(sizes).map(([k, v]) => [k, BigInt(v)]));
          const snap = (name) => [name, domain.snapped(at, name, at.get(name))];
          const moved = [...at.keys()].map(snap);
          return {
            problem: domain.problem(at)?.text ?? null,
            nearest: domain.nearest(at).map(asObject),
            snapped: moved.filter(([, value]) => value !== null).map(([k, v]) => [k, Number(v)]),
          };
        });
        """,
        {"data": exploration(document(report.at(None))), "several": several},
    )
    for sizes, said in zip(several, found, strict=True):
        if said["problem"] is None:
            report.values(sizes)
        else:
            with pytest.raises(DomainError, match=re.escape(said["problem"].partition(" (")[0])):
                report.values(sizes)
            assert said["nearest"]
        for inside in said["nearest"]:
            report.values(inside)
        others_are_on_the_grid = all(
            sizes[s.name] % s.multiple == 0 and sizes[s.name] >= report.domain.least_size(s)
            for s in report.domain.symbols
        )
        if others_are_on_the_grid:
            for name_, value in said["snapped"]:
                report.values({**sizes, name_: value})


@needs_node
def test_numbers_are_written_as_everywhere_else():
    chosen = random.Random(2)
    values = [0, 1, 999, 1000, 1001, 9_999_499, 9_999_500, 99_995, 99_994_999, 10**33 - 1, 10**40]
    values += [chosen.randrange(10 ** chosen.randint(1, 40)) for _ in range(500)]
    values += [10**k * m + d for k in range(2, 36) for m in (1, 5, 99995) for d in (-1, 0, 1)]
    pairs = [(a, b) for a, b in zip(values, reversed(values), strict=True) if b]
    found = run(
        """
        const of = ([a, b]) => [decimal(BigInt(a), BigInt(b), 2), share(BigInt(a), BigInt(b))];
        return {
          scaled: given.values.map((v) => scaled(BigInt(v))),
          exact: given.values.map((v) => exact(BigInt(v))),
          pairs: given.pairs.map(of),
        };
        """,
        {"values": list(map(str, values)), "pairs": [[str(a), str(b)] for a, b in pairs]},
    )
    assert found["scaled"] == list(map(scaled, values))
    assert found["exact"] == list(map(exact, values))
    assert found["pairs"] == [[decimal(a, b, 2), share(a, b)] for a, b in pairs]


@needs_node
def test_arithmetic_is_pythons():
    """Precedence, signs and rounding, of expressions that no formula is but that any could be."""
    chosen = random.Random(3)

    def expression(depth):
        if depth == 0:
            return chosen.choice(["N", "H", "7", "0", "12", "3"])
        left, right = expression(depth - 1), expression(depth - 1)
        return chosen.choice(
            [
                f"{left} + {right}",
                f"{left} - {right}",
                f"{left}*{right}",
                f"({left})*({right})",
                f"({left})//({right})",
                f"({left})%({right})",
                f"-({left})",
                f"({left})**2",
                f"-N**{chosen.randint(0, 3)}",
                f"Max({left}, {right}, -{right})",
                f"Min({left}, {right})",
                f"({left} - {right}//7)//-3",
            ]
        )

    names = {"N": 5, "H": 9**20, "Max": max, "Min": min}
    texts, expected = [], []
    while len(texts) < 400:
        text = expression(chosen.randint(1, 4))
        try:
            value = eval(text, dict(names))
        except ZeroDivisionError:
            continue
        texts.append(text)
        expected.append(str(value))
    code = 'const at = new Map([["N", 5n], ["H", 9n ** 20n]]);'
    assert run(f"{code} return given.map((text) => String(compile(parse(text))(at)));", texts) == (
        expected
    )


@needs_node
@pytest.mark.parametrize(
    "text",
    [
        "",
        "N +",
        "(N",
        "N)",
        "N N",
        "alert(1)",
        "Max.constructor(1)",
        "globalThis",
        "this['N']",
        "`N`",
        "N;N",
        "N=>1",
        "Max()",
        "1.5",
        "1e3",
        "0x10",
        "N//0",
        "N**-1",
        "2**100000",
    ],
)
def test_what_is_no_formula_is_refused_and_never_executed(text):
    code = 'try { return String(compile(parse(given))(new Map([["N", 3n]]))); }'
    assert run(f"{code} catch (error) {{ return error.name; }}", text) in (
        "SyntaxError",
        "RangeError",
    )


@needs_node
def test_latex_of_a_formula():
    cases = {
        "(N*(33*H**2*W**2 + 7) - 5)//32768": r"\frac{N \left(33 H^{2} W^{2} + 7\right) - 5}{32768}",
        "285*((H + 1)//2)*N": r"285 \left\lfloor \frac{H + 1}{2} \right\rfloor N",
        "N*2": r"N \cdot 2",
        "2*N*prompt**2*L": r"2 N \cdot \mathrm{prompt}^{2} L",
        "2*prompt": r"2 \cdot \mathrm{prompt}",
        "-(N - 1)**2": r"-\left(N - 1\right)^{2}",
        "Max(0, L - 2) - (N - L)": r"\max\left(0, L - 2\right) - \left(N - L\right)",
        "seq_len%3": r"\mathrm{seq\_len} \bmod 3",
    }
    found = run("return given.map((text) => toLatex(parse(text)));", list(cases))
    assert found == list(cases.values())


@needs_node
def test_half_of_a_formula_is_one_fraction():
    cases = {"(N + 6)//4": r"\frac{N + 6}{8}", "6": "3", "7": r"\frac{7}{2}", "N": r"\frac{N}{2}"}
    found = run("return given.map((text) => toLatex(over(parse(text), 2n)));", list(cases))
    assert found == list(cases.values())


@pytest.mark.parametrize("name", [*ASSETS, "explorer", "page"])
def test_no_script_makes_code_or_html_of_text(name):
    script = asset(f"assets/{name}.js")
    for word in ("eval(", "Function(", "innerHTML", "outerHTML", "insertAdjacentHTML", "import("):
        assert word not in script
    for word in ("fetch(", "XMLHttpRequest", "sendBeacon", "WebSocket", "document.write"):
        assert word not in script


def test_the_data_in_a_page_are_those_of_the_report():
    """Read back from the page as a browser does."""
    page = render(document(PLAIN.at(SIZES)), "html")
    text = page.partition('id="data">')[2].partition("</script>")[0]
    assert json.loads(text) == exploration(document(PLAIN.at(SIZES)))
