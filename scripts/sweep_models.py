"""Which models the sweep counts: names as the command line takes them, in sets."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from rtdetr.variants import VARIANTS

LIBRARIES = ("diffusers", "ultralytics", "smp", "open_clip", "torchaudio")
SETS = ("rtdetr", "torchvision", "detection", "timm", "transformers", "architectures", *LIBRARIES)
OF_TRANSFORMERS = 200
OF_A_LIBRARY = 20
OF_TIMM = 150
SMALL = ("atto", "femto", "pico", "nano", "tiny", "xxs", "xs", "small", "mini", "_s", "18", "b0")

TRANSFORMERS = (
    "AlbertModel",
    "BartModel",
    "BeitModel",
    "BertForMaskedLM",
    "BlipVisionModel",
    "BloomForCausalLM",
    "CLIPModel",
    "CLIPVisionModel",
    "ConditionalDetrForObjectDetection",
    "ConvNextForImageClassification",
    "DPTForDepthEstimation",
    "DebertaV2Model",
    "DeformableDetrForObjectDetection",
    "DeiTModel",
    "DetrForObjectDetection",
    "Dinov2Model",
    "DistilBertModel",
    "ElectraModel",
    "FalconForCausalLM",
    "GPT2LMHeadModel",
    "GPTNeoXForCausalLM",
    "Gemma2ForCausalLM",
    "GraniteForCausalLM",
    "HubertModel",
    "LlamaForCausalLM",
    "MBartModel",
    "MistralForCausalLM",
    "MixtralForCausalLM",
    "MobileViTForImageClassification",
    "OPTForCausalLM",
    "PhiForCausalLM",
    "Qwen2ForCausalLM",
    "Qwen3ForCausalLM",
    "RTDetrForObjectDetection",
    "RobertaModel",
    "SegformerForSemanticSegmentation",
    "SiglipVisionModel",
    "SwinModel",
    "T5ForConditionalGeneration",
    "ViTForImageClassification",
    "VitDetModel",
    "Wav2Vec2Model",
    "WhisperForConditionalGeneration",
    "YolosForObjectDetection",
)
FEW = 2
LAYERS = (
    "num_hidden_layers",
    "encoder_layers",
    "decoder_layers",
    "num_layers",
    "n_layer",
    "n_layers",
)
"""Fields of a configuration that say how many layers there are."""


def names(of: str, folder: Path) -> list[str]:
    """The models of a set; configurations of transformers are written to ``folder``."""
    sets: dict[str, Callable[[], list[str]]] = {
        "rtdetr": lambda: list(VARIANTS),
        "torchvision": _of_torchvision,
        "detection": _of_detection,
        "timm": _of_timm,
        "transformers": lambda: _of_transformers(folder),
        "architectures": _of_architectures,
        **{library: partial(_of_library, library) for library in LIBRARIES},
    }
    return sets[of]()


def _of_torchvision() -> list[str]:
    from torchvision import models

    listed = [*models.list_models(models), *models.list_models(models.segmentation)]
    return [f"torchvision:{name}" for name in listed]


def _of_detection() -> list[str]:
    from torchvision import models

    return [f"torchvision:{name}" for name in models.list_models(models.detection)]


def _of_timm() -> list[str]:
    """One of each family: a source file of timm and the name's first word; the smallest by name."""
    import timm

    families: dict[tuple[str, str], list[str]] = {}
    for module in timm.list_modules():
        for name in timm.list_models(module=module):
            word = re.match(r"[a-z]+", name)
            families.setdefault((module, word[0] if word else name), []).append(name)
    chosen = [min(members, key=_largeness) for members in families.values()]
    files = {module: name for (module, _), name in zip(families, chosen, strict=True)}
    rest = [name for name in chosen if name not in files.values()]
    return sorted(f"timm:{name}" for name in [*files.values(), *rest][:OF_TIMM])


HEADS = (
    "ForConditionalGeneration",
    "ForObjectDetection",
    "ForImageClassification",
    "ForCausalLM",
    "ForMaskedLM",
    "ForPreTraining",
    "ForCTC",
    "Model",
)
"""Which class of a family is counted: the first of these that it has."""


def _of_architectures() -> list[str]:
    """Classes of transformers with their default configuration, one of each family, spread evenly.

    A family is what names have in common before the first word that says what they are for.
    """
    from fxflops.models import hf

    families: dict[str, list[str]] = {}
    for name in hf.names():
        families.setdefault(re.split(r"(?<=.)(?:For[A-Z]|Model|LMHead)", name)[0], []).append(name)
    chosen = sorted(min(members, key=_head) for members in families.values())
    return [f"hf:{name}" for name in spread(chosen, OF_TRANSFORMERS)]


def _head(name: str) -> tuple[int, int]:
    place = next((i for i, head in enumerate(HEADS) if name.endswith(head)), len(HEADS))
    return place, len(name)


def _of_library(library: str) -> list[str]:
    from fxflops import models

    listed = sorted(models.source(library).names())
    return [f"{library}:{name}" for name in spread(listed, OF_A_LIBRARY)]


def spread(listed: list[str], most: int) -> list[str]:
    """At most so many of them, as far from each other as they can be."""
    count = min(most, len(listed))
    return [listed[i * len(listed) // count] for i in range(count)]


def _largeness(name: str) -> tuple[bool, str]:
    return not any(word in name for word in SMALL), name


def _of_transformers(folder: Path) -> list[str]:
    import transformers

    listed = []
    for name in TRANSFORMERS:
        config = _small(getattr(transformers, name).config_class)
        path = folder / f"{name}.json"
        path.write_text(json.dumps(config.to_dict() | {"architectures": [name]}, default=str))
        listed.append(f"hf:{path}")
    return listed


def _small(config_class: Any) -> Any:
    """A configuration of few layers, and else as it comes."""
    usual = config_class()
    if hasattr(usual, "neck_hidden_sizes"):  # one for each of the layers that it takes
        return usual
    few = {field: FEW for field in LAYERS if isinstance(vars(usual).get(field), int)}
    parts = {
        name: _small(type(part)).to_dict()
        for name in set(config_class.sub_configs) - {"backbone_config"}
        if (part := getattr(usual, name, None)) is not None
    }
    try:
        return config_class(**few, **parts)
    except Exception:  # a list with an entry for each layer does not fit any more
        return usual
