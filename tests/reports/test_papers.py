"""What papers and viewers get: tables of booktabs, a sentence and BibTeX, flame graphs."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest

import fxflops
from fxflops.cli import main
from fxflops.reports import render
from fxflops.reports.count import document
from tests.reports.tiny import BLOCKS, DOCUMENTS, PLAIN, SIZES, TRAINED

SCHEMA = json.loads(
    Path(__file__).with_name("speedscope").joinpath("file-format-schema.json").read_text("utf-8")
)
PREAMBLE = (
    "\\documentclass{article}\n\\usepackage[T1]{fontenc}\n\\usepackage{booktabs,amsmath}\n"
    "\\begin{document}\n"
)


def speedscope(report, sizes=SIZES):
    return json.loads(render(document(report.at(sizes)), "speedscope"))


def test_flame_graphs_are_as_the_schema_of_speedscope_says():
    for report in (PLAIN, BLOCKS, TRAINED):
        jsonschema.validate(speedscope(report), SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**speedscope(BLOCKS), "shared": {}}, SCHEMA)


def test_the_weights_of_a_flame_graph_are_the_total_and_no_module_is_there_twice():
    report = fxflops.analyze("torchvision:resnet18").report
    sizes = {"N": 3, "H": 96, "W": 160}
    found = speedscope(report, sizes)
    names = [frame["name"] for frame in found["shared"]["frames"]]
    assert len(set(names)) == len(report.modules)
    profiles = {profile["name"]: profile for profile in found["profiles"]}
    assert {"FLOPs", "contraction", "bytes read"} <= profiles.keys()
    for profile in profiles.values():
        assert min(profile["weights"]) > 0
        assert sum(profile["weights"]) == profile["endValue"]
    assert profiles["FLOPs"]["endValue"] == report.at(sizes).value("flops")
    assert profiles["bytes read"]["unit"] == "bytes"
    stacks = [[names[i] for i in stack] for stack in profiles["contraction"]["samples"]]
    assert ["torchvision:resnet18 (ResNet)", "layer1 (Sequential)", "layer1.0 (BasicBlock)",
            "layer1.0.conv1 (Conv2d)"] in stacks  # fmt: skip


def test_what_has_no_modules_or_no_sizes_has_no_flame_graph():
    with pytest.raises(fxflops.SpecError, match="shows the modules of a count"):
        render(DOCUMENTS["check"](), "speedscope")
    with pytest.raises(fxflops.SpecError, match=r"needs sizes: give --at N=…,H=…\."):
        render(document(PLAIN.at(None)), "speedscope")


def test_the_sentence_names_tool_version_convention_size_and_number(capsys):
    analysis = fxflops.analyze("torchvision:resnet18")
    said = analysis.methods(N=3, H=96, W=160)
    flops = analysis.at(N=3, H=96, W=160).flops
    for part in (f"fxflops {fxflops.__version__}", "a multiply-add being 2 FLOP", "float32",
                 "N = 3, H = 96, W = 160", f"{flops:,} FLOP", "@software{fxflops"):  # fmt: skip
        assert part in said
    assert "lower bound" not in said
    assert "at least 500 FLOP" in document(PLAIN.at(SIZES)).methods()
    assert "lower bound: 4 operator calls are uncounted" in document(PLAIN.at(SIZES)).methods()
    assert "training step" in document(TRAINED.at(SIZES)).methods()


def test_a_table_for_papers_has_the_columns_asked_for(capsys):
    words = ["torchvision:resnet18", "--depth", "1", "--format", "latex-table"]
    assert main([*words, "--columns", "params,flops", "--sort", "params"]) == 0
    out = capsys.readouterr().out
    assert out.count(r"\toprule") == out.count(r"\midrule") == out.count(r"\bottomrule") == 1
    assert "module & params & FLOPs \\\\" in out
    rows = re.findall(r"^    (\S+) & ", out, re.M)
    assert rows[:3] == ["module", "layer4", "layer3"]


@pytest.mark.parametrize("format", ["latex", "latex-table"])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_latex_compiles(name, format, tmp_path):
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    text = render(DOCUMENTS[name](), format)
    (tmp_path / "paper.tex").write_text(f"{PREAMBLE}{text}\\end{{document}}\n", "utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_latex_has_no_character_that_it_does_not_know(name):
    text = render(DOCUMENTS[name](), "latex-table")
    code = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    assert all(ord(c) < 0x250 or c in "–—‘’“”" for c in code), code
    assert code.count("{") - code.count(r"\{") == code.count("}") - code.count(r"\}")
