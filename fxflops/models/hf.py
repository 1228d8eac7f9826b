"""Architectures of transformers: a class, or a configuration file, and no download."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib import import_module
from typing import Any

from fxflops.errors import CaptureError, ModelError
from fxflops.models import fields, hf_inputs, installed
from fxflops.models.named import (
    Architecture,
    Arguments,
    NamedModel,
    build_empty,
    called,
    closest,
    required,
)
from fxflops.spec import InputSpec

CLASS = re.compile(r"^class (\w+)\(([^)]*)\)", re.MULTILINE)
FORWARD = "\n    def forward("
LISTED = re.compile(r"^__all__ = \[(.*?)\]", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"[\"'](\w+)[\"']")

MARKS = [f"{what}_token_{kind}" for what in ("image", "video") for kind in ("index", "id")]
"""Fields of a configuration that say which token stands for an image."""

HALF_ROTARY = {"rope_type": "default", "rope_theta": 10_000.0, "partial_rotary_factor": 0.5}
COMPLETED: dict[str, dict[str, Any]] = {
    "lw_detr": {"projector_scale_factors": [1.0]},
    "autoformer": {"prediction_length": 24, "num_time_features": 1},
    "informer": {"prediction_length": 24, "num_time_features": 1},
    "time_series_transformer": {"prediction_length": 24, "num_time_features": 1},
    "deepseek_ocr2": {"text_config": {"mlp_layer_types": ["sparse"] * 32}},
    "diffusion_gemma": {
        "text_config": {"num_experts": 128, "top_k_experts": 8, "moe_intermediate_size": 704}
    },
    "dots1": {"n_routed_experts": 128, "n_shared_experts": 2, "num_experts_per_tok": 6},
    "emu3": {"vocabulary_map": {"<image>": 0, "<|extra_200|>": 1, "<|visual token 000000|>": 2}},
    "glm46v": {"text_config": {"rope_parameters": HALF_ROTARY}},
    "glm4v": {"text_config": {"rope_parameters": HALF_ROTARY}},
    "glm4v_text": {"rope_parameters": HALF_ROTARY},
    "glm_image_text": {"rope_parameters": HALF_ROTARY},
    "granite_speech_plus": {"projector_config": {"encoder_hidden_size": 1024}},
}
"""What default configurations of these types lack: maps to decode, steps to predict, experts."""


def names() -> Iterable[str]:
    """The names of its architectures."""
    for path, text in installed.texts("transformers", "models/*/modeling_*.py"):
        if path.endswith("modeling_auto.py"):
            continue  # these are no architectures
        classes = _classes(text)
        for listed in LISTED.findall(text):
            for name in NAME.findall(listed):
                if name in classes and _is_architecture(name, classes):
                    yield name


def _classes(text: str) -> dict[str, tuple[list[str], bool]]:
    """The bases of each class of a file, and whether the class has a ``forward`` of its own."""
    found = list(CLASS.finditer(text))
    ends = [match.start() for match in found[1:]] + [len(text)]
    return {
        match[1]: (re.findall(r"[\w.]+", match[2]), FORWARD in text[match.end() : end])
        for match, end in zip(found, ends, strict=True)
    }


def _is_architecture(name: str, classes: Mapping[str, tuple[list[str], bool]]) -> bool:
    """Whether it is a model with a configuration, no layer, and can be called.

    What it has from another file, as a head that many models share, can be called.
    """

    def above(name: str) -> Iterable[str]:
        yield name
        for base in classes[name][0] if name in classes else ():
            yield from above(base)

    ancestors = list(above(name))
    own = [ancestor for ancestor in ancestors if ancestor in classes]
    shared = [a for a in ancestors if a not in classes and a.startswith("Generic")]
    return any("PreTrained" in a for a in ancestors[1:]) and (
        bool(shared) or any(classes[ancestor][1] for ancestor in own)
    )


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
        completed,
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
    return _named(path, *_from_file(transformers, path, written), written)


def _named(
    name: str,
    model_class: Any,
    config: Any,
    written: Mapping[str, Any],
    notes: tuple[str, ...] = (),
) -> NamedModel:
    config = _for_one_call(config)

    def model(proposed: hf_inputs.Proposal) -> NamedModel:
        return NamedModel(
            name=name,
            build=lambda: _built(model_class, config),
            inputs=proposed.inputs,
            notes=(*notes, *proposed.notes),
            defaults=proposed.defaults,
            narrower=proposed.narrower,
            last_resort=proposed.last_resort,
            call=partial(_by_name, proposed.constants),
            is_new=True,
            architecture=lambda: _architecture(name, model_class, written, config),
        )

    key = model_class, repr(config)
    if key not in _PROPOSED:
        _PROPOSED[key] = hf_inputs.proposal(
            model_class, config, lambda proposed: _fails(model(proposed))
        )
    return model(_PROPOSED[key])


def _for_one_call(config: Any) -> Any:
    """``config`` itself, for one call that keeps no cache."""
    config.use_cache = False
    for field in MARKS:
        if getattr(config, field, 0) is None:
            setattr(config, field, 0)  # which token it is does not change what is done
    return config


def _architecture(
    name: str, model_class: Any, written: Mapping[str, Any], config: Any
) -> Architecture:
    """The fields of the configuration; what it computes of those not ``written`` follows them."""

    def build(values: Mapping[str, Any]) -> Any:
        changed: Any = dict(written)
        for path, value in values.items():
            changed = _written_with(changed, config, path, value)
        made = type(config)(**{k: v for k, v in changed.items() if k not in NOT_FIELDS})
        return _built(model_class, _for_one_call(_without_weights(made)))

    return Architecture(value=lambda path: fields.get(config, path, name), build=build)


NOT_FIELDS = ("model_type", "architectures", "transformers_version")


def _written_with(written: Mapping[str, Any], config: Any, path: str, value: Any) -> dict[str, Any]:
    """``written`` with a field set, below whatever configurations lead to it."""
    first, _, rest = path.partition(".")
    first = config.attribute_map.get(first, first) if hasattr(config, "attribute_map") else first
    if not rest:
        return {**written, first: value}
    inner = getattr(config, first)
    if hasattr(inner, "attribute_map"):
        below = written.get(first) or {}
        return {**written, first: _written_with(below, inner, rest, value)}
    return {**written, first: fields.replaced(written.get(first, inner), rest, value)}


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


_PROPOSED: dict[tuple[Any, str], hf_inputs.Proposal] = {}
"""What classes have been asked before: it takes a run of some."""


def _fails(named: NamedModel) -> BaseException | None:
    """Why the model does not run on the meta device, at the usual sizes of its narrowest spec."""
    from fxflops.capture import trace
    from fxflops.capture.prepare import hints, prepared

    spec = (named.inputs, *named.narrower)[-1]
    assert spec is not None
    at = hints(spec, named.defaults) | named.sizes(spec)
    why: BaseException | None = None
    try:
        module = called(named, prepared(build_empty(named)), spec)
        for mode in ("eager", "compiled"):
            try:
                trace.capture(module, spec.fixed(at), {}, mode=mode, with_meta_kernels=False)
            except CaptureError as error:
                why = why or error
                continue
            return None
    except ModelError:
        return None  # it cannot be built, whatever its inputs are
    return why


def _from_class(transformers: Any, name: str) -> tuple[Any, Any]:
    model_class = _class(transformers, name)
    config_class = getattr(model_class, "config_class", None)
    if config_class is None:
        raise ModelError(f"hf:{name} is no architecture with a configuration of its own.")
    try:
        config = config_class(**COMPLETED.get(config_class.model_type, {}))
    except Exception as error:
        raise ModelError(f"hf:{name} has no default configuration: {error}") from error
    return model_class, _without_weights(_as_written(config))


def _as_written(config: Any) -> Any:
    """``config`` with lists for tuples, as one has them that was read from a file.

    And with the width of heads that it leaves to be computed: some read it without computing it.
    """
    for part in (config, *hf_inputs.parts(config)):
        said = vars(part)
        if said.get("head_dim", 0) is None and said.get("num_attention_heads"):
            part.head_dim = part.hidden_size // part.num_attention_heads
        for field, value in vars(part).items():
            if isinstance(value, tuple):
                setattr(part, field, list(value))
    return config


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
    if not inspect.isclass(found):
        raise ModelError(f"transformers has no architecture {name!r}{closest(name, names())}.")
    if not hasattr(found, "main_input_name"):
        others = closest(name, set(names()) - {name})
        raise ModelError(f"{name} of transformers is no model with a configuration{others}.")
    if inspect.getmodule(getattr(found, "forward", None)) is _module_of_torch():
        first = re.match(r"[A-Z][^A-Z]+", name)
        family = [n for n in names() if first and n.startswith(first[0])]
        raise ModelError(
            f"{name} of transformers has no forward, it only generates with others: count those, "
            f"{', '.join(map('hf:{}'.format, family))}."
        )
    return found


def _module_of_torch() -> Any:
    """Where the ``forward`` is that a class has which defines none."""
    return inspect.getmodule(import_module("torch.nn").Module.forward)


def _without_weights(config: Any) -> Any:
    """``config`` with no pretrained backbone to fetch."""
    if getattr(config, "use_pretrained_backbone", None):
        config.use_pretrained_backbone = False
    return config


def _by_name(
    constants: Mapping[str, Callable[[], Any]],
    module: Any,
    inputs: InputSpec,
    tensors: tuple[Any, ...],
) -> Arguments:
    """By keyword where ``forward`` knows the names of the spec, and otherwise by position."""
    known = inspect.signature(type(module).forward).parameters
    names = [tensor.name for tensor in inputs.tensors]
    if all(name in known for name in names):
        made = {name: make() for name, make in constants.items()}
        return (), dict(zip(names, tensors, strict=True)) | made
    return tensors, {}
