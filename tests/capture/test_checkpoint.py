"""Activation checkpointing, frozen parts and adapters, against runs under PyTorch's own counter."""

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

import fxflops
from tests.models.language_models import built

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")
TEXT = "input_ids: N L int64"
SIZES = ((2, 7), (1, 5), (3, 4))


def measured(model, batch, length, **inputs):
    """The contraction of a training step that is run, and its gradients left nowhere."""
    ids = torch.zeros(batch, length, dtype=torch.int64)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        result = model.train()(ids, **inputs)
        getattr(result, "logits", result).sum().backward()
    model.zero_grad()
    return counter.get_total_flops()


class Blocks(nn.Module):
    """Two residual blocks, of which ``checkpointed`` runs again while gradients are computed."""

    def __init__(self, checkpointed):
        super().__init__()
        self.embedding = nn.Embedding(10, 8)
        self.first, self.second = nn.Linear(8, 24), nn.Linear(24, 8)
        self.checkpointed = checkpointed

    def block(self, x):
        with torch.no_grad():
            scale = self.second(torch.ones(1, 24, device=x.device)).mean()
        return self.second(torch.relu(self.first(x))) * scale

    def forward(self, ids):
        x = self.embedding(ids)
        for _ in range(2):
            x = x + self.checkpointed(self.block, x)
        return x


@pytest.mark.parametrize("reentrant", [False, True])
def test_what_a_checkpoint_computes_again_is_apart(reentrant):
    def again(function, x):
        return checkpoint(function, x, use_reentrant=reentrant)

    plain = fxflops.analyze(Blocks(lambda function, x: function(x)), TEXT, train=True)
    model = Blocks(again)
    analysis = fxflops.analyze(model, TEXT, train=True)
    for batch, length in SIZES:
        assert analysis.at(N=batch, L=length).contraction == measured(model, batch, length)
    phases, before = analysis.by_phase(), plain.by_phase()
    assert "recomputation" not in before
    for phase in ("forward", "activations", "weights"):
        assert phases[phase].contraction == before[phase].contraction
    products = 2 * (2 * 8 * 24)  # two in each of two blocks, whose last operation needs the scale
    at = {symbol: 3 if symbol.name == "L" else 2 for symbol in analysis.domain.symbols}
    scales = 2 * 2 * 24 * 8
    assert phases["recomputation"].at(at).contraction == 2 * (2 * 3) * products + scales
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("reentrant", [False, True])
def test_gradient_checkpointing_of_transformers(reentrant):
    model = built("LlamaForCausalLM", "cpu")
    forward = fxflops.analyze(model, TEXT).count("contraction")
    plain = fxflops.analyze(model, TEXT, train=True).count("contraction")
    assert plain == 3 * forward
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": reentrant})
    analysis = fxflops.analyze(model, TEXT, train=True)
    for batch, length in SIZES:
        assert analysis.at(N=batch, L=length).contraction == measured(model, batch, length)
    again = analysis.by_phase()["recomputation"]
    assert analysis.count("contraction") - again.contraction == plain
    config = model.config
    of_head = 2 * config.hidden_size * config.vocab_size
    of_last = 2 * config.num_hidden_layers * config.hidden_size * config.intermediate_size
    at = dict.fromkeys(analysis.domain.symbols, 2)
    left_out = 0 if reentrant else of_last
    whole = fxflops.analyze(model.eval(), TEXT).at(N=2, L=2).contraction
    assert again.at(at).contraction == whole - 4 * (of_head + left_out)


def test_reports_say_what_is_recomputed(capsys):
    from fxflops.reports import render
    from fxflops.reports.count import document

    model = Blocks(lambda function, x: checkpoint(function, x, use_reentrant=False))
    report = fxflops.analyze(model, TEXT, train=True).report
    text = render(document(report.at({"N": 1, "L": 3}), depth=1), "table")
    assert "backward: recomputed for it" in text
    from fxflops.cache.codec import read, written

    assert read(written(report)).training == report.training


@pytest.mark.parametrize("checkpointed", [False, True])
def test_adapters_and_frozen_parts(checkpointed):
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    model = peft.get_peft_model(built("LlamaForCausalLM", "cpu"), config)
    if checkpointed:
        model.enable_input_require_grads()
        model.gradient_checkpointing_enable()
    analysis = fxflops.analyze(model, TEXT, train=True)
    assert analysis.trained == sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert ("recomputation" in analysis.by_phase()) == checkpointed
    for batch, length in SIZES:
        assert analysis.at(N=batch, L=length).contraction == measured(model, batch, length)


def test_gradients_of_activations_flow_through_frozen_parts():
    model = built("LlamaForCausalLM", "cpu")
    for name, parameter in model.named_parameters():
        parameter.requires_grad = "layers.0.self_attn.q_proj" in name
    analysis = fxflops.analyze(model, TEXT, train=True)
    assert analysis.trained == 64 * 64
    assert analysis.at(N=2, L=7).contraction == measured(model, 2, 7)
    assert (
        analysis.by_phase()["weights"]
        .at({symbol: 7 if symbol.name == "L" else 2 for symbol in analysis.domain.symbols})
        .contraction
        == 2 * (2 * 7) * 64 * 64
    )


def test_tied_embeddings_add_their_two_gradients():
    from transformers import LlamaForCausalLM

    from tests.models.language_models import config

    apart, tied = (
        LlamaForCausalLM(config("LlamaConfig", tie_word_embeddings=tie)) for tie in (False, True)
    )
    costs = [fxflops.analyze(model, TEXT, train=True) for model in (apart, tied)]
    assert costs[0].parameters - costs[1].parameters == 100 * 64
    assert costs[0].count("contraction") == costs[1].count("contraction")
    assert costs[1].count("elementwise") - costs[0].count("elementwise") == 100 * 64
    assert costs[1].at(N=2, L=7).contraction == measured(tied, 2, 7)


@pytest.mark.parametrize("train", [False, True])
def test_padded_and_packed_sequences_cost_their_maximum(train):
    model = built("LlamaForCausalLM", "cpu")
    whole = fxflops.analyze(model, TEXT, train=train)
    padded = fxflops.analyze(model, f"{TEXT}; attention_mask: N L int64", train=train)
    packed = fxflops.analyze(
        model, f"{TEXT}; attention_mask: N L int64; position_ids: N L int64", train=train
    )
    assert padded.count("contraction") == packed.count("contraction") == whole.count("contraction")
    if train:
        mask = torch.ones(2, 7, dtype=torch.int64)
        mask[0, :3] = 0
        found = padded.at(N=2, L=7).contraction
        assert found == measured(model, 2, 7, attention_mask=mask)
        positions = torch.tensor([[0, 1, 2, 0, 1, 2, 3]] * 2)
        assert found == measured(model, 2, 7, position_ids=positions)
