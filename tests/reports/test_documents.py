"""What people and programs see, in every format, of one small report that contains everything."""

import csv
import io
import json
import re
from importlib.resources import files

import jsonschema
import pytest

from fxflops.cost import METRICS
from fxflops.reports import FORMATS, render
from fxflops.reports.count import LABELS, document
from tests.reports import golden
from tests.reports.tiny import DEPLOYED, DOCUMENTS, NAME, PLAIN, SIZES, TRAINED, WHOLE

SCHEMA = json.loads(files("fxflops.reports").joinpath("schema.json").read_text("utf-8"))
PEOPLE = ("table", "markdown", "latex")


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_format_renders_every_document_as_its_golden_file(name, format):
    expected = (golden.FOLDER / f"{name}.{format}").read_text(encoding="utf-8")
    assert golden.text(DOCUMENTS[name](), format) == expected


def test_no_golden_file_is_left_over():
    expected = {f"{name}.{format}" for name in DOCUMENTS for format in FORMATS}
    assert {path.name for path in golden.FOLDER.iterdir()} == expected


@pytest.mark.parametrize("name", DOCUMENTS)
def test_json_is_as_its_schema_says(name):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(json.loads(render(DOCUMENTS[name](), "json")), SCHEMA)


def test_the_schema_refuses_what_a_program_could_not_read():
    report = json.loads(render(DOCUMENTS["incomplete"](), "json"))
    for change in ({"complete": 1}, {"at": {"N": "5"}}, {"schema": "fxflops/9"}, {"totals": {}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**report, **change}, SCHEMA)


@pytest.mark.parametrize("report", [PLAIN, DEPLOYED, TRAINED])
def test_json_and_csv_say_the_same_numbers_under_the_same_names(report):
    answer = document(report.at(SIZES))
    objects = json.loads(render(answer, "json"))
    rows = list(csv.DictReader(io.StringIO(render(answer, "csv"))))
    for kind, key in (("module", "modules"), ("operator", "operators")):
        lines = [row for row in rows if row["kind"] == kind]
        for row, found in zip(lines, objects[key], strict=True):
            for metric in METRICS:
                assert int(row[metric.name]) == found[metric.name]["value"]
                assert row[f"{metric.name}_formula"] == found[metric.name]["formula"]
                assert eval(found[metric.name]["formula"], dict(SIZES)) == int(row[metric.name])


@pytest.mark.parametrize("format", ["table", "markdown"])
def test_every_number_stands_below_its_own_heading(format):
    """Independent of the golden files: 490 of 500 FLOPs are the linear layer's, and so on."""
    text = render(document(WHOLE.at(SIZES)), format)
    split = r" *\| *" if format == "markdown" else r"  +"
    lines = [re.split(split, line.strip("| ")) for line in text.splitlines()]
    headings = next(cells for cells in lines if cells[0] == "operator")
    row = next(cells for cells in lines if "aten.linear.default" in cells[0])
    assert dict(zip(headings, row, strict=True)) == {
        "operator": row[0],
        "calls": "2",
        "FLOPs": "490",
        "share": "98.0 %",
        LABELS["contraction"]: "420",
        LABELS["elementwise"]: "70",
        LABELS["transcendental"]: "0",
        LABELS["comparison"]: "0",
        LABELS["bytes_read"]: "1.960 k",
        LABELS["bytes_written"]: "280",
    }


@pytest.mark.parametrize("format", PEOPLE)
@pytest.mark.parametrize("name", ["incomplete", "incomplete_formulas"])
def test_an_incomplete_answer_says_so_in_its_first_line(name, format):
    first, *_ = render(DOCUMENTS[name](), format).splitlines()
    assert "≥ 500, INCOMPLETE: 4 calls uncounted" in first


@pytest.mark.parametrize("format", PEOPLE)
def test_an_incomplete_formula_says_so_too_and_a_whole_one_does_not(format):
    formulas = render(document(PLAIN.at(None), symbolic=True), format)
    assert "INCOMPLETE: 4 calls uncounted" in formulas.splitlines()[0]
    assert "≥" not in formulas
    assert "INCOMPLETE" not in render(document(WHOLE.at(None), symbolic=True), format)


def test_json_of_an_incomplete_answer_is_not_complete():
    for report, complete in ((PLAIN, False), (WHOLE, True)):
        assert json.loads(render(document(report.at(SIZES)), "json"))["complete"] is complete


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_name_reaches_a_terminal_as_a_command(name, format):
    text = render(DOCUMENTS[name](), format)
    assert all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_name_becomes_html_or_a_cell_in_markdown(name):
    text = render(DOCUMENTS[name](), "markdown")
    outside_of_code = re.sub(r"(?<!\\)(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
    assert "<" not in outside_of_code
    tables = [block for block in text.split("\n\n") if block.startswith("|")]
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_no_cell_of_csv_is_executed_by_a_spreadsheet():
    for name in DOCUMENTS:
        for row in csv.reader(io.StringIO(render(DOCUMENTS[name](), "csv"))):
            for cell in row:
                assert not cell.startswith(("=", "@"))
                assert not cell.startswith(("+", "-")) or re.fullmatch(r"[+-][\d,]+", cell)


def test_a_name_in_json_is_the_name_itself():
    report = json.loads(render(DOCUMENTS["incomplete"](), "json"))
    assert report["modules"][2]["path"] == NAME


def test_color_is_a_matter_of_the_caller_alone():
    answer = DOCUMENTS["incomplete"]()
    plain, bold = (render(answer, "table", color=color) for color in (False, True))
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[01]m", "", bold) == plain != bold
