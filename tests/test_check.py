"""Static against measured."""

import pytest
import torch

from fxflops.cli import main
from fxflops.crosscheck.run import check


def assert_agrees(outcome):
    assert outcome.passed, outcome.failures
    math = [row for row in outcome.compared if row.attention == "math"]
    assert all(row.measured == row.counted > 0 for row in math)
    convolution, products = (row for row in outcome.compared if row.attention == "default")
    assert convolution.difference == 0
    assert products.difference == products.hidden > 0
    unmeasured = {row.op for row in outcome.unmeasured}
    assert {"aten.scaled_dot_product_attention.default", "aten.grid_sampler.default"} <= unmeasured


def test_r18_off_the_square():
    assert_agrees(check("rtdetr_r18", sizes={"N": 1, "H": 320, "W": 416}, repetitions=2))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rtdetr_r18", "rtdetr_r50"])
@pytest.mark.parametrize("size", [(640, 640), (320, 416)])
def test_at_the_usual_and_a_non_square_size(name, size):
    sizes = {"N": 1, "H": size[0], "W": size[1]}
    assert_agrees(check(name, sizes=sizes, repetitions=2))


def test_a_wrong_count_is_a_mismatch(monkeypatch, capsys):
    from fxflops.crosscheck import reconcile

    monkeypatch.setattr(reconcile, "CONVOLUTIONS", ("aten::conv1d",))
    words = ["check", "rtdetr_r18", "--size", "320x320", "--repetitions", "1"]
    assert main(words) == 1
    assert "DISAGREE" in capsys.readouterr().out


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu():
    assert_agrees(check("rtdetr_r18", sizes={"N": 1, "H": 640, "W": 640}, device="cuda"))
