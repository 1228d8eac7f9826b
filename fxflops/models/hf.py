"""Architectures of transformers: a class, or a configuration file, and no download."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
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

LISTED = re.compile(r"^__all__ = \[(.*?)\]", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"[\"'](\w+)[\"']")

MARKS = [f"{what}_token_{kind}" for what in ("image", "video") for kind in ("index", "id")]
"""Fields of a configuration that say which token stands for an image."""

COMPLETED: dict[str, dict[str, Any]] = {
    "lw_detr": {"projector_scale_factors": [1.0]},
    "autoformer": {"prediction_length": 24, "num_time_features": 1},
    "informer": {"prediction_length": 24, "num_time_features": 1},
    "time_series_transformer": {"prediction_length": 24, "num_time_features": 1},
}
"""What default configurations of these types lack: maps to decode, steps to predict."""


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
            call=partial(_by_name, proposed.constants),
            is_new=True,
            architecture=lambda: _architecture(name, model_class, written, config),
        )

    key = model_class, repr(config)
    if key not in _PROPOSED:
        _PROPOSED[key] = hf_inputs.proposal(
            model_class, config, lambda proposed: _runs(model(proposed))
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


def _runs(named: NamedModel) -> bool:
    """Whether the model runs on the meta device, at the usual sizes of its narrowest spec."""
    from fxflops.capture import trace
    from fxflops.capture.prepare import hints, prepared

    spec = (named.inputs, *named.narrower)[-1]
    assert spec is not None
    at = hints(spec, named.defaults) | named.sizes(spec)
    try:
        module = called(named, prepared(build_empty(named)), spec)
        for mode in ("eager", "compiled"):
            try:
                trace.capture(module, spec.fixed(at), {}, mode=mode, with_meta_kernels=False)
            except CaptureError:
                continue
            return True
    except ModelError:
        return True  # it cannot be built, whatever its inputs are
    return False


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
