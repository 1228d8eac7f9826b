"""What is learnt of inputs from runs that fail, and what is counted where a length stays fixed."""

import pytest
import torch
from torch import nn

import fxflops
from fxflops.models import hf_failures, hf_inputs
from fxflops.models.named import NamedModel, build_empty
from fxflops.spec import parse


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.project = nn.Linear(12, 5)

    def forward(self, features, mask=None, other=None):
        return self.project(features) * mask.sum()


def failed(*args, **kwargs):
    with pytest.raises((AttributeError, RuntimeError)) as caught:
        Encoder()(*args, **kwargs)
    return caught.value


def test_a_line_that_fails_on_none_says_which_parameter_is_missing():
    error = failed(torch.ones(3, 12))
    assert hf_failures.missing(error, {"mask", "other"}) == ["mask"]
    assert hf_failures.missing(error, {"other"}) == []


def test_a_message_says_which_parameter_is_missing():
    error = fxflops.CaptureError("It does not run.")
    error.__cause__ = ValueError("states must be given for cross-attention")
    assert hf_failures.missing(error, {"states", "other"}) == ["states"]


def test_a_layer_says_the_width_that_it_takes():
    assert hf_failures.width(failed(torch.ones(3, 7), torch.ones(2))) == (7, 12)
    assert hf_failures.width(failed(torch.ones(3, 12))) is None


class Config:
    is_encoder_decoder = False

    def get_text_config(self):
        return self


class Documented:
    main_input_name = "features"
    input_modalities = ()

    def forward(self, features, mask=None):
        """Run it.

        features (`torch.FloatTensor` of shape `(batch_size, sequence_length, 7)`): what there is
        mask (`torch.BoolTensor` of shape `(batch_size, sequence_length)`): where it is
        """


def test_what_a_failed_run_says_is_given():
    tried = []

    def fails(proposed):
        tried.append(str(proposed.inputs))
        width = 12 if "12" in tried[-1] else 7
        tensors = [torch.ones(2, 3, width)]
        tensors += [torch.ones(2, 3)] if "mask" in tried[-1] else []
        try:
            Encoder()(*tensors)
        except (AttributeError, RuntimeError) as error:
            return error
        return None

    proposed = hf_inputs.proposal(Documented, Config(), fails)
    assert str(proposed.inputs) == tried[-1] == "features: N L 12; mask: N L"


class Looped(nn.Module):
    """Takes one step for each place."""

    def forward(self, x):
        state = x[:, 0]
        for place in range(x.shape[1]):
            state = state * x[:, place]
        return state


def test_a_length_that_a_model_loops_over_is_fixed_as_the_last_resort():
    named = NamedModel(
        name="looped",
        build=Looped,
        inputs=parse("x: N L"),
        defaults={"N": 1, "L": 6},
        last_resort=parse("x: N 6"),
    )
    analysis = fxflops.analyze(named)
    assert str(analysis.inputs) == "x: N 6"
    assert analysis.at(N=5).flops == 5 * 6
    assert "The model fixes L" in analysis.notes[-1]
    with pytest.raises(fxflops.SpecializationError, match="fixes L"):
        fxflops.analyze(named, defaults={"L": 7})


def test_a_constructor_that_fails_on_any_device_is_not_run_again_with_real_weights():
    runs = []

    def build():
        runs.append(1)
        return None.size

    with pytest.raises(fxflops.ModelError, match="no attribute 'size'"):
        build_empty(NamedModel(name="broken", build=build))
    assert len(runs) == 1


class Packed(nn.Module):
    """Repeats rows as often as a grid of numbers says."""

    def forward(self, x):
        grid = torch.tensor([[1, 2, 3], [1, 4, 5]])
        rows = torch.repeat_interleave(grid[:, 1] * grid[:, 2], grid[:, 0])
        places = torch.repeat_interleave(rows)
        return x[: places.shape[0]] * 2, (rows > 6).nonzero().shape[0] * x.sum()


def test_known_values_decide_sizes():
    analysis = fxflops.analyze(Packed(), "x: 30 W")
    assert analysis.at(W=11).flops == 26 * 11 + (30 * 11 - 1) + 1
