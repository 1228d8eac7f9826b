"""Peak memory, derived and measured: what PyTorch's allocator gave during one call."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import torch
from torch import nn

from fxflops import models
from fxflops.algebra import evaluate
from fxflops.capture.allocations import Log
from fxflops.capture.patches.module_state import unchanged
from fxflops.capture.prepare import copied, failure, floating_dtype, random_inputs
from fxflops.capture.workspace import bounds_of
from fxflops.crosscheck.allocator import Used, by_call, peak
from fxflops.errors import CheckError, SpecError
from fxflops.models.named import build, called
from fxflops.models.sequences import of_whole_sequences
from fxflops.pipeline import analyze
from fxflops.reports.document import Cell, Document, Figure, Name, Table
from fxflops.reports.wording import exact, scaled
from fxflops.spec import InputSpec

SCHEMA = "fxflops-check-memory/1"
SHOWN = 10
SEED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Differing:
    """A call whose kernel takes other bytes than derived, at its most, beyond what lived before."""

    op: str
    path: str
    where: str
    derived: int
    measured: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryCheck:
    """The peak of one call, derived and measured [bytes].

    ``peak`` is None where it is not known: then it is at least ``at_least`` and at most
    ``at_most``, None where that is not known either. ``calls`` are those that differ, the largest
    difference first; None where the calls of the run are not those derived.
    """

    model: str
    device: str
    torch: str
    dtype: str
    at: Mapping[str, int]
    threads: int
    peak_tensors: int
    peak: int | None
    at_least: int
    at_most: int | None
    measured: int
    calls: tuple[Differing, ...] | None

    @property
    def passed(self) -> bool:
        """Whether the measured peak is the one derived, or within the bounds."""
        if self.peak is not None:
            return self.measured == self.peak
        below = self.at_most is None or self.measured <= self.at_most
        return self.at_least <= self.measured and below


def check_memory(
    model: str | nn.Module,
    inputs: str | InputSpec | None = None,
    *,
    sizes: Mapping[str, int] | None = None,
    device: str = "cpu",
    dtype: str | None = None,
    threads: int | None = None,
) -> MemoryCheck:
    """Hold the derived peak of memory against the allocator's, at ``sizes``.

    The model runs as for `fxflops.check`: in eval mode, on random input; on the CPU with so many
    ``threads``, PyTorch's own by default. On a GPU the measured peak is that of
    ``torch.cuda.max_memory_allocated``, of which the peak of tensors is a lower bound.

    Raises CheckError when the device is missing or the model does not run, and what `analyze`
    raises.
    """
    if device not in ("cpu", "cuda"):
        raise SpecError(f"There is no device {device!r}. Known: cpu, cuda.")
    if device == "cuda" and not torch.cuda.is_available():
        raise CheckError(
            'There is no CUDA device here: use device="cpu".',
            command_line="There is no CUDA device here: use --device cpu.",
        )
    with unchanged(model), _threads(threads):
        return _checked(model, inputs, sizes, device, dtype)


def _checked(
    model: str | nn.Module,
    inputs: str | InputSpec | None,
    sizes: Mapping[str, int] | None,
    device: str,
    dtype: str | None,
) -> MemoryCheck:
    analysis = analyze(model, inputs, defaults=sizes, dtype=dtype)
    if analysis.inputs.past is not None:
        raise CheckError("A call with a cache is not measured here: check one without a past.")
    values = analysis.values()
    at = {symbol.name: symbol.size_at(value) for symbol, value in values.items()}
    record = analysis.memory.record
    numbers = analysis.memory.at()
    tensors, whole = numbers["memory.peak_tensors"], numbers["memory.peak"]
    if not isinstance(tensors, int):
        raise CheckError("The peak is not known at these sizes of 1: take larger ones.")
    torch.manual_seed(SEED)
    if isinstance(model, str):
        named = models.find(model)
        module = called(named, build(named), analysis.inputs)
    else:
        module = of_whole_sequences(copied(model, lambda: copy.deepcopy(model)))
    module = module.eval().to(device)
    if dtype is not None:
        module = module.to(getattr(torch, dtype))
    given = random_inputs(analysis.inputs.fixed(at), {}, floating_dtype(module), device)
    is_cpu = device == "cpu"
    used: Sequence[Used] = ()
    try:
        with torch.inference_mode(), _without_fast_path():
            module(*given)
            measured = peak(lambda: module(*given)) if is_cpu else _on_gpu(module, given)
            if is_cpu:
                used = by_call(lambda: module(*given))
    except Exception as error:
        raise CheckError(f"{analysis.model} does not run on {device}: {failure(error)}") from error
    assert analysis.recall is not None
    log = analysis.recall.relog(at, record.threads) if is_cpu else None
    known = whole if is_cpu and isinstance(whole, int) else None
    has_bound = is_cpu and not record.unknown
    least = evaluate(record.peak_known, values) if is_cpu else tensors
    return MemoryCheck(
        model=analysis.model,
        device=device if is_cpu else torch.cuda.get_device_name(),
        torch=torch.__version__,
        dtype=analysis.dtype,
        at=at,
        threads=record.threads,
        peak_tensors=tensors,
        peak=known,
        at_least=least,
        at_most=max(least, evaluate(record.bound, values)) if has_bound else None,
        measured=measured,
        calls=None if log is None else _differing(log, used),
    )


def _differing(log: Log, used: Sequence[Used]) -> tuple[Differing, ...] | None:
    """The calls that take other bytes than derived; None where they are not the same calls."""
    found = []
    for call in log.calls:
        if call.position >= len(used) or used[call.position].op != call.op:
            return None
        if call.inside is None or call.inside.at_most:
            continue
        seen = used[call.position]
        moments = [bound for moment in call.inside.moments for bound in bounds_of(moment)]
        derived = [bytes_ for bytes_ in (call.made, *moments) if isinstance(bytes_, int)]
        if seen.most - seen.before not in derived or max(derived) < seen.most - seen.before:
            found.append(
                Differing(
                    op=call.op,
                    path=call.path,
                    where=call.where,
                    derived=max(derived),
                    measured=seen.most - seen.before,
                )
            )
    return tuple(sorted(found, key=lambda each: -abs(each.measured - each.derived)))


def _on_gpu(module: nn.Module, given: Sequence[torch.Tensor]) -> int:
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    result = module(*given)
    torch.cuda.synchronize()
    most = torch.cuda.max_memory_allocated() - before
    del result
    return most


@contextmanager
def _threads(number: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _without_fast_path() -> Iterator[None]:
    """Inference without the fused transformer layers, which the graph does not have either."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def document(check: MemoryCheck) -> Document:
    """The outcome for every format."""
    sizes = ", ".join(f"{name}={size}" for name, size in check.at.items())
    where = f"{check.device}, torch {check.torch}, {check.threads} threads"
    derived = [("peak of tensors", check.peak_tensors)]
    if check.peak is None:
        derived.append(("peak, at least", check.at_least))
        if check.at_most is not None:
            derived.append(("peak, at most", check.at_most))
    else:
        derived.append(("peak", check.peak))
    shown = (check.calls or ())[:SHOWN]
    rows: list[list[Cell]] = [
        [
            Name(call.op),
            Name(call.path),
            call.where,
            exact(call.derived),
            exact(call.measured),
            exact(call.measured - call.derived),
        ]
        for call in shown
    ]
    headings = ("operator", "module", "line", "derived", "measured", "difference [bytes]")
    return Document(
        title=f"{check.model}{f' at {sizes}' if sizes else ''} ({check.dtype}): memory ({where})",
        figures=[
            *(Figure(name, scaled(value), exact(value), "bytes") for name, value in derived),
            Figure("measured", scaled(check.measured), exact(check.measured), "bytes"),
        ],
        tables=[Table(headings, "lllrrr", rows, caption="Calls that differ")] if rows else [],
        notes=[_about(check)],
        conclusion=_verdict(check),
        data=lambda: {
            "schema": SCHEMA,
            **{name: value for name, value in asdict(check).items() if name != "calls"},
            "passed": check.passed,
            "calls": None if check.calls is None else [asdict(call) for call in check.calls],
        },
    )


def _about(check: MemoryCheck) -> str:
    if check.calls is None:
        return "The calls of the run are not compared one by one."
    if not check.calls:
        return "Every kernel whose workspace is known takes what is derived."
    return (
        f"{len(check.calls)} calls take other bytes than derived, beyond what lives before them; "
        "below the peak that changes nothing."
    )


def _verdict(check: MemoryCheck) -> str:
    if check.peak is not None:
        off = check.measured - check.peak
        return "The peak is measured as derived." if not off else f"The peak is {off:+,} bytes off."
    if check.passed:
        return "The measured peak is within its bounds."
    return "The measured peak is OUTSIDE its bounds."
