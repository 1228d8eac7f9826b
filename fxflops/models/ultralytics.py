"""Models of ultralytics, from the configurations that the package has: ``ultralytics:yolo11n``."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from typing import Any

from fxflops.errors import ModelError
from fxflops.models import images, installed
from fxflops.models.named import NamedModel, closest, required, with_forward

USUAL = {"cls": 224}
SIDE = 640

SCALES = re.compile(r"^scales:.*\n((?:[ \t]+.*\n)+)", re.MULTILINE)
SCALE = re.compile(r"^\s+(\w):", re.MULTILINE)
SCALED = re.compile(r"(yolo(?:e-)?v?\d+)((?:-.*)?)")
"""A name into which the scale goes, after the version."""

TASK = re.compile(r"[-_](cls|seg|pose|obb|sem)\b")


def names() -> Iterable[str]:
    """The names of its models: those of configurations, with each scale that they have."""
    for path, text in installed.texts("ultralytics", "cfg/models/**/*.yaml"):
        name = os.path.splitext(os.path.basename(path))[0]
        scales, parts = SCALES.search(text), SCALED.fullmatch(name)
        if scales is None or parts is None:
            yield name
            continue
        for scale in SCALE.findall(scales[1]):
            yield f"{parts[1]}{scale}{parts[2]}"


def find(name: str) -> NamedModel:
    """The model that ultralytics calls ``name``, with weights as initialized.

    Raises ModelError where ultralytics is missing, or has no such model.
    """
    os.environ.setdefault("YOLO_OFFLINE", "true")  # otherwise importing it asks the network
    required("ultralytics", f"ultralytics:{name}")
    known = list(names())
    if name not in known:
        raise ModelError(f"ultralytics has no model {name!r}{closest(name, known)}.")
    task = TASK.search(name)
    side = USUAL.get(task[1], SIDE) if task else SIDE
    return NamedModel(
        name=f"ultralytics:{name}",
        build=lambda: _built(name),
        inputs=images.free(side, side),
        defaults={"N": 1, "H": side, "W": side},
        narrower=images.narrower(side, side),
        is_new=True,
    )


def _built(name: str) -> Any:
    import torch
    from ultralytics import RTDETR, YOLO

    make = RTDETR if name.startswith("rtdetr") else YOLO
    with torch.device("cpu"):  # it makes strides of shapes, which it reads back when it runs
        model = make(f"{name}.yaml").model
    stride = getattr(model.model[-1], "stride", None)
    known = None if stride is None else stride.tolist()

    def forward(original: Callable[..., Any], itself: Any, *args: Any) -> Any:
        head = itself.model[-1]
        if known is None:
            return original(*args)
        moved, head.stride = head.stride, known  # it goes to the meta device with the weights
        try:
            return original(*args)
        finally:
            head.stride = moved

    return with_forward(model, forward)
