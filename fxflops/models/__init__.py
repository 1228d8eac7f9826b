"""From a name to a model: one file per source.

rtdetr_r50                  a name that an installed package offers (group "fxflops.models")
resnet18d                   a name that exactly one of the libraries below has
torchvision:resnet50        a model of torchvision
timm:vit_tiny_patch16_224   a model of timm
hf:ViTModel                 a class of transformers with its default configuration
diffusers:AutoencoderKL     a class of diffusers with its default configuration
ultralytics:yolo11n         a model of ultralytics
smp:Unet-resnet18           an architecture of segmentation_models_pytorch, and its encoder
open_clip:ViT-B-32          a model of OpenCLIP
torchaudio:wav2vec2_base    a model of torchaudio
PekingU/rtdetr_r50vd        that of a folder, or of a model of the Hub in its local cache
config.json                 the architecture that a configuration names
model.pt2                   a program that torch.export.save has written
model.py, model.py:build    what the file defines, if that is one model, or what it is told
package.module:callable     what the callable returns, or the module that it is

Nothing is downloaded: weights are as initialized, or empty.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fxflops.models.named import NamedModel

LIBRARIES = (
    "torchvision",
    "timm",
    "hf",
    "diffusers",
    "ultralytics",
    "smp",
    "open_clip",
    "torchaudio",
)
"""Packages whose models have names of their own, ``torchvision:resnet50``: a file for each.

It has ``find(name)``, which gives the model, and ``names()``, which imports no library.
"""

CONFIG = ".json"
PROGRAM = ".pt2"
SOURCE = ".py"
WEIGHTS = (
    ".onnx",
    ".pt",
    ".pth",
    ".ckpt",
    ".bin",
    ".safetensors",
    ".gguf",
    ".h5",
    ".keras",
    ".tflite",
    ".engine",
)
"""Files that do not have a model as PyTorch runs it."""


def find(name: str, *, trust: bool = False) -> NamedModel:
    """The model of this name. ``trust`` lets a saved program execute what is in its file.

    Raises ModelError, with the closest names, where there is none.
    """
    if name.endswith(PROGRAM):
        from fxflops.models import pt2

        return pt2.find(name, trust=trust)
    library, colon, rest = name.partition(":")
    if library in LIBRARIES and colon and not is_file(name):
        return source(library).find(rest)  # type: ignore[no-any-return]
    if is_file(name):
        from fxflops.models import files

        return files.find(name)
    if colon:
        from fxflops.models import python

        return python.find(library, rest)
    from fxflops.models import bare

    return bare.find(name)


def require(name: str) -> None:
    """Refuse, without importing a library, what `find` would refuse after importing one.

    Raises ModelError for a bare name that no library has, or several, and for a file of weights.
    """
    if is_file(name):
        if name.endswith(WEIGHTS):
            find(name)
    elif ":" not in name:
        from fxflops.models import bare

        bare.full(name)


def source(library: str) -> Any:
    """The module of this package that knows the models of a library."""
    return import_module(f"{__name__}.{library}")


def is_installed(name: str) -> bool:
    """Whether the name is one of an installed package, not a path to a file or Python object."""
    library, colon, _ = name.partition(":")
    return not is_file(name) and (not colon or library in LIBRARIES)


def is_file(name: str) -> bool:
    """Whether the name says a file or a folder, whose content is the model."""
    path = name.removeprefix("hf:")
    return (
        path.endswith((PROGRAM, CONFIG, SOURCE, *WEIGHTS))
        or f"{SOURCE}:" in path
        or (os.sep in path and (":" not in path or os.path.isdir(path)))
        or os.path.isfile(os.path.join(path, f"config{CONFIG}"))
        or ("-" in path and ":" not in path and _is_of_hub(path))
    )


def _is_of_hub(name: str) -> bool:
    """Whether the local cache of the Hub has the model: ``bert-base-uncased``."""
    from fxflops.models import files

    return files.in_cache(name) is not None
