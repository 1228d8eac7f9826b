"""The stable, versioned JSON form, ``"schema": "fxflops/1"``; documented in the README."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fxflops.ledger import Listed
from fxflops.summary import Quantity, Summary

SCHEMA = "fxflops/1"


def render(summary: Summary) -> str:
    """The summary as an indented JSON object."""
    return json.dumps(as_object(summary), indent=2, ensure_ascii=False) + "\n"


def as_object(summary: Summary) -> dict[str, Any]:
    """The summary as nested dicts and lists of strings, integers, floats and None."""
    return {
        "schema": SCHEMA,
        "model": summary.model,
        "graph": summary.graph,
        "frontend": summary.frontend,
        "dtype": summary.dtype,
        "complete": summary.complete,
        "inputs": summary.inputs,
        "symbols": list(summary.symbols),
        "domain": list(summary.domain),
        "at": dict(summary.at),
        "totals": {**_quantities(summary.totals), "parameters": {"value": summary.parameters}},
        "span": {"value": summary.span},
        "parallelism": summary.parallelism,
        "intensity": summary.intensity,
        "modules": [
            {"path": row.name, "type": row.kind, **_quantities(row.quantities)}
            for row in summary.modules
        ],
        "operators": [
            {"op": row.name, "calls": row.calls, **_quantities(row.quantities)}
            for row in summary.operators
        ],
        "free": [_listed(item, "reason") for item in summary.free],
        "uncounted": [_listed(item, "reason", "where") for item in summary.uncounted],
        "notes": list(summary.notes),
        **_deployed(summary),
        **_trained(summary),
    }


def _deployed(summary: Summary) -> dict[str, Any]:
    """The keys that only a deployed graph has."""
    if summary.saved is None:
        return {}
    return {
        "passes": [
            {"pass": row.name, "places": row.calls, "saved": _quantities(row.quantities)}
            for row in summary.passes
        ],
        "saved": _quantities(summary.saved.quantities),
        "once": {row.name: _quantities(row.quantities) for row in summary.once},
    }


def _trained(summary: Summary) -> dict[str, Any]:
    """The keys that only a training step has."""
    if summary.trained is None:
        return {}
    step = summary.optimizer
    return {
        "trained": {"value": summary.trained},
        "phases": {row.name: _quantities(row.quantities) for row in summary.phases},
        "optimizer": step and {"name": step.name, **_quantities(step.quantities)},
    }


def _quantities(quantities: Mapping[str, Quantity]) -> dict[str, dict[str, Any]]:
    return {
        name: {"formula": quantity.formula, "value": quantity.value}
        for name, quantity in quantities.items()
    }


def _listed(item: Listed, *details: str) -> dict[str, Any]:
    values = {detail: getattr(item, detail) for detail in details}
    shown = {d: list(value) if isinstance(value, tuple) else value for d, value in values.items()}
    return {"op": item.op, "calls": item.calls, **shown}
