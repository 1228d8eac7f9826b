"""What models of transformers ask of a tensor's values, of which a capture has none."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from fxflops.models.named import with_forward

if TYPE_CHECKING:
    from torch import nn


def is_of_transformers(model: nn.Module) -> bool:
    """Whether some module in it is a model of transformers."""
    transformers = sys.modules.get("transformers")
    known = getattr(transformers, "PreTrainedModel", None)
    return known is not None and any(isinstance(module, known) for module in model.modules())


def of_whole_sequences(model: nn.Module) -> nn.Module:
    """``model`` itself, where a row of the input is one sequence, without padding.

    The library looks for several sequences packed into one, for padding, and for masks that hide
    something, in the values of tensors, which on meta have none.
    """
    if not is_of_transformers(model):
        return model
    from transformers import PreTrainedModel, masking_utils

    from fxflops.capture.patches.threads import replaced_here

    answers: tuple[tuple[Any, str, Any], ...] = (
        (masking_utils, "find_packed_sequence_indices", lambda position_ids: None),
        (masking_utils, "fast_all", lambda padding_mask: True),
        (masking_utils, "_ignore_bidirectional_mask_sdpa", _hides_nothing),
        (PreTrainedModel, "warn_if_padding_and_no_attention_mask", lambda *_: None),
    )

    def forward(original: Callable[..., Any], itself: Any, *args: Any, **kwargs: Any) -> Any:
        with ExitStack() as stack:
            for owner, name, answer in answers:
                if name in vars(owner):  # it is not in every version
                    stack.enter_context(replaced_here(vars(owner)[name], answer))
            return original(*args, **kwargs)

    return with_forward(model, forward)


def _hides_nothing(padding_mask: Any, kv_length: Any, local_attention_size: Any = None) -> bool:
    """Whether attention in both directions needs no mask, where there is no padding."""
    from transformers.utils.import_utils import is_torchdynamo_exporting

    if is_torchdynamo_exporting():
        return False
    return local_attention_size is None or bool(kv_length < local_attention_size)
