"""A language model in use, against what PyTorch's counter sees in a run of each call."""

import json

import pytest
import torch

from fxflops import cli
from fxflops.language.use import language
from tests.models.language_models import ALL, WINDOW, built, measured, tokens

DENSE = ("LlamaForCausalLM", "GPT2LMHeadModel", "MixtralForCausalLM")


def written(tmp_path, name, **changes):
    path = tmp_path / "config.json"
    config = ALL[name]().to_dict() | {"architectures": [name]} | changes
    path.write_text(json.dumps(config, default=str))
    return f"hf:{path}"


@pytest.fixture(autouse=True)
def batched_experts(monkeypatch):
    """PyTorch's counter has no formula for grouped products: the reference has batched ones."""
    from tests.models import language_models

    def with_batched_experts(name, device="meta"):
        model = built(name, device)
        if "Mixtral" in name:
            model.set_experts_implementation("batched_mm")
        return model

    monkeypatch.setattr(language_models, "built", with_batched_experts)


@pytest.mark.parametrize("name", DENSE)
def test_an_answer_is_its_prompt_and_each_of_its_steps(name, tmp_path):
    found = language(written(tmp_path, name), prompt=5, generate=4, batch=2)
    prefill = measured(name, 2, 5)
    steps = [measured(name, 2, 1, past) for past in (5, 6, 7)]
    assert found.of_prompt.contraction == prefill
    assert found.of_first_step.contraction == steps[0]
    assert found.of_answer.contraction == prefill + sum(steps)


def test_a_window_changes_the_formula_on_the_way(tmp_path):
    name = "MistralForCausalLM"
    found = language(written(tmp_path, name), prompt=3, generate=9, batch=1)
    steps = [measured(name, 1, 1, past) for past in range(3, 11)]
    assert found.of_prompt.contraction == measured(name, 1, 3)
    assert found.of_answer.contraction == measured(name, 1, 3) + sum(steps)
    ends = [(stretch.first, stretch.last) for stretch in found.stretches]
    assert ends == [(3, WINDOW - 3), (6, 6), (7, 7), (8, 10)]
    assert found.generation("contraction") is None


@pytest.mark.parametrize("name", DENSE)
def test_the_formula_of_an_answer_gives_its_number(name, tmp_path):
    for prompt, generate, batch in ((5, 4, 2), (7, 1, 1), (2, 11, 3)):
        found = language(written(tmp_path, name), prompt=prompt, generate=generate, batch=batch)
        for quantity in ("contraction", "flops"):
            formula = found.generation(quantity)
            values = {"N": batch, "prompt": prompt, "generated": generate}
            from fxflops.algebra import evaluate, symbols_of

            at = {s: s.value_at(values[s.name]) for s in symbols_of(formula)}
            assert evaluate(formula, at) == getattr(found.of_answer, quantity)


@pytest.mark.parametrize("name", DENSE)
@pytest.mark.parametrize("train", [False, True])
def test_the_way_from_the_rule_ends_at_the_exact_number(name, train, tmp_path):
    found = language(written(tmp_path, name), prompt=6, generate=2, batch=2, train=train)
    exact = found.of_training if train else found.of_prompt
    assert sum(term.flops for term in found.terms()) == exact.contraction + exact.elementwise
    passes = 3 if train else 1
    assert exact.contraction == measured(name, 2, 6, train=train)
    # The terms by hand: what weights multiply, and scores and values of attention.
    d, layers, tokens_, length = 64, 2, 2 * 6, 6
    scores = next(t.flops for t in found.terms() if t.why.startswith("scores"))
    assert scores == passes * layers * 2 * 2 * tokens_ * length * d
    assert exact.contraction - scores == passes * 2 * found.multiplied * tokens_


def test_experts_that_are_not_chosen_are_not_active(tmp_path):
    found = language(written(tmp_path, "MixtralForCausalLM"), prompt=4, generate=2)
    model = built("MixtralForCausalLM")
    everything = sum(parameter.numel() for parameter in model.parameters())
    of_experts = sum(p.numel() for n, p in model.named_parameters() if ".experts." in n)
    assert found.parameters == everything
    assert found.active == everything - of_experts // 2  # 2 of 4


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_cache_takes_the_bytes_of_a_real_one(dtype, tmp_path):
    name = "LlamaForCausalLM"
    found = language(written(tmp_path, name), prompt=5, generate=8, batch=2, dtype=dtype)
    model = built(name, "cpu").to(getattr(torch, dtype))
    for positions in (5, 9):
        with torch.no_grad():
            cache = model(tokens(2, positions), use_cache=True).cache
        real = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
        assert found.cache_bytes(positions) == real


def run(capsys, *words):
    status = cli.main(["llm", *words])
    return status, *capsys.readouterr()


def test_the_command_says_the_same_in_a_table_and_for_programs(tmp_path, capsys):
    model = written(tmp_path, "LlamaForCausalLM")
    sizes = ("--prompt", "5", "--generate", "4", "--batch", "2")
    status, out, _ = run(capsys, model, *sizes, "--train", "--format", "json")
    said = json.loads(out)
    parts = {part["part"]: part for part in said["parts"]}
    steps = sum(measured("LlamaForCausalLM", 2, 1, past) for past in (5, 6, 7))
    assert status == 0
    assert parts["all decode steps"]["contraction"] == steps
    assert parts["prefill"]["tokens"] == 10
    assert parts["training step"]["contraction"] == measured("LlamaForCausalLM", 2, 5, train=True)
    named = {"N": 2, "prompt": 5, "generated": 4}
    whole = parts["generation: prefill and all steps"]
    assert eval(said["generation"]["flops"], {"Max": max, "Min": min}, named) == whole["flops"]
    status, out, _ = run(capsys, str(tmp_path), *sizes)
    assert status == 0
    assert f"{whole['flops']:,}" in out
    status, out, _ = run(capsys, str(tmp_path), *sizes, "--symbolic")
    assert said["generation"]["contraction"] in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["hf:T5ForConditionalGeneration"], "models that continue a text"),
        (["torchvision:resnet18"], "models that continue a text"),
        (["hf:GPT2LMHeadModel", "--prompt", "2000"], "1024 >= L"),
        (["hf:GPT2LMHeadModel", "--prompt", "0"], "no positive integer"),
        (["hf:GPT2LMHeadModel", "--train=lion"], "no optimizer 'lion'"),
        (["/"], "has no config.json"),
    ],
)
def test_what_is_no_use_of_a_language_model_is_refused_in_a_line(words, said, capsys):
    status, out, err = run(capsys, *words)
    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_training_step_by_its_parts(tmp_path):
    name = "LlamaForCausalLM"
    path = written(tmp_path, name)
    plain = language(path, prompt=6, generate=2, batch=2, train=True)
    found = language(
        path, prompt=6, generate=2, batch=2, train="adamw", checkpointed=True, accumulated=4
    )
    again = found.of_recomputation
    assert plain.of_recomputation is None
    assert found.of_training.contraction == plain.of_training.contraction + again.contraction
    # Each block but its last product, and the scores and values again.
    of_token = 2 * 64 * (64 + 2 * 32 + 64 + 2 * 96)
    assert again.contraction == 2 * 12 * (of_token + 2 * 2 * 6 * 64)
    assert found.of_accumulation.elementwise == 3 * found.parameters
    assert found.of_accumulation.bytes_written == 3 * 4 * found.parameters
    assert sum(term.flops for term in found.terms()) == found.of_training.flops
    from fxflops.language.document import parts

    rows = {part: (tokens, cost) for part, tokens, cost in parts(found)}
    tokens, whole = rows["4 steps and adding up gradients"]
    assert tokens == 4 * 12
    assert whole == 4 * found.of_training + found.of_accumulation
    assert rows["optimizer's step: adamw"][1].elementwise == 13 * found.parameters
    assert found.products_per_token() == plain.of_training.contraction // 12
    assert found.products_per_token(recomputed=True) == found.of_training.contraction // 12


def test_utilizations_are_exact(tmp_path, capsys):
    path = written(tmp_path, "LlamaForCausalLM").removeprefix("hf:")
    asked = ["llm", path, "--prompt", "6", "--generate", "3"]
    rate = ["--peak", "2e9", "--tokens-per-second", "1250.5", "--format", "json"]
    assert cli.main([*asked, "--train", "--checkpoint", *rate]) == 0
    found = json.loads(capsys.readouterr().out)
    parts = {part["part"]: part["contraction"] for part in found["parts"]}
    step, again = parts["training step"], parts["recomputed in it"]
    assert found["mfu"] == pytest.approx((step - again) / 6 * 1250.5 / 2e9, rel=1e-15)
    assert found["hfu"] == pytest.approx(step / 6 * 1250.5 / 2e9, rel=1e-15)
    assert cli.main([*asked, *rate]) == 0
    found = json.loads(capsys.readouterr().out)
    parts = {part["part"]: part["contraction"] for part in found["parts"]}
    answer = parts["generation: prefill and all steps"]
    assert found["mfu"] == pytest.approx(answer / 3 * 1250.5 / 2e9, rel=1e-15)
    assert "hfu" not in found
    assert cli.main([*asked, "--peak", "1e3", "--tokens-per-second", "9"]) == 0
    out = capsys.readouterr().out
    assert "More than the peak" in out
    assert "MFU" in out


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (["--peak", "1e12"], "give --tokens-per-second"),
        (["--tokens-per-second", "5"], "give --peak"),
        (["--peak", "0", "--tokens-per-second", "5"], "--peak is '0'"),
        (["--peak", "1e999", "--tokens-per-second", "5"], "--peak is '1e999'"),
        (["--peak", "-3", "--tokens-per-second", "nan"], "--tokens-per-second is 'nan'"),
        (["--checkpoint"], "give --train"),
        (["--accumulate", "2"], "give --train"),
        (["--train=lion"], "lion"),
        (["--train", "--accumulate", "0"], "--accumulate is '0'"),
        (["--symbolic", "--peak", "1e9", "--tokens-per-second", "1"], "--symbolic"),
    ],
)
def test_what_has_no_effect_is_refused(more, why, tmp_path, capsys):
    path = written(tmp_path, "LlamaForCausalLM").removeprefix("hf:")
    assert cli.main(["llm", path, "--prompt", "4", "--generate", "2", *more]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert why in err
    assert len(err.splitlines()) == 1


def test_causal_attention_by_half(tmp_path):
    path = written(tmp_path, "LlamaForCausalLM")
    sizes = {"prompt": 6, "generate": 4, "batch": 2, "train": True}
    full, half = (language(path, causal=causal, **sizes) for causal in ("full", "half"))
    hidden = 2 * 2 * 4 * (6 * 5 // 2)
    assert full.of_prompt.contraction - half.of_prompt.contraction == 4 * 16 * hidden
    assert full.of_training.contraction - half.of_training.contraction == 3 * 4 * 16 * hidden
    assert full.of_steps == half.of_steps
    assert sum(term.flops for term in half.terms()) == half.of_training.flops
