"""Every private name of PyTorch that more than one file needs, each with its reason."""

from torch._dispatch.python import enable_python_dispatcher  # kernels in Python take SymInts
from torch._ops import OpOverload  # the type of torch.ops.aten.relu.default
from torch.utils import _python_dispatch as python_dispatch  # the modes that listen to operators
from torch.utils._python_dispatch import (
    TorchDispatchMode,  # how torch.utils.flop_counter listens
    _disable_current_modes,  # to call unrecorded
)
from torch.utils._pytree import tree_leaves  # the nesting of arguments and results

__all__ = [
    "OpOverload",
    "TorchDispatchMode",
    "_disable_current_modes",
    "enable_python_dispatcher",
    "python_dispatch",
    "tree_leaves",
]
