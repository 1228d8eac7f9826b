"""Training steps: against PyTorch's counter away from the traced sizes, by hand, and recounted."""

import json
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

import fxflops
import rtdetr
from fxflops.capture import backward
from fxflops.capture.prepare import on_meta
from fxflops.cli import main
from fxflops.cost import Cost, total
from fxflops.spec import parse
from tests.recount import recount
from tests.toy_models import transformer
from tests.versions import attention_is_differentiated

GRID = "image: N 3 H%32 W%32"


def image(n, h, w):
    return n, 3, h, w


def on_rows(n, length):
    return n, length, 12


MODELS = {
    "transformer": (lambda: transformer(2, 12, 3, 20), "x: N L 12", on_rows),
    "resnet50": (torchvision.models.resnet50, GRID, image),
    "rtdetr_r18": (lambda: rtdetr.build("rtdetr_r18"), GRID, image),
    "rtdetr_r50": (lambda: rtdetr.build("rtdetr_r50"), GRID, image),
}
AWAY = {
    "transformer": [{"N": 3, "L": 11}, {"N": 1, "L": 5}],
    "resnet50": [{"N": 2, "H": 448, "W": 320}, {"N": 1, "H": 96, "W": 128}],
    "rtdetr_r18": [{"N": 2, "H": 448, "W": 736}, {"N": 1, "H": 800, "W": 608}],
}
AWAY["rtdetr_r50"] = AWAY["rtdetr_r18"]
SLOW = ("rtdetr_r18", "rtdetr_r50")
MARKS = dict.fromkeys(SLOW, pytest.mark.slow) | {"transformer": attention_is_differentiated}
NAMES = [pytest.param(n, marks=MARKS.get(n, ())) for n in MODELS]


def built(name):
    with torch.device("meta"):
        return MODELS[name][0]().train()


def torch_counts(model, shape):
    """What PyTorch's counter says of the forward, with the loss, and of the backward."""
    with FlopCounterMode(display=False) as forward:
        outputs = tree_leaves(model(torch.empty(shape, device="meta")))
        loss = sum(output.sum() for output in outputs if output.requires_grad)
    with FlopCounterMode(display=False) as backward:
        loss.backward()
    return forward.get_total_flops(), backward.get_total_flops()


@pytest.mark.parametrize("name", NAMES)
def test_contraction_is_what_torch_counts_forward_and_backward(name):
    _, spec, shape = MODELS[name]
    model = built(name)
    analysis = fxflops.analyze(model, spec, train=True)
    assert analysis.complete
    for sizes in AWAY[name]:
        values = analysis.values(sizes)
        forward, activations, weights = (
            cost.at(values).contraction for cost in analysis.by_phase().values()
        )
        expected = torch_counts(model, shape(*sizes.values()))
        assert (forward, activations + weights) == expected


@pytest.mark.parametrize("name", NAMES[:2])
def test_a_training_step_is_its_recount(name):
    _, spec, _ = MODELS[name]
    model = built(name)
    analysis = fxflops.analyze(model, spec, train=True)
    for sizes in AWAY[name]:
        counted = recount(on_meta(model).train(), parse(spec), sizes, backward.sum_of_outputs)
        assert analysis.at(**sizes) == counted


def chain(*widths, bias=False):
    with torch.device("meta"):
        pairs = pairwise(widths)
        return nn.Sequential(*(nn.Linear(*pair, bias=bias) for pair in pairs))


def step(model, spec, sizes, **options):
    analysis = fxflops.analyze(model, spec, train=True, **options)
    return {phase: cost.at(analysis.values(sizes)) for phase, cost in analysis.by_phase().items()}


def test_by_hand_three_layers():
    costs = step(chain(3, 5, 7, 11), "x: N 3", {"N": 4})
    forward = 2 * 4 * (3 * 5 + 5 * 7 + 7 * 11)
    assert costs["forward"].contraction == forward
    assert costs["forward"].elementwise == 4 * 11 - 1  # the sum of the outputs
    # the inputs of the second and third layer; the model's own input needs no gradient
    assert costs["activations"].contraction == 2 * 4 * (5 * 7 + 7 * 11)
    assert costs["weights"].contraction == forward


def test_by_hand_biases():
    costs = step(chain(3, 5, 7, bias=True), "x: N 3", {"N": 4})
    assert costs["weights"].elementwise == 5 * (4 - 1) + 7 * (4 - 1)
    assert costs["activations"].elementwise == 0


def test_a_frozen_layer_has_no_gradient_of_weights():
    model = chain(3, 5, 7, 11)
    model[1].requires_grad_(False)
    costs = step(model, "x: N 3", {"N": 4})
    assert costs["activations"].contraction == 2 * 4 * (5 * 7 + 7 * 11)
    assert costs["weights"].contraction == 2 * 4 * (3 * 5 + 7 * 11)


def test_below_the_last_trained_layer_there_is_no_gradient_at_all():
    model = chain(3, 5, 7, 11)
    model[0].requires_grad_(False)
    model[1].requires_grad_(False)
    costs = step(model, "x: N 3", {"N": 4})
    assert costs["activations"] == Cost.zero().replace(
        bytes_read=costs["activations"].bytes_read, bytes_written=costs["activations"].bytes_written
    )
    assert costs["weights"].contraction == 2 * 4 * 7 * 11


class Tied(nn.Module):
    """One weight twice, and a scale that only weights go into."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(5, 5))
        self.scale = nn.Parameter(torch.empty(5, 1))

    def forward(self, x):
        weight = self.weight * self.scale
        return F.linear(F.linear(x, weight), weight)


def test_what_is_made_of_weights_alone_is_weights():
    costs = step(on_meta(Tied()), "x: N 5", {"N": 4})
    assert costs["activations"].contraction == 2 * 4 * 25
    assert costs["weights"].contraction == 2 * (2 * 4 * 25)
    # both gradients of the product summed; times weight and scale; the scale's sum over 5 columns
    assert costs["weights"].elementwise == 25 + 2 * 25 + (25 - 5)
    assert costs["activations"].elementwise == 0


def test_one_convolution_is_split_into_its_gradients():
    model = nn.Sequential(nn.Conv2d(3, 5, 1), nn.Conv2d(5, 7, 3))
    analysis = fxflops.analyze(model, "image: N 3 H W", train=True)
    calls = {str(n.op): [] for n in analysis.nodes}
    for node in analysis.nodes:
        calls[str(node.op)].append((node.phase, node.path))
    # the last one first; the first convolution's input needs no gradient
    assert calls["aten.convolution_backward.default"] == [
        ("activations", "1"),
        ("weights", "1"),
        ("weights", "0"),
    ]
    costs = {p: c.at(analysis.values({"N": 2, "H": 9, "W": 8})) for p, c in by_phase(analysis)}
    outputs = 2 * 7 * 7 * 6
    assert costs["activations"].contraction == 2 * outputs * 5 * 9
    assert costs["weights"].contraction == 2 * outputs * 5 * 9 + 2 * (2 * 5 * 9 * 8) * 3
    assert costs["weights"].elementwise == 7 * (2 * 7 * 6 - 1) + 5 * (2 * 9 * 8 - 1)


def by_phase(analysis):
    return analysis.by_phase().items()


@attention_is_differentiated
def test_the_phases_sum_to_the_whole():
    analysis = fxflops.analyze(transformer(1), "x: N L 64", train="sgd")
    assert total(analysis.by_phase().values()) == analysis.total
    assert analysis.by_module()[""] == analysis.total


def test_a_call_of_the_model_is_all_forward():
    analysis = fxflops.analyze(chain(3, 5), "x: N 3")
    assert analysis.training is None
    assert analysis.by_phase()["forward"] == analysis.total
    assert analysis.total != fxflops.analyze(chain(3, 5), "x: N 3", train=True).total


def squares(output):
    return (output**2).mean()


def test_a_loss_of_the_user_s_is_in_the_forward():
    costs = step(chain(3, 5), "x: N 3", {"N": 4}, loss=squares)
    assert costs["forward"].elementwise == 20 + 20
    assert costs["weights"].contraction == 2 * 4 * 15
    # of the mean a division, of the square dy * (2 x): two products
    assert costs["activations"].elementwise == 20 + 2 * 20


def test_dropout_and_batch_norm_are_those_of_training():
    model = nn.Sequential(nn.BatchNorm1d(5), nn.Linear(5, 7), nn.Dropout(0.5)).eval()
    called = fxflops.analyze(model, "x: N 5")
    trained = fxflops.analyze(model, "x: N 5", train=True)
    assert not model.training
    assert "aten.native_batch_norm_backward.default" in {str(n.op) for n in trained.nodes}
    assert trained.complete
    assert trained.by_phase()["forward"] != called.total


@pytest.mark.parametrize(
    ("name", "flops", "roots", "read", "written"), [("sgd", 2, 0, 2, 1), ("adamw", 13, 1, 4, 3)]
)
def test_the_optimiser_s_step_is_apart(name, flops, roots, read, written):
    model = chain(3, 5, 7)
    model[0].requires_grad_(False)
    analysis = fxflops.analyze(model, "x: N 3", train=name)
    assert analysis.trained == 35
    assert analysis.optimizer.name == name
    assert analysis.optimizer.step == Cost(
        elementwise=flops * 35,
        transcendental=roots * 35,
        bytes_read=read * 35 * 4,
        bytes_written=written * 35 * 4,
    )
    assert analysis.total == fxflops.analyze(model, "x: N 3", train=True).total


def test_a_parameter_that_the_loss_does_not_need_is_not_trained():
    class Unused(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(3, 5), nn.Linear(7, 11)

        def forward(self, x):
            return self.used(x), x * 2

    analysis = fxflops.analyze(Unused(), "x: N 3", train=True)
    assert (analysis.trained, analysis.parameters) == (20, 20 + 88)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"train": "lion"}, "sgd, adamw"),
        ({"train": True, "deploy": ["hoist"]}, "not trained"),
        ({"train": True, "frontend": "export"}, "trace"),
        ({"loss": squares}, "train=True"),
    ],
)
def test_what_does_not_go_with_a_training_step_is_refused(options, said):
    with pytest.raises(fxflops.SpecError, match=said):
        fxflops.analyze(chain(3, 5), "x: N 3", **options)


@pytest.mark.parametrize("loss", [lambda y: y, lambda y: y.detach().sum(), lambda y: 1.0])
def test_a_loss_that_is_none_is_refused(loss):
    with pytest.raises(fxflops.CaptureError, match="loss must be a tensor with one element"):
        fxflops.analyze(chain(3, 5), "x: N 3", train=True, loss=loss)


def test_a_model_with_nothing_to_train_is_refused():
    with pytest.raises(fxflops.CaptureError, match="no parameter of the model is trained"):
        fxflops.analyze(chain(3, 5).requires_grad_(False), "x: N 3", train=True)


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic", "nearest-exact"])
@pytest.mark.parametrize("size", [{"scale_factor": 2.0}, {"scale_factor": (2, 3)}, {"size": 40}])
def test_resizing_leaves_the_sizes_free(mode, size):
    class Resizes(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 5, 1)

        def forward(self, image):
            return F.interpolate(self.conv(image), mode=mode, **size)

    model = Resizes()
    analysis = fxflops.analyze(model, "image: N 3 H W", train=True)
    assert analysis.complete
    sizes = {"N": 3, "H": 7, "W": 9}
    assert analysis.at(**sizes) == recount(
        on_meta(model).train(), parse("image: N 3 H W"), sizes, backward.sum_of_outputs
    )


def cli(capsys, *words):
    status = main(list(words))
    captured = capsys.readouterr()
    return status, captured.out, captured.err


MODEL = "tests.toy_models:small"


@attention_is_differentiated
def test_the_json_has_the_phases(capsys):
    status, out, _ = cli(
        capsys, MODEL, "--input", "x: N L 12", "--at", "N=3,L=7", "--train=adamw", "--format=json"
    )
    found = json.loads(out)
    assert status == 0
    assert found["graph"] == "train"
    assert list(found["phases"]) == ["forward", "activations", "weights"]
    assert found["optimizer"]["name"] == "adamw"
    assert found["optimizer"]["elementwise"]["value"] == 13 * found["trained"]["value"]
    for quantity in ("contraction", "elementwise", "flops", "bytes_read", "bytes_written"):
        parts = [phase[quantity]["value"] for phase in found["phases"].values()]
        assert sum(parts) == found["totals"][quantity]["value"]


@attention_is_differentiated
@pytest.mark.parametrize("form", ["table", "markdown", "csv", "latex"])
def test_every_report_shows_the_phases(capsys, form):
    status, out, _ = cli(
        capsys, MODEL, "--input", "x: N L 12", "--at", "N=3,L=7", "--train=sgd", f"--format={form}"
    )
    assert status == 0
    assert "weights" in out
    assert "sgd" in out


@attention_is_differentiated
def test_the_cli_takes_a_loss_by_its_path(capsys):
    arguments = (MODEL, "--input", "x: N L 12", "--at", "N=3,L=7", "--train", "--format=json")
    _, plain, _ = cli(capsys, *arguments)
    status, out, _ = cli(capsys, *arguments, "--loss", "tests.analysis.test_training:squares")
    assert status == 0
    extra = 3 * 7 * 12 + 1  # a square more for each output, and a division by their number
    forward = [json.loads(text)["phases"]["forward"]["elementwise"] for text in (plain, out)]
    assert forward[1]["value"] - forward[0]["value"] == extra


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--train=lion",), "sgd, adamw"),
        (("--train", "--deploy"), "not trained"),
        (("--train", "--convention", "macs"), "leave out --train"),
        (("--train", "--loss", "squares"), "package.module:loss"),
        (("--loss", "tests.analysis.test_training:squares"), "train"),
    ],
)
def test_what_the_cli_refuses(capsys, words, said):
    status, out, err = cli(capsys, MODEL, "--input", "x: N L 12", *words)
    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
