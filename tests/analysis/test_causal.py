"""Causal attention by half: the scores that real masks leave, counted one by one."""

import pytest
import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

import fxflops
from fxflops.algebra import evaluate
from fxflops.analysis.causal.pairs import Band, Linear, left_by
from fxflops.errors import SpecError
from tests.models.language_models import WINDOW, built

HEADS, WIDTH = 3, 5


def pairs(queries, keys):
    """The indices of queries and of keys, as a row and a column of numbers."""
    return torch.arange(queries)[:, None], torch.arange(keys)[None]


def low(mask):
    return torch.zeros(mask.shape).masked_fill(mask, float("-inf"))


MASKS = {
    "tril": lambda n: torch.ones(n, n, dtype=torch.bool).tril(),
    "tril of floats": lambda n: torch.ones(n, n).tril() == 1,
    "below the diagonal": lambda n: torch.ones(n, n, dtype=torch.bool).tril(2),
    "triu of ones": lambda n: ~torch.triu(torch.ones(n, n, dtype=torch.bool), 1),
    "triu of -inf": lambda n: torch.triu(torch.full((n, n), float("-inf")), diagonal=1),
    "where": lambda n: torch.where(torch.le(*pairs(n, n)[::-1]), 0.0, float("-inf")),
    "masked_fill": lambda n: low(pairs(n, n)[1] > pairs(n, n)[0]),
    "times a low number": lambda n: (1.0 - torch.ones(n, n).tril()) * -10000.0,
    "window": lambda n: (pairs(n, n)[1] <= pairs(n, n)[0]) & (pairs(n, n)[1] > pairs(n, n)[0] - 4),
    "hidden by either": lambda n: low(
        (pairs(n, n)[1] > pairs(n, n)[0]) | (pairs(n, n)[1] < pairs(n, n)[0] - 2)
    ),
    "both sides": lambda n: (pairs(n, n)[0] - pairs(n, n)[1]).abs() <= 3,
    "expanded": lambda n: torch.ones(n, n).tril().bool()[None, None].expand(1, HEADS, n, n),
    "sliced": lambda n: torch.ones(n + 7, n + 7).tril().bool()[7:, 7:],
    "transposed": lambda n: torch.ones(n, n).triu().bool().T,
}
LEFT = {
    "below the diagonal": lambda q, k: k <= q + 2,
    "window": lambda q, k: q - 4 < k <= q,
    "hidden by either": lambda q, k: q - 2 <= k <= q,
    "both sides": lambda q, k: abs(q - k) <= 3,
}


def left(name, n):
    is_left = LEFT.get(name, lambda q, k: k <= q)
    return sum(is_left(q, k) for q in range(n) for k in range(n))


class Fused(nn.Module):
    def __init__(self, mask):
        super().__init__()
        self.mask = mask

    def forward(self, x):
        return scaled_dot_product_attention(x, x, x, attn_mask=self.mask(x.shape[-2]))


class Written(nn.Module):
    """The same in single operators, with a parameter that training needs."""

    def __init__(self, mask):
        super().__init__()
        self.mask = mask
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        x = x * self.scale
        mask = self.mask(x.shape[-2])
        scores = x @ x.transpose(-1, -2) / 2.5
        if mask.dtype == torch.bool:
            scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        else:
            scores = scores + mask
        return scores.softmax(-1) @ x


@pytest.mark.parametrize("name", MASKS)
def test_fused_attention_costs_the_scores_that_are_left(name):
    spec = f"x: N {HEADS} L {WIDTH}"
    full = fxflops.analyze(Fused(MASKS[name]), spec)
    half = fxflops.analyze(Fused(MASKS[name]), spec, causal="half")
    for batch, length in ((1, 1), (2, 6), (3, 11)):
        hidden = batch * HEADS * (length**2 - left(name, length))
        more, less = full.at(N=batch, L=length), half.at(N=batch, L=length)
        assert more.contraction - less.contraction == 2 * 2 * WIDTH * hidden
        assert more.elementwise - less.elementwise == (1 + 1 + 3) * hidden  # scale, mask, softmax
        assert more.transcendental - less.transcendental == hidden
        assert more.comparison - less.comparison == hidden
        assert more.bytes == less.bytes


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("name", MASKS)
def test_attention_written_out_costs_as_much_as_it_fused(name, train):
    spec = f"x: N {HEADS} L {WIDTH}"
    model = Written(MASKS[name])
    full = fxflops.analyze(model, spec, train=train)
    half = fxflops.analyze(model, spec, train=train, causal="half")
    products = 6 if train else 2
    softmax = 3 + 4 if train else 3
    scale = 2 if train else 1
    for batch, length in ((2, 6), (3, 11)):
        hidden = batch * HEADS * (length**2 - left(name, length))
        added = 0 if MASKS[name](3).dtype == torch.bool else hidden
        more, less = full.at(N=batch, L=length), half.at(N=batch, L=length)
        assert more.contraction - less.contraction == products * 2 * WIDTH * hidden
        assert more.elementwise - less.elementwise == (softmax + scale) * hidden + added
        assert more.transcendental - less.transcendental == hidden


def test_a_causal_flag_counts_from_the_first_key():
    class CrossCausal(nn.Module):
        def forward(self, x, y):
            return scaled_dot_product_attention(x, y, y, is_causal=True)

    spec = f"x: N {HEADS} L {WIDTH}; y: N {HEADS} S {WIDTH}"
    full = fxflops.analyze(CrossCausal(), spec)
    half = fxflops.analyze(CrossCausal(), spec, causal="half")
    for queries, keys in ((3, 7), (7, 3), (5, 5), (1, 4), (4, 1)):
        sizes = {"N": 2, "L": queries, "S": keys}
        hidden = 2 * HEADS * sum(k > q for q in range(queries) for k in range(keys))
        assert full.at(**sizes).contraction - half.at(**sizes).contraction == 20 * hidden


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("name", ["LlamaForCausalLM", "GPT2LMHeadModel", "MistralForCausalLM"])
def test_models_of_transformers(name, train):
    model = built(name)
    full = fxflops.analyze(model, "input_ids: N L int64", train=train, defaults={"L": 20})
    half = fxflops.analyze(
        model, "input_ids: N L int64", train=train, causal="half", defaults={"L": 20}
    )
    config = model.config
    heads = config.num_attention_heads
    width = config.hidden_size // heads
    window = WINDOW if name == "MistralForCausalLM" else 10**6
    for batch, length in ((1, 9), (2, 23)):
        kept = sum(q - window < k <= q for q in range(length) for k in range(length))
        hidden = batch * config.num_hidden_layers * heads * (length**2 - kept)
        difference = full.at(N=batch, L=length).contraction
        difference -= half.at(N=batch, L=length).contraction
        assert difference == (3 if train else 1) * 4 * width * hidden


def test_a_cache_is_before_all_queries():
    model = built("LlamaForCausalLM")
    heads, width = model.config.num_attention_heads, 64 // model.config.num_attention_heads
    spec = "input_ids: N L int64"
    full = fxflops.analyze(model, spec, past="P")
    half = fxflops.analyze(model, spec, past="P", causal="half")
    for past, length in ((1, 2), (7, 5), (40, 3)):
        sizes = {"N": 2, "L": length, "P": past}
        hidden = 2 * model.config.num_hidden_layers * heads * length * (length - 1) // 2
        assert full.at(**sizes).contraction - half.at(**sizes).contraction == 4 * width * hidden


def test_padding_is_charged_as_data_and_other_unknown_masks_in_full():
    class Padded(nn.Module):
        def forward(self, x, keep):
            n = x.shape[-2]
            return scaled_dot_product_attention(
                x, x, x, attn_mask=MASKS["tril"](n) & keep[:, None, None]
            )

    class Chunked(nn.Module):
        def forward(self, x):
            query, key = pairs(x.shape[-2], x.shape[-2])
            return scaled_dot_product_attention(
                x, x, x, attn_mask=(key <= query) & (key // 4 == query // 4)
            )

    spec = f"x: N {HEADS} L {WIDTH}"
    padded = fxflops.analyze(Padded(), f"{spec}; keep: N L bool", causal="half")
    whole = fxflops.analyze(Fused(MASKS["tril"]), spec, causal="half")
    assert padded.at(N=2, L=9).flops == whole.at(N=2, L=9).flops
    assert "1 of 1 attention calls" in padded.notes[0]
    with pytest.raises(SpecError, match="changes nothing of Chunked"):
        fxflops.analyze(Chunked(), spec, causal="half")


def test_a_mask_that_was_written_into_is_not_known():
    class Written(nn.Module):
        def forward(self, x):
            mask = MASKS["tril"](x.shape[-2])
            mask[:, 0] = x[0, 0, 0, 0] > 0
            return scaled_dot_product_attention(x, x, x, attn_mask=mask)

    with pytest.raises(SpecError, match="changes nothing"):
        fxflops.analyze(Written(), f"x: N {HEADS} L {WIDTH}", causal="half")


def test_what_has_no_effect_is_refused(capsys):
    with pytest.raises(SpecError, match="changes nothing of Linear"):
        fxflops.analyze(nn.Linear(3, 5), "x: N 3", causal="half")
    with pytest.raises(SpecError, match="causal must be 'full' or 'half', not 'most'"):
        fxflops.analyze(nn.Linear(3, 5), "x: N 3", causal="most")
    from fxflops import cli

    assert cli.main(["torchvision:resnet18", "--causal", "half"]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert "changes nothing of torchvision:resnet18" in err
    assert cli.main(["torchvision:resnet18", "--causal", "half", "--convention", "fvcore"]) == 2
    assert "leave out --causal" in capsys.readouterr().err


@pytest.mark.parametrize("highest", [None, -3, -1, 0, 2, 9])
@pytest.mark.parametrize("lowest", [None, -9, -2, 0, 1])
def test_pairs_are_counted(lowest, highest):
    def is_in(distance):
        return (lowest is None or distance >= lowest) and (highest is None or distance <= highest)

    for queries in range(7):
        for keys in range(7):
            band = Band(queries=queries, keys=keys, lowest=lowest, highest=highest)
            if None not in (lowest, highest) and lowest > highest + 1:
                assert band.pairs() is None
            else:
                assert band.pairs() == sum(
                    is_in(k - q) for q in range(queries) for k in range(keys)
                )
            if queries and keys and band.leave_a_key():
                assert all(any(is_in(k - q) for k in range(keys)) for q in range(queries))


def test_conditions_of_another_form_are_not_counted():
    shape = (2, 7, 9)
    causal = Linear.of({-2: 1, -1: -1}, 0)
    assert left_by((causal,), shape) == 2 * 28
    assert left_by((causal.times(2),), shape) is None
    assert left_by((Linear.of({-3: 1, -2: 1, -1: -1}, 0),), shape) is None
    assert evaluate(left_by((Linear.of({-1: -1}, 3),), shape), {}) == 2 * 7 * 4
