"""Models whose own sizes are free: their formulas, held against models built with numbers."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import fxflops
from fxflops import models
from fxflops.algebra.closed_form import text
from fxflops.algebra.growth import elasticity
from fxflops.analysis.records import Analysis
from fxflops.architecture.freed import freed
from fxflops.capture.prepare import example_inputs, floating_dtype, prepared
from fxflops.capture.trace import compiling_flags
from fxflops.models.named import NamedModel, called

Draw = Callable[[random.Random], dict[str, int]]
"""Sizes at which a formula is compared."""


class Row(NamedTuple):
    """A model, what of it is free, and what came of it."""

    model: str
    free: str
    analysis: Analysis | None
    seconds: float
    equal: int
    compared: int
    said: str


def held(
    named: NamedModel, free: str, draw: Draw, inputs: str | None = None, times: int = 3
) -> Row:
    """The formulas of contraction and parameters against FlopCounterMode's count on meta."""
    start = time.process_time()
    try:
        analysis = fxflops.analyze(named, inputs, free=free)
    except fxflops.FxflopsError as error:
        spent = time.process_time() - start
        return Row(named.name, free, None, spent, 0, 0, str(error))
    seconds = time.process_time() - start
    source = random.Random(1)
    equal, said = 0, "; ".join(analysis.unproven)
    of_model = freed(named, free)
    for _ in range(times):
        drawn = {**analysis.defaults, "N": source.randint(1, 3), "L": source.randint(2, 40)}
        sizes = {**drawn, **draw(source)}
        least = {s.name: analysis.domain.least_size(s) for s in analysis.domain.symbols}
        sizes |= {name: max(sizes[name], size) for name, size in least.items()}
        known = {name: sizes[name] for name in least}
        try:
            products, parameters = counted(of_model, analysis, sizes)
            answer = analysis.report.at(known)
            mine = answer.value("contraction"), answer.quantity(analysis.parameters).value
            if mine != (products, parameters):
                products = own_count(of_model, analysis, sizes)
                said = "to fxflops' own count of the model built with numbers"
            equal += mine == (products, parameters)
        except Exception as error:
            said = f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return Row(named.name, free, analysis, seconds, equal, times, said)


def counted(named: NamedModel, analysis: Analysis, sizes: Mapping[str, int]) -> tuple[int, int]:
    """What FlopCounterMode counts in one call of the model of these sizes; and its parameters."""
    assert named.architecture is not None
    values = {f: sizes[_name(h.size)] for h in named.hyper for f in h.fields}
    with torch.device("meta"):
        module = prepared(named.architecture().build(values))
    spec = analysis.inputs.fixed(sizes)
    called(named, module.requires_grad_(False), spec)
    return flop_counter(module, *example_inputs(spec, {}, floating_dtype(module)))


def own_count(named: NamedModel, analysis: Analysis, sizes: Mapping[str, int]) -> int:
    """What fxflops counts in the same: FlopCounterMode has no formula for grouped products."""
    assert named.architecture is not None
    values = {f: sizes[_name(h.size)] for h in named.hyper for f in h.fields}
    build = partial(named.architecture().build, values)
    fixed = analysis.inputs.with_hyper(()).fixed(sizes)
    one = replace(named, build=build, hyper=(), inputs=fixed, narrower=(), defaults={})
    contraction = fxflops.analyze(one, fixed).at().contraction
    assert isinstance(contraction, int)
    return contraction


def _name(size: Any) -> str:
    name: str = size.name
    return name


def flop_counter(module: nn.Module, *tensors: torch.Tensor, **others: Any) -> tuple[int, int]:
    counter = FlopCounterMode(display=False)
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # whose products the counter does not see
    try:
        with (
            torch.device("meta"),
            torch.no_grad(),
            compiling_flags("compiled"),
            sdpa_kernel(SDPBackend.MATH),
            counter,
        ):
            module(*tensors, **others)
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
    return counter.get_total_flops(), sum(p.numel() for p in module.parameters())


def llama_model(d: int, f: int, V: int, k: int, g: int, c: int, L: int) -> nn.Module:
    """Llama in the letters of the scaling literature: ``k`` key/value heads of ``g`` queries."""
    from transformers import LlamaConfig, LlamaForCausalLM

    model: nn.Module = LlamaForCausalLM(
        LlamaConfig(
            hidden_size=d,
            intermediate_size=f,
            vocab_size=V,
            num_key_value_heads=k,
            num_attention_heads=k * g,
            head_dim=c,
            num_hidden_layers=L,
            use_cache=False,
        )
    )
    return model


LLAMA = {"d": 240, "f": 688, "V": 1009, "k": 3, "g": 2, "c": 32, "B": 2, "S": 16}


def llama_analysis() -> Analysis:
    # The tool gives L to positions, so the layers are called l.
    def build(d: int, f: int, V: int, k: int, g: int, c: int, l: int) -> nn.Module:  # noqa: E741
        return llama_model(d, f, V, k, g, c, l)

    return fxflops.analyze(
        build, "ids: B S int64", free="d, f, V, k, g, c%2, l", defaults={**LLAMA, "l": 2}
    )


def llama(analysis: Analysis) -> Iterator[tuple[dict[str, int], bool]]:
    """Five random configurations, equal or not."""
    draw = random.Random(3)
    for _ in range(5):
        k, g = draw.randint(2, 5), draw.randint(2, 4)
        sizes = {
            "d": 720 * draw.randint(1, 2),
            "f": draw.randint(8, 900),
            "V": draw.randint(50, 5000),
            "k": k,
            "g": g,
            "c": 2 * draw.randint(3, 40),
            "l": draw.randint(1, 9),
        }
        batch, length = draw.randint(1, 5), draw.randint(1, 90)
        own = {("L" if n == "l" else n): size for n, size in sizes.items()}
        with torch.device("meta"):
            module = llama_model(**own).eval()
            ids = torch.zeros(batch, length, dtype=torch.int64)
        found = flop_counter(module, ids, use_cache=False)
        at = {**sizes, "B": batch, "S": length}
        answer = analysis.report.at(at)
        mine = answer.value("contraction"), answer.quantity(analysis.parameters).value
        yield at, mine == found


def million(analysis: Analysis) -> tuple[int, float]:
    """A million configurations at once: how many, and the seconds."""
    import numpy as np

    draw = np.random.default_rng(0)
    number = 10**6
    heads = draw.integers(1, 65, number)
    groups = draw.integers(1, 9, number)
    sizes = {
        "d": heads * groups * draw.integers(8, 129, number),
        "f": draw.integers(8, 30_000, number),
        "V": draw.integers(1000, 200_000, number),
        "k": heads,
        "g": groups,
        "c": 2 * draw.integers(8, 65, number),
        "l": draw.integers(1, 129, number),
        "B": draw.integers(1, 65, number),
        "S": draw.integers(1, 8193, number),
    }
    start = time.perf_counter()
    flops = analysis.evaluate("contraction", **sizes)
    spent = time.perf_counter() - start
    for i in range(0, number, number // 7):
        at = {name: int(of[i]) for name, of in sizes.items()}
        assert analysis.at(**at).contraction == flops[i]
    return number, spent


RTDETR = (
    "Q=decoder.num_queries, C=decoder.num_classes, d=encoder.hidden_dim%32, "
    "d=decoder.hidden_dim%32, f=encoder.dim_feedforward, f=decoder.dim_feedforward, "
    "D=decoder.num_layers, E=encoder.num_encoder_layers, p=encoder.csp_width, R=encoder.csp_blocks"
)


APART = RTDETR.replace("d=decoder.", "e=decoder.").replace("f=decoder.", "g=decoder.")
"""The same with sizes of encoder and decoder that may differ, as in the larger variants."""


def rtdetr() -> Row:
    """Five random configurations of RT-DETR."""

    def draw(source: random.Random) -> dict[str, int]:
        r = source.randint
        return {
            "Q": r(10, 120),
            "C": r(2, 100),
            "d": 32 * r(2, 12),
            "f": r(64, 1500),
            "p": 32 * r(2, 12) + 1,
            "D": r(1, 6),
            "E": r(1, 3),
            "R": r(1, 4),
            "H": 32 * r(7, 18),
            "W": 32 * r(7, 18),
        }

    named = models.find("rtdetr_r50")
    # Another width inside of a fusion block than outside: the graph of the random ones.
    start = time.process_time()
    row = held(_with_width(named), RTDETR, draw, times=5)
    return row._replace(seconds=min(row.seconds, time.process_time() - start))


def _with_width(named: NamedModel) -> NamedModel:
    from rtdetr.variants import VARIANTS, construct

    config = VARIANTS["rtdetr_r50"]
    config = replace(config, encoder=replace(config.encoder, csp_width=192))
    from fxflops.models import zoo

    return zoo.named(
        named.name,
        {
            "build": lambda: construct(config),
            "configuration": config,
            "construct": construct,
            "inputs": str(named.inputs),
            "defaults": named.defaults,
        },
    )


RELEASED = ("rtdetr_r18", "rtdetr_r34", "rtdetr_r50", "rtdetr_r101", "rtdetr_l", "rtdetr_x")


def released() -> Iterator[tuple[str, bool]]:
    """Whether the formulas give, at a variant's own sizes, what the variant costs."""
    for name in RELEASED:
        analysis = fxflops.analyze(name, free=APART)
        own = fxflops.analyze(name)
        same = analysis.at() == own.at()
        answer = analysis.report.at({})
        yield name, same and answer.quantity(analysis.parameters).value == own.parameters


def sizes_of(**ranges: tuple[int, int] | tuple[int, int, int]) -> Draw:
    """Random sizes in these ranges, in steps of the third number."""

    def draw(source: random.Random) -> dict[str, int]:
        return {
            name: (of[2] if len(of) == 3 else 1) * source.randint(of[0], of[1])
            for name, of in ranges.items()
        }

    return draw


_LM = sizes_of(d=(3, 20, 64), f=(8, 900), V=(80, 5000), D=(1, 9))
_LM_FREE = "d=hidden_size%64, f=intermediate_size, V=vocab_size, D=num_hidden_layers"

MODELS: tuple[tuple[str, str, Draw], ...] = (
    (
        "torchvision:vit_b_16",
        "d=hidden_dim%12, f=mlp_dim, D=num_layers, C=num_classes",
        sizes_of(d=(2, 40, 12), f=(8, 900), D=(1, 9), C=(5, 500)),
    ),
    (
        "timm:vit_tiny_patch16_224",
        "d=embed_dim%3, D=depth, C=num_classes",
        sizes_of(d=(2, 40, 3), D=(1, 9), C=(5, 500)),
    ),
    (
        "torchvision:resnet50",
        "w=width_per_group, C=num_classes, D=layers.2",
        sizes_of(w=(2, 90), C=(5, 500), D=(1, 9)),
    ),
    (
        "timm:resnet50",
        "w=base_width, C=num_classes, D=layers.1",
        sizes_of(w=(2, 90), C=(5, 500), D=(1, 9)),
    ),
    (
        "timm:convnext_tiny",
        "w=dims.0, D=depths.2, C=num_classes",
        sizes_of(w=(2, 90), D=(1, 9), C=(5, 500)),
    ),
    ("torchvision:convnext_tiny", "C=num_classes", sizes_of(C=(5, 500))),
    ("torchvision:mobilenet_v2", "C=num_classes", sizes_of(C=(5, 500))),
    ("timm:mobilenetv3_small_100", "C=num_classes", sizes_of(C=(5, 500))),
    ("hf:Qwen3ForCausalLM", _LM_FREE, _LM),
    ("hf:MistralForCausalLM", _LM_FREE, _LM),
    ("hf:Gemma3ForCausalLM", _LM_FREE, sizes_of(d=(3, 20, 64), f=(8, 900), V=(80, 900), D=(7, 7))),
    (
        "hf:Gemma3ForCausalLM",
        _LM_FREE,
        sizes_of(d=(3, 20, 64), f=(8, 900), V=(80, 900), D=(13, 13)),
    ),
    (
        "hf:BertModel",
        _LM_FREE.replace("%64", "%48"),
        sizes_of(d=(2, 20, 48), f=(8, 900), V=(80, 5000), D=(1, 9)),
    ),
    (
        "hf:T5ForConditionalGeneration",
        "d=d_model, f=d_ff, V=vocab_size, D=num_layers, E=num_decoder_layers",
        sizes_of(d=(20, 200), f=(8, 900), V=(50, 900), D=(1, 9), E=(1, 9)),
    ),
    (
        "hf:WhisperModel",
        "d=d_model%48, f=encoder_ffn_dim, g=decoder_ffn_dim, D=encoder_layers, E=decoder_layers",
        sizes_of(d=(2, 9, 48), f=(8, 900), g=(8, 900), D=(1, 5), E=(1, 5)),
    ),
    (
        "hf:DetrForObjectDetection",
        "Q=num_queries, d=d_model%16, f=encoder_ffn_dim, D=encoder_layers, E=decoder_layers",
        sizes_of(Q=(2, 90), d=(2, 20, 16), f=(8, 900), D=(1, 5), E=(1, 5)),
    ),
    ("hf:MixtralForCausalLM", _LM_FREE, _LM),
    (
        "diffusers:DiTTransformer2DModel",
        "D=num_layers, h=num_attention_heads",
        sizes_of(D=(1, 9), h=(2, 9)),
    ),
)

SWEPT = (
    "Albert",
    "Bert",
    "Bloom",
    "Camembert",
    "Cohere",
    "Data2VecText",
    "DistilBert",
    "Electra",
    "Ernie",
    "Falcon",
    "Gemma",
    "Gemma2",
    "Glm",
    "GPT2",
    "GPTBigCode",
    "GPTJ",
    "GPTNeo",
    "GPTNeoX",
    "Granite",
    "Helium",
    "Llama",
    "Mistral",
    "MPNet",
    "MobileBert",
    "Nemotron",
    "OPT",
    "Olmo",
    "Olmo2",
    "Persimmon",
    "Phi",
    "Phi3",
    "Qwen2",
    "Qwen3",
    "Roberta",
    "SmolLM3",
    "StableLm",
    "Starcoder2",
    "XGLM",
    "ViT",
    "DeiT",
    "Dinov2",
    "Beit",
)
INNER = ("intermediate_size", "ffn_dim", "hidden_dim", "n_inner", "ffn_hidden_size")


GRIDS = {"Dinov2": {"H": (2, 3, 224), "W": (2, 3, 224)}}
"""Images whose grid of patches is not that of the weights, which is another graph."""


def swept(name: str) -> Row:
    """An architecture of transformers in width, inner width, vocabulary and depth."""
    import transformers

    config = getattr(transformers, f"{name}Config")()
    heads = getattr(config, "num_attention_heads", 8)
    step = 8 * heads if 8 * heads <= 512 else 4 * heads
    items = [f"d=hidden_size%{step}", "D=num_hidden_layers"]
    inner = next((n for n in INNER if type(getattr(config, n, None)) is int), None)
    own = config.hidden_size // step
    ranges: dict[str, Any] = {"d": (own + 1, own + 6, step), "D": (1, 7), **GRIDS.get(name, {})}
    if inner is not None and inner not in config.attribute_map.get("hidden_size", ""):
        items.append(f"f={inner}")
        ranges["f"] = (20, 700)
    if hasattr(config, "vocab_size"):
        items.append("V=vocab_size")
        ranges["V"] = (config.vocab_size, config.vocab_size + 1000)  # special tokens are in it
    return held(models.find(f"hf:{name}Model"), ", ".join(items), sizes_of(**ranges))


def shown(rows: Iterator[Row]) -> Iterator[str]:
    """The rows as a table in Markdown."""
    yield "| model | free | contraction | equal | CPU s |"
    yield "| --- | --- | --- | --- | ---: |"
    for row in rows:
        if row.analysis is None:
            formula, equal = row.said.replace("|", "\\|"), "–"
        else:
            written = text(row.analysis.total.contraction, row.analysis.domain.names)
            formula = f"`{written}`" if len(written) < 160 else f"`{written[:157]}…`"
            equal = f"{row.equal} of {row.compared}"
            if row.said or row.equal < row.compared:
                equal += f": {row.said or 'another number'}"
        yield f"| {row.model} | {row.free} | {formula} | {equal} | {row.seconds:.1f} |"


FIVE = (
    ("hf:LlamaForCausalLM", _LM_FREE),
    ("hf:Gemma3ForCausalLM", _LM_FREE),
    ("torchvision:vit_b_16", "d=hidden_dim%12, f=mlp_dim, D=num_layers, C=num_classes"),
    ("torchvision:resnet50", "w=width_per_group, D=layers.2, C=num_classes"),
    ("rtdetr_r50", RTDETR),
)


def five() -> str:
    """Five models, what of each is free, its products and parameters, and what width costs."""
    lines: list[str] = []
    for name, free in FIVE:
        analysis = fxflops.analyze(name, free=free)
        values = analysis.values()
        widest = next(s for s in analysis.domain.symbols if s.name in ("d", "w"))
        grown = elasticity(analysis.total.flops, widest, values)
        assert grown is not None
        lines += [
            f"`{name}` with `{free}`; 1 % more of `{widest.name}` is {float(grown):.2f} % more "
            "FLOPs at its own sizes:",
            "",
            "```text",
            f"contraction = {text(analysis.total.contraction, analysis.domain.names)}",
            f"parameters  = {text(analysis.parameters)}",
            *(f"where {condition}" for condition in analysis.domain.texts()),
            "```",
            "",
        ]
    return "\n".join(lines[:-1])


def known() -> str:
    """Llama and RT-DETR."""
    analysis = llama_analysis()
    equal = [is_equal for _, is_equal in llama(analysis)]
    number, spent = million(analysis)
    detector = rtdetr()
    variants = list(released())
    others = [name for name, same in variants if not same]
    assert detector.analysis is not None
    lines = [
        "## Llama",
        "",
        "`l` layers of `k` key/value heads with `g` queries each, heads of `c`, `S` positions:",
        "",
        "```text",
        f"contraction = {text(analysis.total.contraction)}",
        f"parameters  = {text(analysis.parameters)}",
        "```",
        "",
        f"Equal to FlopCounterMode at {sum(equal)} of {len(equal)} random configurations, "
        f"parameters too. {number:,} configurations are evaluated in {spent:.2f} s.",
        "",
        "## RT-DETR",
        "",
        f"`rtdetr_r50`, free: `{RTDETR}`:",
        "",
        "```text",
        f"contraction = {text(detector.analysis.total.contraction)}",
        f"parameters  = {text(detector.analysis.parameters)}",
        f"where       {', '.join(detector.analysis.domain.texts())}",
        "```",
        "",
        f"Equal at {detector.equal} of {detector.compared} random configurations, parameters too; "
        f"derived in {detector.seconds:.1f} s of CPU time. At their own sizes, the formulas give "
        f"what these released variants cost: {', '.join(n for n, same in variants if same)}.",
        *([f"Others: {', '.join(others)}."] if others else []),
    ]
    return "\n".join(lines)


def many() -> str:
    """Models of several libraries."""
    rows = (held(models.find(name), free, draw) for name, free, draw in MODELS)
    return "\n".join(["## Models", "", *shown(rows)])


def architectures() -> str:
    """The sweep over transformers."""
    return "\n".join(["## Architectures of transformers", "", *shown(map(swept, SWEPT))])


PARTS = {"known": known, "many": many, "architectures": architectures}


def report() -> str:
    """All of it, as ``docs/results/freed.md`` has it."""
    return "\n\n".join(part() for part in PARTS.values())


if __name__ == "__main__":
    for part in sys.argv[1:] or PARTS:
        print(PARTS[part](), flush=True)
