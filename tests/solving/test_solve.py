"""``fxflops solve`` and ``Analysis.solve``: what they answer, and what they refuse."""

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from torch import nn

import fxflops
from fxflops.algebra import Symbol, maximum
from fxflops.algebra.polynomial import from_atom
from fxflops.cli import main
from fxflops.domain import Domain, Guard
from fxflops.report import Listed
from fxflops.solving import solve
from fxflops.solving.unknowns import parse
from tests.solving.problems import report_of

SCHEMA = json.loads((Path(fxflops.__file__).parent / "reports" / "schema.json").read_text("utf-8"))
N = Symbol("N", 1, 1)
H = Symbol("H", 4, 1)
n, h = from_atom(N), from_atom(H)


@pytest.fixture(scope="module")
def conv():
    """2 · 9 · 3 · 8 contractions and 8 additions for each of N·H·W pixels."""
    return fxflops.analyze(nn.Conv2d(3, 8, 3, padding=1), "image: N 3 H W", defaults={"N": 1})


PER_PIXEL = 2 * 9 * 3 * 8 + 8


def test_the_largest_square_and_the_next(conv):
    solution = conv.solve(f"flops <= {PER_PIXEL * 100 * 100}", H="W")
    assert solution.sizes == {"N": 1, "H": 100, "W": 100}
    assert solution.cost.flops == PER_PIXEL * 100 * 100
    assert solution.following.sizes == {"N": 1, "H": 101, "W": 101}
    assert not solution.in_full
    below = conv.solve(f"flops < {PER_PIXEL * 100 * 100}", H="W")
    assert below.sizes["H"] == 99
    assert str(below) == "H = W = 99: 4.312 MFLOP. The next size, 100, has 4,400,000."


def test_other_sizes_are_given_by_name(conv):
    assert conv.solve("flops <= 1e9", unknown="N", H=32, W=48).sizes == {
        "N": 10**9 // (PER_PIXEL * 32 * 48),
        "H": 32,
        "W": 48,
    }
    assert conv.solve("flops<=1G and H <= 77", H="W", N=3).sizes == {"N": 3, "H": 77, "W": 77}
    assert conv.solve("170M >= flops", N=range(2, 99, 5), H=64, W=64).sizes["N"] == 92
    assert conv.solve("flops <= 1G", N="2:90", H=64, W=64).sizes["N"] == 90


def test_sizes_beyond_64_bits_of_cost(conv):
    solution = conv.solve("flops <= 1e40", H="W")
    side = solution.sizes["H"]
    assert PER_PIXEL * side**2 <= 10**40 < PER_PIXEL * (side + 1) ** 2
    with pytest.raises(fxflops.SpecError, match="at most 300 digits"):
        conv.solve("flops <= 1e9999", H="W")


def test_a_pareto_front(conv):
    budget = PER_PIXEL * 1000
    front = conv.solve(f"flops <= {budget}", N="1:4", H="20:40", W=10).front
    assert [(at["N"], at["H"]) for at in front] == [(2, 40), (3, 33), (4, 25)]
    best = conv.solve(f"flops <= {budget}", N="1:4", H="20:40", W=10, maximize="N")
    assert best.front == [{"N": 4, "H": 25, "W": 10}]
    best = conv.solve(f"flops <= {budget}", N="1:4", H="20:40", W=10, maximize="flops")
    assert best.front == [{"N": 4, "H": 25, "W": 10}]


def test_what_every_size_satisfies(conv):
    solution = conv.solve("parameters <= 1M", H="W")
    assert solution.unbounded
    assert str(solution) == "No H = W is too large: no condition bounds it from above."
    assert conv.solve("flops >= 1G", minimize="H", H="W").sizes["H"] == 1508


def test_nothing_fits(conv):
    solution = conv.solve("parameters <= 10", H="W")
    assert not solution
    assert solution.sizes is None
    assert solution.smallest.sizes == {"N": 1, "H": 1, "W": 1}
    assert str(solution) == "Nothing fits: the smallest size, H = W = 1, has 224 parameters."


def test_a_cost_that_rises_and_falls():
    report = report_of(2 * (40 * h - h * h), 5, Domain((H,)))  # largest at h = 20
    solution = solve(report, ["contraction <= 600"], parse("H=4:160"), {})
    assert not solution.in_full  # it only falls from h = 32 on, and is looked at below
    assert solution.sizes == {"H": 4 * 40}
    assert solve(report, ["contraction >= 600"], parse("H=4:160"), {}).sizes == {"H": 4 * 30}
    assert solve(report, ["contraction >= 600"], parse("H"), {}, minimize="H").sizes == {"H": 40}
    wave = report_of(2 * (h % 7 + maximum(h - 9, 0) % 5), 5, Domain((H,)))
    unranged = solve(wave, ["contraction <= 0"], parse("H"), {})
    assert unranged.ceiling == 4 * 2**12
    best = max(v for v in range(1, 2**12 + 1) if v % 7 + max(v - 9, 0) % 5 == 0)
    assert unranged.sizes == {"H": 4 * best}


def test_the_domain_has_the_last_word():
    domain = Domain((N, H), (Guard(50 - h, ">="), Guard(h - 37, "!="), Guard(n - 3, "==")))
    report = report_of(2 * n * h, 0, domain)
    solution = solve(report, ["contraction <= 224"], parse("H"), {"N": 3})
    assert solution.sizes == {"N": 3, "H": 4 * 36}
    assert solution.following.sizes["H"] == 4 * 38
    most = solve(report, ["contraction <= 1G"], parse("H"), {"N": 3})
    assert most.sizes["H"] == 4 * 50
    assert str(most).endswith("It is the largest in the domain.")
    assert solve(report, ["contraction <= 1G"], parse("N"), {"H": 8}).sizes["N"] == 3


def test_a_span_is_bisected_where_its_parts_only_grow():
    report = report_of(2 * h * h, h, Domain((H,)))
    solution = solve(report, ["span <= 1000"], parse("H"), {})
    assert not solution.in_full
    assert solution.sizes["H"] == 4 * max(v for v in range(99) if 2 * v * v + v <= 1000)


def test_uncounted_work_leaves_only_an_upper_bound():
    unknown = (Listed("aten.mystery.default", 2, "no formula", ("here.py:1",)),)
    report = report_of(2 * h, 0, Domain((H,)), uncounted=unknown)
    from fxflops.reports import render
    from fxflops.solving.document import document

    said = render(document(solve(report, ["flops <= 100"], parse("H"), {})), "table")
    assert said.startswith("at most this size, INCOMPLETE: 2 calls uncounted")
    for condition in ("flops >= 10", "intensity <= 3", "flops == 4"):
        with pytest.raises(fxflops.SpecError, match="cannot be decided"):
            solve(report, [condition], parse("H"), {})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["flps <= 1"], "There is no quantity 'flps'. Known: flops, macs"),
        (["flops <= 1GB"], "'1GB' is no number for flops, which is in FLOP"),
        (["flops <= -1"], "'-1' is no number to hold flops against"),
        (["flops"], "'flops' is no condition"),
        (["flops <= 1G", "--for", "Q"], "There is no size Q to solve for"),
        (["flops <= 1G", "--for", "H=W=1:20"], "no value from 1 to 20"),
        (["flops <= 1G", "--for", "H=W=330:900:32"], "must be a multiple of 32"),
        (["flops <= 1G", "--for", "H=W=0:900:32"], "outside the domain: it is at least 32"),
        (["flops <= 1G", "--for", "H=W=9:4"], "starts at 9 and ends below it"),
        (["flops <= 1G", "--for", "N,H=W"], "Several unknowns need a range each"),
        (["flops <= 1G", "--for", "H,H"], "H is named twice"),
        (["flops <= 1G", "--for", "H=W", "--size", "640x640"], "both given and solved for"),
        (["flops <= 1G", "--for", "N", "--size", "630x640"], "H must be a multiple of 32"),
        (["flops <= 1G", "--for", "H=W", "--maximize", "speed"], "no quantity 'speed'"),
    ],
)
def test_bad_input_is_one_line(words, said, capsys):
    given = words if "--for" in words else [*words, "--for", "H=W"]
    assert main(["solve", "rtdetr_r18", *given]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert said in error
    assert error.count("\n") == 1


def test_the_command(capsys):
    assert main(["solve", "rtdetr_r18", "flops <= 50G", "--for", "H=W", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, SCHEMA)
    at, after = found["found"][0]["sizes"], found["following"]["sizes"]
    analysis = fxflops.analyze("rtdetr_r18")
    assert analysis.at(**at).flops <= 50 * 10**9 < analysis.at(**after).flops
    assert after["H"] == at["H"] + 32
    assert found["found"][0]["values"]["flops"] == analysis.at(**at).flops
    assert main(["solve", "rtdetr_r18", "flops <= 1M", "--for", "H=W"]) == 1
    assert capsys.readouterr().out.startswith("Nothing fits: the smallest size, H = W = 128, has")


def test_a_past_and_a_training_step(capsys):
    words = ["torchvision:resnet18", "flops <= 100G", "--for", "N", "--format", "csv"]
    assert main(["solve", *words, "--train"]) == 0
    trained = capsys.readouterr().out.splitlines()[1].split(",")
    assert main(["solve", *words]) == 0
    called = capsys.readouterr().out.splitlines()[1].split(",")
    assert 2 * int(trained[1]) < int(called[1])


def test_a_cached_answer_is_solved_without_torch(cache_home):
    code = (
        "import sys; from fxflops.cli import main; "
        "status = main(['solve', 'rtdetr_r18', 'flops <= 50G', '--for', 'H=W']); "
        "heavy = {'torch', 'sympy', 'dataclasses', 'rich', 'numpy', 'fractions'} & {*sys.modules}; "
        "sys.exit(status or ', '.join(heavy) or 0)"
    )
    main(["rtdetr_r18"])
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("H = W = ")
