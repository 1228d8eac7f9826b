"""``fxflops llm MODEL``: a language model in use."""

from __future__ import annotations

import argparse

from fxflops.cli.options import DTYPES, add_output, deliver, positive, progress
from fxflops.errors import SpecError, shown
from fxflops.reports.files import require_writable

HELP = "What a language model costs in use: the prompt, each token, an answer, a training step."
LONGEST = 2**31


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
        "--train", metavar="", help="a training step, too, on texts of the prompt's length"
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
    if arguments.train:
        raise SpecError(f"--train={shown(arguments.train)}: llm counts no optimizer. Give --train.")
    require_writable(arguments.output)
    with progress(f"Capturing {arguments.model} …", verbose=arguments.verbose):
        from fxflops.language.document import document
        from fxflops.language.use import language

        found = language(
            arguments.model,
            prompt=prompt,
            generate=generate,
            batch=batch,
            train=arguments.train is not None,
            dtype=arguments.dtype,
        )
    deliver(document(found, symbolic=arguments.symbolic), arguments)
    return 0


def _size(text: str, option: str) -> int:
    size = positive(text, option)
    if size > LONGEST:
        raise SpecError(f"{option} is {size:,}: at most {LONGEST:,} are counted.")
    return size
