"""Derivatives that cost no FLOP, each with the reason that reports give."""

from __future__ import annotations

import torch

from fxflops.registry import free

aten = torch.ops.aten

free(
    "scatter without reduction",
    aten.diagonal_backward.default,
    aten.select_backward.default,
    aten.slice_backward.default,
)
