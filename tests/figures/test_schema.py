"""JSON of figures that are asked for, and of ``check --memory``, against the schema."""

import json
from importlib.resources import files

import jsonschema
import pytest
from torch import nn

import fxflops
from fxflops.crosscheck.memory import check_memory
from fxflops.crosscheck.memory import document as of_check
from fxflops.reports.count import document

SCHEMA = json.loads(files("fxflops.reports").joinpath("schema.json").read_text("utf-8"))
ASKED = {"figures": ("memory",), "device": "t4"}


def valid(data):
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(json.dumps(data)))


@pytest.mark.parametrize("sizes", [{"N": 3}, None])
@pytest.mark.parametrize("train", [False, "adamw"])
def test_figures(sizes, train):
    report = fxflops.analyze(nn.Linear(5, 7), "x: N 5", train=train, **ASKED).report
    data = document(report.at(sizes), symbolic=sizes is None).data()
    valid(data)
    assert {"memory", "roofline"} <= data.keys()
    assert ("gradients" in data["memory"]) == bool(train)


def test_check_of_memory():
    data = of_check(check_memory(nn.Linear(5, 7), "x: N 5", sizes={"N": 3})).data()
    valid(data)
    with pytest.raises(jsonschema.ValidationError):
        valid({**data, "peak": "many"})
