"""What one process of the benchmark does: count one model with one tool, and print one line.

    python benchmark_process.py TOOL MODEL HxW [HxW …]

The line is JSON: ``value``, the tool's number at the last size in its own unit, and ``counting``,
the seconds after torch was imported and the model built. Each tool is imported only where it runs.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence

import torch
from torch import nn

Sizes = Sequence[tuple[int, int]]


def build(name: str, device: str) -> nn.Module:
    library, _, model = name.rpartition(":")
    with torch.device(device):
        if library == "torchvision":
            import torchvision

            return torchvision.models.get_model(model, weights=None).eval()
        if library == "timm":
            import timm

            return timm.create_model(model).eval()
        import rtdetr

        return rtdetr.build(model).eval()


def flop_counter(model: nn.Module, sizes: Sizes, device: str) -> int:
    from torch.utils.flop_counter import FlopCounterMode

    for size in sizes:
        counter = FlopCounterMode(display=False)
        with counter, torch.no_grad():
            model(torch.rand(1, 3, *size, device=device))
    return counter.get_total_flops()


def fvcore(model: nn.Module, sizes: Sizes, device: str) -> int:
    import logging

    from fvcore.nn import FlopCountAnalysis

    logging.disable()
    for size in sizes:
        analysis = FlopCountAnalysis(model, torch.rand(1, 3, *size, device=device))
        total = analysis.unsupported_ops_warnings(False).total()
    return int(total)


def ptflops(model: nn.Module, sizes: Sizes, device: str) -> int:
    from ptflops import get_model_complexity_info

    for size in sizes:
        total, _ = get_model_complexity_info(
            model, (3, *size), as_strings=False, print_per_layer_stat=False, backend="aten"
        )
    return int(total)


def thop(model: nn.Module, sizes: Sizes, device: str) -> int:
    from thop import profile

    for size in sizes:
        total, _ = profile(model, (torch.rand(1, 3, *size, device=device),), verbose=False)
    return int(total)


def calflops(model: nn.Module, sizes: Sizes, device: str) -> int:
    from calflops import calculate_flops

    for size in sizes:
        total, _, _ = calculate_flops(
            model, (1, 3, *size), print_results=False, output_as_string=False
        )
    return int(total)


def fxflops(model: nn.Module, sizes: Sizes, device: str) -> int:
    import fxflops

    analysis = fxflops.analyze(model, "image: N 3 H%32 W%32")
    counts = [analysis.at(N=1, H=h, W=w).contraction for h, w in sizes]
    assert isinstance(counts[-1], int)
    return counts[-1]


TOOLS: dict[str, tuple[Callable[[nn.Module, Sizes, str], int], str]] = {
    "fxflops": (fxflops, "meta"),
    "FlopCounterMode": (flop_counter, "cpu"),
    "FlopCounterMode on meta": (flop_counter, "meta"),
    "fvcore": (fvcore, "cpu"),
    "ptflops": (ptflops, "cpu"),
    "ultralytics-thop": (thop, "cpu"),
    "calflops": (calflops, "cpu"),
}


def main() -> None:
    tool, name, *written = sys.argv[1:]
    sizes = [(int(h), int(w)) for h, _, w in (size.partition("x") for size in written)]
    count, device = TOOLS[tool]
    model = build(name, device)
    before = time.perf_counter()
    value = count(model, sizes, device)
    print(json.dumps({"value": value, "counting": time.perf_counter() - before}))


if __name__ == "__main__":
    main()
