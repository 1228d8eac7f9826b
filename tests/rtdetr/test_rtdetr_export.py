"""torch.export takes the network with batch, height and width free, and assumes nothing else."""

import itertools

import pytest
import torch
from torch.export import Dim, export

import rtdetr

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def exported():
    with torch.device("meta"):
        model, image = rtdetr.build("rtdetr_r18"), torch.empty(2, 3, 320, 416)
    free = {0: Dim("N"), 2: 32 * Dim("h"), 3: 32 * Dim("w")}
    return export(model, (image,), dynamic_shapes=(free,), strict=False)


@pytest.fixture(scope="module")
def image_shape(exported):
    (name,) = exported.graph_signature.user_inputs
    (node,) = (node for node in exported.graph.nodes if node.name == name)
    return node.meta["val"].shape, node.meta["val"].fake_mode.shape_env


def test_batch_height_and_width_stay_free(exported, image_shape):
    (batch, channels, height, width), _ = image_shape
    assert channels == 3
    assert batch.node.expr.is_Symbol
    (height_32,), (width_32,) = height.node.expr.free_symbols, width.node.expr.free_symbols
    assert height.node.expr == 32 * height_32
    assert width.node.expr == 32 * width_32
    assert len({batch.node.expr, height_32, width_32}) == 3


def test_the_guards_ask_for_300_anchors_and_nothing_else(image_shape):
    (batch, _, height, width), environment = image_shape
    (height_32,), (width_32,) = height.node.expr.free_symbols, width.node.expr.free_symbols
    guards = [guard.expr.xreplace(environment.replacements) for guard in environment.guards]
    assert guards
    for n, h, w in itertools.product((2, 3, 8), (2, 3, 5, 20, 41), (2, 3, 4, 7, 8, 20, 64)):
        values = {batch.node.expr: n, height_32: h, width_32: w}
        holds = all(bool(guard.xreplace(values)) for guard in guards)
        assert holds == (21 * h * w >= 300), (n, h, w)


@pytest.mark.parametrize(("batch", "height", "width"), [(2, 96, 160), (3, 480, 352)])
def test_the_exported_graph_runs_at_other_sizes(exported, batch, height, width):
    outputs = exported.module()(torch.empty(batch, 3, height, width, device="meta"))
    assert outputs["pred_logits"].shape == (batch, 300, 80)
    assert outputs["pred_boxes"].shape == (batch, 300, 4)
