"""What a reader sees at the edges: halves, spreadsheets, large prefixes, files that cannot be."""

from types import SimpleNamespace

import pytest

from fxflops.errors import SpecError
from fxflops.reports import count, csv, files
from fxflops.reports.wording import scaled


def test_half_a_multiply_add_is_shown():
    odd = SimpleNamespace(value=lambda name: 2_000_007, macs=None)
    assert count._macs(odd) == "1,000,003.5"
    unknown = SimpleNamespace(value=lambda name: None, macs=None)
    assert count._macs(unknown) == "?"
    assert count._macs(SimpleNamespace(value=lambda name: 6, macs=3)) == "3"


@pytest.mark.parametrize("cell", ["-1,234.5", "+3", "-7"])
def test_a_number_stays_a_number_in_a_spreadsheet(cell):
    assert csv._value(cell) == cell


@pytest.mark.parametrize("cell", ["=1+1", "+cmd|' /C calc'!A0", "-1+2", "@SUM(A1)"])
def test_text_that_a_spreadsheet_would_execute_is_text(cell):
    assert csv._value(cell) == f"'{cell}"


@pytest.mark.parametrize(
    ("power", "prefix"), [(3, "k"), (9, "G"), (12, "T"), (15, "P"), (18, "E"), (21, "Z"), (30, "Q")]
)
def test_every_power_of_a_thousand_has_its_prefix(power, prefix):
    assert scaled(1234 * 10 ** (power - 3)) == f"1.234 {prefix}"


def test_a_file_that_cannot_be_written_says_so_first(tmp_path):
    with pytest.raises(SpecError, match=r"^Cannot write .*missing"):
        files.require_writable(str(tmp_path / "missing" / "report.txt"))
