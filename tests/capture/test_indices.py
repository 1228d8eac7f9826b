"""An index that runs out is a condition of the domain: the largest size is that of an eager run."""

import pytest
import torch
from torch import nn

import fxflops
from fxflops.capture.prepare import on_meta
from fxflops.spec import parse
from tests.recount import recount

ROWS = 50


class Table(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.embedding = nn.Embedding(ROWS, 4)
        self.register_buffer("rows", torch.zeros(ROWS, 4))
        self.register_buffer("start", torch.tensor(0))
        self.function = function

    def forward(self, x):
        return self.function(self, x)


def positions(x):
    return torch.arange(x.shape[1], device=x.device)


def copied(model, x):
    cache = torch.zeros(x.shape[0], ROWS, 4, device=x.device)
    return cache.index_copy_(1, positions(x) + model.start, x)


def assigned(model, x):
    cache = x.new_zeros(ROWS, 4)
    cache[: x.shape[1]] = x[0]
    return cache


def shifted_in_place(model, x):
    index = positions(x)
    index += 3
    return x + model.embedding(index)


def relative(model, x):
    index = positions(x)
    return model.embedding(index[:, None] - index[None] + x.shape[1] - 1)


CASES = {
    "embedding": lambda m, x: x + m.embedding(positions(x)),
    "expanded": lambda m, x: x + m.embedding(positions(x).unsqueeze(0).expand(x.shape[0], -1)),
    "an offset": lambda m, x: x + m.embedding(positions(x)[None] + 2),
    "from 1": lambda m, x: x + m.embedding(torch.arange(1, x.shape[1] + 1)),
    "downwards": lambda m, x: x + m.embedding(torch.arange(x.shape[1] - 1, -1, -1)),
    "flipped": lambda m, x: x + m.embedding(positions(x).flip(0)),
    "every second": lambda m, x: m.embedding(torch.arange(0, x.shape[1], 2)).sum() + x,
    "halves": lambda m, x: x + m.embedding(positions(x) // 2),
    "twice": lambda m, x: x + m.embedding(2 * positions(x)),
    "relative": relative,
    "of a grid": lambda m, x: m.embedding(
        (torch.arange(x.shape[0])[:, None] * x.shape[1] + positions(x)).flatten()
    ),
    "meshgrid": lambda m, x: m.embedding(
        torch.meshgrid(torch.arange(x.shape[0]), positions(x), indexing="ij")[1]
    ),
    "cast": lambda m, x: x + m.embedding(positions(x).int().long()),
    "joined": lambda m, x: m.embedding(torch.cat([positions(x), positions(x) + 4])),
    "the last": lambda m, x: x[:, -1] + m.embedding(positions(x)[-1]),
    "the tail": lambda m, x: x[:, -1:] + m.embedding(positions(x)[-1:]),
    "the head": lambda m, x: x[:, 1:] + m.embedding(positions(x)[:-1]),
    "in place": shifted_in_place,
    "index": lambda m, x: x + m.rows[positions(x)],
    "index_select": lambda m, x: x + m.rows.index_select(0, positions(x)),
    "gather": lambda m, x: x + m.rows.gather(0, positions(x)[:, None].expand(-1, 4)),
    "take": lambda m, x: x + m.rows[:, :1].contiguous().take(positions(x))[:, None],
    "index_copy": copied,
    "assigned": assigned,
    "sliced": lambda m, x: x + m.rows[: x.shape[1]],
    "narrowed": lambda m, x: x + m.rows.narrow(0, 0, x.shape[1]),
    "clamped": lambda m, x: x + m.embedding(positions(x).clamp(max=20)),
    "of data": lambda m, x: x + m.embedding(x.argmax(-1)),
    "of a parameter": lambda m, x: x + m.embedding(m.start),
}


def runs(model, length):
    try:
        model(torch.rand(2, length, 4))
    except (IndexError, RuntimeError):
        return False
    return True


@pytest.mark.parametrize("name", CASES)
def test_the_domain_ends_where_an_eager_run_does(name):
    model = Table(CASES[name])
    analysis = fxflops.analyze(model, "x: 2 L 4", defaults={"L": 6}, frontend="trace")
    for length in (5, 21, 25, 26, 46, 47, 48, 49, 50, 51, 52, 100, 101):
        if runs(model, length):
            counted = recount(on_meta(model), parse("x: 2 L 4"), {"L": length})
            assert analysis.at(L=length) == counted
        else:
            with pytest.raises(fxflops.DomainError, match="L"):
                analysis.at(L=length)
            with pytest.raises(fxflops.CaptureError):
                recount(on_meta(model), parse("x: 2 L 4"), {"L": length})


def test_a_training_step_ends_there_too():
    model = Table(CASES["an offset"])
    analysis = fxflops.analyze(model, "x: 2 L 4", defaults={"L": 6}, train=True)
    assert "48 >= L" in analysis.domain.texts()


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_static_cache_ends_with_its_positions():
    transformers = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(
        vocab_size=32,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
    )

    class Cached(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = transformers.LlamaModel(config)

        def forward(self, input_ids):
            cache = transformers.StaticCache(config=config, max_cache_len=128)
            return self.model(input_ids, past_key_values=cache).last_hidden_state

    analysis = fxflops.analyze(Cached(), "input_ids: N L int64", frontend="trace")
    assert analysis.at(N=2, L=127).contraction > 0
    for length in (129, 500):
        with pytest.raises(fxflops.DomainError, match=r"12[78] >= L"):
            analysis.at(N=2, L=length)
