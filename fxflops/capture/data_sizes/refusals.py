"""Results whose size data decide without a bound: what is said of them."""

from __future__ import annotations

from typing import Any

WITHOUT_BOUND = {
    "aten::repeat_interleave": "give it output_size",
    "aten::one_hot": "give it num_classes",
    "aten::bincount": "count the model up to there",
}
"""Those whose numbers decide it, and what to do."""


def data_dependent_size(operator: Any) -> str | None:
    """A line on a call whose result's size data decide without a bound; None for other calls.

    It is asked of calls that could not be made on meta tensors.
    """
    advice = WITHOUT_BOUND.get(operator._schema.name)
    if advice is None:
        return None
    return (
        f"{operator} gives as many results as the data say, which has no bound, and no formula of "
        f"the input's sizes can say it: {advice}"
    )
