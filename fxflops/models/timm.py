"""Models of timm, with the input that their configuration says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from fxflops.errors import ModelError
from fxflops.models import constructor, images, installed
from fxflops.models.named import NamedModel, closest, required

REGISTERED = re.compile(r"^@register_model\ndef (\w+)", re.MULTILINE)


def names() -> Iterable[str]:
    """The names of its models."""
    return installed.matches("timm", REGISTERED, "models/*.py")


def find(name: str) -> NamedModel:
    """The model that timm calls ``name``, without pretrained weights.

    Raises ModelError where timm is missing or has no such model.
    """
    timm = required("timm", f"timm:{name}")
    if not timm.is_model(name):
        raise ModelError(f"timm has no model {name!r}{closest(name, timm.list_models())}.")
    config = timm.get_pretrained_cfg(name)
    channels, height, width = config.input_size if config else (3, 224, 224)
    is_fixed = bool(config and config.fixed_input_size)
    several = images.narrower(height, width, channels=channels)
    named = NamedModel(
        name=f"timm:{name}",
        build=lambda: timm.create_model(name, pretrained=False),
        inputs=several[0] if is_fixed else images.free(height, width, channels=channels),
        defaults={"N": 1, "H": height, "W": width},
        narrower=several[1:] if is_fixed else several,
        is_new=True,
    )
    return replace(named, architecture=lambda: constructor.of_result(named))


def configured(path: str, written: dict[str, Any]) -> NamedModel:
    """The architecture of the configuration that was read from this path."""
    named = find(written["architecture"])
    classes = written.get("num_classes")
    if not isinstance(classes, int):
        return named
    timm = required("timm", path)
    name = written["architecture"]
    return replace(
        named, build=lambda: timm.create_model(name, pretrained=False, num_classes=classes)
    )
