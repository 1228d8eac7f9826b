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


def three_digits(value: int | None, unit: str = "", *, halves: bool = False) -> str:
    """Three significant digits, an SI prefix and a unit: ``8.21 GFLOP``; with ``halves``, value/2.

    What is below 1000 is exact.
    """
    if value is None:
        return f"? {unit}".rstrip()
    below = 2 if halves else 1
    if value < 1000 * below:
        number = str(value // below) + (".5" if value % below else "")
        return f"{number} {unit}".rstrip()
    for power, prefix in enumerate(PREFIXES, start=1):
        whole = below * 1000**power
        if 10 * value < 9995 * whole:
            digits = len(str(max(value // whole, 1)))
            places = 3 - digits
            if decimal(value, whole, places).partition(".")[0] == str(10**digits):
                places -= 1  # 9.996 is 10.0
            return f"{decimal(value, whole, places)} {prefix}{unit}"
    return f"{scaled(value // below)} {unit}".rstrip()


def prefix(value: int) -> tuple[int, str]:
    """The largest power of a thousand that is at most ``value``, and its SI prefix."""
    power = min((len(str(value)) - 1) // 3, len(PREFIXES))
    return 1000**power, ("", *PREFIXES)[power]


def at_scale(value: int | None, whole: int, places: int) -> str:
    """``value / whole`` with so many decimals; what would round to 0 is below the least of them."""
    if value is None:
        return "?"
    if value == 0:
        return "0"
    if whole == 1:
        return exact(value)
    shown = decimal(value, whole, places)
    least = f"0.{'1'.rjust(places, '0')}" if places else "1"
    return shown if shown.strip("0.") else f"<{least}"


def percent(part: int | None, whole: int | None) -> str:
    """A percentage without decimals; what is more than nothing is never 0 %."""
    if part is None or not whole:
        return ""
    if part == 0:
        return "0 %"
    shown = decimal(100 * part, whole, 0)
    return "<1 %" if shown == "0" else f"{shown} %"


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
