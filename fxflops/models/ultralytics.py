"""Models of ultralytics, from the configurations that the package has: ``ultralytics:yolo11n``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Any

from fxflops.errors import ModelError
from fxflops.models import images, installed
from fxflops.models.named import NamedModel, closest, required

USUAL = {"cls": 224}
SIDE = 640

SCALES = re.compile(r"^scales:.*\n((?:[ \t]+.*\n)+)", re.MULTILINE)
SCALE = re.compile(r"^\s+(\w):", re.MULTILINE)
TASK = re.compile(r"[-_](cls|seg|pose|obb|sem)\b")


def names() -> Iterable[str]:
    """The names of its models: those of configurations, with each scale that they have."""
    for path, text in installed.texts("ultralytics", "cfg/models/**/*.yaml"):
        name = os.path.splitext(os.path.basename(path))[0]
        scales = SCALES.search(text)
        if scales is None:
            yield name
            continue
        family, dash, task = name.partition("-")
        if name.startswith("yoloe-"):  # whose version comes after the dash
            family, dash, task = name, "", ""
            family, _, task = name.removeprefix("yoloe-").partition("-")
            family, dash = f"yoloe-{family}", "-" if task else ""
        for scale in SCALE.findall(scales[1]):
            yield f"{family}{scale}{dash}{task}"


def find(name: str) -> NamedModel:
    """The model that ultralytics calls ``name``, with weights as initialized.

    Raises ModelError where ultralytics is missing, or has no such model.
    """
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
    from ultralytics import RTDETR, YOLO

    make = RTDETR if name.startswith("rtdetr") else YOLO
    return make(f"{name}.yaml", verbose=False).model
