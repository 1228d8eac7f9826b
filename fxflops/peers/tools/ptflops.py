"""ptflops with its ``pytorch`` back end: module hooks and replaced functions."""

from __future__ import annotations

import io
import re

from ptflops import get_model_complexity_info
from torch import Tensor, nn

from fxflops.peers.tools.reading import Reading

DISTRIBUTION = "ptflops"
LEFT_OUT = re.compile(r"Warning: module (\w+) is treated as a zero-op\.")


def run(model: nn.Module, inputs: tuple[Tensor, ...]) -> Reading:
    """The MACs, and the module types that it warns about."""
    return by_backend("pytorch", model, inputs)


def by_backend(backend: str, model: nn.Module, inputs: tuple[Tensor, ...]) -> Reading:
    """What ``get_model_complexity_info`` gives as numbers.

    Raises RuntimeError where it gives none; it has printed the error by then.
    """
    (image,) = inputs
    said = io.StringIO()
    macs, _ = get_model_complexity_info(
        model,
        tuple(image.shape[1:]) or (1,),  # which it refuses to be empty, and does not use
        input_constructor=lambda _: image,
        print_per_layer_stat=False,
        as_strings=False,
        verbose=True,
        ost=said,
        backend=backend,
    )
    if macs is None:
        raise RuntimeError("ptflops caught an error of its own hooks and gave no number")
    return Reading(total=int(macs), left_out=tuple(LEFT_OUT.findall(said.getvalue())))
