"""Numbers and foreign text as reports write them: exact integers of any length."""

import sys
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxflops.errors import SpecError
from fxflops.report import writable
from fxflops.reports.latex import escaped as in_latex
from fxflops.reports.wording import PREFIXES, decimal, exact, printable, scaled, share

HUGE = st.integers(0, 10**400)


@given(HUGE, st.integers(1, 10**400), st.integers(0, 4))
def test_a_quotient_is_rounded_from_its_exact_value(part, whole, places):
    written = Fraction(decimal(part, whole, places))
    assert abs(written - Fraction(part, whole)) * 2 * 10**places <= 1
    assert written == round(Fraction(part, whole) * 10**places) / Fraction(10**places)


@given(st.integers(1000, 10**400))
def test_four_digits_are_those_of_the_integer(value):
    shown = scaled(value)
    mantissa, _, prefix = shown.partition(" ")
    power = 3 * (1 + PREFIXES.index(prefix)) if prefix else 0
    written = Fraction(Decimal(mantissa)) * 10**power
    assert abs(written - value) <= Fraction(value, 1999)
    near = Context(prec=4, rounding=ROUND_HALF_EVEN).create_decimal(value)
    digits = mantissa.partition("e")[0].replace(".", "").rstrip("0")
    assert digits == "".join(map(str, near.as_tuple().digits)).rstrip("0")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "?"),
        (0, "0"),
        (999, "999"),
        (1000, "1.000 k"),
        (12345, "12.34 k"),
        (999_949, "999.9 k"),
        (999_950, "1.000 M"),
        (2**53 + 1, "9.007 P"),
        (10**18 * 1234, "1.234 Z"),
        (10**33 - 1, "1.000e33"),
        (123456 * 10**400, "1.235e405"),
    ],
)
def test_scaled(value, shown):
    assert scaled(value) == shown


def test_unknown_is_a_question_mark_and_no_share():
    assert (exact(None), scaled(None), share(None, 7), share(7, None)) == ("?", "?", "", "")
    assert share(10**400, 3 * 10**400) == "33.3 %"


def test_a_number_that_python_does_not_write_is_refused_in_one_line():
    longest = sys.get_int_max_str_digits()
    assert writable(10**longest - 1) == 10**longest - 1
    with pytest.raises(SpecError, match="more than 4,300 digits"):
        writable(10**longest)


@given(st.text())
def test_no_text_has_a_character_that_a_terminal_obeys(text):
    assert printable(text).isprintable()
    assert printable(text) == text or not text.isprintable()
    printable(text).encode()


@given(st.text(alphabet="\\&%$#_{}~^<>|[*ab\n"))
def test_no_text_is_a_command_in_latex(text):
    rest = in_latex(text)
    for known in ("textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater"):
        rest = rest.replace(f"\\{known}{{}}", "")
    rest = rest.replace("\\textbar{}", "").replace("{[}", "").replace("{*}", "")
    for character in "&%$#_{}":
        rest = rest.replace(f"\\{character}", "")
    assert not set(rest) & set("\\&%$#_{}~^<>|[*")
