"""Models of torchaudio: ``torchaudio:wav2vec2_base``, with the waveforms that they take."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from fxflops.errors import ModelError
from fxflops.models import installed
from fxflops.models.named import NamedModel, closest, required
from fxflops.spec import parse

SECOND = 16_000
LISTED = re.compile(r"^__all__ = \[(.*?)\]", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"\"(\w+)\"")

SOURCES = ["drums", "bass", "other", "vocals"]
TAKES: tuple[tuple[re.Pattern[str], str, dict[str, Any]], ...] = (
    (re.compile(r"(wav2vec2|hubert|wavlm)_(?!pretrain|model)\w+"), "waveforms: N S", {}),
    (re.compile(r"conv_tasnet_base|ConvTasNet"), "input: N 1 S", {}),
    (re.compile(r"hdemucs_\w+"), "input: N 2 S", {"sources": SOURCES}),
    (re.compile(r"Wav2Letter"), "x: N 1 S", {}),
    (re.compile(r"squim_objective_base"), "x: N S", {}),
)
"""Which models take what, and what they must be told; others take more than a waveform."""


def names() -> Iterable[str]:
    """The names of its models that take waveforms alone."""
    for _, text in installed.texts("torchaudio", "models/__init__.py"):
        for listed in LISTED.findall(text):
            yield from (name for name in NAME.findall(listed) if _taken(name))


def _taken(name: str) -> tuple[str, dict[str, Any]] | None:
    return next((rest for pattern, *rest in TAKES if pattern.fullmatch(name)), None)  # type: ignore[return-value]


def find(name: str) -> NamedModel:
    """The model that torchaudio calls ``name``, with weights as initialized.

    Raises ModelError where torchaudio is missing, or has no such model.
    """
    audio = required("torchaudio", f"torchaudio:{name}").models
    takes = _taken(name)
    if takes is None or not hasattr(audio, name):
        raise ModelError(f"torchaudio has no model {name!r} of waveforms{closest(name, names())}.")
    spec, told = takes
    return NamedModel(
        name=f"torchaudio:{name}",
        build=lambda: getattr(audio, name)(**told),
        inputs=parse(spec),
        defaults={"N": 1, "S": SECOND},
        narrower=(parse(spec.replace("S", str(SECOND))),),
        is_new=True,
    )
