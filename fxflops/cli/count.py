"""``fxflops [count] MODEL``: what one call of a model costs."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from fxflops.analysis.optimizer import OPTIMIZERS
from fxflops.cli.options import (
    NEED_NO_SIZES,
    add_assume,
    add_causal,
    add_model,
    add_output,
    assumed,
    complain,
    deliver,
    each_sizes,
    is_screen,
    positive,
    progress,
    require_assumed,
    require_tensor_sizes,
    sizes,
)
from fxflops.errors import DIGITS, SpecError, shown
from fxflops.passes import PASSES, require_passes
from fxflops.reports import FORMATS
from fxflops.reports.files import require_writable
from fxflops.reports.module_table import ALL, COLUMNS, require_columns, require_sort

if TYPE_CHECKING:
    from fxflops.cache import Request
    from fxflops.report import Answer, Report
    from fxflops.solving.budgets import Overrun

HELP = "What one call of a PyTorch model costs, as an exact formula of its input's sizes."
READ_BY_PEOPLE = ("table", "markdown", "latex-table")
UNCOUNTED_WORK = 1
OVER_BUDGET = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``count``."""
    add_model(parser)
    add_assume(parser)
    parser.add_argument("--symbolic", action="store_true", help="the formulas and their domain")
    parser.add_argument(
        "--depth", metavar="D", help="levels of modules to show (default: as many as fit a screen)"
    )
    parser.add_argument(
        "--columns",
        metavar="NAME,…",
        help=f"of the table of modules: all, for every total and the operators, too; or of "
        f"{', '.join(COLUMNS)}",
    )
    parser.add_argument(
        "--sort", metavar="COLUMN", help="siblings from the largest down: params, flops, …"
    )
    parser.add_argument(
        "--collect",
        metavar="SIZE",
        help="the formulas grouped by powers of a size, with their largest terms",
    )
    add_request(parser)
    parser.add_argument("--static", action="store_true", help="count at one size, without symbols")
    parser.add_argument(
        "--convention",
        metavar="NAME",
        help="the number that another tool gives: torch-profiler, flop-counter, fvcore, ptflops, "
        "ptflops-aten, thop, ultralytics-thop, calflops, torchinfo, torchprofile; or fxflops, "
        "contraction, macs",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="exit 1 if an operator is uncounted, or if --convention is not proven for one",
    )
    parser.add_argument(
        "--max",
        metavar="BUDGETS",
        help='exit 1 if one is exceeded, the culprit first: "flops=10G, parameters=30M"',
    )
    add_output(parser)


def add_request(parser: argparse.ArgumentParser, *, cached: bool = True) -> None:
    """How the model is captured, and where answers are ``cached``, whether this one is."""
    parser.add_argument(
        "--frontend",
        choices=("auto", "trace", "export"),
        default="auto",
        help="what captures the graph (default: auto, trace and else export)",
    )
    parser.add_argument(
        "--deploy",
        metavar="PASS,…",
        help=f"the graph after deployment: --deploy for all passes, or --deploy={','.join(PASSES)}",
    )
    parser.add_argument(
        "--train",
        metavar="OPTIMIZER",
        help="a training step, with its gradients: --train, or with the optimizer's step, apart: "
        f"--train={' or --train='.join(OPTIMIZERS)}",
    )
    parser.add_argument(
        "--past",
        metavar="P",
        help="a call with a cache that holds so many positions: a symbol, or a number",
    )
    parser.add_argument(
        "--free",
        metavar="D=FIELD,…",
        help="sizes of the model itself as symbols: d=hidden_size%%64,D=num_hidden_layers",
    )
    parser.add_argument(
        "--loss",
        metavar="MODULE:LOSS",
        help="the loss function for --train: of the model's result (default: the outputs' sum)",
    )
    add_causal(parser)
    parser.add_argument(
        "--memory", action="store_true", help="the peak of memory, as a formula, and where it is"
    )
    parser.add_argument(
        "--threads",
        metavar="T",
        help="of the CPU for which --memory is (default: as many as PyTorch uses here)",
    )
    parser.add_argument(
        "--roofline",
        metavar="DEVICE",
        help="what bounds the time of every call on a device: h100_sxm, t4, … or a .toml file",
    )
    parser.add_argument(
        "--trust",
        action="store_true",
        help="let a saved program, model.pt2, execute what is in its file",
    )
    if cached:
        kept = parser.add_mutually_exclusive_group()
        kept.add_argument(
            "--cache",
            action="store_true",
            default=None,
            help="keep the answer even for a model of your own (fxflops cache --help)",
        )
        kept.add_argument(
            "--no-cache",
            action="store_false",
            dest="cache",
            help="neither use nor keep an earlier answer",
        )


def run(arguments: argparse.Namespace) -> int:
    """Count, print, and return 1 if ``--strict`` finds uncounted work."""
    several = each_sizes(arguments)
    depth = _depth(arguments)
    columns, sort = _columns(arguments)
    require_writable(arguments.output)
    if arguments.convention is not None:
        if arguments.memory or arguments.roofline:
            raise SpecError("--convention has no --memory and no --roofline: leave them out.")
        if arguments.collect is not None:
            raise SpecError("--convention gives a number, and --collect groups formulas.")
        if arguments.free is not None:
            raise SpecError("--convention has no --free: no other tool is quoted for symbols.")
        if arguments.past is not None:
            raise SpecError("--convention has no past: no other tool is quoted for a cache.")
        if arguments.assume is not None:
            raise SpecError("--convention has no --assume: no other tool is quoted for such sizes.")
        if arguments.causal != "full":
            raise SpecError("--convention counts as the other tool does: leave out --causal.")
        from fxflops.cli.quoted import quoted

        return quoted(arguments, sizes(arguments))
    if len(several) > 1 and arguments.format not in READ_BY_PEOPLE:
        raise SpecError(f"--format {arguments.format} has room for one --size. Give it once.")

    from fxflops.reports.count import document
    from fxflops.reports.wording import operator_calls

    answers = [_answer(arguments, at) for at in several]
    if arguments.collect is not None:
        answers = [answer.collected(arguments.collect) for answer in answers]
    symbolic = _is_symbolic(arguments)
    documents = [
        document(
            answer,
            depth=depth,
            symbolic=symbolic or answer.values is None,
            brief=arguments.format in ("table", "latex-table") and columns != ALL,
            columns=columns,
            sort=sort,
        )
        for answer in answers
    ]
    over: list[Overrun] = []
    if arguments.max is not None:
        from fxflops.solving.budgets import budgets, overruns, with_budgets

        wanted = [budgets(answer.report, arguments.max) for answer in answers]
        held = list(zip(answers, wanted, strict=True))
        over = [found for answer, of in held for found in overruns(answer, of)]
        documents = [
            with_budgets(document, answer, of)
            for document, (answer, of) in zip(documents, held, strict=True)
        ]
    if is_screen(arguments):
        documents[-1] = documents[-1]._replace(hints=_hints(arguments, answers[-1], symbolic))
    deliver(documents[0], arguments, *documents[1:])
    if answers[0].values is None and not symbolic and arguments.format in READ_BY_PEOPLE:
        report = answers[0].report
        missing = ",".join(f"{n}=…" for n in report.domain.input_names if n not in report.defaults)
        complain(f"these are formulas: for numbers give --at {missing}.")
    uncounted = max(answer.report.uncounted_calls for answer in answers)
    if arguments.strict and uncounted:
        complain(f"{operator_calls(uncounted)} uncounted (--strict).")
        return UNCOUNTED_WORK
    if arguments.strict and answers[0].report.unproven:
        complain(f"{answers[0].report.unproven[0][:-1]} (--strict).")
        return UNCOUNTED_WORK
    for overrun in over:
        complain(f"{overrun.text} (--max).")
    return OVER_BUDGET if over else 0


def _is_symbolic(arguments: argparse.Namespace) -> bool:
    return arguments.symbolic or arguments.format == "latex" or arguments.collect is not None


def _answer(arguments: argparse.Namespace, at: dict[str, int]) -> Answer:
    """The report at the sizes, or in formulas alone where none are given and some are missing.

    Raises what is the user's to put right.
    """
    of_data = assumed(arguments)
    request = requested(arguments)

    from fxflops.answer import at_one_size

    if arguments.static:
        if arguments.free is not None:
            raise SpecError("--static leaves no symbols for --free to show. Give one of them.")
        if arguments.symbolic or arguments.collect is not None:
            raise SpecError("--static leaves no symbols for --symbolic to show. Give one of them.")
        require_tensor_sizes(at, "--static")
        request, at = at_one_size(request, at, trust=arguments.trust), {}
    report = reported(arguments, request, at)
    require_assumed(arguments, report)
    formulas_suffice = _is_symbolic(arguments) or arguments.format in NEED_NO_SIZES or not at
    is_open = formulas_suffice and not report.is_known_at(at)
    return report.at(None if is_open else {**at, **of_data})


def requested(arguments: argparse.Namespace) -> Request:
    """What `add_request` and `add_model` ask for."""
    train: bool | str = arguments.train is not None and (arguments.train or True)
    deploy = _deploy(arguments)
    device = None
    if arguments.roofline:
        from fxflops.devices import device as find_device

        device = find_device(arguments.roofline)
    if arguments.threads is not None and not arguments.memory:
        raise SpecError("--threads are those that --memory is for: give --memory, too.")
    threads = arguments.threads and positive(arguments.threads, "--threads")

    from fxflops.cache import Request

    return Request(
        model=arguments.model,
        inputs=arguments.input,
        dtype=arguments.dtype,
        frontend=arguments.frontend,
        deploy=deploy,
        train=train,
        loss=arguments.loss,
        past=arguments.past,
        causal=arguments.causal,
        figures=("memory",) if arguments.memory else (),
        device=device,
        threads=threads or None,
        free=arguments.free,
    )


def reported(arguments: argparse.Namespace, request: Request, at: Mapping[str, int]) -> Report:
    """The report that holds at the sizes, from the cache or anew.

    Raises what is the user's to put right.
    """
    from fxflops.answer import answer
    from fxflops.models import is_file, is_installed

    if arguments.cache and is_file(arguments.model):
        raise SpecError("--cache keeps no answer for a file, which may change. Leave it out.")
    if arguments.cache and arguments.loss:
        raise SpecError("--cache keeps no answer for a loss, which may change. Leave it out.")
    may_be_kept = arguments.loss is None and is_installed(arguments.model)
    cached = arguments.cache or (arguments.cache is None and may_be_kept)
    derived: list[str] = []

    def while_deriving() -> AbstractContextManager[object]:
        derived.append(arguments.model)
        return progress(f"Capturing {arguments.model} …", verbose=arguments.verbose)

    report = answer(
        request,
        at,
        cached=cached,
        trust=arguments.trust,
        while_deriving=while_deriving,
    )
    if arguments.verbose and not derived:
        complain("An answer kept before is used: fxflops cache says where, --no-cache derives it.")
    return report


def _deploy(arguments: argparse.Namespace) -> tuple[str, ...]:
    """The passes asked for, in their order."""
    if arguments.deploy is None:
        return ()
    names = [name.strip() for name in (arguments.deploy or ",".join(PASSES)).split(",")]
    require_passes(names)
    return tuple(name for name in PASSES if name in names)


def _columns(arguments: argparse.Namespace) -> tuple[tuple[str, ...] | None, str | None]:
    """The columns of the table of modules, and the one to sort by, where they are given."""
    given = {"--columns": arguments.columns, "--sort": arguments.sort}
    for option, value in given.items():
        if value is None:
            continue
        if arguments.format not in READ_BY_PEOPLE:
            raise SpecError(f"{option} is of a table, and not of --format {arguments.format}.")
        without = {
            "--symbolic": arguments.symbolic,
            "--collect": arguments.collect is not None,
            "--convention": arguments.convention is not None,
        }
        other = next((option for option, is_given in without.items() if is_given), None)
        if other is not None:
            raise SpecError(f"{option} is of the table of modules, which {other} does not print.")
    if arguments.columns is None:
        chosen = None
    else:
        chosen = require_columns([n.strip() for n in arguments.columns.split(",") if n.strip()])
    return chosen, None if arguments.sort is None else require_sort(arguments.sort)


def _hints(arguments: argparse.Namespace, answer: Answer, symbolic: bool) -> list[str]:
    """What may be asked next."""
    hints = [] if symbolic else ["--symbolic (the formula)"]
    if answer.values is None:
        hints = ["--at NAME=SIZE,… (numbers)"]
    elif not symbolic:
        from fxflops.reports.count import level

        levels = max(level(row.name) for row in answer.report.modules)
        hints += ["--depth 3"] if levels >= 3 and arguments.depth is None else []
        hints += ["--columns all"] if arguments.columns is None else []
    return [*hints, *(["--format html -o report.html"] if "html" in FORMATS else [])]


def _depth(arguments: argparse.Namespace) -> int | None:
    if arguments.depth is None:
        return None
    if not (arguments.depth.isascii() and arguments.depth.isdecimal()):
        raise SpecError(f"--depth must be 0 or more, not '{shown(arguments.depth)}'.")
    if len(arguments.depth) > DIGITS:
        raise SpecError(
            f"--depth has {len(arguments.depth):,} digits, at most {DIGITS:,} are read."
        )
    return int(arguments.depth)
