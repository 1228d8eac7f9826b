"""Models of diffusers: denoisers, controls and autoencoders, with their default configuration.

``diffusers:AutoencoderKL`` is one pass through it; ``diffusers:AutoencoderKL.encode`` and
``.decode`` are its halves. The inputs are those that ``forward`` names; their shapes are those of
the configuration.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from fxflops.errors import ModelError
from fxflops.models import fields, installed
from fxflops.models.named import (
    Architecture,
    Arguments,
    NamedModel,
    closest,
    required,
    with_forward,
)
from fxflops.spec import InputSpec, parse

CLASS = re.compile(r"^class (\w+)\(\s*(?:\w+,\s*)*ModelMixin\b", re.MULTILINE)
HALVES = ("encode", "decode")

LATENT = 64
PIXELS = 512
TIMES = PIXELS // LATENT
"""Height and width, where the configuration does not say them."""

LENGTH = 77
TIME_IDS = 6
"""Numbers that say how the images of SDXL were cropped and scaled."""

WIDTH_OF_TEXT = ("caption_channels", "joint_attention_dim", "text_embed_dim", "text_dim")


def names() -> Iterable[str]:
    """The names of its models, and of the halves of its autoencoders."""
    for name in installed.matches("diffusers", CLASS, "models/**/*.py"):
        yield name
        if name.startswith("Autoencoder"):
            yield from (f"{name}.{half}" for half in HALVES)


def find(name: str) -> NamedModel:
    """The model of this class with its default configuration.

    Raises ModelError where diffusers is missing, or has no such model.
    """
    diffusers = required("diffusers", f"diffusers:{name}")
    own, _, half = name.partition(".")
    model_class: Any = getattr(diffusers, own, None)
    if not hasattr(model_class, "from_config") or (half and half not in HALVES):
        raise ModelError(f"diffusers has no model {name!r}{closest(name, names())}.")
    config = {
        key: parameter.default
        for key, parameter in inspect.signature(model_class).parameters.items()
        if parameter.default is not parameter.empty
    }
    return _named(f"diffusers:{name}", model_class, config, half)


def configured(path: str, written: dict[str, Any]) -> NamedModel:
    """The architecture of the configuration that was read from this path."""
    diffusers = required("diffusers", path)
    name = written["_class_name"]
    model_class: Any = getattr(diffusers, name, None)
    if not hasattr(model_class, "from_config"):
        raise ModelError(f"diffusers has no model {name!r}{closest(name, names())}.")
    own = inspect.signature(model_class).parameters
    defaults = {k: p.default for k, p in own.items() if p.default is not p.empty}
    given = {key: value for key, value in written.items() if key in own}
    return _named(path, model_class, defaults | given, "")


def _named(name: str, model_class: Any, config: dict[str, Any], half: str) -> NamedModel:
    method = getattr(model_class, half or "forward")
    inputs, defaults, narrower = _inputs(model_class, config, half, inspect.signature(method))

    def build(values: Mapping[str, Any]) -> Any:
        changed: Any = fields.copied(config)
        for path, value in values.items():
            changed = fields.replaced(changed, path, value)
        model = model_class(**changed)
        if not half:
            return model
        return with_forward(
            model, lambda _, itself, *args, **kwargs: getattr(itself, half)(*args, **kwargs)
        )

    return NamedModel(
        name=name,
        build=lambda: build({}),
        architecture=lambda: Architecture(
            value=lambda path: fields.get(config, path, name), build=build
        ),
        inputs=inputs,
        defaults=defaults,
        narrower=narrower,
        call=partial(_by_name, set(inspect.signature(method).parameters)),
        is_new=True,
    )


def _inputs(
    model_class: Any, config: dict[str, Any], half: str, signature: inspect.Signature
) -> tuple[InputSpec, dict[str, int], tuple[InputSpec, ...]]:
    """The spec, sizes, and narrower specs. Raises ModelError for an input of unknown shape."""
    known = signature.parameters
    size = config.get("sample_size")
    is_autoencoder = "timestep" not in known
    if half == "decode":
        side, channels = LATENT, config.get("latent_channels", 4)
    elif is_autoencoder:
        side, channels = PIXELS, config.get("in_channels", 3)
    else:
        side, channels = (size if isinstance(size, int) else LATENT), config.get("in_channels", 4)
    image = next(n for n in known if n not in ("self", "timestep"))
    step = 8 if half == "decode" or not is_autoencoder else 32
    text = next((config[k] for k in WIDTH_OF_TEXT if isinstance(config.get(k), int)), None)
    text = text or config.get("cross_attention_dim")
    of = {
        "timestep": "N" if "img_ids" in known else "N int64",
        "encoder_hidden_states": f"N L {text}" if isinstance(text, int) else None,
        "pooled_projections": f"N {config.get('pooled_projection_dim')}",
        "img_ids": f"P {len(config.get('axes_dims_rope') or ())}",
        "txt_ids": f"L {len(config.get('axes_dims_rope') or ())}",
        "guidance": "N" if config.get("guidance_embeds") else None,
        "class_labels": "N int64" if _has_classes(config, known) else None,
        "resolution": "N 2" if _is_given_resolution(config, known) else None,
        "aspect_ratio": "N 1" if _is_given_resolution(config, known) else None,
        **_of_sdxl(config),
    }
    rest = "".join(f"; {name}: {axes}" for name, axes in of.items() if axes and _is(name, known))
    if "img_ids" in known:
        sizes = {"N": 1, "P": 1024, "L": 512}
        return parse(f"{image}: N P {channels}{rest}"), sizes, ()
    if "3D" in model_class.__name__ or "Motion" in model_class.__name__:
        raise ModelError(
            f"diffusers:{model_class.__name__} takes videos, in a layout of its own: count it in "
            "Python, with fxflops.analyze(model, kwargs=…)."
        )
    free = f"{image}: N {channels} H%{step} W%{step}{rest}"
    fixed = f"{image}: N {channels} {side} {side}{rest}"
    sizes = {"N": 1, "H": side, "W": side} | ({"L": LENGTH} if "L" in rest else {})
    return parse(free), sizes, (parse(fixed),)


def _is(name: str, known: Any) -> bool:
    """Whether the input goes into a call, by itself or among what else conditions it."""
    return name in known or (name in ADDED and "added_cond_kwargs" in known)


ADDED = ("resolution", "aspect_ratio", "text_embeds", "time_ids")
"""Inputs that arrive in one dict."""


def _has_classes(config: dict[str, Any], known: Any) -> bool:
    is_asked = config.get("class_embed_type") or config.get("num_class_embeds")
    is_transformer = config.get("num_embeds_ada_norm") and "encoder_hidden_states" not in known
    return "class_labels" in known and bool(is_asked or is_transformer)


def _is_given_resolution(config: dict[str, Any], known: Any) -> bool:
    """Whether PixArt is the one of 1024 pixels, which is told how images were cropped."""
    asked = config.get("use_additional_conditions", False)
    return bool(config.get("sample_size") == 128 if asked is None else asked)


def _of_sdxl(config: dict[str, Any]) -> dict[str, str]:
    if config.get("addition_embed_type") != "text_time":
        return {}
    text = config["projection_class_embeddings_input_dim"]
    return {
        "text_embeds": f"N {text - TIME_IDS * config['addition_time_embed_dim']}",
        "time_ids": f"N {TIME_IDS}",
    }


def _by_name(
    known: set[str], module: Any, inputs: InputSpec, tensors: tuple[Any, ...]
) -> Arguments:
    """By keyword; the image that a ControlNet is told is as large as the latents are for."""
    given = {tensor.name: value for tensor, value in zip(inputs.tensors, tensors, strict=True)}
    added = {name: given.pop(name) for name in ADDED if name in given}
    if added:
        given["added_cond_kwargs"] = added
    if "controlnet_cond" in known and "controlnet_cond" not in given:
        batch, _, height, width = given["sample"].shape
        shape = (batch, 3, TIMES * height, TIMES * width)
        given["controlnet_cond"] = given["sample"].new_empty(shape)
    return (), given
