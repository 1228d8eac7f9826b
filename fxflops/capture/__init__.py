"""From a model to a graph whose every node has symbolic shapes.

Two front ends with one result type, `Capture`: `fxflops.capture.export` (torch.export, the oracle)
and `fxflops.capture.record` (a recorder of operator calls, at fixed sizes).
"""

from fxflops.capture.result import Capture

__all__ = ["Capture"]
