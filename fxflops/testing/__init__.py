"""What a model costs as a test: ``assert_cost``, and snapshots of costs in pytest.

plugin.py      the pytest plugin, by entry point: the option ``--fxflops-update``
snapshots.py   the files that snapshots are

Importing this imports no torch: pytest loads the plugin wherever fxflops is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fxflops.errors import SpecError

if TYPE_CHECKING:
    from torch import nn

    from fxflops.report import Report
    from fxflops.solving.conditions import Condition

__all__ = ["assert_cost"]


def assert_cost(
    model: str | nn.Module,
    inputs: Any = None,
    /,
    *,
    at: Mapping[str, int] | None = None,
    train: bool | str = False,
    loss: Callable[[Any], Any] | None = None,
    deploy: Sequence[str] = (),
    dtype: str | None = None,
    past: str | int | None = None,
    **conditions: str,
) -> None:
    """Assert what one call of ``model`` costs: ``flops="<= 8.3G", parameters="<= 26M"``.

    ``model``, ``inputs`` and the options are those of `fxflops.analyze`. Each condition is a
    quantity by name (a metric, ``macs``, ``span``, ``intensity``, ``parameters`` …) and a
    comparison with a number. ``at`` gives the free sizes; of those not given, ``N`` is 1 and others
    are the model's own.

    Without conditions the formulas are held against a snapshot, which ``pytest --fxflops-update``
    writes beside the test.

    Raises AssertionError, with the module that costs most, where a condition does not hold or is
    not proven since calls are uncounted; SpecError for what cannot be read.
    """
    __tracebackhide__ = True
    from fxflops.pipeline import analyze

    analysis = analyze(model, inputs, train=train, loss=loss, deploy=deploy, dtype=dtype, past=past)
    report = analysis.report
    sizes = {**({"N": 1} if "N" in report.domain.names else {}), **report.defaults, **(at or {})}
    if not conditions:
        from fxflops.testing.snapshots import hold

        hold(report, sizes)
        return
    texts = [_condition(name, comparison) for name, comparison in conditions.items()]
    failures = _failures(report, sizes, texts)
    if failures:
        raise AssertionError("; ".join(failures))


def _condition(name: str, comparison: object) -> str:
    if not isinstance(comparison, str):
        raise SpecError(f'{name} must be a comparison such as "<= 8.3G", not {comparison!r}.')
    return f"{name} {comparison}"


def _failures(report: Report, sizes: Mapping[str, int], texts: Sequence[str]) -> list[str]:
    """What does not hold, each with the module that costs most."""
    from fxflops.solving.budgets import culprit
    from fxflops.solving.conditions import conditions
    from fxflops.solving.measures import at_sizes, short, written

    answer = report.at(sizes)
    failures = []
    for condition in conditions(report, texts):
        of, value = condition.measure, condition.measure.at(answer)
        if value is None:
            failures.append(f"{of.name} has no value{at_sizes(answer.sizes)}")
        elif not condition.holds_for(value):
            dearest, _ = culprit(answer, of)
            most = f"; the dearest module is {dearest}" if dearest else ""
            failures.append(
                f"{condition.text} does not hold for {report.model}{at_sizes(answer.sizes)}: "
                f"{of.label} {short(value, of.unit)} ({written(value)}){most}"
            )
        elif _is_open(report, condition):
            ops = ", ".join(item.op for item in report.uncounted)
            failures.append(f"{condition.text} is not proven: {ops} uncounted in {report.model}")
    return failures


def _is_open(report: Report, condition: Condition) -> bool:
    """Whether uncounted calls may change the answer; a lower bound beyond a floor is proven."""
    if report.complete or not condition.measure.lower:
        return False
    return condition.sign not in (">", ">=") or condition.measure.is_ratio
