"""From a name to a model: one file per source.

rtdetr_r50                  a name that an installed package offers (group "fxflops.models")
torchvision:resnet50        a model of torchvision
timm:vit_tiny_patch16_224   a model of timm
hf:ViTModel                 a class of transformers with its default configuration
hf:config.json              the architecture that a configuration of transformers names
model.pt2                   a program that torch.export.save has written
package.module:callable     what the callable returns, or the module that it is

Nothing is downloaded: weights are as initialized, or empty.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fxflops.models.named import NamedModel

LIBRARIES = ("torchvision", "timm", "hf")
"""Packages whose models have names of their own, ``torchvision:resnet50``: a file for each."""

CONFIG = ".json"
PROGRAM = ".pt2"


def find(name: str, *, trust: bool = False) -> NamedModel:
    """The model of this name. ``trust`` lets a saved program execute what is in its file.

    Raises ModelError, with the closest names, where there is none.
    """
    if name.endswith(PROGRAM):
        from fxflops.models import pt2

        return pt2.find(name, trust=trust)
    library, colon, rest = name.partition(":")
    if library in LIBRARIES and colon:
        in_library: NamedModel = import_module(f"{__name__}.{library}").find(rest)
        return in_library
    if colon:
        from fxflops.models import python

        return python.find(library, rest)
    from fxflops.models import zoo

    return zoo.find(name)


def is_installed(name: str) -> bool:
    """Whether the name is one of an installed package, not a path to a file or Python object."""
    library, colon, _ = name.partition(":")
    return not is_file(name) and (not colon or library in LIBRARIES)


def is_file(name: str) -> bool:
    """Whether the name says a file, whose content is the model."""
    return name.endswith(PROGRAM) or (name.startswith("hf:") and name.endswith(CONFIG))
