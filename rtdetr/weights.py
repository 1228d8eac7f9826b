"""Released weights into a model."""

from collections.abc import Iterable, Mapping
from os import PathLike

import torch
from torch import Tensor, nn

from rtdetr.errors import CheckpointError

SHOWN = 5


def load_checkpoint(model: nn.Module, path: str | PathLike[str]) -> None:
    """Fill ``model`` in place with the weights in the file at ``path``.

    The file is a state dict, or a training checkpoint that has one under ``ema.module``
    (preferred) or ``model``. Only tensors and plain containers are unpickled. Raises OSError
    where the file cannot be opened, and CheckpointError, leaving the model as it was, where it
    holds no state dict or one whose names or shapes are not the model's.
    """
    weights = _state_dict(_read(path), path)
    expected = model.state_dict()
    missing = [name for name in expected if name not in weights]
    unexpected = [name for name in weights if name not in expected]
    mismatched = [
        f"{name} is {_shape(weights[name])} in the file, {_shape(tensor)} in the model"
        for name, tensor in expected.items()
        if name in weights and weights[name].shape != tensor.shape
    ]
    if missing or unexpected or mismatched:
        problems = [
            *_listing("missing", missing, ", "),
            *_listing("unexpected", unexpected, ", "),
            *_listing("of another shape", mismatched, "; "),
        ]
        raise CheckpointError(
            f"{path} holds weights of another model: {'. '.join(problems)}. "
            "Build the variant that the file was trained with."
        )
    model.load_state_dict(weights)


def _read(path: str | PathLike[str]) -> object:
    with open(path, "rb") as file:
        try:
            return torch.load(file, map_location="cpu", weights_only=True)
        # Bytes that are no checkpoint can make the unpickler raise anything.
        except Exception as error:
            raise CheckpointError(
                f"{path} is not a PyTorch checkpoint of tensors and plain containers."
            ) from error


def _state_dict(checkpoint: object, path: str | PathLike[str]) -> dict[str, Tensor]:
    weights = checkpoint
    if isinstance(checkpoint, Mapping):
        ema = checkpoint.get("ema")
        averaged = ema.get("module") if isinstance(ema, Mapping) else None
        nested = (averaged, checkpoint.get("model"))
        weights = next((found for found in nested if isinstance(found, Mapping)), checkpoint)
    if not isinstance(weights, Mapping) or not weights:
        raise CheckpointError(
            f"{path} holds no state dict, neither bare nor in ema.module or model."
        )
    for name, tensor in weights.items():
        if not (isinstance(name, str) and isinstance(tensor, Tensor)):
            raise CheckpointError(
                f"{path} holds no state dict of names and tensors, but {name!r}: "
                f"{type(tensor).__name__}."
            )
    return dict(weights)


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a scalar"


def _listing(problem: str, found: Iterable[str], separator: str) -> list[str]:
    items = list(found)
    if not items:
        return []
    more = f"{separator}…" if len(items) > SHOWN else ""
    return [f"{len(items)} {problem}: {separator.join(items[:SHOWN])}{more}"]
