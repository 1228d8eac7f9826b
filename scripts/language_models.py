"""Language models of transformers, small ones, against what PyTorch's counter sees in runs of them.

``python scripts/language_models.py`` writes docs/results/language_models.md. Attention is that of
plain products (the math backend), of which `torch.utils.flop_counter` sees all.
"""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import torch
import transformers
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import fxflops
from fxflops.capture.past import tensors_of
from fxflops.errors import DomainError, FxflopsError, SpecializationError

PAGE = Path(__file__).parents[1] / "docs" / "results" / "language_models.md"
CACHES = ("cache", "past_key_values", "cache_params", "state", "mems")
PASTS = (0, 1, 37, 4096)
BATCH, LENGTH, ENCODED = 2, 13, 11
SIZES = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 100,
    "max_position_embeddings": 8192,
}
EXPERTS = {"num_experts_per_tok": 2, "moe_intermediate_size": 32}
MAMBA = {"hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 100, "state_size": 8}
ENCODER = {
    "d_model": 64,
    "encoder_layers": 1,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 96,
    "decoder_ffn_dim": 96,
    "vocab_size": 100,
}


class Model(NamedTuple):
    """A class of transformers, its kind, the sizes of a small one, and what its encoder reads."""

    name: str
    kind: str
    config: str
    sizes: Mapping[str, Any]
    encoder: str = ""


def dense(name: str, kind: str = "dense", **more: Any) -> Model:
    """A decoder whose configuration has the usual names."""
    return Model(f"{name}ForCausalLM", kind, f"{name}Config", {**SIZES, **more})


GPT2 = {"n_embd": 64, "n_layer": 2, "n_head": 4, "vocab_size": 100, "n_positions": 8192}
T5 = {"d_model": 64, "d_kv": 16, "d_ff": 96, "num_layers": 2, "num_heads": 4, "vocab_size": 100}
OPT = {
    "hidden_size": 64,
    "ffn_dim": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": 100,
    "word_embed_proj_dim": 64,
    "max_position_embeddings": 8192,
}
SPEECH = {**ENCODER, "num_mel_bins": 8, "max_source_positions": ENCODED}
TOKENS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}

MODELS = (
    Model("GPT2LMHeadModel", "dense", "GPT2Config", GPT2),
    Model("OPTForCausalLM", "dense", "OPTConfig", OPT),
    dense("GPTNeoX"),
    dense("Llama", "grouped queries"),
    dense("Qwen2", "grouped queries"),
    dense("Qwen3", "grouped queries", head_dim=16),
    dense("Granite", "grouped queries"),
    dense("Mistral", "sliding window", sliding_window=8),
    dense("Gemma2", "sliding window", sliding_window=8, head_dim=16),
    dense("Mixtral", "experts", num_local_experts=4, num_experts_per_tok=2),
    dense("Qwen2Moe", "experts", num_experts=4, shared_expert_intermediate_size=48, **EXPERTS),
    dense("Qwen3Moe", "experts", num_experts=4, head_dim=16, **EXPERTS),
    dense("GptOss", "experts", num_local_experts=4, num_experts_per_tok=2, head_dim=16),
    Model("MambaForCausalLM", "state space", "MambaConfig", MAMBA),
    Model("FalconMambaForCausalLM", "state space", "FalconMambaConfig", MAMBA),
    dense(
        "Jamba",
        "state space and attention",
        num_experts=1,
        attn_layer_period=2,
        attn_layer_offset=1,
        mamba_d_state=8,
    ),
    Model("T5ForConditionalGeneration", "encoder-decoder", "T5Config", T5, "input_ids: N E int64"),
    Model(
        "BartForConditionalGeneration",
        "encoder-decoder",
        "BartConfig",
        {**ENCODER, "max_position_embeddings": 8192},
        "input_ids: N E int64",
    ),
    Model(
        "WhisperForConditionalGeneration",
        "speech to text",
        "WhisperConfig",
        {**SPEECH, **TOKENS, "max_target_positions": 8192},
        f"input_features: N 8 {2 * ENCODED}",
    ),
    Model(
        "Qwen2VLForConditionalGeneration",
        "image and text, its text",
        "Qwen2VLConfig",
        {
            "text_config": {
                **SIZES,
                "rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3]},
            },
            "vision_config": {"depth": 1, "embed_dim": 32, "hidden_size": 64, "num_heads": 2},
        },
    ),
)
NOTES = {
    "experts": "experts as batched products: FlopCounterMode has no formula for grouped ones",
    "state space": "FlopCounterMode leaves the groups out of the gradient of a convolution's "
    "weight, and so counts a depthwise one as often as there are channels",
}
LETTERS = dict(zip(NOTES, "ab", strict=True))
HEADINGS = (
    "model",
    "kind",
    f"prefill, N={BATCH}, L={LENGTH}",
    *(f"a token after {past}, N=1" for past in PASTS),
    f"training, N={BATCH}, L={LENGTH}",
    "cache as it was",
)


def built(model: Model) -> Any:
    """It, with real weights."""
    torch.manual_seed(0)
    config = getattr(transformers, model.config)(**model.sizes)
    return getattr(transformers, model.name)(config).eval()


def inputs(model: Model, batch: int, length: int) -> dict[str, torch.Tensor]:
    """The tensors of a call with so many tokens."""
    tokens = torch.ones(batch, length, dtype=torch.int64)
    if not model.encoder:
        return {"input_ids": tokens}
    read = torch.ones(batch, ENCODED, dtype=torch.int64)
    if "features" in model.encoder:
        return {"input_features": torch.ones(batch, 8, 2 * ENCODED), "decoder_input_ids": tokens}
    return {"input_ids": read, "decoder_input_ids": tokens}


def measured(
    model: Model, batch: int, length: int, *, past: int = 0, train: bool = False
) -> tuple[int, Any]:
    """What FlopCounterMode gives for a call, and the cache that it starts with."""
    module = built(model).train(train)
    if model.kind == "experts":
        module.set_experts_implementation("batched_mm")
    flags = {} if train else {"use_cache": True}
    with torch.set_grad_enabled(train), sdpa_kernel(SDPBackend.MATH):
        cache: dict[str, Any] = {}
        if past:
            result = module(**inputs(model, batch, past), **flags)
            name = next(name for name in CACHES if result.get(name) is not None)
            cache = {name: result[name]}
        with FlopCounterMode(display=False) as counter:
            result = module(**inputs(model, batch, length), **flags, **cache)
            if train:
                result.logits.sum().backward()
    return int(counter.get_total_flops()), cache


def spec(model: Model, length: str) -> str:
    """The input spec of a call with so many tokens."""
    if not model.encoder:
        return f"input_ids: N {length} int64"
    return f"{model.encoder}; decoder_input_ids: N {length} int64"


def derived(model: Model, length: str, sizes: Mapping[str, int], **options: Any) -> int:
    """The contraction by formula; at fixed sizes where no formula reaches them."""
    module = built(model)
    free = dict(sizes)
    if "E" in spec(model, length).split():
        free["E"] = ENCODED

    def call(length: str, options: Mapping[str, Any]) -> Any:
        if "past" in options or not model.encoder:
            return fxflops.analyze(module, spec(model, length), **options)
        tensors = (part.split(":") for part in spec(model, length).split(";"))
        named = {name.strip(): axes.strip() for name, axes in tensors}
        return fxflops.analyze(module, kwargs=named, **options)

    try:
        count = call(length, options).at(**free)
    except (SpecializationError, DomainError):  # a loop over positions, or the end of a window
        length = str(free.pop("L", length))
        if "P" in free:
            options["past"] = free.pop("P")
        count = call(length, options).at(**free)
    assert isinstance(count.contraction, int)
    return count.contraction


def is_unchanged(model: Model) -> str:
    """Whether an analysis with a cache of the user's leaves its tensors as they are."""
    _, given = measured(model, 1, 1, past=5)
    if model.encoder:
        return ""
    [(name, cache)] = given.items()
    before = [tensor.clone() for tensor in tensors_of(cache)]
    fxflops.analyze(built(model), kwargs={**inputs(model, 1, 1), name: cache})
    after = list(tensors_of(cache))
    same = len(before) == len(after) and all(map(torch.equal, before, after))
    return "yes" if same else "NO"


def cells(model: Model) -> Iterator[str]:
    """The row of a model."""
    yield model.name
    letters = [LETTERS[kind] for kind in NOTES if model.kind.startswith(kind)]
    yield " ".join([model.kind, *(f"({letter})" for letter in letters)])
    rows: list[tuple[Callable[[], int], Callable[[], int]]] = [
        (
            lambda: derived(model, "L", {"N": BATCH, "L": LENGTH}),
            lambda: measured(model, BATCH, LENGTH)[0],
        ),
        *(
            (
                lambda past=past: derived(model, "1", {"N": 1, "P": past}, past="P"),
                lambda past=past: measured(model, 1, 1, past=past)[0],
            )
            for past in PASTS
        ),
        (
            lambda: derived(model, "L", {"N": BATCH, "L": LENGTH}, train=True),
            lambda: measured(model, BATCH, LENGTH, train=True)[0],
        ),
    ]
    for ours, theirs in rows:
        yield compared(ours, theirs)
    yield is_unchanged(model)


def compared(ours: Callable[[], int], theirs: Callable[[], int]) -> str:
    """One number where both are the same, else both."""
    try:
        found = ours()
    except FxflopsError as error:
        return f"refused: {error}".replace("|", "\\|")
    counted = theirs()
    return f"{found:,}" if found == counted else f"{found:,} (FlopCounterMode: {counted:,})"


def header() -> list[str]:
    """What stands above the rows."""
    return [
        "# Language models against FlopCounterMode",
        "",
        f"Small models of transformers {transformers.__version__} with torch {torch.__version__}. "
        "A number is the contraction in FLOP that the formula gives and that FlopCounterMode "
        "counts in a run with the math backend of attention; where they differ, both are there. "
        f"Encoders read {ENCODED} tokens, or as many positions. "
        + "".join(f"({LETTERS[kind]}): {note}. " for kind, note in NOTES.items())
        + "By `python scripts/language_models.py`.",
        "",
        "| " + " | ".join(HEADINGS) + " |",
        "| --- | --- |" + " ---: |" * (len(HEADINGS) - 3) + " --- |",
    ]


def main() -> None:
    """Measure all models, or those named, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="classes of transformers (default: all of them)")
    names = parser.parse_args().names
    logging.disable(logging.WARNING)
    lines = header()
    for model in MODELS:
        if not names or model.name in names:
            lines.append("| " + " | ".join(cells(model)) + " |")
            print(lines[-1], flush=True)
    if not names:
        PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
