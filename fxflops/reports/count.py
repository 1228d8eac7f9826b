"""What ``fxflops count`` has to say: a report at some sizes, as a document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from fxflops.algebra import Dim, Symbol
from fxflops.cost import METRICS, SUMS, ratio
from fxflops.report import SHOWN, Answer, Listed, Number, Quantity, Report, Row, known_calls
from fxflops.reports import data_sizes
from fxflops.reports.document import Cell, Document, Expression, Figure, Formula, Name, Table
from fxflops.reports.module_table import ALL, HEADLINE_FIRST, LABELS, modules_table, shape, usual
from fxflops.reports.wording import (
    at_scale,
    calls,
    decimal,
    exact,
    operator_calls,
    prefix,
    scaled,
    share,
    three_digits,
)

SCHEMA = "fxflops/1"
UNITS = {metric.name: metric.unit for metric in (*METRICS, *SUMS)}
HEADINGS = ("FLOPs", "share", *(LABELS[name] for name in HEADLINE_FIRST[1:]))
DEFINITION = (
    "FLOPs are contraction + elementwise, a multiply-add is 2 FLOP; MACs are contraction / 2."
)
UNKNOWN_SPAN: dict[str, Any] = {"span": {"value": None}, "parallelism": None}
"""What JSON says where a free number of layers leaves no graph to have a longest path."""

PLACES = {
    "merge-repvgg": "RepVGG blocks merged",
    "fold-batch-norm": "batch norms folded",
    "hoist": "calls hoisted",
}
GRAPHS = {"train": "training step", "deployed": "deployed"}
MOST_INPUTS = 3
PHASES = {
    "forward": "forward, with the loss",
    "activations": "backward: gradients of activations",
    "weights": "backward: gradients of weights",
    "recomputation": "backward: recomputed for it",
}


def document(
    answer: Answer,
    *,
    depth: int | None = None,
    symbolic: bool = False,
    brief: bool = False,
    columns: Sequence[str] | None = None,
    sort: str | None = None,
) -> Document:
    """The answer, with modules to ``depth`` levels below the root; or its formulas, ``symbolic``.

    Without a depth, the table of modules has as many levels as fit a screen. ``brief`` is the first
    screen: what it is, how large, and where it goes. ``columns`` are those of the table of modules
    (`fxflops.reports.module_table`), ``sort`` the one by which siblings are sorted.

    Raises SpecError for a value that is too long to be written, and for a column there is none of.
    """
    report = answer.report
    rows = parts(answer)
    quantities = ("flops", "contraction", "elementwise") if brief else HEADLINE_FIRST
    stacked = Table(
        headings=[f"graph: {_graph_line(report)}", "", *map(LABELS.__getitem__, quantities)],
        sides="ll" + "r" * len(quantities),
        rows=[
            [name, changed, *_cells(row, answer, symbolic, quantities)]
            for name, changed, row in rows
        ],
        stacked=symbolic,
        live=True,
    )
    tables = [stacked] if rows else []
    tables += [data_sizes.table(answer, symbolic=symbolic)] if report.domain.data else []
    if symbolic and _is_of_architecture(answer):
        from fxflops.reports.growth import growth  # most answers do without

        tables += growth(answer)
    tables += answer.shown_of_figures("tables")
    if not symbolic:
        chosen = columns or (usual(answer) if brief else ALL)
        modules = modules_table(answer, depth, chosen, sort, aligned=chosen != ALL)
        tables.append(modules._replace(live=True))
        tables += [] if brief else [_operators(answer)]
    numbers = tuple(asked(answer) if brief else figures(answer))
    return Document(
        title=title(answer),
        mark=mark(answer),
        summary=() if symbolic else [summary(answer)],
        figures=tuple(formulas(answer)) if symbolic else numbers,
        tables=tables,
        notes=[*notes(answer), *answer.shown_of_figures("notes")],
        methods=lambda: _methods(answer),
        symbolic=symbolic,
        data=lambda: data(answer, depth),
        records=lambda: list(records(answer, depth)),
    )


def _methods(answer: Answer) -> str:
    from fxflops.reports.methods import methods  # most formats do without

    return methods(answer)


def _is_of_architecture(answer: Answer) -> bool:
    """Whether sizes of the model are free, or formulas are grouped by a size."""
    return (
        not isinstance(answer.report.parameters, int) or answer.order != answer.report.domain.names
    )


def title(answer: Answer) -> str:
    """The model, its input, the dtype, and the graph if it is not that of inference."""
    report = answer.report
    parts = [report.model, *inputs(answer), *data_sizes.assumption(answer), report.dtype]
    if report.graph != "eval":
        parts.append(GRAPHS[report.graph])
    if report.frontend != "trace":
        parts.append(f"captured by torch.{report.frontend}")
    if report.causal == "half":
        parts.append("causal attention by half")
    return " · ".join(parts)


def inputs(answer: Answer) -> list[str]:
    """The tensors of the input, ``image 1x3x224x224``, and the sizes that are not among them."""
    given = answer.report.domain.input_names
    sizes = {name: str(size) for name, size in answer.sizes.items() if name in given}
    names = {*answer.report.domain.names, *answer.report.domain.fixed}
    seen: set[str] = set()

    def axis(token: str) -> str | None:
        terms = [term.partition("%")[0].partition(">")[0] for term in token.split("+")]
        if not all(term.isdecimal() or term in names for term in terms):
            return None  # a dtype
        seen.update(terms[:1] if len(terms) == 1 else ())
        values = [sizes.get(term, term) for term in terms]
        if len(values) > 1 and all(value.isdecimal() for value in values):
            return str(sum(map(int, values)))
        return "+".join(values)

    shown = []
    tensors = [part.strip() for part in answer.report.inputs.split(";")]
    for tensor in tensors:
        name, _, axes = tensor.rpartition(":")
        read = [found for token in axes.split() if (found := axis(token)) is not None]
        if name:
            shown.append(f"{name.strip()} {'x'.join(read) or 'scalar'}")
    if len(shown) > MOST_INPUTS:
        shown[MOST_INPUTS - 1 :] = [f"{len(shown) - MOST_INPUTS + 1} more inputs"]
    rest = [f"{name}={size}" for name, size in sizes.items() if name not in seen]
    return [*shown, *([", ".join(rest)] if rest else [])]


def summary(answer: Answer) -> str:
    """How much it is: MACs, FLOPs with what is in them, and parameters."""
    total = {name: answer.value(name) for name in HEADLINE_FIRST}
    flops = total["flops"]
    least = "" if answer.report.complete else "≥ "
    scale, _letter = prefix(flops or 0)
    places = 0 if scale == 1 else 3 - len(str((flops or 0) // scale))
    products, rest = (
        at_scale(total[name], scale, max(places, 1 if scale > 1 else 0))
        for name in ("contraction", "elementwise")
    )
    said = [
        least + three_digits(total["contraction"], "MAC", halves=True),
        f"{least}{three_digits(flops, 'FLOP')} ({products} in products, {rest} elementwise)",
    ]
    if not flops:
        said += [
            f"{least}{three_digits(total[name])} {LABELS[name]}"
            for name in ("transcendental", "comparison")
            if total[name]
        ]
    parameters = answer.quantity(answer.report.parameters).value
    said.append(f"{three_digits(parameters)} parameters")
    return " · ".join(said)


def mark(answer: Answer) -> str:
    """What comes before all else of an answer that is a lower bound."""
    if answer.report.complete:
        return ""
    cut = [item for item in answer.report.uncounted if item.reason.endswith(data_sizes.CUT)]
    others = answer.report.uncounted_calls - len(cut)
    said = [f"counted up to {', '.join(item.where)}" for item in cut]
    said += [f"{calls(others)} uncounted"] if others or not cut else []
    incomplete = f"INCOMPLETE: {', '.join(said)}"
    flops = answer.value("flops")
    return incomplete if flops is None else f"≥ {scaled(flops)}, {incomplete}"


def formulas(answer: Answer) -> Iterator[Figure]:
    """The totals with their formulas."""
    quantities = answer.quantities(answer.report.total)
    for name in HEADLINE_FIRST:
        quantity = quantities[name]
        known = "" if quantity.value is None else exact(quantity.value)
        yield Figure(LABELS[name], "", known, UNITS[name], _formula(quantity))
    if not isinstance(answer.report.parameters, int):
        parameters = answer.quantity(answer.report.parameters)
        known = "" if parameters.value is None else exact(parameters.value)
        yield Figure("parameters", "", known, "", _formula(parameters))
    for number in answer.numbers():
        if number.value is not None or number.formula is not None:
            yield _figure(number)


def _figure(number: Number) -> Figure:
    """A number beside the totals: rounded and exact, or the decimals of a ratio."""
    closed = number.formula
    formula = closed and Formula(text=closed.formula, latex=lambda: closed.latex)
    if isinstance(number.value, tuple):
        return Figure(number.label, decimal(*number.value, 2), "", number.unit, formula)
    known = number.value is not None
    short, whole = (scaled(number.value), exact(number.value)) if known else ("", "")
    return Figure(number.label, short, whole, number.unit, formula)


def _formula(quantity: Quantity) -> Formula:
    return Formula(
        text=quantity.formula,
        latex=lambda: quantity.latex,
        coefficients=lambda: quantity.coefficients,
    )


def figures(answer: Answer) -> Iterator[Figure]:
    """The totals, and the single numbers beside them."""
    report = answer.report
    for name in HEADLINE_FIRST:
        value = answer.value(name)
        yield Figure(LABELS[name], scaled(value), exact(value), UNITS[name])
    yield Figure("MACs", _macs(answer))
    yield Figure("parameters", exact(answer.quantity(report.parameters).value))
    if report.training is not None:
        yield Figure("trained parameters", exact(answer.quantity(report.training.trained).value))
    if answer.intensity is not None:
        yield Figure("arithmetic intensity", f"{decimal(*answer.intensity, 2)} FLOP/byte")
    yield from _known(answer.numbers())


def asked(answer: Answer) -> Iterator[Figure]:
    """The numbers of the figures that the user asked for."""
    for figure in answer.report.figures.values():
        if getattr(figure, "is_asked", False):
            yield from _known(figure.numbers(answer))


def _known(numbers: Iterable[Number]) -> Iterator[Figure]:
    for number in numbers:
        if number.value is not None:
            yield _figure(number)._replace(formula=None)


def _macs(answer: Answer) -> str:
    """Contraction / 2; a half is shown, not rounded."""
    contraction = answer.value("contraction")
    if contraction is None or answer.macs is not None:
        return scaled(answer.macs)
    return f"{exact(contraction // 2)}.5"


def parts(answer: Answer) -> list[tuple[str, str, Row]]:
    """What the graph's total is made of or does not contain, row by row."""
    report = answer.report
    rows = []
    if report.applied:
        for applied in report.applied:
            changed = f"{applied.places} {PLACES[applied.name]}"
            rows.append((f"saved: {applied.name}", changed, Row(applied.name, applied.saved)))
        rows.append(("saved: all passes", "", Row("all", report.saved)))
        rows += [(f"once per {m}", "", Row(m, cost)) for m, cost in report.once.items()]
    if report.training is not None:
        rows += [(PHASES[p], "", Row(p, cost)) for p, cost in report.training.phases.items()]
        if report.training.optimizer is not None:
            name, step = report.training.optimizer
            rows.append((f"apart: the step of {name}", "", Row(name, step)))
    return rows


def _graph_line(report: Report) -> str:
    """Which graph is counted: ``deployed (merge-repvgg, hoist)``."""
    names = ", ".join(applied.name for applied in report.applied)
    return f"{report.graph} ({names})" if names else report.graph


def _cells(
    row: Row, answer: Answer, symbolic: bool, names: Sequence[str] = HEADLINE_FIRST
) -> list[Cell]:
    quantities = answer.quantities(row.cost)
    if symbolic:
        return [Name(quantities[name].formula) for name in names]
    return [scaled(quantities[name].value) for name in names]


def _counts(row: Row, answer: Answer) -> list[Cell]:
    """FLOPs, their share of the whole, and the other quantities."""
    flops, *others = _cells(row, answer, False)
    part = answer.quantity(row.cost.flops).value
    return [flops, share(part, answer.value("flops")), *others]


def shown(report: Report, depth: int | None) -> list[Row]:
    """The modules to ``depth`` levels below the root."""
    return [row for row in report.modules if depth is None or level(row.name) <= depth]


def level(path: str) -> int:
    """How many levels a module is below the root."""
    return path.count(".") + 1 if path else 0


def _operators(answer: Answer) -> Table:
    """The operators, the dearest first; those that are uncounted at the end, with no number."""
    rows = [[Name(r.name), str(r.calls), *_counts(r, answer)] for r in operators(answer)]
    unknown = ["?", *[""] * (len(HEADINGS) - 1)]
    rows += [[Name(item.op), str(item.calls), *unknown] for item in answer.report.uncounted]
    headings = ("operator", "calls", *HEADINGS)
    return Table(headings, "lr" + "r" * len(HEADINGS), rows, live=True)


def operators(answer: Answer) -> list[Row]:
    """The operators, the dearest first."""

    def weight(row: Row) -> tuple[int, int]:
        return answer.quantity(row.cost.flops).value or 0, known_calls(row.calls)

    return sorted(answer.report.operators, key=weight, reverse=True)


def notes(answer: Answer) -> list[str]:
    """What the reader must know to quote the numbers: definition, domain, completeness, notes."""
    report = answer.report
    lines = [DEFINITION]
    if domain := report.domain.input_texts:
        lines.append(f"The formulas hold where {', '.join(domain)}.")
    if not report.complete:
        lines.append(f"LOWER BOUND: {operator_calls(report.uncounted_calls)} uncounted:")
        lines += [
            f"  {item.op}, {calls(known_calls(item.calls))} ({item.reason}), "
            f"at {'; '.join(item.where[:3])}"
            for item in report.uncounted
        ]
    return [*lines, *data_sizes.notes(answer), *report.unproven, *report.notes]


def records(answer: Answer, depth: int | None) -> Iterator[Sequence[object]]:
    """A line for each module, operator and part: values, and formulas beside them."""
    report = answer.report
    texts_of = [f"{name}_formula" for name in SHOWN]
    of_modules, of_figures = ("parameters", "output"), ("value", "unit", "formula")
    yield ["kind", "name", "type", "calls", *SHOWN, *texts_of, *of_modules, *of_figures]
    step = report.training and report.training.optimizer
    rows = {
        "module": shown(report, depth),
        "operator": operators(answer),
        "saved": [Row(a.name, a.saved, calls=a.places) for a in report.applied],
        "once": [Row(time, cost) for time, cost in report.once.items()],
        "phase": [
            Row(p, c) for p, c in (report.training.phases if report.training else {}).items()
        ],
        "optimizer": [Row(*step)] if step else [],
    }
    for kind, of_kind in rows.items():
        for row in of_kind:
            quantities = answer.quantities(row.cost).values()
            values = (quantity.value for quantity in quantities)
            texts = (Expression(quantity.formula) for quantity in quantities)
            own = (_parameters(row, answer), shape(row, answer)) if kind == "module" else ()
            yield [kind, row.name, row.kind, row.calls, *values, *texts, *own]
    without = [""] * (4 + 2 * len(SHOWN))
    for number in answer.numbers():
        value = ratio(*number.value) if isinstance(number.value, tuple) else number.value
        formula = number.formula and Expression(number.formula.formula)
        yield ["figure", number.name, *without, value, number.unit, formula]
    for item in report.uncounted:
        yield ["uncounted", item.op, "", item.calls]


def _parameters(row: Row, answer: Answer) -> int | None:
    return None if row.parameters is None else answer.quantity(row.parameters).value


def data(answer: Answer, depth: int | None) -> dict[str, Any]:
    """The answer as nested dicts and lists of strings, numbers and None; see ``schema.json``."""
    report = answer.report

    def counts(row: Row) -> dict[str, Any]:
        return _quantities(answer, row)

    total = counts(report.modules[0])
    return {
        "schema": SCHEMA,
        "model": report.model,
        "graph": report.graph,
        "frontend": report.frontend,
        "dtype": report.dtype,
        "complete": report.complete,
        "inputs": report.inputs,
        "symbols": list(report.domain.names),
        "domain": list(report.domain.texts()),
        "sizes": [_size(symbol, answer) for symbol in report.domain.symbols],
        "conditions": [
            {"condition": condition, "where": where}
            for condition, where in report.domain.conditions().items()
        ],
        "at": answer.sizes,
        "totals": {**total, "parameters": _elements(answer, report.parameters)},
        **UNKNOWN_SPAN,
        **_numbers(answer),
        "intensity": answer.intensity and ratio(*answer.intensity),
        "modules": [
            {"path": row.name, "type": row.kind, **counts(row), **_module(answer, row)}
            for row in shown(report, depth)
        ],
        "operators": [
            {"op": row.name, "calls": row.calls, **counts(row)} for row in operators(answer)
        ],
        "free": [_listed(item, "reason") for item in report.free],
        "uncounted": [_listed(item, "reason", "where") for item in report.uncounted],
        "notes": list(report.notes),
        **data_sizes.data(answer),
        **({} if report.causal == "full" else {"causal": report.causal}),
        **({"unproven": list(report.unproven)} if report.unproven else {}),
        **_deployed(answer),
        **_trained(answer),
    }


def _elements(answer: Answer, count: Dim) -> dict[str, Any]:
    """How many parameters, and the formula where hyper-parameters are free."""
    quantity = answer.quantity(count)
    if isinstance(count, int):
        return {"value": count}
    return {"formula": quantity.formula, "value": quantity.value}


def _size(symbol: Symbol, answer: Answer) -> dict[str, Any]:
    """A free size: its values are multiples from the least one up."""
    return {
        "name": symbol.name,
        "multiple": symbol.multiple,
        "least": answer.report.domain.least_size(symbol),
        "at": answer.sizes.get(symbol.name),
    }


def _numbers(answer: Answer) -> dict[str, Any]:
    """The figures' keys: ``{"value": …}``, with its formula if it has one; a ratio as it is."""
    found: dict[str, Any] = {}
    for number in answer.numbers():
        shown: Any
        if number.is_ratio:
            shown = ratio(*number.value) if isinstance(number.value, tuple) else None
        else:
            shown = {"value": number.value}
            if number.formula is not None or number.has_formula:
                closed = number.formula and number.formula.formula
                shown = {"formula": closed, **shown}
        _place(found, number.name, shown)
    for name, details in answer.shown_of_figures("details"):
        _place(found, name, details)
    return found


def _place(found: dict[str, Any], name: str, shown: Any) -> None:
    """Put ``shown`` under the name, whose dots are levels."""
    *levels, last = name.split(".")
    for level_name in levels:
        found = found.setdefault(level_name, {})
    found[last] = shown


def _deployed(answer: Answer) -> dict[str, Any]:
    """The keys that only a deployed graph has."""
    report = answer.report
    if not report.applied:
        return {}
    return {
        "passes": [
            {
                "pass": applied.name,
                "places": applied.places,
                "saved": _quantities(answer, Row(applied.name, applied.saved)),
            }
            for applied in report.applied
        ],
        "saved": _quantities(answer, Row("all", report.saved)),
        "once": {m: _quantities(answer, Row(m, cost)) for m, cost in report.once.items()},
    }


def _trained(answer: Answer) -> dict[str, Any]:
    """The keys that only a training step has."""
    training = answer.report.training
    if training is None:
        return {}
    step = training.optimizer
    return {
        "trained": _elements(answer, training.trained),
        "phases": {p: _quantities(answer, Row(p, cost)) for p, cost in training.phases.items()},
        "optimizer": step and {"name": step.name, **_quantities(answer, Row(*step))},
    }


def _quantities(answer: Answer, row: Row) -> dict[str, dict[str, Any]]:
    return {
        name: {"formula": quantity.formula, "value": quantity.value}
        for name, quantity in answer.quantities(row.cost).items()
    }


def _module(answer: Answer, row: Row) -> dict[str, Any]:
    """What a module has beside its counts: parameters, calls, and the shapes that it returns."""
    parameters = None if row.parameters is None else answer.quantity(row.parameters)
    return {
        "parameters": parameters and {"formula": parameters.formula, "value": parameters.value},
        "calls": row.calls,
        "results": [
            [
                {
                    "formula": [answer.quantity(size).formula for size in shape],
                    "value": None
                    if answer.values is None
                    else [answer.quantity(size).value for size in shape],
                }
                for shape in shapes
            ]
            for shapes in row.results
        ],
        "uncounted": row.uncounted,
    }


def _listed(item: Listed, *details: str) -> dict[str, Any]:
    values = {detail: getattr(item, detail) for detail in details}
    shown = {d: list(value) if isinstance(value, tuple) else value for d, value in values.items()}
    return {"op": item.op, "calls": item.calls, **shown}
