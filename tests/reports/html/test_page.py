"""A page as a file: one that loads nothing, is well formed, escapes names and stays small."""

import fnmatch
import html.parser
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import fxflops
from fxflops.cli import main
from fxflops.reports import FORMATS, render
from fxflops.reports.count import document
from fxflops.reports.document import Document, Figure, Formula, Name, Table
from fxflops.reports.html import SPECIAL, digest
from fxflops.reports.html.data import embedded
from tests.reports.html.reports import Differences
from tests.reports.tiny import DOCUMENTS, NAME, PLAIN, SIZES, WHOLE

ROOT = Path(__file__).parents[3]
LARGEST = 300_000  # bytes of the page of RT-DETR
VOID = {"meta", "input", "br"}


class Page(html.parser.HTMLParser):
    """The tags of a page, its text and its blocks of scripts and styles."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.blocks, self.text = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] in (["script"], ["style"]):
            self.blocks.append((self.open[-1], self.tags[-1][1], data))
        else:
            self.text.append(data)

    @property
    def policy(self):
        [content] = [a["content"] for _, a in self.tags if "http-equiv" in a]
        return dict(rule.strip().split(" ", 1) for rule in content.split(";"))


@pytest.fixture(scope="module")
def rtdetr():
    return fxflops.analyze("rtdetr_r50")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_page_is_well_formed_and_refers_to_nothing_outside(name):
    page = Page(render(DOCUMENTS[name](), "html"))
    assert page.open == []
    for _, attributes in page.tags:
        assert not attributes.keys() & {"src", "href", "srcset", "action", "style", "background"}
        assert not any(attribute.startswith("on") for attribute in attributes)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    labelled = [a["aria-labelledby"] for _, a in page.tags if "aria-labelledby" in a]
    assert set(labelled) <= set(ids)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_policy_allows_the_scripts_of_the_page_and_nothing_else(name):
    page = Page(render(DOCUMENTS[name](), "html"))
    executed = [text for tag, a, text in page.blocks if tag == "script" and "type" not in a]
    styles = [text for tag, _, text in page.blocks if tag == "style"]
    assert executed
    assert page.policy == {
        "default-src": "'none'",
        "script-src": " ".join(map(digest, executed)),
        "style-src": " ".join(map(digest, styles)),
        "base-uri": "'none'",
        "form-action": "'none'",
    }


@pytest.mark.parametrize("name", DOCUMENTS)
def test_names_from_models_are_text(name):
    text = render(DOCUMENTS[name](), "html")
    page = Page(text)
    assert not {tag for tag, _ in page.tags} & {"i", "img"}
    assert "alert(1)" not in "".join(block for tag, a, block in page.blocks if "type" not in a)
    assert len(re.findall("<script", text)) == len(re.findall("</script>", text))


def test_data_cannot_end_their_block():
    text = embedded({"name": "</script><!--<script>&\u2028"})
    assert not set(text) & set("<>&\u2028")


def test_every_special_character_is_escaped_in_an_attribute_too():
    characters = "".join(SPECIAL)
    odd = Document(
        title=characters,
        data=lambda: {"schema": "odd/1"},
        figures=(Figure("f", formula=Formula(characters)),),
        tables=(Table((characters,), "l", [[characters], [Name(characters)]], characters),),
        notes=(characters,),
        conclusion=characters,
        symbolic=True,
    )
    page = Page(render(odd, "html"))
    assert "".join(page.text).count(characters) == 9  # the title and the formula stand twice
    assert [a["data-formula"] for _, a in page.tags if "data-formula" in a] == [characters]


@pytest.mark.parametrize("name", ["check", "explain"])
def test_a_page_of_another_command_has_every_cell_and_note(name):
    given = DOCUMENTS[name]()
    shown = "\n".join(Page(render(given, "html")).text)
    for table in given.tables:
        for cell in (table.caption, table.text, *table.headings, *sum(map(tuple, table.rows), ())):
            text = (cell.short or cell.text) if isinstance(cell, Name) else cell
            assert "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text) in shown
    for said in (given.title, *given.notes, given.conclusion):
        assert said.strip() in shown


def test_the_total_stands_in_the_file_as_text_before_any_script_runs():
    page = Page(render(DOCUMENTS["huge"](), "html"))
    total = WHOLE.at({"N": 7 * 10**321 + 1, "H": 2 * 10**20}).value("flops")
    assert f"{total:,}" in page.text


def test_an_incomplete_answer_says_so_before_all_else():
    body = render(document(PLAIN.at(SIZES)), "html").partition("<body>")[2].partition("</body>")[0]
    first = [text.strip() for text in Page(body).text if text.strip()]
    assert first[0] == "≥ 500, INCOMPLETE: 4 calls uncounted"
    assert first[1] == "evil.<b>|op.default"
    assert "INCOMPLETE" not in render(document(WHOLE.at(SIZES)), "html")


def test_the_page_of_rt_detr_is_small(rtdetr):
    assert len(str(rtdetr.to_html()).encode()) <= LARGEST


def test_a_formula_stands_in_a_page_once(rtdetr):
    text = str(rtdetr.to_html())
    assert text.count("162002731008000") == 1


def test_to_html_writes_the_page_that_it_gives_and_that_a_notebook_shows(tmp_path, rtdetr):
    file = tmp_path / "report.html"
    page = rtdetr.to_html(file, N=3, H=800, W=1216)
    assert file.read_text("utf-8") == str(page)
    assert '"at":"1216"' in str(page)
    assert repr(page) == f"<fxflops page of {len(str(page)):,} characters>"
    frame = Page(page._repr_html_())
    [(tag, attributes)] = frame.tags
    assert tag == "iframe"
    assert attributes["srcdoc"] == str(page)
    assert "allow-same-origin" not in attributes["sandbox"]


def test_to_html_of_sizes_that_are_not_known_or_outside():
    analysis = fxflops.analyze(Differences(), "x: N L")
    assert '"at":null' in str(analysis.to_html())
    with pytest.raises(fxflops.DomainError, match="L != 2"):
        analysis.to_html(N=1, L=2)
    with pytest.raises(fxflops.SpecError, match="No value for the size L"):
        analysis.to_html(N=1)
    with pytest.raises(fxflops.SpecError, match="there is no directory"):
        analysis.to_html("/nowhere/at/all.html", N=1, L=3)


def test_the_command_line_writes_a_page(tmp_path, capsys):
    file = tmp_path / "report.html"
    words = ["torch.nn:ReLU", "--input", "x: N 7", "--format", "html", "-o", str(file)]
    assert main(words) == 0
    assert capsys.readouterr() == ("", "")
    assert Page(file.read_text("utf-8")).open == []


def test_a_page_has_room_for_one_size(capsys):
    words = ["rtdetr_r18", "--size", "640x640", "--size", "800x800", "--format", "html"]
    assert main(words) == 2
    assert "--format html has room for one --size" in capsys.readouterr().err


def test_a_page_imports_neither_torch_nor_sympy_and_other_formats_no_page():
    code = (
        "import sys\n"
        "from tests.reports.tiny import PLAIN, SIZES\n"
        "before = set(sys.modules)\n"
        "from fxflops.reports import render\n"
        "from fxflops.reports.count import document\n"
        "for format in sys.argv[1:]: render(document(PLAIN.at(SIZES)), format)\n"
        "print(*(set(sys.modules) - before))\n"
    )

    def imported(*formats):
        command = [sys.executable, "-c", code, *formats]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
        return set(done.stdout.split())

    assert not {name.partition(".")[0] for name in imported("html")} & {"torch", "sympy", "rich"}
    others = [format for format in FORMATS if format != "html"]
    assert not {name for name in imported(*others) if "reports.html" in name}


def test_the_package_contains_every_file_of_the_page():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["fxflops"]
    folder = ROOT / "fxflops" / "reports" / "html"
    files = [path for kind in ("assets", "vendor") for path in (folder / kind).iterdir()]
    assert len(files) > 15
    for path in files:
        name = path.relative_to(ROOT / "fxflops").as_posix()
        assert any(fnmatch.fnmatch(name, pattern) for pattern in patterns), name


@pytest.mark.slow
def test_an_installed_wheel_renders_a_page(tmp_path):
    import zipfile

    pytest.importorskip("setuptools")
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    source = tmp_path / "source"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(source)], check=True)
    subprocess.run([*pip, "-w", str(tmp_path), str(source)], check=True)
    [wheel] = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); sys.path.append(sys.argv[2])\n"
        "import fxflops; assert fxflops.__file__.startswith(sys.argv[1])\n"
        "from fxflops.reports import render\n"
        "from tests.reports.tiny import DOCUMENTS\n"
        "print(len(render(DOCUMENTS['incomplete'](), 'html')))\n"
    )
    command = [sys.executable, "-I", "-c", code, str(installed), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(render(DOCUMENTS["incomplete"](), "html"))


def test_the_name_of_a_module_is_shown_as_it_is_written_elsewhere():
    text = render(document(PLAIN.at(SIZES)), "html")
    assert r"a|b\u003ci\u003e`*\\x1b[31m\\n=x" in text
    assert NAME not in text
