"""Models of segmentation_models_pytorch: ``smp:Unet``, ``smp:Unet-mobilenet_v2``."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fxflops.errors import ModelError
from fxflops.models import images, installed
from fxflops.models.named import NamedModel, closest, required

PACKAGE = "segmentation_models_pytorch"
IMPORTED = re.compile(r"^from \.decoders\.\w+ import (\w+)", re.MULTILINE)
SIDE = 512


def names() -> Iterable[str]:
    """The names of its architectures; the encoder follows after a dash, where it is not usual."""
    return installed.matches(PACKAGE, IMPORTED, "__init__.py")


def find(name: str) -> NamedModel:
    """The architecture with its usual encoder, or that after the dash, without weights.

    Raises ModelError where the package is missing, or has no such architecture or encoder.
    """
    smp = required(PACKAGE, f"smp:{name}")
    architecture, dash, encoder = name.partition("-")
    known = list(names())
    if architecture not in known:
        raise ModelError(f"smp has no model {architecture!r}{closest(architecture, known)}.")
    is_timm = encoder.startswith("tu-")
    if dash and not is_timm and encoder not in (encoders := smp.encoders.get_encoder_names()):
        raise ModelError(f"smp has no encoder {encoder!r}{closest(encoder, encoders)}.")
    chosen = {"encoder_name": encoder} if dash else {}
    return NamedModel(
        name=f"smp:{name}",
        build=lambda: getattr(smp, architecture)(encoder_weights=None, **chosen),
        inputs=images.free(SIDE, SIDE),
        defaults={"N": 1, "H": SIDE, "W": SIDE},
        narrower=(*images.narrower(SIDE, SIDE), images.fixed(224, 224)),
        is_new=True,
    )
