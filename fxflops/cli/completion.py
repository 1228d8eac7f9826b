"""``fxflops completion SHELL``: what a shell needs to complete commands and options."""

from __future__ import annotations

import argparse
from importlib import import_module

from fxflops.cli.options import say
from fxflops.errors import SpecError

HELP = """Print what a shell needs to complete commands, options and their values.

bash: eval "$(fxflops completion bash)" in ~/.bashrc
zsh: fxflops completion zsh > a folder of $fpath, as the file _fxflops
tcsh: fxflops completion tcsh > a file that ~/.tcshrc reads"""
SHELLS = ("bash", "zsh", "tcsh")
FILES = ("output", "picture")
"""The options whose values are files."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``completion``."""
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))


def run(arguments: argparse.Namespace) -> int:
    """Print the script. Raises SpecError without shtab, which writes it."""
    try:
        import shtab
    except ImportError as error:
        install = "pip install 'fxflops[completion]'"
        raise SpecError(f"completion needs shtab: {install}") from error
    parser = _whole()
    for command in [parser, *_commands(parser).values()]:
        for action in command._actions:
            if action.dest in FILES:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    say(f"{shtab.complete(parser, shell=arguments.shell)}\n")
    return 0


def _whole() -> argparse.ArgumentParser:
    """One parser with all commands, those of ``count`` without its name, too."""
    from fxflops.cli import COMMANDS

    parser = argparse.ArgumentParser(prog="fxflops")
    parser.add_argument("--version", action="store_true", help="print the version")
    commands = parser.add_subparsers()
    for name, file in COMMANDS.items():
        module = import_module(f"fxflops.cli.{file}")
        summary = module.HELP.partition("\n")[0]
        module.add_arguments(commands.add_parser(name, help=summary, description=summary))
    import_module("fxflops.cli.count").add_arguments(parser)  # after the names of commands
    return parser


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found.update(action.choices)
    return found
