"""Architectures of transformers: a class, or a configuration file, and no download."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

from fxflops.errors import ModelError
from fxflops.models import images, installed
from fxflops.models.named import Arguments, NamedModel, closest, required, with_forward
from fxflops.spec import InputSpec, parse

IMAGE = 224
DETECTION_IMAGE = 640
LENGTH = 128
SECOND = 16_000
"""Samples of audio."""

LISTED = re.compile(r"^__all__ = \[(.*?)\]", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"[\"'](\w+)[\"']")

COMPLETED: dict[str, dict[str, Any]] = {"lw_detr": {"projector_scale_factors": [1.0]}}
"""What default configurations of these types lack: without it the model has no map to decode."""


def names() -> Iterable[str]:
    """The names of its architectures."""
    for path, text in installed.texts("transformers", "models/*/modeling_*.py"):
        if path.endswith("modeling_auto.py"):
            continue  # these are no architectures
        for listed in LISTED.findall(text):
            for name in NAME.findall(listed):
                if not name.endswith("PreTrainedModel") and f"\nclass {name}(" in text:
                    yield name


def find(name: str) -> NamedModel:
    """The architecture ``name`` with its default configuration.

    Its input is what its ``forward`` and configuration ask for. One call reads a whole sequence
    and keeps no cache of keys and values.

    Raises ModelError where transformers is missing, or has no such architecture.
    """
    transformers = required("transformers", f"hf:{name}")
    model_class, config = _from_class(transformers, name)
    completed = COMPLETED.get(config.model_type, {})
    return _named(
        f"hf:{name}",
        model_class,
        config,
        tuple(
            f"The default configuration does not run; {field} is {value} here."
            for field, value in completed.items()
        ),
    )


def configured(path: str, written: dict[str, Any]) -> NamedModel:
    """The architecture of the configuration that was read from this path.

    Raises ModelError where transformers is missing, or does not know it.
    """
    transformers = required("transformers", path)
    return _named(path, *_from_file(transformers, path, written))


def _named(name: str, model_class: Any, config: Any, notes: tuple[str, ...] = ()) -> NamedModel:
    config.use_cache = False
    inputs, defaults, narrower = _inputs(model_class, config)
    return NamedModel(
        name=name,
        build=lambda: _of_whole_sequences(model_class(config)),
        inputs=inputs,
        notes=notes,
        defaults=defaults,
        narrower=narrower,
        call=_by_name,
        is_new=True,
    )


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


def _from_file(transformers: Any, path: str, written: dict[str, Any]) -> tuple[Any, Any]:
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


def _of_whole_sequences(model: Any) -> Any:
    """``model`` itself, where a row of the input is one sequence, without padding.

    The library looks for several sequences packed into one, for padding, and for masks that hide
    something, in the values of tensors, which on meta have none.
    """
    from transformers import PreTrainedModel, masking_utils

    from fxflops.capture.patches.threads import replaced_here

    answers: tuple[tuple[Any, str, Any], ...] = (
        (masking_utils, "find_packed_sequence_indices", lambda position_ids: None),
        (masking_utils, "fast_all", lambda padding_mask: True),
        (PreTrainedModel, "warn_if_padding_and_no_attention_mask", lambda *_: None),
    )

    def forward(original: Callable[..., Any], itself: Any, *args: Any, **kwargs: Any) -> Any:
        with ExitStack() as stack:
            for owner, name, answer in answers:
                if name in vars(owner):  # it is not in every version
                    stack.enter_context(replaced_here(vars(owner)[name], answer))
            return original(*args, **kwargs)

    return with_forward(model, forward)


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


def _by_name(module: Any, inputs: InputSpec, tensors: tuple[Any, ...]) -> Arguments:
    """By keyword where ``forward`` knows the names of the spec, and otherwise by position."""
    known = inspect.signature(type(module).forward).parameters
    names = [tensor.name for tensor in inputs.tensors]
    if all(name in known for name in names):
        return (), dict(zip(names, tensors, strict=True))
    return tensors, {}
