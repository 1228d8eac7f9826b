"""The detectors of torchvision with their suppression: ``python scripts/detectors.py [NAME…]``.

Writes docs/results/detectors.md, and detectors.json beside it, which keeps what was measured: only
what is named, or missing there, is measured anew. Each model, with random weights, is run by
itself, nothing replaced, under FlopCounterMode, and once more for the sizes that data decided; the
formula is evaluated there.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import fxflops
from fxflops import models
from fxflops.algebra.closed_form import text
from fxflops.analysis.records import Analysis
from fxflops.capture.patches.data_sizes import as_captured
from fxflops.crosscheck.occurred import occurred, values_of
from fxflops.models.named import build
from fxflops.reports.data_sizes import CUT, table

DETECTORS = (
    "fasterrcnn_resnet50_fpn",
    "fasterrcnn_resnet50_fpn_v2",
    "fasterrcnn_mobilenet_v3_large_fpn",
    "fasterrcnn_mobilenet_v3_large_320_fpn",
    "maskrcnn_resnet50_fpn",
    "maskrcnn_resnet50_fpn_v2",
    "keypointrcnn_resnet50_fpn",
    "retinanet_resnet50_fpn",
    "retinanet_resnet50_fpn_v2",
    "fcos_resnet50_fpn",
    "ssd300_vgg16",
    "ssdlite320_mobilenet_v3_large",
)
SIZES = ((320, 448), (480, 384), (256, 256))
"""Height and width, at none of which a model is traced."""

THRESHOLD, NOTHING = 0.011, 1.0
"""A score that random weights reach, and one that nothing does."""

FOLDER = Path(__file__).parents[1] / "docs" / "results"
KEPT = FOLDER / "detectors.json"


class Row(NamedTuple):
    """One image: the sizes from data, and three counts of the same model."""

    height: int
    width: int
    threshold: float
    detections: int
    data: dict[str, int]
    fxflops: int
    flop_counter: int
    fvcore: str
    worst: int
    flops: int
    worst_flops: int


def of_one(name: str) -> dict[str, Any]:
    """What there is to say of one detector, as JSON."""
    begin = time.perf_counter()
    analysis = fxflops.analyze(f"torchvision:{name}")
    seconds = time.perf_counter() - begin
    named = models.find(f"torchvision:{name}")
    torch.manual_seed(0)
    module = build(named).eval()
    rows = [row(analysis, module, size, THRESHOLD) for size in images(analysis)]
    if analysis.complete:  # up to a line alone, nothing is another path
        rows.append(row(analysis, module, images(analysis)[0], NOTHING))
    report = analysis.report
    answer = report.at({})
    return {
        "seconds": round(seconds, 1),
        "inputs": str(analysis.inputs),
        "formula": text(analysis.total.contraction, analysis.domain.names),
        "domain": analysis.domain.input_texts,
        "branches": analysis.domain.data_texts,
        "cut": [f"{u.reason.removesuffix(CUT)}: {u.where[0]}" for u in report.uncounted],
        "data": [[cell_text(cell) for cell in line] for line in table(answer, symbolic=True).rows],
        "nms": nms_share(answer),
        "rows": [r._asdict() for r in rows],
    }


def images(analysis: Analysis) -> tuple[tuple[int, int], ...]:
    fixed = analysis.domain.fixed
    return ((fixed["H"], fixed["W"]),) if fixed else SIZES


def cell_text(cell: Any) -> str:
    return cell if isinstance(cell, str) else str(cell.text)


def nms_share(answer: Any) -> float:
    rows = (r for r in answer.report.operators if r.name.startswith("torchvision.nms."))
    part = sum(answer.quantity(row.cost.flops).value for row in rows)
    return float(round(100 * part / answer.value("flops"), 1))


def row(analysis: Analysis, module: nn.Module, size: tuple[int, int], threshold: float) -> Row:
    height, width = size
    heads: Any = getattr(module, "roi_heads", module)
    heads.score_thresh = threshold
    torch.manual_seed(height + width)
    image = torch.rand(3, height, width)
    with torch.inference_mode():
        with as_captured():
            noted = occurred(lambda: module([image]))
        with FlopCounterMode(display=False) as counter:
            [found] = module([image])
    named = dict(zip(analysis.domain.input_names, size, strict=False))
    data = values_of(noted, analysis.domain, named, whole=analysis.complete)
    ours, worst = analysis.at(**named, **data), analysis.at(**named)
    return Row(
        height,
        width,
        threshold,
        len(found["boxes"]),
        data,
        ours.contraction,  # type: ignore[arg-type]
        counter.get_total_flops(),
        fvcore(module, image) if threshold != NOTHING else "",
        worst.contraction,  # type: ignore[arg-type]
        ours.flops,  # type: ignore[arg-type]
        worst.flops,  # type: ignore[arg-type]
    )


def fvcore(module: nn.Module, image: torch.Tensor) -> str:
    """Multiply-adds by fvcore's own count, or why there are none."""
    from fvcore.nn import FlopCountAnalysis

    logging.getLogger("fvcore.nn.jit_analysis").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            counted = FlopCountAnalysis(module, ([image],))
            counted.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
            return str(counted.total())
        except Exception as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            return f"fails: {lines[0][:80]}"


def page(found: dict[str, Any]) -> str:
    return "\n".join(lines(found)) + "\n"


def lines(found: dict[str, Any]) -> Iterator[str]:
    yield "# Detectors, with their suppression"
    yield ""
    yield (
        "The twelve detectors of torchvision by name. The contraction is a formula of the image's "
        "size and of the sizes that data decide (U1, U2 …); each of these has a bound and a line. "
        "The tables hold the formula, at the sizes that occurred in a run with random weights, "
        "against `torch.utils.flop_counter.FlopCounterMode` on the same model, in FLOP. The worst "
        "case is the formula at the bounds. fvcore counts multiply-adds, of some other operators "
        f"too. torch {torch.__version__}; written by `python scripts/detectors.py`."
    )
    for name, model in found.items():
        yield ""
        yield f"## {name}"
        yield ""
        where = f" where {', '.join(model['domain'])}" if model["domain"] else ""
        yield f"`contraction = {model['formula']}`{where}, for `{model['inputs']}`."
        if model["cut"]:
            yield ""
            yield f"INCOMPLETE: counted up to a line. {'; '.join(model['cut'])}."
        if model["branches"]:
            yield ""
            yield f"As long as {', '.join(model['branches'])}."
        yield ""
        yield (
            f"Suppression, charged as if no box suppressed another, is {model['nms']} % of the "
            f"FLOPs in the worst case. Captured and counted in {model['seconds']} s."
        )
        yield ""
        yield "| size from data | assumed | results of | at | at most |"
        yield "| --- | ---: | --- | --- | --- |"
        for line in model["data"]:
            yield f"| {' | '.join(cell or '' for cell in short(line))} |"
        yield ""
        yield (
            "| image | score | detections | sizes that occurred | fxflops | FlopCounterMode | "
            "| worst case | fvcore |"
        )
        yield "| --- | ---: | ---: | --- | ---: | ---: | --- | ---: | --- |"
        for one in model["rows"]:
            equal = "equal" if one["fxflops"] == one["flop_counter"] else "DIFFERENT"
            yield (
                f"| {one['height']}x{one['width']} | {one['threshold']} | {one['detections']} | "
                f"{occurred_text(one['data'])} | {one['fxflops']:,} | {one['flop_counter']:,} | "
                f"{equal} | {one['worst']:,} | {grouped(one['fvcore'])} |"
            )


def short(line: list[str]) -> list[str]:
    return [f"`{cell[:120]}…`" if len(cell) > 120 else cell for cell in line]


def grouped(number: str) -> str:
    return f"{int(number):,}" if number.isdecimal() else number


def occurred_text(data: dict[str, int]) -> str:
    if len(data) <= 16:
        return ", ".join(f"{name}={size}" for name, size in data.items())
    *many, total, kept = data.values()
    return f"{len(many)} sizes of {min(many)} to {max(many)}, {total} together, {kept} kept"


def main() -> None:
    found = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    for name in sys.argv[1:] or [d for d in DETECTORS if d not in found]:
        found[name] = of_one(name)
        ordered = {known: found[known] for known in DETECTORS if known in found}
        KEPT.write_text(json.dumps(ordered, indent=1) + "\n")
        (FOLDER / "detectors.md").write_text(page(ordered), encoding="utf-8")
        print(
            name,
            found[name]["seconds"],
            [(r["fxflops"] == r["flop_counter"]) for r in found[name]["rows"]],
        )


if __name__ == "__main__":
    main()
