"""Small language models of transformers, and what PyTorch's own counter measures of their calls."""

import torch
import transformers
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

SIZES = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 100,
}
WINDOW = 8
CACHES = ("cache", "past_key_values", "cache_params", "state", "mems")


def config(name, **changes):
    return getattr(transformers, name)(**{**SIZES, **changes})


MODELS = {
    "LlamaForCausalLM": lambda: config("LlamaConfig"),
    "Qwen2ForCausalLM": lambda: config("Qwen2Config"),
    "GPT2LMHeadModel": lambda: transformers.GPT2Config(
        n_embd=64, n_layer=2, n_head=4, vocab_size=100
    ),
    "OPTForCausalLM": lambda: transformers.OPTConfig(
        hidden_size=64,
        ffn_dim=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        vocab_size=100,
        word_embed_proj_dim=64,
    ),
}
WINDOWED = {
    "MistralForCausalLM": lambda: config("MistralConfig", sliding_window=WINDOW),
    "Gemma2ForCausalLM": lambda: config("Gemma2Config", sliding_window=WINDOW, head_dim=16),
}
ENCODER_DECODERS = {
    "T5ForConditionalGeneration": lambda: transformers.T5Config(
        d_model=64, d_kv=16, d_ff=96, num_layers=1, num_heads=4, vocab_size=100
    ),
    "BartForConditionalGeneration": lambda: transformers.BartConfig(
        d_model=64,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=96,
        decoder_ffn_dim=96,
        vocab_size=100,
    ),
}
RECURRENT = {
    "MambaForCausalLM": lambda: transformers.MambaConfig(
        hidden_size=64, num_hidden_layers=2, vocab_size=100, state_size=8
    ),
}
EXPERTS = {
    "MixtralForCausalLM": lambda: config(
        "MixtralConfig", num_local_experts=4, num_experts_per_tok=2
    ),
    "Qwen2MoeForCausalLM": lambda: config(
        "Qwen2MoeConfig",
        moe_intermediate_size=32,
        shared_expert_intermediate_size=48,
        num_experts=4,
        num_experts_per_tok=2,
    ),
    "DeepseekV3ForCausalLM": lambda: config(
        "DeepseekV3Config",
        num_key_value_heads=4,
        moe_intermediate_size=32,
        n_routed_experts=8,
        n_group=2,
        topk_group=1,
        num_experts_per_tok=2,
        q_lora_rank=24,
        kv_lora_rank=16,
        qk_rope_head_dim=8,
        qk_nope_head_dim=16,
        v_head_dim=16,
        first_k_dense_replace=1,
    ),
    "GptOssForCausalLM": lambda: config(
        "GptOssConfig",
        head_dim=16,
        num_local_experts=4,
        num_experts_per_tok=2,
        sliding_window=WINDOW,
    ),
    "NemotronHForCausalLM": lambda: transformers.NemotronHConfig(
        vocab_size=100,
        hidden_size=64,
        intermediate_size=96,
        layers_block_type=["attention", "moe", "mamba", "moe"],
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        mamba_num_heads=8,
        mamba_head_dim=16,
        ssm_state_size=16,
        n_groups=2,
        chunk_size=16,
        n_routed_experts=4,
        num_experts_per_tok=2,
        moe_intermediate_size=32,
        moe_shared_expert_intermediate_size=48,
    ),
}
ALL = {**MODELS, **WINDOWED, **ENCODER_DECODERS, **RECURRENT, **EXPERTS}


def built(name, device="meta"):
    with torch.device(device):
        return getattr(transformers, name)(ALL[name]()).eval()


def tokens(*sizes):
    return torch.zeros(sizes, dtype=torch.int64)


def measured(name, batch, length, past=0, encoded=0, train=False):
    """The FLOPs that FlopCounterMode sees in a call after a prompt of ``past`` tokens.

    Attention is that of plain products, of which it sees all.
    """
    torch.manual_seed(0)
    model = built(name, "cpu").train(train)
    model.set_attn_implementation("eager")
    encoder = {"input_ids": tokens(batch, encoded)} if encoded else {}
    key = "decoder_input_ids" if encoded else "input_ids"
    flags = {"use_cache": True}
    with torch.set_grad_enabled(train), sdpa_kernel(SDPBackend.MATH):
        cache = {}
        if past:
            result = model(**encoder, **{key: tokens(batch, past)}, **flags)
            name_of_it = next(n for n in CACHES if n in result)
            cache = {name_of_it: result[name_of_it]}
        with FlopCounterMode(display=False) as counter:
            result = model(**encoder, **{key: tokens(batch, length)}, **flags, **cache)
            if train:
                result.logits.sum().backward()
    return counter.get_total_flops()
