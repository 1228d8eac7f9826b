"""fvcore's ``FlopCountAnalysis``."""

from __future__ import annotations

import logging

from fvcore.nn import FlopCountAnalysis
from torch import Tensor, nn

from fxflops.peers.tools.reading import Reading

DISTRIBUTION = "fvcore"


def run(model: nn.Module, inputs: tuple[Tensor, ...]) -> Reading:
    """``total()``."""
    logging.getLogger("fvcore").setLevel(logging.ERROR)
    return Reading(total=exact(FlopCountAnalysis(model, inputs).total()))


def exact(total: float) -> int:
    """The integer that ``total`` is; some formulas of the tool give it as a float."""
    assert total == int(total), total
    return int(total)
