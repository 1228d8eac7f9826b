"""Every operator of the formula tables that runs on the CPU, under both counters."""

import pytest
import torch
from torch import nn

from fxflops.crosscheck.run import check
from fxflops.errors import CaptureError, CheckError
from tests.formulas import (
    cases_attention,
    cases_conv,
    cases_einsum,
    cases_matmul,
    cases_pointwise,
    cases_recurrent,
    cases_vision,
)
from tests.formulas.harness import Typed

FAMILIES = (
    cases_attention,
    cases_conv,
    cases_einsum,
    cases_matmul,
    cases_pointwise,
    cases_recurrent,
    cases_vision,
)
# The fused layer hides one of its six products from the profiler, and shows five.
IN_PART = {torch.ops.aten._transformer_encoder_layer_fwd.default}
# In inference its kernel has no workspace, a result that its meta kernel gives all the same.
OTHERWISE = {torch.ops.aten.mkldnn_rnn_layer.default}
ROWS = [
    (case, op)
    for family in FAMILIES
    for case in family.CASES
    for op in (case.op, *case.aliases)
    if op not in IN_PART | OTHERWISE
]


class Calls(nn.Module):
    def __init__(self, op, case):
        super().__init__()
        self.op = op
        self.arguments = [tensors(argument) for argument in case.args]
        self.keywords = {name: tensors(argument) for name, argument in case.kwargs.items()}

    def forward(self, x):
        return x, self.op(*self.arguments, **self.keywords)


def tensors(argument):
    if isinstance(argument, Typed):
        return torch.ones(argument.shape, dtype=argument.dtype)
    if isinstance(argument, tuple):
        return 0.05 + 0.9 * torch.rand(argument)  # where logarithms and arcs are finite
    return [tensors(item) for item in argument] if isinstance(argument, list) else argument


@pytest.mark.filterwarnings("ignore")  # of operators that are deprecated, as each of them says
@pytest.mark.parametrize(("case", "op"), ROWS, ids=str)
def test_both_counters_agree(case, op):
    try:
        outcome = check(Calls(op, case), "x: 2", sizes={}, repetitions=1)
    except CaptureError:
        pytest.skip("it has no meta kernel")
    except CheckError as error:
        if "does not run on cpu" not in str(error) and "not finite" not in str(error):
            raise
        pytest.skip(str(error))
    assert outcome.passed, outcome.failures
