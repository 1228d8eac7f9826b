"""The command line: ``fxflops [count] MODEL …``, ``fxflops check MODEL …``, ``explain``.

One file per command, each with ``HELP``, ``add_arguments(parser)`` and ``run(arguments) -> int``.
Exit status: 0 done, 1 the answer is no, 2 the user's input is at fault.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from fxflops import __version__
from fxflops.errors import FxflopsError
from fxflops.reports.wording import printable

COMMANDS = {
    "count": "count",
    "check": "check",
    "why": "why",
    "explain": "explain",
    "llm": "llm",
    "solve": "solve",
    "diff": "diff",
    "sweep": "sweep",
    "cache": "cache",
    "list": "listing",
    "completion": "completion",
}
"""What is written, and the file of it."""

EPILOG = f"Commands: {', '.join(COMMANDS)}; the first is the default. See fxflops check --help."
MAY_STAND_ALONE = ("--deploy", "--train")
INPUT_AT_FAULT = 2
INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line and exit with 2."""
        said = printable(" ".join(message.split()))
        self.exit(INPUT_AT_FAULT, f"{self.prog}: {said}. See {self.prog} --help.\n")

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """The arguments; an option that may stand alone has its value after ``=``, or an empty one.

        Otherwise it would take the model that follows for its value.
        """
        return self.parse_args([f"{word}=" if word in MAY_STAND_ALONE else word for word in words])


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    named = bool(words) and words[0] in COMMANDS
    command = words[0] if named else "count"
    module = import_module(f"fxflops.cli.{COMMANDS[command]}")
    parser = Parser(
        prog=f"fxflops {command}" if named else "fxflops",
        description=module.HELP,
        epilog=None if named else EPILOG,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    if not named:
        parser.add_argument("--version", action="version", version=f"fxflops {__version__}")
    arguments = parser.parse(words[1:] if named else words)
    try:
        status: int = module.run(arguments)
    except FxflopsError as error:
        from fxflops.cli.options import complain

        complain(error.command_line or str(error))
        return INPUT_AT_FAULT
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of stdout has gone, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:
        raise
    except BaseException as error:  # of the model: it passes through what takes any Exception
        from fxflops.capture.source import raised_at
        from fxflops.cli.options import complain

        said = " ".join(str(error).split())
        what = type(error).__name__ + (f": {said}" if said else "")
        where = f" ({place})" if (place := raised_at(error)) else ""
        complain(f"The model raises {what}{where}. Run it without that.")
        return INPUT_AT_FAULT
    return status


def script() -> NoReturn:
    """Entry point of the console script: a process that answers once.

    What PyTorch keeps in memory stays to the end: looking through it for garbage, and taking it
    apart at exit, would take a fifth of the whole time.
    """
    gc.disable()
    nowhere = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    sys.stdout = sys.stdout or nowhere  # None where the caller has closed it, as `>&-` does
    sys.stderr = sys.stderr or nowhere
    status = main()
    sys.stderr.flush()
    os._exit(status)
