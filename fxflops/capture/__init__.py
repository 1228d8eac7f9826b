"""From a model to a graph whose every node has symbolic shapes.

Two front ends with one result type, `Capture`: `fxflops.capture.trace` (a recorder of operator
calls over sizes of our own, the default) and `fxflops.capture.export` (torch.export, the oracle).
"""

from fxflops.capture.result import Capture

__all__ = ["Capture"]
