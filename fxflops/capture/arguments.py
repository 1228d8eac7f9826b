"""A call's arguments, nested as they are, as tensors by position."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from torch import Tensor
from torch.utils import _pytree as pytree  # private: the containers that torch.export knows, too

from fxflops.errors import SpecError
from fxflops.spec import InputSpec, TensorInput

Arrange: TypeAlias = Callable[[Sequence[Tensor]], tuple[tuple[Any, ...], dict[str, Any]]]
"""Tensors by position -> the arguments that have them, by position and by keyword."""


def flattened(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[InputSpec, Arrange]:
    """The spec of the tensors in a call's arguments, their sizes fixed, and how to put them back.

    What is no tensor stays as it is. Raises SpecError for a tensor without elements.
    """
    leaves, structure = pytree.tree_flatten((args, dict(kwargs)))
    places = [place for place, leaf in enumerate(leaves) if isinstance(leaf, Tensor)]

    def arrange(tensors: Sequence[Tensor]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        filled = list(leaves)
        for place, tensor in zip(places, tensors, strict=True):
            filled[place] = tensor
        arranged: tuple[tuple[Any, ...], dict[str, Any]] = pytree.tree_unflatten(filled, structure)
        return arranged

    return InputSpec(tuple(_like(leaves[p], i) for i, p in enumerate(places))), arrange


def _like(tensor: Tensor, index: int) -> TensorInput:
    if not tensor.numel():
        raise SpecError(
            f"Tensor {index} of the input is {list(tensor.shape)}: a size is at least 1."
        )
    dtype = str(tensor.dtype).removeprefix("torch.")
    return TensorInput(name=f"input{index}", axes=tuple(map(int, tensor.shape)), dtype=dtype)
