"""Models of timm by name, for ``package.module:callable``."""

from functools import partial

import timm


def __getattr__(name: str) -> partial:
    if name not in timm.list_models():
        raise AttributeError(name)
    return partial(timm.create_model, name)
