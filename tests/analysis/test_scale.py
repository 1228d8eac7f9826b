"""Deep models: the work grows with the nodes, and the memory stays small."""

import cProfile
import pstats
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

import fxflops
from rtdetr.model import RTDETR
from rtdetr.variants import VARIANTS
from tests.toy_models import contraction, transformer

IMAGE = "image: N 3 H%32 W%32"


def calls_per_node(model, spec):
    """Python calls of a whole analysis, which, unlike seconds, are the same on any machine."""
    with cProfile.Profile() as profile:
        analysis = fxflops.analyze(model, spec)
        analysis.formula("flops")
        analysis.by_module()
        analysis.by_operator()
    return pstats.Stats(profile).total_calls / len(analysis.nodes)


def detector(layers):
    config = VARIANTS["rtdetr_r18"]
    decoder = replace(config.decoder, num_layers=layers, eval_idx=layers - 1)
    with torch.device("meta"):
        return RTDETR(replace(config, decoder=decoder)).eval()


def test_a_deep_transformer_costs_its_layers_times_one():
    analysis = fxflops.analyze(transformer(10, 12, 3, 20), "x: N L 12")
    assert analysis.at(N=3, L=7).contraction == contraction(10, 12, 20, n=3, length=7)
    assert analysis.domain.texts() == ()


@pytest.mark.slow
def test_work_grows_linearly_with_the_layers_of_a_transformer():
    fxflops.analyze(transformer(1), "x: N L 64")
    few, many = (calls_per_node(transformer(layers), "x: N L 64") for layers in (20, 400))
    assert many < 1.3 * few


@pytest.mark.slow
def test_work_grows_linearly_with_the_decoder_of_rtdetr():
    fxflops.analyze(detector(2), IMAGE)
    few, some, many = (calls_per_node(detector(layers), IMAGE) for layers in (6, 24, 60))
    assert max(some, many) < 1.3 * few


BIG = """
import resource, sys
import fxflops
from tests.toy_models import transformer
analysis = fxflops.analyze(transformer(96, 8192, 64, 28672), "x: N L 8192")
print(analysis.parameters, analysis.at(N=2, L=4096).contraction)
unit = 1 if sys.platform == "darwin" else 1024
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
"""


@pytest.mark.slow
def test_seventy_billion_parameters_need_less_than_two_gibibytes():
    run = subprocess.run([sys.executable, "-c", BIG], capture_output=True, text=True, check=True)
    parameters, flops, peak = map(int, run.stdout.split())
    assert parameters > 7e10
    assert flops == contraction(96, 8192, 28672, n=2, length=4096)
    assert peak < 2 * 2**30


def test_a_million_sizes_are_evaluated_exactly():
    analysis = fxflops.analyze("rtdetr_r18")
    generator = np.random.default_rng(0)
    n = generator.integers(1, 64, 10**6)
    h, w = 32 * generator.integers(20, 64, (2, 10**6))
    values = analysis.evaluate("contraction", N=n, H=h, W=w)
    for i in (0, 1, 7, 10**6 - 1):
        sizes = {"N": int(n[i]), "H": int(h[i]), "W": int(w[i])}
        assert values[i] == analysis.at(**sizes).contraction
