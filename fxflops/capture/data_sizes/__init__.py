"""Sizes that data decide, as symbols with bounds: how many boxes are kept, how many are not 0."""

from fxflops.capture.data_sizes.sizes import DataSizes

__all__ = ["DataSizes"]
