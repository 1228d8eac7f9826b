"""From PyTorch's sizes to the algebra's: what opens a ``torch.SymInt`` of ours."""

from __future__ import annotations

import torch

from fxflops.algebra import Dim


def read_symint(size: int | torch.SymInt) -> Dim:
    """Reads a size whose node is one of ours (`fxflops.capture.symint.node`)."""
    if type(size) is int:
        return size
    value: Dim = size if isinstance(size, int) else size.node.value  # type: ignore[attr-defined]
    return value
