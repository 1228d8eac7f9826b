"""Models of torchvision, with the input that the transforms of their weights make."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from fxflops.errors import ModelError
from fxflops.models import constructor, images, installed
from fxflops.models.named import Arguments, NamedModel, closest, required
from fxflops.spec import InputSpec, parse

USUAL = 224
DETECTOR = 640
CLIP = 16
"""The usual number of frames, where weights do not say one."""


REGISTERED = re.compile(
    r"""^@register_model\((?:name=)?["']?(\w*)["']?\)\n(?:@.*?)?^def (\w+)""",
    re.MULTILINE | re.DOTALL,
)


def names() -> Iterable[str]:
    """The names of its models."""
    for _, text in installed.texts("torchvision", "models/**/*.py"):
        for match in REGISTERED.finditer(text):
            yield match[1] or match[2]


def find(name: str) -> NamedModel:
    """The model that torchvision calls ``name``, without pretrained weights.

    Raises ModelError where torchvision has no such model.
    """
    models = required("torchvision.models", f"torchvision:{name}")
    known = models.list_models()
    if name not in known:
        raise ModelError(f"torchvision has no model {name!r}{closest(name, known)}.")
    module = models.get_model_builder(name).__module__
    family = module.removeprefix("torchvision.models").strip(".").partition(".")[0]
    built = _resized if family == "detection" else _as_built
    takes = {"video": _video, "optical_flow": _flow}.get(family, _image)
    named = NamedModel(
        name=f"torchvision:{name}",
        build=lambda: built(models.get_model(name, **_no_weights(family))),
        is_new=True,
        is_packaged=family == "detection",
        **(_detection(name) if family == "detection" else takes(_transforms(models, name))),
    )
    return replace(named, architecture=lambda: constructor.of_result(named))


def _as_built(module: Any) -> Any:
    return module


def _no_weights(family: str) -> dict[str, Any]:
    if family in ("detection", "segmentation"):
        return {"weights": None, "weights_backbone": None}  # otherwise it loads the backbone's
    return {"weights": None}


def _transforms(models: Any, name: str) -> dict[str, Any]:
    """What the transforms of the default weights are made with."""
    try:
        weights = models.get_model_weights(name).DEFAULT
    except (AttributeError, ValueError):
        return {}
    return getattr(weights.transforms, "keywords", {})


def _image(made_with: dict[str, Any]) -> dict[str, Any]:
    size = made_with.get("crop_size", made_with.get("resize_size", USUAL))
    height, width = images.pair(size)
    return {
        "inputs": images.free(height, width),
        "defaults": {"N": 1, "H": height, "W": width},
        "narrower": (*images.narrower(height, width), images.fixed(USUAL, USUAL)),
    }


def _video(made_with: dict[str, Any]) -> dict[str, Any]:
    height, width = images.pair(made_with.get("crop_size", USUAL))
    return {
        "inputs": parse(f"video: N 3 T%8 H%{height} W%{width}"),
        "defaults": {"N": 1, "T": CLIP, "H": height, "W": width},
        "narrower": (parse(f"video: N 3 {CLIP} {height} {width}"),),
    }


def _flow(made_with: dict[str, Any]) -> dict[str, Any]:
    return {
        "inputs": parse("image1: N 3 H%8>=128 W%8>=128; image2: N 3 H%8>=128 W%8>=128"),
        "defaults": {"N": 1, "H": 520, "W": 960},
    }


FIXED = re.compile(r"ssd(?:lite)?(\d+)_")
"""The names of detectors that make all images of one size, which is in the name."""


def _detection(name: str) -> dict[str, Any]:
    fixed = FIXED.match(name)
    if fixed:
        size = int(fixed[1])
        return {
            "inputs": parse(f"image: 3 {size} {size}"),
            "fixed": {"H": size, "W": size},
            "about": f"on images of {size}x{size}, its own fixed size",
            "call": _list_of_images,
        }
    return {
        "inputs": parse("image: 3 H%32 W%32"),
        "defaults": {"H": DETECTOR, "W": DETECTOR},
        "about": "after the model's own resizing",
        "call": _list_of_images,
    }


def _resized(module: Any) -> Any:
    """A detector that takes its images as they are after its own resizing.

    One that makes all images of one fixed size takes those, and resizes them to what they are.
    """
    if module.transform.fixed_size is None:
        module.transform.resize = _as_it_is
    return module


def _as_it_is(image: Any, target: Any = None) -> tuple[Any, Any]:
    return image, target


def _list_of_images(module: object, inputs: InputSpec, tensors: tuple[Any, ...]) -> Arguments:
    """A detector takes a list, since its images may be of different sizes."""
    return (list(tensors),), {}
