"""What torch 2.9 does otherwise than newer versions: all that tests have to know of it is here."""

import pytest
import torch

VERSION = tuple(map(int, torch.__version__.split("+")[0].split(".")[:2]))
IS_OLD = VERSION < (2, 10)

CANNOT_RUN = (
    {
        "bucket, once",
        "convolution with flags",
        "convolution with four flags",
        "flash, heads after the sequence",
    }
    if IS_OLD
    else set[str]()
)
"""Rows of operators that have no meta kernel yet."""

EXPORT_ASSUMES = {"429496729 >= H*W"} if IS_OLD else set[str]()
"""``torch.export`` guards that an index into what it upsamples fits 32 bits."""

SYMNODE_HAD = {"expect_size", "require_hint"}
"""Methods of ``SymNode`` that newer versions do not have."""

DEFORMED = {"no formula", "product in place"} if IS_OLD else {"no formula"}
"""Why FlopCounterMode does not see deformable convolution; once it took it apart."""


def newer(reason: str) -> pytest.MarkDecorator:
    """Skips a test on the old version."""
    return pytest.mark.skipif(IS_OLD, reason=reason)


attention_is_differentiated = newer("torch 2.9 takes attention apart with plain integers only")
"""A training step with attention has a formula; once it had one number, at fixed sizes."""

fills_a_dict = newer("torch 2.9 does not export a module that fills a dict of its own")
"""Newer versions do, and so does the tracer."""
