"""Language models as people have them: modules, caches of any length, experts of any type."""

import copy
import json

import pytest
import torch
import transformers

import fxflops
from fxflops import cli
from fxflops.errors import DomainError, SpecError
from tests.models.language_models import (
    ENCODER_DECODERS,
    EXPERTS,
    MODELS,
    RECURRENT,
    SIZES,
    WINDOW,
    WINDOWED,
    built,
    measured,
    tokens,
)

TEXT = "input_ids: N L int64"
STEP = "input_ids: N 1 int64"


def json_of(tmp_path, name):
    path = tmp_path / "config.json"
    written = MODELS[name]().to_dict() | {"architectures": [name]}
    path.write_text(json.dumps(written, default=str))
    return f"hf:{path}"


@pytest.mark.parametrize("name", MODELS)
def test_a_module_is_counted_as_it_is(name):
    analysis = fxflops.analyze(built(name), TEXT)
    assert not analysis.uncounted
    for batch, length in ((1, 1), (1, 13), (3, 7)):
        assert analysis.at(N=batch, L=length).contraction == measured(name, batch, length)


@pytest.mark.parametrize("name", MODELS)
def test_a_module_is_trained_as_it_is(name):
    analysis = fxflops.analyze(built(name), TEXT, train=True)
    # OPT's own config drops out: a counter of products does not see it.
    assert analysis.at(N=2, L=5).contraction == measured(name, 2, 5, train=True)
    assert analysis.at(N=1, L=9).contraction == measured(name, 1, 9, train=True)


@pytest.mark.parametrize("name", MODELS)
def test_by_name_and_as_a_module_it_is_the_same(name, tmp_path):
    by_name = fxflops.analyze(json_of(tmp_path, name), TEXT)
    as_module = fxflops.analyze(built(name), TEXT)
    for quantity in ("contraction", "elementwise", "transcendental", "comparison"):
        assert by_name.count(quantity) == as_module.count(quantity)
    assert by_name.domain.texts() == as_module.domain.texts()


class Wrapped(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.model = built("LlamaForCausalLM")

    def forward(self, input_ids):
        return self.model(input_ids).logits


def test_a_module_that_has_one_in_it_is_counted_likewise():
    inside = fxflops.analyze(Wrapped(), TEXT, train=True)
    alone = fxflops.analyze(built("LlamaForCausalLM"), TEXT, train=True)
    assert inside.count("contraction") == alone.count("contraction")


@pytest.mark.parametrize("name", MODELS)
def test_a_step_with_a_cache_of_any_length(name):
    analysis = fxflops.analyze(built(name), TEXT, past="P")
    for batch, length, past in ((1, 1, 0), (1, 1, 1), (1, 1, 37), (2, 5, 11), (1, 4, 0), (3, 2, 1)):
        at = analysis.at(N=batch, L=length, P=past)
        assert at.contraction == measured(name, batch, length, past), (batch, length, past)


@pytest.mark.parametrize("name", MODELS)
def test_without_a_past_position_it_is_the_prefill(name):
    model = built(name)
    step, prefill = fxflops.analyze(model, TEXT, past="P"), fxflops.analyze(model, TEXT)
    for sizes in ({"N": 1, "L": 1}, {"N": 1, "L": 6}, {"N": 2, "L": 1}, {"N": 3, "L": 5}):
        assert step.at(**sizes, P=0) == prefill.at(**sizes)


@pytest.mark.parametrize("past", [0, 1, 37])
def test_a_number_of_past_positions_is_that_value_of_the_symbol(past):
    model = built("LlamaForCausalLM")
    fixed = fxflops.analyze(model, STEP, past=past)
    assert fixed.at(N=1) == fxflops.analyze(model, STEP, past="P").at(N=1, P=past)
    assert fixed.at(N=3).contraction == measured("LlamaForCausalLM", 3, 1, past)


@pytest.mark.parametrize("name", WINDOWED)
def test_a_window_is_full_or_not(name):
    model = built(name)
    for traced, holds in ((3, (1, WINDOW - 3)), (64, (WINDOW, 37))):
        analysis = fxflops.analyze(model, STEP, past="P", defaults={"P": traced})
        for past in holds:
            assert analysis.at(N=2, P=past).contraction == measured(name, 2, 1, past)
        for past in {1, WINDOW - 1, 37} - {*holds}:
            with pytest.raises(DomainError):
                analysis.at(N=2, P=past)
    for past in (0, WINDOW - 2, WINDOW - 1):
        at = fxflops.analyze(model, STEP, past=past).at(N=2)
        assert at.contraction == measured(name, 2, 1, past)


@pytest.mark.parametrize("name", ENCODER_DECODERS)
def test_an_encoder_and_a_decoder_with_a_cache(name):
    spec = "input_ids: N E int64; decoder_input_ids: N 1 int64"
    analysis = fxflops.analyze(built(name), spec, past="P")
    for batch, encoded, past in ((1, 7, 0), (1, 7, 1), (2, 5, 37)):
        at = analysis.at(N=batch, E=encoded, P=past)
        assert at.contraction == measured(name, batch, 1, past, encoded)


@pytest.mark.parametrize("name", RECURRENT)
def test_a_state_is_as_large_after_any_number_of_positions(name):
    analysis = fxflops.analyze(built(name), STEP, past="P")
    for batch, past in ((1, 0), (1, 1), (3, 37)):
        assert analysis.at(N=batch, P=past).contraction == measured(name, batch, 1, past)


def test_a_mask_is_as_long_as_both():
    spec = "input_ids: N L int64; attention_mask: N P+L int64"
    analysis = fxflops.analyze(built("LlamaForCausalLM"), spec, past="P")
    at = analysis.at(N=2, L=3, P=37)
    assert at.contraction == measured("LlamaForCausalLM", 2, 3, 37)


def positions(cache):
    return [(layer.keys.clone(), layer.values.clone()) for layer in cache.layers]


@pytest.mark.parametrize("kind", ["DynamicCache", "StaticCache"])
def test_the_users_cache_is_counted_at_its_length_and_unchanged(kind):
    model = built("LlamaForCausalLM", "cpu")
    more = {"max_cache_len": 16} if kind == "StaticCache" else {}
    cache = getattr(transformers, kind)(config=model.config, **more)
    with torch.no_grad():
        model(tokens(2, 11), cache=cache, use_cache=True)
    before, length = positions(cache), int(cache.get_seq_length())
    kwargs = {"input_ids": tokens(2, 3), "cache": cache}
    counted = fxflops.analyze(model, kwargs=kwargs).total.contraction
    assert int(cache.get_seq_length()) == length
    for old, new in zip(before, positions(cache), strict=True):
        assert all(map(torch.equal, old, new))
    if kind == "DynamicCache":
        assert counted == measured("LlamaForCausalLM", 2, 3, 11)
    else:  # attention is over all that it can hold
        assert counted == measured("LlamaForCausalLM", 2, 3, 16 - 3)


def test_nothing_of_the_model_is_changed_by_a_past():
    model = built("LlamaForCausalLM")
    before = copy.deepcopy(vars(model)["config"].to_dict()), model.forward
    fxflops.analyze(model, STEP, past="P")
    assert (model.config.to_dict(), model.forward) == before


@pytest.mark.parametrize(
    ("spec", "more", "said"),
    [
        (STEP, {"past": "P", "train": True}, "A training step has no past"),
        (STEP, {"past": "P", "frontend": "export"}, "torch.export takes no past"),
        (STEP, {"past": "2P"}, "give a number, or a symbol"),
        (STEP, {"past": -1}, "give a number, or a symbol"),
        ("input_ids: P%2 1 int64", {"past": "P"}, "The past is a number of positions"),
        (f"{STEP}; past=3", {"past": "P"}, "has a past already"),
        ("tokens: N 1 int64", {"past": "P"}, "name it decoder_input_ids or input_ids"),
    ],
)
def test_a_past_that_cannot_be_is_refused(spec, more, said):
    with pytest.raises(SpecError, match=said):
        fxflops.analyze(built("LlamaForCausalLM"), spec, **more)


def test_a_model_without_a_cache_is_refused_one():
    with pytest.raises(SpecError, match="Linear takes no cache"):
        fxflops.analyze(torch.nn.Linear(3, 5), "x: N 3", past="P")


def test_the_command_takes_a_past(tmp_path, capsys):
    model = json_of(tmp_path, "LlamaForCausalLM")
    assert cli.main([model, "--past", "P", "--at", "N=1,L=1,P=0", "--format", "json"]) == 0
    at_none = json.loads(capsys.readouterr().out)
    assert cli.main([model, "--past", "37", "--at", "N=2,L=1", "--format", "json"]) == 0
    at_some = json.loads(capsys.readouterr().out)
    for said, expected in (
        (at_none, measured("LlamaForCausalLM", 1, 1)),
        (at_some, measured("LlamaForCausalLM", 2, 1, 37)),
    ):
        assert said["totals"]["contraction"]["value"] == expected


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("name", EXPERTS)
def test_experts_cost_the_same_in_any_type_and_by_any_kernel(name, train):
    ways = (("grouped_mm", "float32"), ("grouped_mm", "bfloat16"), ("batched_mm", "float32"))
    counts = []
    for kernel, dtype in ways:
        model = built(name)
        model.set_experts_implementation(kernel)
        in_chunks = name == "NemotronHForCausalLM"
        spec = "input_ids: N L%16 int64" if in_chunks else TEXT
        analysis = fxflops.analyze(model, spec, dtype=dtype, train=train)
        assert not analysis.uncounted
        counts.append(analysis.count("contraction"))
    assert counts[0] == counts[1] == counts[2]


def test_experts_by_hand():
    """Tokens times the experts of each, whichever they are, as a program of PyTorch counts them."""
    d, f, layers, heads, vocabulary = 64, 96, 2, 4, 100
    for train, passes in ((False, 1), (True, 3)):
        analysis = fxflops.analyze(built("MixtralForCausalLM"), TEXT, train=train)
        for batch, length in ((1, 7), (3, 5)):
            tokens = batch * length
            attention = 2 * tokens * d * (2 * d + 2 * d // 2) + 4 * tokens * length * d
            experts = 2 * (2 * tokens) * 3 * d * f
            layer = attention + experts + 2 * tokens * d * 4
            whole = layers * layer + 2 * tokens * d * vocabulary
            assert heads * 16 == d == SIZES["hidden_size"]
            assert analysis.at(N=batch, L=length).contraction == passes * whole


def test_the_fallback_of_grouped_products_is_counted():
    """What transformers calls where PyTorch has no kernel, forward and backward."""
    import transformers.integrations.moe  # noqa: F401

    class Experts(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(4, 5, 7))
            self.ends = torch.nn.Buffer(torch.tensor([1, 3, 3, 11], dtype=torch.int32))

        def forward(self, rows):
            return torch.ops.transformers.grouped_mm_fallback(rows, self.weight, self.ends)

    forward = fxflops.analyze(Experts(), "rows: S 5")
    assert not forward.uncounted
    assert forward.at(S=11).contraction == 2 * 11 * 5 * 7
    step = fxflops.analyze(Experts(), "rows: S 5", train=True)
    assert not step.uncounted
    assert step.at(S=11).contraction == 3 * 2 * 11 * 5 * 7


def test_the_dtype_of_a_configuration_is_that_of_the_model(tmp_path):
    path = tmp_path / "config.json"
    written = config = MODELS["LlamaForCausalLM"]().to_dict()
    config |= {"architectures": ["LlamaForCausalLM"], "dtype": "bfloat16"}
    path.write_text(json.dumps(written, default=str))
    assert fxflops.analyze(f"hf:{path}", TEXT).dtype == "bfloat16"
    assert fxflops.analyze(f"hf:{path}", TEXT, dtype="float32").dtype == "float32"
    assert torch.get_default_dtype() == torch.float32
