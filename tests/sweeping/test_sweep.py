"""``fxflops sweep`` in one process: rows, what fails, and going on where it was stopped."""

import json
import os

import pytest

import fxflops
from fxflops.cli import main
from fxflops.sweeping import store, work
from fxflops.sweeping.plan import Sizes, Task, parse_grid, parse_sizes, tasks

HERE = ["--workers", "0"]
SPEC = ["--input", "image: N 3 H W"]
MODELS = [f"tests.comparing.models_to_compare:{name}" for name in ("base", "wider")]


def rows(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_rows_are_those_of_the_formula(tmp_path, capsys):
    path = tmp_path / "sweep.jsonl"
    words = ["sweep", *MODELS, *SPEC, "--at", "N=1:3,H=W=8:20:4", "-o", str(path), *HERE]
    assert main(words) == 0
    assert capsys.readouterr().out == f"{path}: 24 rows of 2 tasks (24 done)\n"
    analysis = fxflops.analyze(MODELS[1], "image: N 3 H W")
    found = [row for row in rows(path) if row["model"] == MODELS[1]]
    assert [(row["N"], row["H"]) for row in found] == [
        (n, h) for n in (1, 2, 3) for h in (8, 12, 16, 20)
    ]
    for row in found:
        cost = analysis.at(N=row["N"], H=row["H"], W=row["W"])
        for name in ("flops", "contraction", "comparison", "bytes_read", "bytes_written"):
            assert row[name] == getattr(cost, name)
        assert row["parameters"] == analysis.parameters
    assert not os.path.exists(f"{path}.parts")


def test_a_stopped_sweep_goes_on(tmp_path, monkeypatch, capsys):
    whole, path = tmp_path / "whole.jsonl", tmp_path / "sweep.jsonl"
    words = ["sweep", *MODELS, *SPEC, "--at", "N=2,H=W=8:16:4", *HERE, "-o"]
    assert main([*words, str(whole)]) == 0
    part = store.Store(str(path))
    first, second = tasks(MODELS, parse_sizes("N=2,H=W=8:16:4"), inputs="image: N 3 H W")
    part.add(first, work.work(first))
    assert not path.exists()
    assert part.done() == {first.key}
    monkeypatch.setattr(work, "_columns", _only(second, work._columns))
    assert main([*words, str(path)]) == 0
    monkeypatch.undo()
    without = [{k: v for k, v in row.items() if k != "seconds"} for row in rows(path)]
    assert without == [{k: v for k, v in r.items() if k != "seconds"} for r in rows(whole)]
    monkeypatch.setattr(work, "_columns", _only(None, work._columns))
    assert main([*words, str(path)]) == 0  # all of it is there
    assert len(rows(path)) == 6
    capsys.readouterr()


def _only(task, columns):
    """`columns` for one task; no other may be counted again."""

    def only(asked):
        assert task is not None
        assert asked.key == task.key
        return columns(asked)

    return only


def test_what_fails_is_a_row(tmp_path, capsys):
    path = tmp_path / "sweep.jsonl"
    words = ["sweep", MODELS[0], "tests.comparing.models_to_compare:nothing", *SPEC, *HERE]
    assert main([*words, "--at", "N=1,H=4,W=4", "-o", str(path)]) == 0
    assert "1 done, 1 failed" in capsys.readouterr().out
    right, wrong = rows(path)
    assert right["status"] == "done"
    assert wrong["status"] == "failed"
    assert "has no 'nothing'" in wrong["why"]
    assert "flops" not in wrong
    assert main([*words, "--at", "N=1,H=4,W=4,Q=1", "-o", str(path)]) == 0
    assert "no size Q" in rows(path)[-2]["why"]


def test_sizes_outside_and_beyond_64_bits():
    at = (Sizes(("N",), 1, 1, 1), Sizes(("H", "W"), 31, 33, 1))
    [task] = tasks(["rtdetr_r18"], at)
    columns = work.work(task)
    assert columns["status"] == ["outside"] * 3
    assert columns["flops"] == [None] * 3
    assert "H must be a multiple of 32" in columns["why"][0]
    large = (Sizes(("N",), 2**40, 2**40, 1), Sizes(("H", "W"), 2**20, 2**20, 1))
    [task] = tasks([MODELS[0]], large, inputs="image: N 3 H W")
    columns = work.work(task)
    [flops] = columns["flops"]
    assert flops > 2**63
    analysis = fxflops.analyze(MODELS[0], "image: N 3 H W")
    assert flops == analysis.at(N=2**40, H=2**20, W=2**20).flops
    pyarrow = pytest.importorskip("pyarrow")
    table = store._table(columns)
    assert table["flops"].to_pylist() == [None]
    assert table["flops"].type == pyarrow.int64()
    assert table["status"].to_pylist() == ["failed"]
    assert "flops" in table["why"].to_pylist()[0]


def test_parquet_holds_what_json_lines_hold(tmp_path, capsys):
    parquet = pytest.importorskip("pyarrow.parquet")
    words = ["sweep", *MODELS, *SPEC, "--at", "N=1:2,H=W=8", *HERE, "-o"]
    for suffix in ("jsonl", "parquet"):
        assert main([*words, str(tmp_path / f"sweep.{suffix}")]) == 0
    table = parquet.read_table(tmp_path / "sweep.parquet").to_pylist()
    lines = rows(tmp_path / "sweep.jsonl")
    for ours, theirs in zip(table, lines, strict=True):
        for name in theirs.keys() - {"seconds"}:
            assert ours[name] == theirs[name]
    assert main([*words, str(tmp_path / "sweep.parquet")]) == 0
    assert parquet.read_table(tmp_path / "sweep.parquet").num_rows == 4
    capsys.readouterr()


def test_grids_and_patterns():
    grid = parse_grid("dtype=float32|bfloat16,train=no|sgd")
    made = tasks(["rtdetr_r18", "rtdetr_r1*"], (), grid)
    assert len(made) == len({task.key for task in made})
    models = {task.request.model for task in made}
    assert "rtdetr_r18" in models
    assert len(made) == 4 * len(models)
    assert {(t.request.dtype, t.request.train) for t in made} == {
        ("float32", False),
        ("float32", "sgd"),
        ("bfloat16", False),
        ("bfloat16", "sgd"),
    }
    assert isinstance(made[0], Task)


def test_a_picture(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "sweep.svg"
    words = ["sweep", *MODELS, *SPEC, "--at", "N=1,H=W=8:16:4", *HERE]
    output = str(tmp_path / "sweep.jsonl")
    assert main([*words, "-o", output, "--plot", str(picture)]) == 0
    drawn = picture.read_text("utf-8")
    for said in ("parameters [10⁶]", "FLOPs [10⁹]", "family, at the last size"):
        assert f"<!-- {said} -->" in drawn
    capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["no-such-*"], "No model's name fits 'no-such-*'"),
        (["rtdetr_r18", "--at", "H=9:4"], "H starts at 9 and ends below it"),
        (["rtdetr_r18", "--at", "H"], "is no size"),
        (["rtdetr_r18", "--at", "H=1,H=2"], "H is given twice"),
        (["rtdetr_r18", "--at", "H=1:9999,W=1:9999"], "sizes of one model are more than"),
        (["rtdetr_r18", "--grid", "speed=1"], "is no option of a grid"),
        (["rtdetr_r18", "--grid", "dtype=float3"], "dtype is 'float3' in the grid"),
        (["rtdetr_r18", "--timeout", "3"], "--timeout ends a process"),
        (["rtdetr_r18", "--memory-limit", "1GB"], "--memory-limit ends a process"),
        (["rtdetr_r18", "--plot", "a.pdf"], "ends neither in .png nor in .svg"),
        (["rtdetr_r18", "-o", "a.txt"], "ends neither in .parquet nor in .jsonl"),
        (["rtdetr_r18", "--scheduler", "tcp://a:1"], "leave it out with --scheduler"),
    ],
)
def test_bad_input_is_one_line(words, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", "-o", "a.jsonl", *HERE, *words]) == 2
    out, error = capsys.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    assert said in error


def test_a_scheduler_that_does_not_answer(tmp_path, monkeypatch, capsys):
    pytest.importorskip("distributed")
    monkeypatch.setattr("fxflops.sweeping.cluster.CONNECTING", 0.5)
    words = ["sweep", "rtdetr_r18", "-o", str(tmp_path / "a.jsonl"), "--scheduler"]
    assert main([*words, "tcp://127.0.0.1:9"]) == 2
    out, error = capsys.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    assert "The scheduler tcp://127.0.0.1:9 does not answer" in error
    assert main([*words, "here"]) == 2
    assert "write it like tcp://host:8786" in capsys.readouterr().err
