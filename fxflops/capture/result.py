"""What every front end returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
import torch.fx
from torch import nn

from fxflops.algebra import Dim
from fxflops.capture.data_sizes.sizes import Keys
from fxflops.domain import Domain, Guard

Shapes: TypeAlias = tuple[tuple[Dim, ...], ...]
"""The shapes of the tensors in what a module returns, in order."""

SizeReader: TypeAlias = Callable[[int | torch.SymInt], Dim]
"""What turns a size of a captured tensor into a dim; each front end has its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """A model as a graph.

    Ensures of every node of ``graph``: ``meta["kind"]`` is ``input``, ``parameter``, ``operator``
    or ``output``; ``meta["val"]`` is the (meta) tensor or size, or the tuple of them, that it
    computes, whose sizes ``read`` turns into dims; and of each operator node: the target is an
    ``OpOverload`` or ``operator.getitem``, ``meta["path"]`` is the module that calls it,
    ``meta["where"]`` the source line. Or it is the higher-order operator of flex attention, of
    query, key, value and what its functions capture: then ``meta["per_score"]`` is the graph, of
    such nodes, of what is done to one score.

    The domain leaves sizes of 1 out. ``assumed`` are all answers that the capture depends on: at
    sizes of 1 where they hold, too, the graph is the same.

    ``module_types`` has the type's name of every module on some path, its containers included.
    ``results`` has the shapes that each call of a module returned, in order, by its path.
    ``notes`` are what could not be known of the model's own decisions. ``data`` are the sizes that
    data decide, as another capture of the model finds them again. ``module`` is the model of
    this capture, where one was built for it (`fxflops.spec.Hyper`).
    """

    graph: torch.fx.Graph
    read: SizeReader
    domain: Domain
    guards: tuple[Guard, ...]
    module_types: Mapping[str, str]
    frontend: str
    notes: tuple[str, ...] = ()
    module: nn.Module | None = None
    results: Mapping[str, tuple[Shapes, ...]] = field(default_factory=dict)
    data: Keys = field(default_factory=dict)


Recapture: TypeAlias = Callable[[Mapping[str, int]], Capture | None]
"""Captures the same model with the sizes named fixed; None where it does not run."""
