"""Peak memory as a formula: lifetimes, sizes of 1, what is not known, the largest size."""

import json
import pickle

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributed._tools.mem_tracker import MemTracker

import fxflops
from fxflops.algebra import Symbol
from fxflops.analysis.memory import Point, undominated
from fxflops.cache import codec
from fxflops.capture.backward import sum_of_outputs
from fxflops.errors import CaptureError, DomainError, SpecError
from fxflops.figures.memory import Place
from fxflops.reports import FORMATS, render
from fxflops.reports.count import document


class Chain(nn.Module):
    """Each result is dropped when the next one is there."""

    def forward(self, x):
        for _ in range(4):
            x = x.exp()
        return x


class Listed(nn.Module):
    """All results are kept in a list until the call returns."""

    def forward(self, x):
        kept = [x.exp()]
        for _ in range(3):
            kept.append(kept[-1].exp())
        return kept[-1]


class Remembered(nn.Module):
    """The first call makes a table that later ones only read."""

    def __init__(self):
        super().__init__()
        self.table = None

    def forward(self, x):
        if self.table is None:
            self.table = torch.zeros(1000, 7)
        return x + self.table[0]


class Contiguous(nn.Module):
    """A copy that is none where there is one row."""

    def forward(self, x):
        return x.transpose(0, 1).contiguous().exp()


def peak(model, inputs, **sizes):
    return fxflops.analyze(model, inputs).memory.at(**sizes)["memory.peak_tensors"]


@pytest.mark.parametrize(("N", "L"), [(2, 5), (1, 3), (7, 1)])
def test_what_a_caller_holds_lives(N, L):
    assert peak(Chain(), "x: N L", N=N, L=L) == 2 * 4 * N * L
    assert peak(Listed(), "x: N L", N=N, L=L) == 4 * 4 * N * L


def test_what_a_model_keeps_is_there_before_the_second_call():
    assert peak(Remembered(), "x: N 7", N=3) == 4 * 3 * 7


@pytest.mark.parametrize("N", [1, 2, 5])
def test_a_copy_that_a_size_of_one_spares(N):
    """At N = 1 the transposition is contiguous: the result of exp alone is new."""
    assert peak(Contiguous(), "x: N 6", N=N) == (1 if N == 1 else 2) * 4 * 6 * N


CASES = {
    "resnet18": ("torchvision:resnet18", {"N": 3, "H": 64, "W": 96}),
    "batch of one": ("torchvision:mobilenet_v3_small", {"N": 1, "H": 96, "W": 64}),
    "vit": ("torchvision:vit_b_16", {"N": 2}),
}


def fake(module, inputs):
    """The module and inputs under a fake mode, which allocates nothing."""
    mode = FakeTensorMode()
    for part in module.modules():
        for name, tensor in list(part._parameters.items()):
            if tensor is not None:
                data = mode.from_tensor(tensor.data)
                part._parameters[name] = nn.Parameter(data, tensor.requires_grad)
        for name, tensor in list(part._buffers.items()):
            if tensor is not None:
                part._buffers[name] = mode.from_tensor(tensor)
    return mode, [mode.from_tensor(tensor) for tensor in inputs]


def tracked(module, inputs, call):
    """The peak that PyTorch's own tracker sees in the second call, beyond what is there before."""
    mode, given = fake(module, inputs)
    with mode:
        call(given)
        module.zero_grad(set_to_none=True)
        tracker = MemTracker()
        tracker.track_external(module, *given)
        with tracker:
            before = tracker.get_tracker_snapshot("current")[torch.device("cpu")]["Total"]
            kept = call(given)
        del kept
    return tracker.get_tracker_snapshot("peak")[torch.device("cpu")]["Total"] - before


def built(name):
    import torchvision

    return torchvision.models.get_model(name.removeprefix("torchvision:"))


@pytest.mark.parametrize("case", CASES)
def test_the_tracker_of_pytorch_sees_the_same_peak(case):
    name, sizes = CASES[case]
    module = built(name).eval()
    image = torch.zeros(sizes["N"], 3, sizes.get("H", 224), sizes.get("W", 224))
    with torch.inference_mode():
        expected = tracked(module, [image], lambda given: module(*given))
    assert fxflops.analyze(name).memory.at(**sizes)["memory.peak_tensors"] == expected


@pytest.mark.parametrize("case", ["resnet18", "vit"])
def test_the_tracker_sees_the_same_peak_in_training(case):
    name, sizes = CASES[case]
    module = built(name).train()
    image = torch.zeros(sizes["N"], 3, sizes.get("H", 224), sizes.get("W", 224))

    def step(given):
        loss = sum_of_outputs(module(*given))
        loss.backward()
        return loss

    expected = tracked(module, [image], step)
    found = fxflops.analyze(name, train="adamw").memory.at(**sizes)
    assert found["memory.peak_tensors"] == expected
    parameters = sum(p.numel() for p in module.parameters())
    assert found["memory.gradients"] == 4 * parameters
    assert found["memory.optimizer_states"] == 8 * parameters + 4 * len([*module.parameters()])


class Checkpointed(nn.Module):
    def __init__(self, uses):
        super().__init__()
        self.uses = uses
        self.inner = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        self.last = nn.Linear(64, 3)

    def forward(self, x):
        if self.uses:
            from torch.utils.checkpoint import checkpoint

            return self.last(checkpoint(self.inner, x, use_reentrant=False))
        return self.last(self.inner(x))


def test_checkpointing_saves_less():
    saved = [
        fxflops.analyze(Checkpointed(uses), "x: N 8", train=True).memory.at(N=50)[
            "memory.saved_for_backward"
        ]
        for uses in (False, True)
    ]
    # The results of both tanh, 64 wide, and the loss; then of the second tanh alone, which the last
    # layer saves. A sum saves nothing of what it sums.
    assert saved == [4 * (50 * (64 + 64) + 1), 4 * (50 * 64 + 1)]


def test_the_dtype_halves_it():
    layers = nn.Sequential(nn.Linear(6, 7), nn.Tanh())
    half = fxflops.analyze(layers, "x: N 6", dtype="float16").memory.at(N=5)
    assert half["memory.peak_tensors"] == 2 * 2 * 5 * 7
    assert half["memory.parameters"] == 2 * (6 * 7 + 7)


def test_parameters_shared_count_once():
    layer = nn.Linear(5, 5)
    layer.other = layer.weight
    found = fxflops.analyze(nn.Sequential(layer, layer), "x: N 5").memory.at(N=2)
    assert found["memory.parameters"] == 4 * 30
    assert found["memory.inputs"] == 4 * 10


class Unknown(nn.Module):
    def forward(self, x):
        return torch.linalg.cholesky(x @ x.mT + torch.eye(5))


def test_an_unknown_workspace_is_no_zero():
    analysis = fxflops.analyze(Unknown(), "x: N 5 5", figures=("memory",))
    answer = analysis.report.at({"N": 3})
    data = document(answer).data()
    assert data["memory"]["peak"] == {"formula": None, "value": None}
    assert data["memory"]["peak_tensors"]["value"] >= 4 * 3 * 25
    note = next(note for note in document(answer).notes if "not known" in note)
    assert "workspace of aten.linalg" in note
    assert "at least" in note


def test_every_format_and_the_cache_have_it():
    analysis = fxflops.analyze(Listed(), "x: N 6", figures=("memory",))
    report = analysis.report
    assert codec.read(json.loads(json.dumps(codec.written(report)))) == report
    for symbolic in (False, True):
        for format in set(FORMATS) - {"latex-table", "speedscope"}:
            text = render(document(report.at({"N": 5}), symbolic=symbolic), format)
            assert ("480" in text) or (format == "latex" and "96 N" in text), (format, text)
    data = document(report.at({"N": 5})).data()["memory"]
    assert data["peak_tensors"] == {"formula": "96*N", "value": 480}
    assert [step["value"] for step in data["curve"]] == [120, 240, 360, 480]
    assert data["at"][0]["where"].endswith("in forward")
    assert data["threads"] == torch.get_num_threads()


def test_the_largest_size_is_the_last_that_fits():
    analysis = fxflops.analyze(Listed(), "x: N 6")
    per_row = 4 * 6 * 5  # the input and four results
    assert analysis.memory.largest("N", below=1000 * per_row) == 1000
    assert analysis.memory.largest("N", below=1000 * per_row - 1) == 999
    with pytest.raises(DomainError, match="does not fit"):
        analysis.memory.largest("N", below=per_row - 1)
    with pytest.raises(SpecError, match="no free size 'M'"):
        analysis.memory.largest("M", below=1000)


def test_a_pickled_analysis_keeps_what_was_asked():
    analysis = fxflops.analyze(Chain(), "x: N 6")
    with pytest.raises(CaptureError, match="no memory"):
        _ = pickle.loads(pickle.dumps(analysis)).memory
    expected = analysis.memory.at(N=2)
    assert pickle.loads(pickle.dumps(analysis)).memory.at(N=2) == expected


def test_only_undominated_places_are_kept():
    n, m = (Symbol(name, 1, 1).size for name in "NM")
    places = [3 * n * m + 5, 2 * n * m, n * m + 100, 7 * n, n * m + 100]
    points = [Point(Place(bytes_, "op", "", str(i)), (bytes_,)) for i, bytes_ in enumerate(places)]
    kept = {point.place.bytes for point in undominated(points, {})}
    assert kept == {3 * n * m + 5, n * m + 100, 7 * n}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"figures": ("mass",)}, "no figure 'mass'"),
        ({"figures": "memory"}, "tuple of names"),
        ({"threads": 0}, "positive integer"),
        ({"figures": ("memory",), "deploy": fxflops.PASSES}, "leave out deploy"),
    ],
)
def test_what_cannot_be_asked(options, message):
    with pytest.raises(SpecError, match=message):
        fxflops.analyze(Chain(), "x: N 6", **options)
