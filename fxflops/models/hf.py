"""Architectures of transformers: a class, or a configuration file, and no download."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

from fxflops.errors import ModelError
from fxflops.models import images
from fxflops.models.named import NamedModel, by_name, closest, required
from fxflops.spec import InputSpec, parse

IMAGE = 224
DETECTION_IMAGE = 640
LENGTH = 128
SECOND = 16_000
"""Samples of audio."""

COMPLETED: dict[str, dict[str, Any]] = {"lw_detr": {"projector_scale_factors": [1.0]}}
"""What default configurations of these types lack: without it the model has no map to decode."""


def find(name: str) -> NamedModel:
    """The architecture ``name``, or that of the configuration file of this path.

    Its input is what its ``forward`` and configuration ask for. One call reads a whole sequence
    and keeps no cache of keys and values.

    Raises ModelError where transformers is missing, or has no such architecture.
    """
    transformers = required("transformers", f"hf:{name}")
    if name.endswith(".json"):
        model_class, config = _from_file(transformers, name)
    else:
        model_class, config = _from_class(transformers, name)
    config.use_cache = False
    completed = {} if name.endswith(".json") else COMPLETED.get(config.model_type, {})
    inputs, defaults, narrower = _inputs(model_class, config)
    return NamedModel(
        name=f"hf:{name}",
        build=lambda: _built(model_class, config),
        inputs=inputs,
        notes=tuple(
            f"The default configuration does not run; {field} is {value} here."
            for field, value in completed.items()
        ),
        defaults=defaults,
        narrower=narrower,
        call=by_name,
        is_new=True,
    )


def _built(model_class: Any, config: Any) -> Any:
    """The model with weights of the dtype that the configuration says, if it says one."""
    import torch

    said = getattr(config, "dtype", None)
    dtype = getattr(torch, said, None) if isinstance(said, str) else said
    usual = torch.get_default_dtype()
    if isinstance(dtype, torch.dtype) and dtype.is_floating_point:
        torch.set_default_dtype(dtype)
    try:
        return model_class(config)
    finally:
        torch.set_default_dtype(usual)


def _from_class(transformers: Any, name: str) -> tuple[Any, Any]:
    model_class = _class(transformers, name)
    config_class = getattr(model_class, "config_class", None)
    if config_class is None:
        raise ModelError(f"hf:{name} is no architecture with a configuration of its own.")
    try:
        config = config_class(**COMPLETED.get(config_class.model_type, {}))
    except Exception as error:
        raise ModelError(f"hf:{name} has no default configuration: {error}") from error
    return model_class, _without_weights(config)


def _from_file(transformers: Any, path: str) -> tuple[Any, Any]:
    try:
        written = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"Cannot read the configuration {path}: {error}") from error
    if not isinstance(written, dict) or not isinstance(written.get("model_type"), str):
        raise ModelError(f"{path} is no configuration of transformers: it has no model_type.")
    known = transformers.CONFIG_MAPPING
    kind = written["model_type"]
    if kind not in known:
        raise ModelError(f"transformers knows no model_type {kind!r}{closest(kind, known)}.")
    try:
        config = known[kind].from_dict(written)
    except Exception as error:
        raise ModelError(f"Cannot read the configuration {path}: {error}") from error
    names = written.get("architectures") or ()
    if names:
        return _class(transformers, names[0]), _without_weights(config)
    mapping = transformers.AutoModel._model_mapping  # private: which class AutoModel would build
    if type(config) not in mapping:
        raise ModelError(f"{path} names no architectures, and {kind} has no usual one.")
    return mapping[type(config)], _without_weights(config)


def _class(transformers: Any, name: str) -> Any:
    found = getattr(transformers, name, None)
    if not (inspect.isclass(found) and hasattr(found, "main_input_name")):
        raise ModelError(f"transformers has no architecture {name!r}{_near(transformers, name)}.")
    return found


def _near(transformers: Any, name: str) -> str:
    return closest(name, (n for n in dir(transformers) if n[:1].isupper()))


def _without_weights(config: Any) -> Any:
    """``config`` with no pretrained backbone to fetch."""
    if getattr(config, "use_pretrained_backbone", None):
        config.use_pretrained_backbone = False
    return config


Proposal = tuple[InputSpec, dict[str, int], tuple[InputSpec, ...]]


def _inputs(model_class: Any, config: Any) -> Proposal:
    """The spec, its defaults, and narrower specs, by what ``forward`` takes."""
    parameters = inspect.signature(model_class.forward).parameters
    main = model_class.main_input_name
    vision = getattr(config, "vision_config", None) or config
    tensors: list[tuple[str, ...]] = []
    defaults: dict[str, int] = {}
    if main == "pixel_values" or "image" in _modalities(model_class):
        spec = _image(vision, "pixel_values", model_class.__name__, defaults)
        tensors.append(spec)
    if main == "input_ids":
        tensors.insert(0, ("input_ids: N L int64",))
        defaults |= {"N": 1, "L": _length(config)}
    if main == "input_values":
        tensors.append(("input_values: N T", f"input_values: N {SECOND}"))
        defaults |= {"N": 1, "T": SECOND}
    if main == "input_features":
        tensors.append(_features(config, defaults))
    if getattr(config, "is_encoder_decoder", False) and "decoder_input_ids" in parameters:
        tensors.append(("decoder_input_ids: N T int64",))
        defaults |= {"T": _length(config)}
    if not tensors:
        raise ModelError(
            f"{model_class.__name__} takes {main}, whose shape its configuration does not say: "
            f"count it in Python, with fxflops.analyze(model, kwargs=…)."
        )
    depth = max(map(len, tensors))
    specs = [
        parse("; ".join(several[min(level, len(several) - 1)] for several in tensors))
        for level in range(depth)
    ]
    return specs[0], defaults, tuple(specs[1:])


def _modalities(model_class: Any) -> tuple[str, ...]:
    said = getattr(model_class, "input_modalities", ())
    return (said,) if isinstance(said, str) else tuple(said or ())


def _image(config: Any, name: str, model: str, defaults: dict[str, int]) -> tuple[str, ...]:
    channels = getattr(config, "num_channels", None) or 3
    said = getattr(config, "image_size", None)
    usual = DETECTION_IMAGE if "Detection" in model else IMAGE
    height, width = images.pair(said or usual)
    multiple = _multiple(config)
    if multiple > 1:
        height, width = (size // multiple * multiple for size in (height, width))
        defaults |= {"N": 1, "H": height, "W": width}
        return (
            f"{name}: N {channels} H%{multiple} W%{multiple}",
            f"{name}: N {channels} {height} {width}",
        )
    defaults |= {"N": 1, "H": height, "W": width}
    narrower = images.narrower(height, width, name=name, channels=channels)
    if said:
        return tuple(map(str, narrower))
    return tuple(map(str, (images.free(height, width, name=name, channels=channels), *narrower)))


def _multiple(config: Any) -> int:
    """Of what height and width are multiples; 1 where nothing is known of it.

    Patches may be in windows; a detector may have maps beyond those of its backbone, each half as
    large as the one before.
    """
    backbone = getattr(config, "backbone_config", None)
    levels = getattr(config, "num_feature_levels", None)
    of_backbone = getattr(backbone, "out_indices", None)
    if levels and of_backbone and levels > len(of_backbone):
        halvings: int = levels - len(of_backbone)
        return images.STRIDE << halvings
    windows: int = getattr(backbone, "num_windows", 1)
    windows = getattr(backbone, "num_windows_side", windows)
    patch: int = getattr(backbone, "patch_size", 1)
    return windows * patch if windows > 1 else 1


def _features(config: Any, defaults: dict[str, int]) -> tuple[str, ...]:
    """A spectrogram, whose length an encoder with learnt positions fixes."""
    bins = getattr(config, "num_mel_bins", None) or getattr(config, "input_feat_per_channel", 80)
    positions = getattr(config, "max_source_positions", None)
    defaults |= {"N": 1}
    if positions and hasattr(config, "num_mel_bins"):
        return (f"input_features: N {bins} {2 * positions}",)
    defaults |= {"F": 1024}
    return (f"input_features: N F {bins}", f"input_features: N 1024 {bins}")


def _length(config: Any) -> int:
    try:
        text = config.get_text_config()
    except ValueError:  # it has one for an encoder and one for a decoder
        text = config.get_text_config(decoder=True)
    most = getattr(text, "max_position_embeddings", None) or LENGTH
    return min(LENGTH, most)
