"""Saved programs: their inputs and costs, and that nothing in a hostile one is executed."""

import io
import json
import os
import pickle
import random
import time
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

import fxflops
from fxflops import models
from fxflops.cli import main

PROGRAM, SAMPLES = "models/model.json", "data/sample_inputs/model.pt"
WEIGHTS = "data/weights/model_weights_config.json"


class Nested(nn.Module):
    """A linear layer on one of the tensors in a dict, and a number by keyword."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 5)

    def forward(self, parts, *, scale):
        steps = torch.arange(parts["x"].shape[0])
        return {"a.b": self.linear(parts["x"]) * scale + steps[:, None], "y": parts["y"][0] + 1}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A program of two tensors: (2·N, 3), with N at least 4, and (7, S)."""
    path = tmp_path_factory.mktemp("saved") / "nested.pt2"
    n, s = torch.export.Dim("n", min=4), torch.export.Dim("s", max=99)
    program = torch.export.export(
        Nested().eval(),
        ({"x": torch.rand(12, 3), "y": [torch.rand(7, 6)]},),
        {"scale": 2.0},
        dynamic_shapes={"parts": {"x": {0: 2 * n}, "y": [{1: s}]}, "scale": None},
    )
    torch.export.save(program, path)
    return path


@pytest.fixture
def changed(saved, tmp_path):
    """Writes the archive anew, with other members or another program."""

    def change(members=None, program=None):
        path = tmp_path / "changed.pt2"
        with zipfile.ZipFile(saved) as old, zipfile.ZipFile(path, "w") as new:
            for name in old.namelist():
                root, _, short = name.partition("/")
                content = (members or {}).get(short, old.read(name))
                if short == PROGRAM and program:
                    content = program(content.decode()).encode()
                new.writestr(name, content)
            for short in (members or {}).keys() - {n.partition("/")[2] for n in old.namelist()}:
                new.writestr(f"{root}/{short}", members[short])
        return path

    return change


class Hostile:
    """Makes a file when it is unpickled."""

    def __init__(self, made):
        self.made = made

    def __reduce__(self):
        return Path.touch, (self.made,)


def pickled(made):
    buffer = io.BytesIO()
    torch.save(Hostile(made), buffer, pickle_module=pickle)
    return buffer.getvalue()


def test_the_spec_is_that_of_the_program(saved):
    named = models.find(str(saved))
    assert str(named.inputs) == "parts_x: N%2>=8 3 float32; parts_y_0: 7 L float32"
    assert named.defaults == {"N": 12, "L": 6}
    assert any("L above 99" in note for note in named.notes)
    assert models.is_file(str(saved))
    assert not models.is_installed(str(saved))


@pytest.mark.parametrize("frontend", ["auto", "trace"])
def test_the_cost_is_that_of_the_model(saved, frontend):
    analysis = fxflops.analyze(str(saved), frontend=frontend)
    assert analysis.complete
    cost = analysis.at(N=10, L=11)
    assert cost.contraction == 2 * 10 * 5 * 3
    assert cost.elementwise == 3 * 10 * 5 + 7 * 11  # bias, scale, steps; 1
    assert analysis.parameters == 3 * 5 + 5
    assert "linear" in {node.path for node in analysis.nodes}
    with pytest.raises(fxflops.DomainError):
        analysis.at(N=11, L=11)


def test_a_program_is_counted_from_the_command_line(saved, capsys):
    assert main([str(saved), "--format", "json", "--at", "N=10,L=11"]) == 0
    assert json.loads(capsys.readouterr().out)["totals"]["contraction"]["value"] == 300


def test_pickled_inputs_are_left_alone(changed, tmp_path):
    made = tmp_path / "made"
    path = changed({SAMPLES: pickled(made)})
    assert fxflops.analyze(str(path)).at(N=10, L=11).contraction == 300
    assert not made.exists()


def test_a_pickled_weight_needs_trust(changed, saved, tmp_path, capsys):
    made = tmp_path / "made"
    with zipfile.ZipFile(saved) as file:
        config = json.loads(file.read(f"nested/{WEIGHTS}"))
    config["config"]["linear.bias"] |= {"use_pickle": True, "path_name": "weight_9"}
    members = {WEIGHTS: json.dumps(config).encode(), "data/weights/weight_9": pickled(made)}
    path = changed(members)
    assert main([str(path)]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "a pickled 'linear.bias'" in err
    assert "--trust" in err
    assert not made.exists()
    main([str(path), "--trust"])
    assert made.exists()  # so the file was hostile


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("torch.ops.aten.linear.default", "torch.serialization.os.system", "calls torch.serial"),
        ("torch.ops.aten.linear.default", "torch.ops.aten.from_file.default", "calls torch.ops"),
        ("torch.ops.aten.linear.default", "torch.ops.mine.linear.default", "calls torch.ops.mine"),
        ("Mul(Integer(2), ", "Mul(open('MADE', 'w'), ", "a size that is none"),
        ("Mul(Integer(2), ", "Mul((1).real, ", "a size that is none"),
        ('"parts_x"', '"parts_x=open(1)"', "a name that is none"),
        ("builtins.dict", "collections.defaultdict", "containers of its own"),
    ],
)
def test_a_program_that_says_more_than_operators_and_sizes_is_refused(
    changed, tmp_path, old, new, says
):
    made = tmp_path / "made"

    def program(text):
        assert old in text
        return text.replace(old, new.replace("MADE", str(made)))

    with pytest.raises(fxflops.ModelError, match=says):
        fxflops.analyze(str(changed(program=program)))
    assert not made.exists()


def test_guards_are_not_evaluated(changed, tmp_path):
    made = tmp_path / "made"

    def program(text):
        return json.dumps(json.loads(text) | {"guards_code": [f"open({str(made)!r}, 'w')"]})

    assert fxflops.analyze(str(changed(program=program))).at(N=10, L=11).contraction == 300
    assert not made.exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "Cannot read"), (b"no archive", "Cannot read"), ("empty", "has no models/model.json")],
)
def test_what_is_no_program_is_one_line(tmp_path, capsys, content, says):
    path = tmp_path / "other.pt2"
    if content == "empty":
        zipfile.ZipFile(path, "w").close()
    elif content:
        path.write_bytes(content)
    assert main([str(path)]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert says in err


def test_compressed_and_repeated_members_are_refused(saved, tmp_path):
    for kind, says in ((zipfile.ZIP_DEFLATED, "compressed"), (zipfile.ZIP_STORED, "two members")):
        path = tmp_path / "other.pt2"
        with zipfile.ZipFile(saved) as old, zipfile.ZipFile(path, "w", kind) as new:
            for name in old.namelist():
                new.writestr(name, old.read(name))
                if says == "two members":
                    new.writestr(name.replace("nested/", "other/"), old.read(name))
        with pytest.raises(fxflops.ModelError, match=says):
            models.find(str(path))


def mutated(saved, path, random):
    """Writes the archive with one of the faults that a file can have."""
    with zipfile.ZipFile(saved) as old:
        members = {name: old.read(name) for name in old.namelist()}
    target = random.choice([n for n in members if n.endswith(".json") or random.random() < 0.1])
    kind = random.choice(MUTATIONS)
    return kind(members, target, path, random)


def written(members, path, **options):
    with zipfile.ZipFile(path, "w", **options) as new:
        for name, content in members.items():
            new.writestr(name, content)
    return path


def truncated(members, target, path, random):
    content = written(members, path).read_bytes()
    path.write_bytes(content[: random.randrange(len(content))])


def flipped(members, target, path, random):
    content = bytearray(members[target] or b" ")
    for _ in range(random.randint(1, 4)):
        content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    written(members | {target: bytes(content)}, path)


def flipped_anywhere(members, target, path, random):
    content = bytearray(written(members, path).read_bytes())
    tail = random.choice([len(content), 700])
    for _ in range(random.randint(1, 4)):
        content[-random.randrange(1, tail)] ^= 1 << random.randrange(8)
    path.write_bytes(bytes(content))


def swapped(members, target, path, random):
    """One value of the JSON is of another type, or gone."""
    if not target.endswith(".json"):
        return written(members, path)
    value = json.loads(members[target])
    places = []

    def walk(node):
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], (dict, list)):
                walk(node[key])

    walk(value)
    node, key = random.choice(places)
    node[key] = random.choice(VALUES)
    if random.random() < 0.2 and isinstance(node, dict):
        node["\x1b[31m\n"] = node.pop(key)
    return written(members | {target: json.dumps(value).encode()}, path)


def nested(members, target, path, random):
    depth = random.choice([200, 900, 5000, 200_000])
    whole = b"[" * depth + b"]" * depth
    if random.random() < 0.5 and b'"schema_version"' in members[target]:
        whole = members[target].replace(b'"schema_version":', b'"a": %s, "schema_version":' % whole)
    written(members | {target: whole}, path)


def sized(members, target, path, random):
    program = next(name for name in members if name.endswith(PROGRAM))
    new = random.choice(SIZES).encode()
    content = members[program].replace(b"Mul(Integer(2), ", b"Mul(%s, " % new)
    written(members | {program: content}, path)


def missing(members, target, path, random):
    written({name: content for name, content in members.items() if name != target}, path)


def repeated(members, target, path, random):
    with zipfile.ZipFile(path, "w") as new:
        for name, content in members.items():
            new.writestr(name, content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            new.writestr(target, b"{}")


def bomb(members, target, path, random):
    written(members | {target: b" " * 10_000_000}, path, compression=zipfile.ZIP_DEFLATED)


def encrypted(members, target, path, random):
    content = bytearray(written(members, path).read_bytes())
    for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        content[content.index(mark) + offset] |= 1
    path.write_bytes(bytes(content))


def named_oddly(members, target, path, random):
    odd = random.choice(["a/\x1b[2J", "../../x", "/", "a/\n|<b>", "é/" + "x" * 9999])
    written(members | {odd: b"{}"}, path)


MUTATIONS = [truncated, flipped, flipped_anywhere, swapped, swapped, swapped, nested, sized]
MUTATIONS += [missing, repeated, bomb, encrypted, named_oddly]
VALUES = [None, True, -1, 10**4000, 1.5, "", "\x1b[0m", "x" * 9999, [], {}, [[]], {"as_int": 2**64}]
SIZES = [
    "Pow(Integer(9), Pow(Integer(9), Integer(9)))",
    "Pow(9, Pow(9, 9))",
    "LShift(Integer(1), Integer(99999999999))",
    "PowByNatural(PowByNatural(Integer(9), Integer(60)), Integer(60))",
    "TruncToInt(Float('1e99999999999'))",
    "Integer(" + "9" * 4000 + ")",
    "Mul(" * 45 + "s0" + ")" * 45,
    "Rational(1, 0)",
    "Symbol()",
    "Pow()",
    "Max(" + "s0, " * 2000 + "s1)",
]


@pytest.mark.parametrize("seed", range(60))
def test_a_faulty_archive_is_one_line(saved, tmp_path, capsys, seed):
    path = tmp_path / "faulty.pt2"
    mutated(saved, path, random.Random(seed))
    started = time.monotonic()
    status = main([str(path), "--no-cache", "--format", "json"])
    out, err = capsys.readouterr()
    assert time.monotonic() - started < 20
    assert status in (0, 2)
    if status == 2:
        assert out == ""
        assert err.count("\n") == 1
        assert err.strip().isprintable()
        assert len(err) < 1000


@pytest.mark.parametrize("size", SIZES)
def test_a_size_is_quick_to_evaluate_or_refused(changed, size):
    started = time.monotonic()
    with pytest.raises(fxflops.ModelError):
        models.find(
            str(changed(program=lambda text: text.replace("Mul(Integer(2), ", f"Mul({size}, ")))
        )
    assert time.monotonic() - started < 5


def test_weights_are_not_read(saved, tmp_path):
    path = tmp_path / "large.pt2"
    with zipfile.ZipFile(saved) as old:
        members = {name: old.read(name) for name in old.namelist()}
    weight = next(name for name in members if "data/weights/weight_" in name)
    written(members | {weight: b"\1" * 50_000_000}, path)
    tracemalloc.start()
    try:
        models.find(str(path))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 40_000_000


def test_what_is_no_file_is_not_opened(tmp_path, capsys):
    path = tmp_path / "pipe.pt2"
    os.mkfifo(path)
    assert main([str(path)]) == 2
    assert "no regular file" in capsys.readouterr().err
