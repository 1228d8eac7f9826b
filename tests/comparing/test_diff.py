"""``fxflops diff``: nothing where nothing differs, and exactly what was changed where it does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

import fxflops
from fxflops.algebra import Symbol
from fxflops.algebra.closed_form import text
from fxflops.cache import Request
from fxflops.cli import main
from fxflops.comparing import saved, sides
from fxflops.comparing.difference import difference

HERE = Path(__file__).parent
SCHEMA = json.loads((Path(fxflops.__file__).parent / "reports" / "schema.json").read_text("utf-8"))
SPEC = "image: N 3 H W"
REQUEST = Request("", SPEC, None, "auto")
AT = {"N": 2, "H": 6, "W": 10}
PIXELS = "N*H*W"
WIDER = 2 * 9 * 8 * 3 + 2 * 8 * 3
"""Contractions per pixel that three more channels between two convolutions of 8 cost."""


@pytest.fixture(autouse=True)
def models(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))


def of(name):
    return sides.side(f"models_to_compare:{name}", REQUEST, AT)


def totals(found):
    return {total.name: total.difference for total in found.totals}


@pytest.mark.parametrize("other", ["base", "renamed", "reordered", "wrapped"])
def test_names_and_order_make_no_difference(other):
    found = difference(of("base"), of(other), AT)
    assert found.is_empty
    assert (found.modules, found.operators, found.calls) == ((), (), ())
    assert set(totals(found).values()) <= {0, None}


@pytest.mark.parametrize(
    ("other", "block", "parts"),
    [
        ("wider", "two", ("two.conv", "two.norm", "two.last")),
        ("renamed_and_wider", "y", ("y.a", "y.b", "y.c")),
    ],
)
def test_a_planted_change_is_exactly_that(other, block, parts):
    found = difference(of("base"), of(other), AT)
    assert not found.is_empty
    names = found.common.names
    assert text(totals(found)["contraction"], names) == f"{WIDER}*{PIXELS}"
    assert totals(found)["parameters"] == 9 * 8 * 3 + 2 * 3 + 8 * 3
    assert [(change.kind, change.new) for change in found.modules] == [
        ("changed", part) for part in parts
    ]
    conv, _, last = found.modules
    assert text(conv.difference.contraction, names) == f"{2 * 9 * 8 * 3}*{PIXELS}"
    assert text(last.difference.contraction, names) == f"{2 * 8 * 3}*{PIXELS}"
    assert {change.op for change in found.operators} == {
        "aten.conv2d.default",
        "aten.batch_norm.default",
    }
    assert [(c.kind, c.module) for c in found.calls] == [("changed", part) for part in parts]
    assert all("models_to_compare.py" in c.old and c.new for c in found.calls)


def test_parts_sum_to_the_whole():
    found = difference(of("wider"), of("deeper"), AT)
    for name in ("contraction", "elementwise", "comparison", "bytes_read", "bytes_written"):
        whole = totals(found)[name]
        for changes in (found.modules, found.operators, found.calls):
            assert sum((getattr(c.difference, name) for c in changes), 0) == whole


def test_what_is_added_and_removed():
    there = difference(of("base"), of("deeper"), AT)
    assert {(c.kind, c.new) for c in there.modules} == {
        ("added", path) for path in ("three", "three.conv", "three.norm", "three.last")
    }
    back = difference(of("deeper"), of("base"), AT)
    assert {(c.kind, c.old) for c in back.modules} == {
        ("removed", path) for path in ("three", "three.conv", "three.norm", "three.last")
    }
    assert totals(back)["flops"] == -totals(there)["flops"]
    assert {call.kind for call in back.calls} == {"removed"}


def save(tmp_path, name, *words):
    path = str(tmp_path / "saved.json")
    target = f"models_to_compare:{name}"
    assert main([target, "--input", SPEC, "--format", "json", "-o", path, *words]) == 0
    return path


def test_a_saved_report(tmp_path, capsys):
    path = save(tmp_path, "base")
    found = difference(sides.side(path, REQUEST, {}), of("renamed"), AT)
    assert found.is_empty
    found = difference(sides.side(path, REQUEST, {}), of("wider"), AT)
    assert text(totals(found)["contraction"], found.common.names) == f"{WIDER}*{PIXELS}"
    assert found.calls is None
    assert main(["diff", path, path, "--at", "N=1,H=4,W=4"]) == 0
    assert "no difference" in capsys.readouterr().out


@pytest.mark.parametrize("model", ["rtdetr_r18", "torchvision:resnet18"])
def test_saved_formulas_are_read_back_exactly(model, tmp_path):
    path = str(tmp_path / "model.json")
    assert main([model, "--format", "json", "-o", path]) == 0
    there = fxflops.analyze(model).report
    read = saved.read(path)
    assert read.domain.texts() == there.domain.texts()
    found = difference(sides.Side("a", read), sides.Side("b", there), there.defaults)
    assert found.is_empty


def test_formulas_of_floors_and_extrema(tmp_path):
    size = Symbol("H", 1, 1)
    sizes = {"H": size.size}
    for formula in ("Max(-H + 2, 0)*7 + ((H + 1)//2)**2", "(3*H + 6)//3", "Min(5, H)"):
        value = saved.dim(formula, sizes)
        for h in range(1, 9):
            from fxflops.algebra import evaluate

            assert evaluate(value, {size: h}) == eval(formula, {"Max": max, "Min": min, "H": h})
    for hostile in ("__import__('os')", "H.real", "9**99", "H**H", "1//0", "'a'", "(" * 9000):
        with pytest.raises((ValueError, MemoryError, RecursionError)):
            saved.dim(hostile, sizes)


def git(folder, *words):
    configured = ["-c", "user.name=a", "-c", "user.email=a@b.c", *words]
    done = subprocess.run(["git", *configured], cwd=folder, check=True, capture_output=True)
    return done.stdout.decode().strip()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Its second revision has a wider model, and the files that lie there a third one."""
    folder = tmp_path / "repository"
    (folder / "mine").mkdir(parents=True)
    git(tmp_path, "init", "-q", str(folder))
    source = (HERE / "models_to_compare.py").read_text("utf-8")
    (folder / "mine" / "__init__.py").write_text("")
    for called in ("base", "wider"):
        (folder / "mine" / "net.py").write_text(f"{source}\nmodel = {called}\n")
        git(folder, "add", ".")
        git(folder, "commit", "-qm", called)
    (folder / "mine" / "net.py").write_text(f"{source}\nmodel = deeper\n")
    monkeypatch.chdir(folder)
    return folder


def test_two_revisions(repository, capsys):
    words = ["git:HEAD~1:mine.net:model", "git:HEAD:mine.net:model", "--input", SPEC]
    assert main(["diff", *words, "--at", "N=2,H=6,W=10", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, SCHEMA)
    assert found["totals"]["contraction"]["difference"] == f"{WIDER}*{PIXELS}"
    assert found["totals"]["contraction"]["new"] - found["totals"]["contraction"]["old"] == (
        WIDER * 2 * 6 * 10
    )
    assert [change["new"] for change in found["modules"]] == ["two.conv", "two.norm", "two.last"]
    assert all(call["old"].startswith("mine/net.py:") for call in found["calls"])
    assert git(repository, "worktree", "list").count("\n") == 0
    assert git(repository, "status", "--porcelain").split() == ["M", "mine/net.py"]


def test_a_revision_against_the_files_that_lie_there(repository):
    code = "import sys; sys.argv[0] = 'fxflops'; from fxflops.cli import main; sys.exit(main())"
    words = ["diff", "git:HEAD:mine.net:model", "mine.net:model", "--input", SPEC]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", code, *words, "--at", "N=1,H=4,W=4", "--max-growth", "1%"]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert ran.returncode == 1
    assert "three.conv" in ran.stdout
    assert ran.stderr.startswith("fxflops: FLOPs grow by")


@pytest.mark.parametrize(
    ("old", "said"),
    [
        ("git:no-such:mine.net:model", "There is no revision 'no-such'"),
        ("git:--all:mine.net:model", "There is no revision '--all'"),
        ("git:HEAD", "is no revision of a model: write it like git:HEAD~1"),
        ("git:HEAD:mine.net:nothing", "At HEAD: "),
        ("nothing.json", "Cannot read the report nothing.json: No such file"),
    ],
)
def test_bad_sides_are_one_line(old, said, repository, capsys):
    assert main(["diff", old, "models_to_compare:base", "--input", SPEC]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert said in error
    assert error.count("\n") == 1
    assert git(repository, "worktree", "list").count("\n") == 0


def test_no_repository(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert main(["diff", "git:HEAD:a:b", "rtdetr_r18"]) == 2
    assert "The current folder is in no repository" in capsys.readouterr().err


@pytest.mark.parametrize(
    "growth", ["15.95%", "15.94%", "parameters=15.86%", "parameters = 15.85 %"]
)
def test_growth(growth, capsys):
    old, new = (fxflops.analyze(model, SPEC) for model in _modules("base", "wider"))
    sizes = {"N": 1, "H": 50, "W": 40}
    name, _, percent = growth.rpartition("=")
    before, after = (
        a.parameters if name.strip() == "parameters" else a.at(**sizes).flops for a in (old, new)
    )
    within = (after - before) * 10_000 <= round(float(percent.rstrip("% ")) * 100) * before
    words = ["models_to_compare:base", "models_to_compare:wider", "--input", SPEC]
    assert main(["diff", *words, "--size", "50x40", "--batch", "1", "--max-growth", growth]) == (
        0 if within else 1
    )
    assert ("grow by" in capsys.readouterr().err) != within


def _modules(*names):
    import models_to_compare

    return [getattr(models_to_compare, name)() for name in names]


def test_growth_of_exactly_what_is_allowed(tmp_path, capsys):
    path = save(tmp_path, "base", "--at", "N=1,H=4,W=4")
    for word in ("0%", "0.0%"):
        assert main(["diff", path, path, "--max-growth", word]) == 0
    for word in ("2", "x=", "=2%", "-1%"):
        assert main(["diff", path, path, f"--max-growth={word}"]) == 2
        assert "is no growth" in capsys.readouterr().err
    assert main(["diff", path, path, "--max-growth", "speed=1%"]) == 2
    assert "There is no quantity 'speed'" in capsys.readouterr().err
    assert main(["diff", path, path, "--max-growth", "span=1%"]) == 2
    assert main(["diff", path, path, "--train"]) == 2
    assert main(["diff", path, path, "--at", "Q=1"]) == 2


def test_a_budget_of_the_new_side(capsys):
    words = ["models_to_compare:base", "models_to_compare:wider", "--input", SPEC]
    assert main(["diff", *words, "--at", "N=1,H=4,W=4", "--max", "flops=1k"]) == 1
    out, error = capsys.readouterr()
    assert out.startswith("FLOPs ")
    assert "over the budget of 1.000 kFLOP; the dearest module is two" in error


def test_uncounted_calls_come_first(tmp_path, capsys):
    path = save(tmp_path, "Unknown")
    assert saved.read(path).uncounted_calls == 1
    assert main(["diff", path, path, "--at", "N=1,H=4,W=4"]) == 0
    assert capsys.readouterr().out.startswith("INCOMPLETE: 1 call uncounted before, 1 call")
    assert main(["diff", path, path, "--at", "N=1,H=4,W=4", "--max-growth", "0%"]) == 1
    assert "FLOPs may grow: not all calls are counted" in capsys.readouterr().err


def test_markdown(capsys):
    words = ["models_to_compare:base", "models_to_compare:wider", "--input", SPEC]
    assert main(["diff", *words, "--at", "N=1,H=4,W=4", "--format", "markdown"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("### models_to_compare:base → models_to_compare:wider at N=1, H=4, W=4: ")
    assert f"| `+{WIDER}·N·H·W` |" in out
    assert "| changed | `two.conv` | Conv2d |" in out
