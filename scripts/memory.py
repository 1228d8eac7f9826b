"""Peak memory against PyTorch's tracker and allocator: ``docs/results/memory.md``.

``python scripts/memory.py [MODEL …]`` runs each model at three sizes with two threads. The peak of
tensors is held against ``torch.distributed._tools.mem_tracker.MemTracker`` under fake tensors, the
peak with workspace against the CPU's allocator through the profiler; a training step likewise.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("KINETO_LOG_LEVEL", "99")

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributed._tools.mem_tracker import MemTracker

import fxflops
from fxflops import models
from fxflops.algebra import evaluate
from fxflops.capture.backward import sum_of_outputs
from fxflops.capture.prepare import random_inputs
from fxflops.crosscheck.allocator import peak
from fxflops.models.named import build, called
from fxflops.reports.markdown import markdown_table
from fxflops.reports.wording import exact

STORE = Path(__file__).parents[1] / "docs" / "results" / "memory.json"
RESULT = Path(__file__).parents[1] / "docs" / "results" / "memory.md"
THREADS = 2
CPU = torch.device("cpu")
IMAGES = ({"N": 1, "H": 224, "W": 224}, {"N": 2, "H": 320, "W": 256}, {"N": 1, "H": 448, "W": 640})
DETECTOR = (
    {"N": 1, "H": 640, "W": 640},
    {"N": 2, "H": 480, "W": 640},
    {"N": 1, "H": 320, "W": 512},
)
BATCHES = ({"N": 1}, {"N": 2}, {"N": 3})
TEXTS = ({"N": 1, "L": 128}, {"N": 3, "L": 40}, {"N": 2, "L": 200})
INFERENCE = {
    "rtdetr_r18": DETECTOR,
    "rtdetr_r50": DETECTOR,
    "torchvision:vit_b_16": BATCHES,
    "torchvision:convnext_tiny": IMAGES,
    "torchvision:swin_t": BATCHES,
    "torchvision:mobilenet_v3_small": IMAGES,
    "timm:vit_small_patch16_224": BATCHES,
    "bert-base": TEXTS,
    "torchvision:resnet50": IMAGES,
    "torchvision:densenet121": IMAGES,
}
TRAINING = {
    "torchvision:resnet18": IMAGES[1],
    "torchvision:vit_b_16": {"N": 2},
    "torchvision:mobilenet_v3_small": IMAGES[1],
    "torchvision:convnext_tiny": IMAGES[1],
    "timm:vit_small_patch16_224": {"N": 2},
}


class Subject(NamedTuple):
    analysis: fxflops.Analysis
    module: nn.Module


def subject(name: str, **options: Any) -> Subject:
    if name == "bert-base":
        from transformers import BertConfig, BertModel

        bert: nn.Module = BertModel(BertConfig())
        spec = "input_ids: N L int64; attention_mask: N L int64"
        return Subject(fxflops.analyze(bert, spec, **options), bert.eval())
    analysis = fxflops.analyze(name, **options)
    named = models.find(name)
    return Subject(analysis, called(named, build(named), analysis.inputs).eval())


def fake(module: nn.Module, given: Sequence[Tensor]) -> tuple[FakeTensorMode, list[Tensor]]:
    mode = FakeTensorMode()
    for part in module.modules():
        for name, parameter in list(part._parameters.items()):
            if parameter is not None:
                data = mode.from_tensor(parameter.data)
                part._parameters[name] = nn.Parameter(data)  # the tracker hooks into gradients
        for name, buffer in list(part._buffers.items()):
            if buffer is not None:
                part._buffers[name] = mode.from_tensor(buffer)
    return mode, [mode.from_tensor(tensor) for tensor in given]


def tracked(module: nn.Module, given: Sequence[Tensor], run: Callable[..., Any]) -> int:
    """The peak of the second call that PyTorch's tracker sees, beyond what is there before."""
    mode, inputs = fake(module, given)
    with mode:
        run(inputs)
        module.zero_grad(set_to_none=True)
        tracker = MemTracker()
        tracker.track_external(module, *inputs)
        with tracker:
            before = tracker.get_tracker_snapshot("current")[CPU]["Total"]
            kept = run(inputs)
        del kept
    most: int = tracker.get_tracker_snapshot("peak")[CPU]["Total"]
    return most - before


def at(sizes: dict[str, int]) -> str:
    return ", ".join(f"{name}={size}" for name, size in sizes.items())


def inference(name: str, each: Sequence[dict[str, int]]) -> list[list[str]]:
    """A row for each size: derived, tracked, measured."""
    analysis, module = subject(name)
    rows = []
    for wanted in each:
        sizes = {n: size for n, size in wanted.items() if n in analysis.domain.names}
        numbers = analysis.memory.at(**sizes)
        given = inputs(analysis, sizes)
        shadow = subject(name).module
        with torch.inference_mode():
            module(*given)
            measured = peak(partial(module, *given))
            seen = tracked(shadow, given, lambda fakes, of=shadow: of(*fakes))
        tensors, whole = numbers["memory.peak_tensors"], numbers["memory.peak"]
        assert isinstance(tensors, int)
        off = exact(measured - whole) if isinstance(whole, int) else "not known"
        shown = exact(whole) if isinstance(whole, int) else "not known"
        rows.append([name, at(sizes), exact(tensors), exact(seen), shown, exact(measured), off])
        print(*rows[-1], sep=" | ", file=sys.stderr, flush=True)
    return rows


def training(name: str, wanted: dict[str, int]) -> list[str]:
    """A row: derived, tracked, measured."""
    analysis, module = subject(name, train=True)
    sizes = {n: size for n, size in wanted.items() if n in analysis.domain.names}
    numbers = analysis.memory.at(**sizes)
    values = analysis.values(sizes)
    given = inputs(analysis, sizes)

    def step(model: nn.Module, tensors: Sequence[Tensor]) -> Tensor:
        loss = sum_of_outputs(model(*tensors))
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    module.train()
    step(module, given)
    module.zero_grad(set_to_none=True)
    measured = peak(partial(step, module, given))
    shadow = subject(name).module.train()
    seen = tracked(shadow, given, partial(step, shadow))
    tensors = numbers["memory.peak_tensors"]
    assert isinstance(tensors, int)
    least = evaluate(analysis.memory.record.peak_known, values)
    off = f"{100 * (measured - least) / measured:.2f} %"
    row = [name, at(sizes), exact(tensors), exact(seen), exact(measured), off]
    print(*row, sep=" | ", file=sys.stderr, flush=True)
    return row


def inputs(analysis: fxflops.Analysis, sizes: dict[str, int]) -> list[Tensor]:
    """Random ones; masks of ones."""
    spec = analysis.inputs.fixed({**analysis.defaults, **sizes})
    return list(random_inputs(spec, {}, torch.float32))


def stored() -> dict[str, dict[str, list[str]]]:
    """What was measured before: rows by model and sizes."""
    empty: dict[str, dict[str, list[str]]] = {"one call": {}, "training": {}}
    return json.loads(STORE.read_text("utf-8")) if STORE.exists() else empty


def store(kind: str, rows: Sequence[list[str]]) -> None:
    """Keep these rows in the place of those of the same model and sizes, and write the page."""
    found = stored()
    found[kind] |= {f"{row[0]} {row[1]}": row for row in rows}
    STORE.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    RESULT.write_text(page(found), "utf-8")


def page(found: dict[str, dict[str, list[str]]]) -> str:
    version = torch.__version__.partition("+")[0]
    parts = [
        "# Peak memory",
        f"Made by `python scripts/memory.py`: torch {version} on a CPU with "
        f"{torch.backends.cpu.get_cpu_capability()}, {THREADS} threads, bytes beyond what is there "
        "before a second call. The peak of tensors stands beside that of PyTorch's own "
        "`MemTracker` under fake tensors, the peak with workspace beside what the CPU's allocator "
        "gave, by the profiler.",
        "## One call",
        markdown_table(
            ["model", "at", "tensors", "MemTracker", "peak", "measured", "measured - peak"],
            found["one call"].values(),
        ),
    ]
    if found["training"]:
        parts += [
            "## A training step",
            "The workspace of some backward kernels is not known: the allocator gave more than the "
            "known part of the peak by the last column.",
            markdown_table(
                ["model", "at", "tensors", "MemTracker", "measured", "more than known"],
                found["training"].values(),
            ),
        ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    torch.set_num_threads(THREADS)
    torch.backends.mha.set_fastpath_enabled(False)
    chosen = sys.argv[1:]
    for name, each in INFERENCE.items():
        if not chosen or name in chosen:
            store("one call", inference(name, each))
    for name, sizes in TRAINING.items():
        if not chosen or name in chosen:
            store("training", [training(name, sizes)])


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
