"""``torch.compile(model, backend="fxflops")`` against FlopCounterMode on eager runs."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import fxflops
from fxflops.compiling.backend import backend

ROOT = Path(__file__).parents[2]


class Broken(nn.Module):
    """Three graphs, with two breaks between them."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.linear = nn.Linear(8, 5)

    def forward(self, x):
        x = self.norm(self.conv(x)).relu()
        torch._dynamo.graph_break()
        y = self.linear(x.mean((2, 3)))
        torch._dynamo.graph_break()
        return y @ y.T


@pytest.fixture(autouse=True)
def counted():
    torch._dynamo.reset()
    found = fxflops.compiled()
    found.reset()
    yield found
    torch._dynamo.reset()
    found.reset()


def eager(run):
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def test_breaks_and_batches_in_inference(counted):
    model = Broken().eval()
    fast = torch.compile(model, backend=backend)
    expected = 0
    with torch.no_grad():
        for batch in (2, 3, 1, 5, 5):
            x = torch.rand(batch, 3, 20, 24)
            torch.testing.assert_close(fast(x), model(x))
            expected += eager(lambda x=x: model(x))
    assert counted.at().contraction == expected
    assert counted.complete
    assert [graph.phase for graph in counted.graphs] == ["inference"] * 9
    dynamic = [graph for graph in counted.graphs if graph.symbols]
    assert [list(graph.symbols.values()) for graph in dynamic] == [
        ["x, axis 0"],
        ["x, axis 0"],
        ["y, axis 0"],
    ]
    assert [graph.calls for graph in counted.graphs] == [1, 1, 1, 3, 3, 3, 1, 1, 1]
    [name] = dynamic[0].symbols
    assert dynamic[0].formula("contraction") == f"{2 * 9 * 3 * 8 * 20 * 24}*{name}"
    assert dynamic[0].domain.least == {name: 2}
    [(reason, times)] = counted.breaks.items()
    assert "graph_break" in reason
    assert times >= 2
    assert len(counted.recompilations) == 6
    assert "expected 2, actual 3" in next(iter(counted.recompilations.values()))
    assert "x, axis 0" in str(counted)


@pytest.mark.filterwarnings("ignore")
def test_training(counted):
    model = Broken().train()
    fast = torch.compile(model, backend=backend)
    expected = 0
    for batch in (2, 3, 4):
        x = torch.rand(batch, 3, 20, 24)
        model.zero_grad()
        fast(x).sum().backward()
        ours = [parameter.grad.clone() for parameter in model.parameters()]
        model.zero_grad()
        expected += eager(lambda x=x: model(x).sum().backward())
        for mine, parameter in zip(ours, model.parameters(), strict=True):
            torch.testing.assert_close(mine, parameter.grad)
    assert counted.at().contraction == expected
    assert {graph.phase for graph in counted.graphs} == {"forward", "backward"}


def test_reset_forgets_calls_and_counts_new_ones(counted):
    fast = torch.compile(nn.Linear(3, 5), backend=backend)
    with torch.no_grad():
        fast(torch.rand(4, 3))
        assert counted.at().contraction == 2 * 4 * 3 * 5
        counted.reset()
        assert counted.graphs == []
        assert counted.at() == fxflops.Cost.zero()
        fast(torch.rand(4, 3))
    assert counted.at().contraction == 2 * 4 * 3 * 5
    assert [graph.calls for graph in counted.graphs] == [1]


def test_an_unknown_operator_is_uncounted(counted):
    fast = torch.compile(lambda x: torch.linalg.matrix_exp(x @ x) * 2, backend=backend)
    fast(torch.rand(4, 4))
    assert not counted.complete
    [graph] = counted.graphs
    assert [str(node.op) for node in graph.uncounted] == ["aten.linalg_matrix_exp.default"]
    assert graph.total.contraction == 2 * 4 * 4 * 4
    assert "INCOMPLETE: 1 call uncounted" in str(counted)
    assert "all calls: ≥ " in str(counted)
    with pytest.raises(fxflops.SpecError, match="no quantity 'speed'"):
        graph.formula("speed")


def test_the_name_by_entry_point(tmp_path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    points = project["entry-points"]["torch_dynamo_backends"]
    folder = tmp_path / "fxflops_here-0.1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: fxflops-here\nVersion: 0.1\n")
    lines = "".join(f"{name} = {where}\n" for name, where in points.items())
    (folder / "entry_points.txt").write_text(f"[torch_dynamo_backends]\n{lines}")
    code = (
        "import sys; sys.path[:0] = [sys.argv[1], sys.argv[2]]; import torch, fxflops; "
        "f = torch.compile(torch.nn.Linear(3, 5), backend='fxflops'); f(torch.rand(7, 3)); "
        "print(fxflops.compiled().at().contraction)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout.strip() == str(2 * 7 * 3 * 5), ran.stderr


def llama():
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=100,
    )
    return LlamaForCausalLM(config)


def vit():
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=32,
        patch_size=8,
    )
    # Of the pooler, whose result is not used, AOTAutograd computes the gradient; eager runs do not.
    return ViTModel(config, add_pooling_layer=False)


def rtdetr():
    from rtdetr.variants import build

    return build("rtdetr_r18")


def tokens(batch, length):
    return torch.randint(0, 100, (batch, length))


def images(*shape):
    return torch.rand(*shape)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("build", "inputs", "train"),
    [
        (vit, [(images, (2, 3, 32, 32)), (images, (5, 3, 32, 32))], False),
        (vit, [(images, (2, 3, 32, 32)), (images, (3, 3, 32, 32))], True),
        (rtdetr, [(images, (1, 3, 320, 352)), (images, (2, 3, 320, 352))], False),
        (llama, [(tokens, (2, 7)), (tokens, (2, 9)), (tokens, (3, 11))], False),
        (llama, [(tokens, (2, 7)), (tokens, (3, 12))], True),
    ],
)
def test_whole_models(build, inputs, train, counted):
    torch.manual_seed(0)
    model = build().train(train)
    fast = torch.compile(model, backend=backend)
    expected = 0
    with sdpa_kernel(SDPBackend.MATH), torch.set_grad_enabled(train):
        for make, shape in inputs:
            x = make(*shape)

            def run(call, x=x):
                out = call(x)
                if train:
                    out = getattr(out, "logits", getattr(out, "last_hidden_state", None))
                    out.sum().backward()

            run(fast)
            expected += eager(lambda run=run: run(model))
    assert counted.at().contraction == expected
