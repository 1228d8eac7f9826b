"""Conditions on a model's cost: ``flops <= 100G``.

    conditions = condition (("," | ";" | " and ") condition)*
    condition  = quantity sign number  |  number sign quantity
    sign       = "<=" | "<" | ">=" | ">" | "=="
    number     = digits ["." digits] ["e" exponent] [prefix ["i"]] [unit]

``100G``, ``100e9`` and ``100 GFLOP`` are one number; ``16GiB`` is 16 · 2³⁰ bytes. The number is
read exactly, as a fraction.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from math import gcd
from typing import NamedTuple

from fxflops.errors import SpecError, shown
from fxflops.report import Answer, Report
from fxflops.reports.wording import PREFIXES
from fxflops.solving.measures import Measure, Ratio, measure

SIGNS = ("<=", ">=", "==", "<", ">")
FLIPPED = {"<=": ">=", ">=": "<=", "<": ">", ">": "<", "==": "=="}
EXAMPLE = '"flops <= 100G"'
LARGEST_EXPONENT = 300
LONGEST_NUMBER = 300

_NUMBER = re.compile(
    r"(?P<whole>[0-9][0-9_]*)(?:\.(?P<places>[0-9]+))?(?:[eE](?P<exponent>[+-]?[0-9]{1,9}))?"
    r"\s*(?P<prefix>[kKMGTPEZYRQ](?P<binary>i?))?\s*(?P<unit>[A-Za-z/][A-Za-z/-]*)?"
)
_COMPARED = re.compile(r"\s*(?P<left>[^<>=]+?)\s*(?P<sign><=|>=|==|<|>)\s*(?P<right>[^<>=]+?)\s*")
SYNONYMS = {
    "FLOP": ("FLOP", "FLOPs"),
    "bytes": ("B", "byte", "bytes"),
    "multiply-adds": ("MAC", "MACs", "multiply-adds"),
    "calls": ("call", "calls"),
    "comparisons": ("comparisons",),
    "FLOP/byte": ("FLOP/byte", "FLOP/B"),
}


class Condition(NamedTuple):
    """``measure sign bound``, as it was ``text``."""

    measure: Measure
    sign: str
    bound: Ratio
    text: str

    @property
    def is_ceiling(self) -> bool:
        """Whether it bounds the quantity from above."""
        return self.sign in ("<=", "<")

    def holds(self, answer: Answer) -> bool:
        """Whether it holds at the sizes of ``answer``; a quantity without a value has none."""
        value = self.measure.at(answer)
        return value is not None and self.holds_for(value)

    def holds_for(self, value: Ratio) -> bool:
        """Whether it holds for this value of the quantity."""
        left, right = value[0] * self.bound[1], self.bound[0] * value[1]
        return _COMPARE[self.sign](left, right)


_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "<=": lambda left, right: left <= right,
    "<": lambda left, right: left < right,
    ">=": lambda left, right: left >= right,
    ">": lambda left, right: left > right,
    "==": lambda left, right: left == right,
}


def conditions(report: Report, texts: Iterable[str]) -> tuple[Condition, ...]:
    """The conditions that ``texts`` write, of which each may hold several.

    Raises SpecError for what is no condition, for an unknown quantity and for a unit that is not
    the quantity's.
    """
    parts = [part for text in texts for part in re.split(r"[,;]|\band\b", text) if part.strip()]
    if not parts:
        raise SpecError(f"There is no condition: give one such as {EXAMPLE}.")
    return tuple(_condition(report, part) for part in parts)


def _condition(report: Report, text: str) -> Condition:
    compared = _COMPARED.fullmatch(text)
    if compared is None:
        raise SpecError(f"'{shown(text.strip())}' is no condition: write it like {EXAMPLE}.")
    left, sign, right = compared["left"], compared["sign"], compared["right"]
    if left[0].isdigit():
        left, sign, right = right, FLIPPED[sign], left
    found = measure(report, left)
    return Condition(found, sign, number(right, found), " ".join(text.split()))


def number(text: str, of: Measure) -> Ratio:
    """The number that ``text`` writes, for a quantity ``of`` this unit.

    Raises SpecError for what is no number, and for another unit.
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise SpecError(
            f"'{shown(text)}' is no number to hold {of.name} against: write it like 100G, 100e9 or "
            f"1.5M."
        )
    exponent = int(match["exponent"] or 0)
    digits = match["whole"].replace("_", "") + (match["places"] or "")
    if abs(exponent) > LARGEST_EXPONENT or len(digits) > LONGEST_NUMBER:
        raise SpecError(f"'{shown(text)}' is too long a number: at most {LONGEST_NUMBER} digits.")
    unit = match["unit"]
    if unit is not None and unit not in SYNONYMS.get(of.unit, ()):
        is_in = f"in {of.unit}" if of.unit else "a plain number"
        raise SpecError(f"'{shown(text)}' is no number for {of.name}, which is {is_in}.")
    power = exponent - len(match["places"] or "")
    numerator, denominator = int(digits) * 10 ** max(power, 0), 10 ** max(-power, 0)
    if match["prefix"]:
        order = PREFIXES.index(match["prefix"][0].replace("K", "k")) + 1
        numerator *= 1024**order if match["binary"] else 1000**order
    common = gcd(numerator, denominator)
    return numerator // common, denominator // common
