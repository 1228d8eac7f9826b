"""``torch.compile(model, backend="fxflops")``: each graph that Dynamo makes is counted, and run.

AOTAutograd makes graphs of operators of Dynamo's: one for inference, or one forward and one
backward. Each is counted when it is made and run eagerly when it is called; each call's sizes are
kept. `fxflops.compiled` gives what was counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.fx
from torch._dynamo.backends.common import aot_autograd
from torch._guards import CompileContext

from fxflops.compiling.graphs import Compiled, SizeSource, counted

_compiled = Compiled()


def compiled() -> Compiled:
    """What ``torch.compile(…, backend="fxflops")`` has counted in this process, so far.

    ``compiled().at()`` is the cost of all calls that were made, in integers, and
    ``compiled().reset()`` forgets them.
    """
    return _compiled


def backend(gm: torch.fx.GraphModule, example_inputs: Sequence[Any]) -> Callable[..., Any]:
    """The backend, which torch.compile knows by the name ``fxflops``."""
    made: Callable[..., Any] = aot_autograd(
        fw_compiler=partial(_count, phase="forward"),
        bw_compiler=partial(_count, phase="backward"),
        inference_compiler=partial(_count, phase="inference"),
    )(gm, example_inputs)
    return made


def _count(gm: torch.fx.GraphModule, example_inputs: Sequence[Any], *, phase: str) -> Any:
    """Count a graph of operators; the function returned runs it and notes the sizes of each call.

    AOTAutograd calls it with a list of the arguments, which it empties, so that they can be freed.
    """
    graph = counted(gm, phase, str(CompileContext.current_compile_id() or ""))
    _compiled.add(graph)
    sources = graph.sources

    def run(arguments: list[Any]) -> Any:
        _compiled.add(graph)
        graph.note_call([_size(source, arguments) for source in sources])
        given = list(arguments)
        arguments.clear()
        return gm.forward(*given)

    run._boxed_call = True  # type: ignore[attr-defined]
    return run


def _size(source: SizeSource, arguments: Sequence[Any]) -> int:
    """The value of a symbol in a call."""
    argument = arguments[source.position]
    return int(argument if source.axis is None else argument.shape[source.axis])
