"""``fxflops llm MODEL``: a language model in use."""

from __future__ import annotations

import argparse
import re
from fractions import Fraction

from fxflops.analysis.optimizer import OPTIMIZERS
from fxflops.cli.options import DTYPES, add_causal, add_output, deliver, positive, progress
from fxflops.errors import SpecError, shown
from fxflops.reports.files import require_writable

HELP = "What a language model costs in use: the prompt, each token, an answer, a training step."
LONGEST = 2**31

RATE = re.compile(r"[0-9]{1,40}(\.[0-9]{1,40})?([eE][+]?[0-9]{1,2})?", re.ASCII)
"""A number that is read exactly, and not larger than a float."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``llm``."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="hf:CONFIG.json, hf:NAME of a class of transformers, or a folder with a config.json",
    )
    parser.add_argument("--prompt", metavar="L", default="8192", help="its tokens (default: 8192)")
    parser.add_argument(
        "--generate", metavar="G", default="1024", help="tokens of the answer (default: 1024)"
    )
    parser.add_argument("--batch", metavar="N", default="1", help="sequences (default: 1)")
    parser.add_argument("--dtype", choices=DTYPES, help="of weights, activations and the cache")
    parser.add_argument(
        "--train",
        metavar="OPTIMIZER",
        help="a training step, too, on texts of the prompt's length: --train, or with the "
        f"optimizer's step: --train={' or --train='.join(OPTIMIZERS)}",
    )
    parser.add_argument(
        "--checkpoint",
        action="store_true",
        help="with --train: activation checkpointing of each block, as transformers does it",
    )
    parser.add_argument(
        "--accumulate",
        metavar="K",
        help="with --train: steps whose gradients are added up for one of the optimizer",
    )
    add_causal(parser)
    parser.add_argument(
        "--tokens-per-second",
        metavar="R",
        help="as measured, trained with --train and else generated, for the MFU",
    )
    parser.add_argument(
        "--peak",
        metavar="F",
        help="what all devices together do at most, in FLOP per second: --peak 989e12",
    )
    parser.add_argument(
        "--symbolic", action="store_true", help="the formulas in N, prompt and generated"
    )
    add_output(parser)


def run(arguments: argparse.Namespace) -> int:
    """Analyze its calls, and print what they cost together."""
    prompt, generate, batch = (
        _size(getattr(arguments, name), f"--{name}") for name in ("prompt", "generate", "batch")
    )
    train: bool | str = arguments.train is not None and (arguments.train or True)
    if isinstance(train, str) and train not in OPTIMIZERS:
        known = ", ".join(OPTIMIZERS)
        raise SpecError(f"There is no optimizer '{shown(train)}'. Known: {known}.")
    if train is False and (arguments.checkpoint or arguments.accumulate):
        option = "--checkpoint" if arguments.checkpoint else "--accumulate"
        raise SpecError(f"{option} is of a training step: give --train, too.")
    accumulated = _size(arguments.accumulate or "1", "--accumulate")
    tokens, peak = (
        _rate(getattr(arguments, name), f"--{name.replace('_', '-')}")
        for name in ("tokens_per_second", "peak")
    )
    if (tokens is None) != (peak is None):
        given, missing = ("--peak", "--tokens-per-second")[:: 1 if tokens is None else -1]
        raise SpecError(f"{given} alone gives no utilization: give {missing}, too.")
    if arguments.symbolic and tokens is not None:
        raise SpecError("--symbolic shows formulas, and no utilization: leave out --peak.")
    require_writable(arguments.output)
    with progress(f"Capturing {arguments.model} …", verbose=arguments.verbose):
        from fxflops.language.document import Speed, document
        from fxflops.language.use import language

        found = language(
            arguments.model,
            prompt=prompt,
            generate=generate,
            batch=batch,
            train=train,
            checkpointed=arguments.checkpoint,
            accumulated=accumulated,
            causal=arguments.causal,
            dtype=arguments.dtype,
        )
    speed = None if tokens is None or peak is None else Speed(tokens, peak)
    deliver(document(found, symbolic=arguments.symbolic, speed=speed), arguments)
    return 0


def _size(text: str, option: str) -> int:
    size = positive(text, option)
    if size > LONGEST:
        raise SpecError(f"{option} is {size:,}: at most {LONGEST:,} are counted.")
    return size


def _rate(text: str | None, option: str) -> Fraction | None:
    """A positive number as it is written, 989e12 or 9300.5."""
    if text is None:
        return None
    if not RATE.fullmatch(text) or not Fraction(text):
        raise SpecError(
            f"{option} is '{shown(text)}', which is no positive number, such as 989e12."
        )
    return Fraction(text)
