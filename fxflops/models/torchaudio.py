"""Models of torchaudio: ``torchaudio:wav2vec2_base``, with the waveforms that they take."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fxflops.errors import ModelError
from fxflops.models import installed
from fxflops.models.named import NamedModel, closest, required
from fxflops.spec import parse

SECOND = 16_000
LISTED = re.compile(r"^__all__ = \[(.*?)\]", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"\"(\w+)\"")

TAKES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(wav2vec2|hubert|wavlm)_(?!pretrain|model)\w+"), "waveforms: N S"),
    (re.compile(r"conv_tasnet_base|ConvTasNet"), "input: N 1 S"),
    (re.compile(r"Wav2Letter"), "x: N 1 S"),
    (re.compile(r"squim_objective_base"), "x: N S"),
)
"""Which models take what; others take more than a waveform."""


def names() -> Iterable[str]:
    """The names of its models that take waveforms alone."""
    for _, text in installed.texts("torchaudio", "models/__init__.py"):
        for listed in LISTED.findall(text):
            yield from (name for name in NAME.findall(listed) if _taken(name))


def _taken(name: str) -> str | None:
    return next((spec for pattern, spec in TAKES if pattern.fullmatch(name)), None)


def find(name: str) -> NamedModel:
    """The model that torchaudio calls ``name``, with weights as initialized.

    Raises ModelError where torchaudio is missing, or has no such model.
    """
    audio = required("torchaudio", f"torchaudio:{name}").models
    spec = _taken(name)
    if spec is None or not hasattr(audio, name):
        raise ModelError(f"torchaudio has no model {name!r} of waveforms{closest(name, names())}.")
    return NamedModel(
        name=f"torchaudio:{name}",
        build=lambda: getattr(audio, name)(),
        inputs=parse(spec),
        defaults={"N": 1, "S": SECOND},
        narrower=(parse(spec.replace("S", str(SECOND))),),
        is_new=True,
    )
