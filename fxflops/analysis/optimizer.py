"""What an optimizer's step costs, once the gradients are there.

It depends on the number of trained parameters alone. Factors that are the same for all parameters
(the learning rate, the corrections of the bias) are constants of the step. Bytes are those of one
pass over parameters, gradients and binding_times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from fxflops.cost import Cost, Optimizer, total

if TYPE_CHECKING:
    from fxflops.algebra import Dim


def sgd(parameters: Dim, element: int) -> Cost:
    """Descent p - rate * g: 2P  [FLOP] for P parameters of ``element`` bytes; no momentum.

    As ``torch.optim.SGD`` does by default.
    """
    return Cost(
        elementwise=2 * parameters,
        bytes_read=2 * parameters * element,
        bytes_written=parameters * element,
    )


def adamw(parameters: Dim, element: int) -> Cost:
    """AdamW with weight decay: 13P  [FLOP], P calls of sqrt, for P parameters.

    Decay p * (1 - rate * decay): P. First moment b m + (1 - b) g: 3P. Second b v + (1 - b) g g: 4P.
    p - rate' * m / (sqrt(v) / c + eps): 5P. Source: arXiv:1711.05101, alg. 2, as
    ``torch.optim.AdamW`` does it by default.
    """
    return Cost(
        elementwise=13 * parameters,
        transcendental=parameters,
        bytes_read=4 * parameters * element,
        bytes_written=3 * parameters * element,
    )


OPTIMIZERS: Mapping[str, Callable[[Dim, int], Cost]] = {"sgd": sgd, "adamw": adamw}
"""What is known, by the name that a user gives."""


def step(name: str, trained: Mapping[int, Dim]) -> Optimizer:
    """The step of the optimizer ``name``, one of `OPTIMIZERS`.

    ``trained`` are the numbers of trained parameters by the bytes of an element.
    """
    costs = (OPTIMIZERS[name](number, element) for element, number in trained.items())
    return Optimizer(name=name, step=total(costs))
