"""Files and folders: configurations, also those in the local cache of the Hub, and Python files."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace

from fxflops import models
from fxflops.errors import ModelError, shown
from fxflops.models.named import NamedModel

IDENTIFIER = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
"""A model of the Hub: who has uploaded it, and its name."""

WORDS = re.compile(r"\w+-[\w.-]+", re.ASCII)
"""How models of the Hub are named that have no uploader before their name."""

LIBRARY_OF = {"model_type": "hf", "_class_name": "diffusers", "architecture": "timm"}
"""Whose configuration has this field: each names the architecture there."""

EXPORT = "torch.export.save(torch.export.export(model.eval(), (example,)), 'model.pt2')"
LACKS = {
    ".onnx": "is a graph of ONNX operators, without PyTorch's operators and modules",
    ".gguf": "has weights for another program, without the code that uses them",
    ".tflite": "is a graph of LiteRT operators, without PyTorch's operators and modules",
    ".engine": "is compiled for one GPU, without the graph that it was made of",
    ".h5": "has a Keras model's weights, without PyTorch's modules",
    ".keras": "is a Keras model, without PyTorch's modules",
}
WEIGHTS_ALONE = "has weights, without the code that uses them"


def find(name: str) -> NamedModel:
    """The model that the file or folder says.

    Raises ModelError where it says none, and for an identifier of the Hub without a local copy.
    """
    path = name.removeprefix("hf:")
    source, colon, attribute = path.partition(f"{models.SOURCE}:")
    if colon or path.endswith(models.SOURCE):
        from fxflops.models import python

        file = source + models.SOURCE if colon else path
        return python.of_file(file, attribute or None)
    suffix = os.path.splitext(path)[1]
    if suffix in models.WEIGHTS and not os.path.isdir(path):
        raise ModelError(
            f"{shown(path)} {LACKS.get(suffix, WEIGHTS_ALONE)}: count the torch.nn.Module in "
            f"Python, with fxflops.analyze(model, …), or export it there: {EXPORT}."
        )
    return replace(_configured(_configuration(path)), name=name)


def _configured(path: str) -> NamedModel:
    """The architecture that the configuration in this file names."""
    try:
        with open(path, encoding="utf-8") as file:
            written = json.load(file)
    except (OSError, ValueError) as error:
        raise ModelError(f"Cannot read the configuration {shown(path)}: {error}") from error
    fields = written if isinstance(written, dict) else {}
    library = next((lib for key, lib in LIBRARY_OF.items() if isinstance(fields.get(key), str)), "")
    if library not in models.LIBRARIES:
        raise ModelError(
            f"{shown(path)} names no architecture: it has none of {', '.join(LIBRARY_OF)}."
        )
    return models.source(library).configured(path, fields)  # type: ignore[no-any-return]


def _configuration(path: str) -> str:
    """The configuration file that the path, or the identifier of the Hub, means."""
    if path.endswith(models.CONFIG):
        return path
    name = f"config{models.CONFIG}"
    inside = os.path.join(path, name)
    if os.path.isfile(inside):
        return inside
    if os.path.isdir(path):
        raise ModelError(f"The folder {shown(path)} has no {name}.")
    kept = in_cache(path, name)
    if kept is None and not IDENTIFIER.fullmatch(path):
        raise ModelError(f"There is no file or folder {shown(path)}.")
    if kept is None:
        raise ModelError(
            f"There is no folder {shown(path)}, and the local cache of the Hub has no {name} of "
            f"that model. Get it: hf download {path} {name}"
        )
    return kept


def in_cache(identifier: str, name: str = f"config{models.CONFIG}") -> str | None:
    """The file in the newest snapshot of the Hub's model that the local cache has."""
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    home = os.environ.get("HF_HOME") or os.path.join(caches, "huggingface")
    hub = os.environ.get("HF_HUB_CACHE") or os.path.join(home, "hub")
    folder = os.path.join(hub, f"models--{identifier.replace('/', '--')}", "snapshots")
    try:
        found = [os.path.join(folder, snapshot, name) for snapshot in os.listdir(folder)]
    except OSError:
        return None
    return max(filter(os.path.isfile, found), key=os.path.getmtime, default=None)
