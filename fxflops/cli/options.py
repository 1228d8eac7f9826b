"""What the commands share: the model, its input, the sizes; where results go."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from fxflops.cost import CAUSAL
from fxflops.errors import DIGITS, SpecError, shown
from fxflops.reports import FORMATS, render
from fxflops.reports.document import Document
from fxflops.reports.files import write
from fxflops.reports.wording import printable

if TYPE_CHECKING:
    from fxflops.report import Report
    from fxflops.reports.steps import Step

DTYPES = ("float32", "float16", "bfloat16")
NEED_NO_SIZES = ("json", "csv", "latex", "html")
NARROWEST = 60
"""Characters of a line in a window that answers fit."""
LARGEST_AXIS = 2**63 - 1


def add_model(parser: argparse.ArgumentParser) -> None:
    """The model and the sizes to count at."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="a name such as rtdetr_r50, torchvision:resnet50, timm:NAME, hf:CONFIG.json, "
        "model.pt2 or package.module:callable",
    )
    add_sizes(parser)


def add_sizes(parser: argparse.ArgumentParser) -> None:
    """The input and the sizes to count at."""
    parser.add_argument(
        "--input", metavar="SPEC", help='the model\'s input, e.g. "image: N 3 H%%32 W%%32"'
    )
    parser.add_argument(
        "--size", metavar="HxW", action="append", help="height and width, e.g. 800x1216"
    )
    parser.add_argument("--batch", metavar="N", help="the batch size")
    parser.add_argument("--at", metavar="N=2,H=800,…", help="any free sizes, by name")
    parser.add_argument("--dtype", choices=DTYPES, help="of weights and activations")


def add_causal(parser: argparse.ArgumentParser) -> None:
    """Which scores of causal attention are charged."""
    parser.add_argument(
        "--causal",
        choices=CAUSAL,
        default="full",
        help="half: only the scores that a causal mask, or a window, leaves (default: full)",
    )


def add_output(parser: argparse.ArgumentParser) -> None:
    """The report's format and file."""
    parser.add_argument("--format", choices=tuple(FORMATS), default="table", help="default: table")
    parser.add_argument("-o", "--output", metavar="FILE", help="write there, not to stdout")
    parser.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="say on stderr what is done, and how long it took",
    )


def sizes(arguments: argparse.Namespace) -> dict[str, int]:
    """The sizes that ``--size``, ``--batch`` and ``--at`` give, by name.

    Raises SpecError for what is no size, and for a size given two values.
    """
    several = each_sizes(arguments)
    if len(several) > 1:
        raise SpecError("--size is given several times, which only a count prints. Give it once.")
    return several[0]


def each_sizes(arguments: argparse.Namespace) -> list[dict[str, int]]:
    """The sizes for each ``--size``, or those without one.

    Raises SpecError for what is no size, and for a size given two values.
    """
    return [_sizes(size, arguments) for size in arguments.size or (None,)]


def _sizes(height_and_width: str | None, arguments: argparse.Namespace) -> dict[str, int]:
    given: list[tuple[str, str, str]] = []
    if height_and_width is not None:
        height, cross, width = height_and_width.lower().partition("x")
        if not cross:
            raise SpecError(
                f"--size {shown(height_and_width)} is not of the form HxW, e.g. 800x1216."
            )
        given += [("H", height, "--size"), ("W", width, "--size")]
    if arguments.batch is not None:
        given.append(("N", arguments.batch, "--batch"))
    for part in (arguments.at or "").split(","):
        if part.strip():
            name, equals, size = part.partition("=")
            if not equals:
                raise SpecError(
                    f"--at '{shown(part)}' is not of the form NAME=SIZE, e.g. N=2,H=800."
                )
            given.append((name.strip(), size, "--at"))
    chosen: dict[str, int] = {}
    for name, written, option in given:
        size = positive(written.strip(), f"{option}: {name}", least=int(option != "--at"))
        if chosen.setdefault(name, size) != size:
            raise SpecError(f"{name} is given two values, {chosen[name]} and {size}. Give one.")
    return chosen


def add_assume(parser: argparse.ArgumentParser) -> None:
    """The sizes that data decide."""
    parser.add_argument(
        "--assume",
        metavar="U1=100,U2=worst",
        help="sizes that data decide, such as the boxes that nms keeps: numbers, or the worst case "
        "(default: --assume worst, for all)",
    )


WORST = "worst"


def assumed(arguments: argparse.Namespace) -> dict[str, int]:
    """The sizes that ``--assume`` gives, by name; none for the worst case.

    Raises SpecError for what is no size.
    """
    chosen: dict[str, int | None] = {}
    for part in (arguments.assume or "").split(","):
        name, equals, size = (text.strip() for text in part.partition("="))
        if name and (name != WORST or equals):
            if not equals or not name.isidentifier():
                raise SpecError(
                    f"--assume '{shown(part)}' is not of the form NAME=SIZE, e.g. "
                    "U1=100,U2=worst, or worst for all."
                )
            written = None if size == WORST else positive(size, f"--assume: {name}", least=0)
            if chosen.setdefault(name, written) != written:
                raise SpecError(f"--assume gives {shown(name)} two values. Give one.")
        elif not name and arguments.assume is not None:
            raise SpecError("--assume is given nothing: give U1=100,U2=worst, or worst for all.")
    return {name: size for name, size in chosen.items() if size is not None}


def require_assumed(arguments: argparse.Namespace, report: Report) -> None:
    """Raises SpecError where ``--assume`` is of no size that data decide in this model."""
    if arguments.assume is None:
        return
    known = [size.name for size in report.domain.data]
    if not known:
        raise SpecError(
            f"--assume is of sizes that data decide, and {report.model} has none. Leave it out."
        )
    for part in arguments.assume.split(","):
        name = part.partition("=")[0].strip()
        if name != WORST and name not in known:
            raise SpecError(
                f"--assume: {report.model} has no size {shown(name)} that data decide; it has "
                f"{', '.join(known)}."
            )


def require_tensor_sizes(sizes: Mapping[str, int], what: str) -> None:
    """Raises SpecError for a size that no tensor has, where ``what`` needs tensors of these."""
    for name, size in sizes.items():
        if size > LARGEST_AXIS:
            raise SpecError(
                f"{name} is {shown(str(size))}, and {what} needs tensors of that size: no axis is "
                f"longer than {LARGEST_AXIS}."
            )


def positive(text: str, what: str, *, least: int = 1) -> int:
    """The positive integer that ``text`` writes, or 0 where that is the ``least``.

    Raises SpecError that names ``what``.
    """
    if not (text.isascii() and text.isdecimal()) or (least and not text.strip("0")):
        raise SpecError(f"{shown(what)} is '{shown(text)}', which is no positive integer.")
    if len(text.lstrip("0")) > DIGITS:
        raise SpecError(f"{shown(what)} has {len(text):,} digits: a size has at most {DIGITS:,}.")
    return int(text.lstrip("0") or "0")


@contextlib.contextmanager
def progress(message: str, *, verbose: bool = False) -> Iterator[Callable[[Step], object]]:
    """On stderr, what is under way, the step, the time that it took and that it will take.

    Gives what is to be told of each step. Where stderr is no terminal it says nothing, and with
    ``verbose`` a line for each step.
    """
    if verbose:
        yield from _lines(message)
        return
    if not sys.stderr.isatty():
        yield lambda step: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    left = TextColumn("{task.fields[left]}", markup=False)
    with Progress(*columns, left, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(printable(message), total=None, left="")

        def tell(step: Step) -> None:
            said = f"{printable(message)} step {step.number} of {step.of}: {printable(step)}"
            left = "" if step.left is None else f"about {_seconds(step.left)} left"
            shown.update(task, description=said, left=left)

        yield tell


def _lines(message: str) -> Iterator[Callable[[Step], object]]:
    """A line for each step, and one for how long all of it took."""
    start = time.monotonic()
    complain(message)

    def tell(step: Step) -> None:
        left = "" if step.left is None else f", about {_seconds(step.left)} left"
        complain(f"{_seconds(step.elapsed)}{left}: step {step.number} of {step.of}: {step}")

    yield tell
    complain(f"{_seconds(time.monotonic() - start)}: done")


def _seconds(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``2 min 30 s``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def deliver(document: Document, arguments: argparse.Namespace, *more: Document) -> None:
    """The documents in the format asked for, to stdout, or whole to a file.

    Raises SpecError for what cannot be written; no file is left half-written.
    """
    is_for_terminal = arguments.output is None and sys.stdout.isatty()
    color = is_for_terminal and not os.environ.get("NO_COLOR")
    width = window() if is_screen(arguments) else None
    documents = (document, *more)
    text = "\n".join(render(each, arguments.format, color=color, width=width) for each in documents)
    if arguments.output is None:
        say(text)
    else:
        write(arguments.output, text)


def is_screen(arguments: argparse.Namespace) -> bool:
    """Whether somebody looks at what is printed."""
    return arguments.format == "table" and arguments.output is None and sys.stdout.isatty()


def window() -> int | None:
    """How many characters a line of the terminal has; None where nothing says so."""
    given = os.environ.get("COLUMNS", "")
    if given.isascii() and given.isdecimal() and int(given):
        return max(int(given), NARROWEST)
    with contextlib.suppress(OSError):
        if width := os.get_terminal_size(sys.stdout.fileno()).columns:
            return max(width, NARROWEST)
    return None


def say(text: str) -> None:
    """To stdout. Raises SpecError for what cannot be written."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise SpecError(f"Cannot write to the standard output: {error.strerror}.") from error
    except UnicodeEncodeError as error:
        raise SpecError(
            f"The standard output, of encoding {error.encoding}, cannot take "
            f"{text[error.start]!a}: set PYTHONIOENCODING=utf-8, or write to a file with -o."
        ) from error


def complain(message: str) -> None:
    """One line on stderr, with nothing in it that a terminal would obey."""
    print(f"fxflops: {printable(' '.join(message.split()))}", file=sys.stderr)
