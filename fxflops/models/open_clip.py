"""Models of OpenCLIP: ``open_clip:ViT-B-32``, an image and a text for each row."""

from __future__ import annotations

import os
from collections.abc import Iterable

from fxflops.errors import ModelError
from fxflops.models import images, installed
from fxflops.models.named import NamedModel, closest, required
from fxflops.spec import parse

SIDE, LENGTH = 224, 77
"""Of images and texts, where the configuration does not say it."""


def names() -> Iterable[str]:
    """The names of its models."""
    for path, _ in installed.texts("open_clip", "model_configs/*.json"):
        yield os.path.splitext(os.path.basename(path))[0]


def find(name: str) -> NamedModel:
    """The model that OpenCLIP calls ``name``, without pretrained weights.

    Raises ModelError where OpenCLIP is missing, or has no such model.
    """
    open_clip = required("open_clip", f"open_clip:{name}")
    known = list(names())
    if name not in known:
        raise ModelError(f"open_clip has no model {name!r}{closest(name, known)}.")
    config = open_clip.get_model_config(name)
    height, width = images.pair(config["vision_cfg"].get("image_size", SIDE))
    length = config.get("text_cfg", {}).get("context_length", LENGTH)
    text = f"; text: N {length} int64"
    return NamedModel(
        name=f"open_clip:{name}",
        build=lambda: open_clip.create_model(name, pretrained=None, pretrained_hf=False),
        inputs=parse(f"{images.free(height, width)}{text}"),
        defaults={"N": 1, "H": height, "W": width},
        narrower=tuple(parse(f"{spec}{text}") for spec in images.narrower(height, width)),
        is_new=True,
    )
