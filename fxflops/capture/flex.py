"""Flex attention: one call of a higher-order operator, with what is done to every score inside.

PyTorch refuses it on meta tensors, and compiles it elsewhere; here it arrives whole, as attention
does. The functions that change and mask scores are recorded once, for one score.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import torch
import torch.fx
from torch import Tensor

from fxflops.capture.patches.threads import Here, replaced_here

MODULE = "torch.nn.attention.flex_attention"


class ScoreRecorder(AbstractContextManager["ScoreRecorder"], Protocol):
    """What records the functions of one score (`fxflops.capture.trace.Recorder`)."""

    graph: torch.fx.Graph

    def add_input(self, name: str, tensor: Tensor) -> None:
        """Make ``tensor`` the graph's next input."""

    def add_output(self, result: object) -> None:
        """End the graph with this result."""


@contextmanager
def flex_attention_as_one_node() -> Iterator[None]:
    """Let ``flex_attention`` call its operator on meta tensors, if the model has imported it.

    Private: the check of the device, and the switch that keeps it from compiling itself.
    """
    module: Any = sys.modules.get(MODULE)
    if module is None:
        yield
        return
    switch = module._FLEX_ATTENTION_DISABLE_COMPILE_DEBUG
    if not switch:
        module._FLEX_ATTENTION_DISABLE_COMPILE_DEBUG = Here()
    try:
        with replaced_here(module._validate_device, lambda *_: None):
            yield
    finally:
        module._FLEX_ATTENTION_DISABLE_COMPILE_DEBUG = switch


def is_flex_attention(operator: object) -> bool:
    """Whether ``operator`` is the higher-order operator, which has a name and no schema."""
    return getattr(operator, "_name", None) == "flex_attention"


def results(query: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(B, heads, L, Ev), and for each row the logarithm of its sum and its largest score."""
    rows = query.shape[:-1]
    statistics = query.new_empty(rows, dtype=torch.float32)
    return query.new_empty((*rows, value.shape[-1])), statistics, statistics.new_empty(rows)


def of_one_score(
    recorder: ScoreRecorder, score_mod: Any, mask_mod: Any
) -> tuple[torch.fx.Graph, list[Tensor]]:
    """The graph of what both functions do to one score, and the tensors that they capture.

    The score and its indices are tensors of one element, so that they may index what is captured.
    """
    score = torch.empty(1, device="meta")
    indices = [torch.empty(1, dtype=torch.int32, device="meta") for _ in range(4)]
    for tensor in (score, *indices):
        recorder.add_input("of_score", tensor)
    with recorder:
        changed, kept = score_mod(score, *indices), mask_mod(*indices)
    recorder.add_output((changed, kept))
    captured = [n.meta["val"] for n in recorder.graph.nodes if n.meta["kind"] == "parameter"]
    return recorder.graph, captured
