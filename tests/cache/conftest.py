"""A model of the user's own, which is kept with ``--cache``."""

import sys

import pytest

from fxflops.cli import main

MODEL = """
import torch

class Model(torch.nn.Module):
    def forward(self, x):
        return torch.nn.functional.avg_pool1d(x, 3, 2) * {factor}

def build():
    return Model()
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A module of the user's own; returns what writes it anew."""

    def write(factor, before=""):
        (tmp_path / "cached_model.py").write_text(before + MODEL.format(factor=factor))
        sys.modules.pop("cached_model", None)

    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    write(2)
    yield write
    sys.modules.pop("cached_model", None)


@pytest.fixture
def captures(monkeypatch):
    """How often a model was captured."""
    from fxflops import answer

    seen = []
    derive = answer.derive

    def counted(*words, **options):
        seen.append(words)
        return derive(*words, **options)

    monkeypatch.setattr(answer, "derive", counted)
    return seen


@pytest.fixture
def said(capsys):
    """What a command line prints, which succeeds."""

    def run(words):
        assert main(list(words)) == 0
        return capsys.readouterr().out

    return run
