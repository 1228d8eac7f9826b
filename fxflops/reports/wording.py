"""How numbers and foreign text are written, the same in every document.

Numbers are computed in integers alone: any number of digits is right.
"""

from __future__ import annotations

PREFIXES = ("k", "M", "G", "T", "P", "E", "Z", "Y", "R", "Q")


def printable(text: str) -> str:
    r"""``text`` in one line, with nothing that a terminal would obey: ESC is shown as ``\x1b``."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def scaled(value: int | None) -> str:
    """Four significant digits and an SI prefix: ``136.4 G``; beyond all of them ``1.364e40``."""
    if value is None:
        return "?"
    if value < 1000:
        return str(value)
    for power, prefix in enumerate(PREFIXES, start=1):
        unit = 1000**power
        if 100 * value < 99995 * unit:
            whole = len(str(value // unit))
            return f"{decimal(value, unit, 4 - whole)} {prefix}"
    power = len(str(value)) - 1
    mantissa = decimal(value, 10**power, 3)
    return f"1.000e{power + 1}" if mantissa == "10.000" else f"{mantissa}e{power}"


def exact(value: int | None) -> str:
    """The integer with its thousands apart."""
    return "?" if value is None else f"{value:,}"


def share(part: int | None, whole: int | None) -> str:
    """A percentage with one decimal."""
    return f"{decimal(100 * part, whole, 1)} %" if part is not None and whole else ""


def decimal(part: int, whole: int, places: int) -> str:
    """``part / whole`` for a positive ``whole``, rounded to ``places``, ties to even."""
    quotient, rest = divmod(abs(part) * 10**places, whole)
    quotient += 2 * rest > whole or (2 * rest == whole and quotient % 2)
    digits = str(quotient).rjust(places + 1, "0")
    sign = "-" if part < 0 and quotient else ""
    fraction = f".{digits[-places:]}" if places else ""
    return f"{sign}{digits[: len(digits) - places]}{fraction}"


def operator_calls(number: int) -> str:
    """``1 operator call is``, ``2 operator calls are``."""
    return f"{number} operator call is" if number == 1 else f"{number} operator calls are"


def calls(number: int) -> str:
    """``1 call``, ``2 calls``."""
    return f"{number} call" if number == 1 else f"{number} calls"
