"""What modules return, and which parameters they have, against a run at other sizes."""

import pytest
import torch
from torch import nn

import fxflops
from fxflops.algebra import evaluate
from fxflops.capture.modules import _tensors


class Squeezing(nn.Module):
    """Returns another shape where its batch is 1."""

    def forward(self, x):
        return x.squeeze()


class Net(nn.Module):
    """Modules in lists, called twice, not at all, or where the batch is 1 to another shape."""

    def __init__(self):
        super().__init__()
        self.shared = nn.Linear(6, 6)
        self.never = nn.Linear(5, 7)
        self.blocks = nn.ModuleList([nn.Linear(6, 6, bias=False) for _ in range(2)])
        self.again = self.blocks[1]
        self.tied = nn.Linear(6, 6)
        self.tied.weight = self.shared.weight
        self.squeezing = Squeezing()
        self.pool = nn.AdaptiveAvgPool1d(3)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        x = self.shared(x) + self.shared(x[:, :1]).sum(1, keepdim=True) + self.tied(x)
        return {"pooled": [self.pool(x.mT)], "squeezed": self.squeezing(x[..., :1])}


def returned(model, x):
    """The shapes that each call of each module returns in a run."""
    found = {}
    names = {module: name for name, module in model.named_modules()}

    def note(module, _, result):
        shapes = tuple(tuple(tensor.shape) for tensor in _tensors(result))
        found.setdefault(names[module], []).append(shapes)

    hooks = [module.register_forward_hook(note) for module in model.modules()]
    model(x)
    for hook in hooks:
        hook.remove()
    return found


def analyzed(rows, values):
    return {
        row.name: [
            tuple(tuple(evaluate(size, values) for size in shape) for shape in shapes)
            for shapes in row.results
        ]
        for row in rows
        if row.results
    }


@pytest.mark.parametrize("frontend", ["trace", "export"])
def test_shapes_are_those_of_a_run_at_any_size(frontend):
    model = Net().eval()
    analysis = fxflops.analyze(model, "x: N L 6", frontend=frontend)
    for n, length in ((1, 5), (2, 3), (3, 11), (5, 4)):
        sizes = {"N": n, "L": length}
        if frontend == "export" and n == 1:
            continue  # it leaves a batch of 1 out
        run = returned(model, torch.randn(n, length, 6))
        found = analyzed(analysis.report.modules, analysis.values(sizes))
        for path, shapes in found.items():
            assert shapes == list(dict.fromkeys(run[path])), (path, sizes)
        assert {"", "shared", "blocks.0"} - {""} <= found.keys()
        assert "never" not in found
        assert "blocks" not in found


def test_a_shape_that_is_another_at_a_batch_of_one_is_not_claimed():
    rows = {row.name: row for row in fxflops.analyze(Net(), "x: N L 6").report.modules}
    assert rows["squeezing"].results == ()
    assert rows["squeezing"].calls is None
    assert rows[""].results == ()  # it returns that tensor, too
    fixed = {row.name: row for row in fxflops.analyze(Net(), "x: 4 7 6").report.modules}
    assert [len(shape) for shape in fixed["squeezing"].results[0]] == [2]


def test_calls_are_counted_and_parameters_too_where_they_are_found_first():
    model = Net()
    report = fxflops.analyze(model, "x: N L 6").report
    rows = {row.name: row for row in report.modules}
    assert (rows["shared"].calls, rows["tied"].calls, rows["never"].calls) == (2, 1, None)
    assert rows["shared"].parameters == 6 * 6 + 6
    assert rows["tied"].parameters == 6  # its bias; the weight is that of shared
    assert rows["never"].parameters == 5 * 7 + 7
    assert rows["blocks"].parameters == 2 * 6 * 6
    assert rows["again"].parameters == 0
    assert rows[""].parameters == report.parameters
    assert report.parameters == sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("asked", [{}, {"deploy": fxflops.PASSES}, {"train": True}])
def test_the_parameters_of_all_modules_are_those_of_the_model(asked):
    report = fxflops.analyze("rtdetr_r18", **asked).report
    first, *others = report.modules
    assert first.parameters == report.parameters
    top = [row for row in others if "." not in row.name]
    assert sum(row.parameters for row in top) == report.parameters


def test_a_module_with_uncounted_calls_is_a_lower_bound():
    class Unknown(nn.Module):
        def forward(self, x):
            return torch.linalg.qr(x)[0]

    model = nn.Sequential(nn.Linear(4, 4), Unknown(), nn.Linear(4, 4))
    rows = {row.name: row for row in fxflops.analyze(model, "x: N 4 4").report.modules}
    assert [rows[name].uncounted for name in ("", "0", "1", "2")] == [1, 0, 1, 0]
