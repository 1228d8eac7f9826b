"""Loading checkpoints: what is taken, and what each wrong file is told."""

import io
from pathlib import Path

import pytest
import torch
from torch import nn

from rtdetr import CheckpointError, load_checkpoint


def model(width=3):
    return nn.Sequential(nn.Linear(2, width), nn.BatchNorm1d(width))


@pytest.fixture
def saved(tmp_path):
    def save(content):
        path = tmp_path / "model.pth"
        torch.save(content, path)
        return path

    return save


def filled(value):
    return {name: torch.full_like(tensor, value) for name, tensor in model().state_dict().items()}


@pytest.mark.parametrize(
    "content",
    [
        filled(7),
        {"model": filled(7), "epoch": 72},
        {"ema": {"module": filled(7), "updates": 3}},
        {"ema": {"module": filled(7)}, "model": filled(5)},
        {"ema": None, "model": filled(7)},
    ],
    ids=["bare", "model", "ema", "ema-before-model", "no-ema"],
)
@pytest.mark.parametrize("as_type", [str, Path])
def test_each_layout_of_a_checkpoint_is_taken(saved, content, as_type):
    target = model()
    load_checkpoint(target, as_type(saved(content)))
    assert all((tensor == 7).all() for tensor in target.state_dict().values())


def changed(**changes):
    state = filled(7)
    for name, tensor in changes.items():
        key = name.replace("__", ".").lstrip("_")
        if tensor is None:
            del state[key]
        else:
            state[key] = tensor
    return state


WRONG_WEIGHTS = [
    (changed(_0__bias=None), r"1 missing: 0\.bias\. "),
    (changed(_2__bias=torch.ones(1)), r"1 unexpected: 2\.bias\. "),
    (
        changed(_0__weight=torch.ones(3, 4), _1__num_batches_tracked=torch.ones(2)),
        r"2 of another shape: 0\.weight is 3x4 in the file, 3x2 in the model; "
        r"1\.num_batches_tracked is 2 in the file, a scalar in the model",
    ),
    (
        {f"layer{i}": torch.ones(1) for i in range(7)},
        r"7 missing: 0\.weight, 0\.bias, 1\.weight, 1\.bias, 1\.running_mean, …\. "
        r"7 unexpected: layer0, layer1, layer2, layer3, layer4, …\.",
    ),
]


@pytest.mark.parametrize(("content", "message"), WRONG_WEIGHTS)
def test_weights_of_another_model_are_refused_by_name_and_shape(saved, content, message):
    target = model()
    before = {name: tensor.clone() for name, tensor in target.state_dict().items()}
    with pytest.raises(CheckpointError, match=message) as caught:
        load_checkpoint(target, saved(content))
    assert "model.pth" in str(caught.value)
    torch.testing.assert_close(target.state_dict(), before, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "holds no state dict"),
        ([torch.ones(2)], "holds no state dict"),
        (torch.ones(2), "holds no state dict"),
        ({"epoch": 3}, "'epoch': int"),
        ({"model": {"0.weight": [1.0]}}, "'0.weight': list"),
        ({3: torch.ones(2)}, "3: Tensor"),
    ],
)
def test_a_checkpoint_without_a_state_dict_is_refused(saved, content, message):
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(model(), saved(content))


def whole_model():
    buffer = io.BytesIO()
    torch.save(model(), buffer)
    return buffer.getvalue()


def truncated():
    buffer = io.BytesIO()
    torch.save(filled(7), buffer)
    return buffer.getvalue()[:-200]


@pytest.mark.parametrize(
    "content",
    [b"", b"backbone:\n  depth: 50\n", b"\x80\x02.", b"\x00" * 64, truncated(), whole_model()],
    ids=["empty", "text", "pickle-of-nothing", "zeros", "truncated", "pickled-module"],
)
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "notes.pth"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"notes\.pth is not a PyTorch checkpoint"):
        load_checkpoint(model(), path)


def test_a_missing_file_is_the_system_s_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_checkpoint(model(), tmp_path / "absent.pth")
