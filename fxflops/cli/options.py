"""What the commands share: the model, its input, the sizes; where results go."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from fxflops.errors import DIGITS, SpecError, shown

DTYPES = ("float32", "float16", "bfloat16")


def add_model(parser: argparse.ArgumentParser) -> None:
    """The model and the sizes to count at."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="a name such as rtdetr_r50, torchvision:resnet50, timm:NAME, hf:CONFIG.json, "
        "model.pt2 or package.module:callable",
    )
    parser.add_argument(
        "--input", metavar="SPEC", help='the model\'s input, e.g. "image: N 3 H%%32 W%%32"'
    )
    parser.add_argument("--size", metavar="HxW", help="height and width, e.g. 800x1216")
    parser.add_argument("--batch", metavar="N", help="the batch size")
    parser.add_argument("--at", metavar="N=2,H=800,…", help="any free sizes, by name")
    parser.add_argument("--dtype", choices=DTYPES, help="of weights and activations")


def add_output(parser: argparse.ArgumentParser, formats: tuple[str, ...]) -> None:
    """The report's format and file."""
    parser.add_argument("--format", choices=formats, default="table", help="default: table")
    parser.add_argument("-o", "--output", metavar="FILE", help="write there, not to stdout")


def sizes(arguments: argparse.Namespace) -> dict[str, int]:
    """The sizes that ``--size``, ``--batch`` and ``--at`` give, by name.

    Raises SpecError for what is no size, and for a size given two values.
    """
    given: list[tuple[str, str, str]] = []
    if arguments.size is not None:
        height, cross, width = arguments.size.lower().partition("x")
        if not cross:
            raise SpecError(
                f"--size {shown(arguments.size)} is not of the form HxW, e.g. 800x1216."
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
        size = positive(written.strip(), f"{option}: {name}")
        if chosen.setdefault(name, size) != size:
            raise SpecError(f"{name} is given two values, {chosen[name]} and {size}. Give one.")
    return chosen


def positive(text: str, what: str) -> int:
    """The positive integer that ``text`` writes. Raises SpecError that names ``what``."""
    if not (text.isascii() and text.isdecimal()) or not text.strip("0"):
        raise SpecError(f"{shown(what)} is '{shown(text)}', which is no positive integer.")
    if len(text) > DIGITS:
        raise SpecError(f"{shown(what)} has {len(text):,} digits: a size has at most {DIGITS:,}.")
    return int(text)


@contextmanager
def progress(message: str) -> Iterator[None]:
    """A spinner on stderr while something takes its time; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(message):
        yield


def deliver(text: str, output: str | None) -> None:
    """To stdout, or whole to a file.

    Raises SpecError for what cannot be written; no file is left half-written.
    """
    if output is None:
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
                f"{text[error.start]!a}: set PYTHONIOENCODING=utf-8, or write to a file "
                "with -o."
            ) from error
        return
    import tempfile
    from pathlib import Path

    path = Path(output)
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            temporary = Path(file.name)
            try:
                file.write(text)
                file.close()
                os.chmod(temporary, 0o666 & ~_umask())
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise SpecError(f"Cannot write {output}: {error.strerror}.") from error


def require_writable(output: str | None) -> None:
    """Refuse an output file whose directory is missing before the work is done.

    Raises SpecError.
    """
    if output is None:
        return
    folder = os.path.dirname(output) or os.curdir
    if not os.path.isdir(folder):
        raise SpecError(f"Cannot write {output}: there is no directory {folder}.")
    if os.path.isdir(output):
        raise SpecError(f"Cannot write {output}: it is a directory.")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
