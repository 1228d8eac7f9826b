"""Suppression by class, `torchvision.ops.batched_nms`, as one call for all classes.

torchvision moves the boxes of each class apart and suppresses all of them together, or, from a
number of boxes on that depends on the device, goes class by class; both keep the same boxes. Which
of the two it is must not decide the formula: it is the first one, on every device.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fxflops.capture.patches.threads import replaced_here


@contextmanager
def one_suppression_for_all_classes() -> Iterator[None]:
    """Has this thread suppress all classes together.

    Private: the two ways of ``batched_nms`` in torchvision.
    """
    from torchvision.ops import boxes as box_ops

    together: Any = box_ops._batched_nms_coordinate_trick
    with replaced_here(box_ops.batched_nms, together):
        yield
