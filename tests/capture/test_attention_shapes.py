"""The shapes of attention with shared heads and masks, against what PyTorch computes."""

import pytest
import torch

import fxflops
from fxflops.capture.meta_kernels.forward import result_of

aten = torch.ops.aten


@pytest.mark.parametrize("mask", [None, (1, 1, 5, 7), (2, 1, 1, 7), (5, 7), (2, 6, 5, 7)])
@pytest.mark.parametrize("dtype", [torch.bool, torch.float32])
@pytest.mark.parametrize("heads", [6, 3, 2, 1])
def test_shared_heads_and_masks(heads, dtype, mask):
    def tensor(*sizes):
        return torch.empty(sizes, device="meta")

    given = tensor(2, 6, 5, 4), tensor(2, heads, 7, 4), tensor(2, heads, 7, 3)
    shown = None if mask is None else tensor(*mask).to(dtype)
    options = {"enable_gqa": True}
    ruled = result_of(aten.scaled_dot_product_attention.default, (*given, shown), options)
    computed = torch.nn.functional.scaled_dot_product_attention(*given, shown, **options)
    assert ruled.shape == computed.shape
    assert ruled.stride() == computed.stride()


def test_what_is_no_attention_is_left_to_pytorch():
    def result(key, **options):
        query = torch.empty(2, 6, 5, 4, device="meta")
        given = query, key, key
        return result_of(aten.scaled_dot_product_attention.default, given, options)

    assert result(torch.empty(2, 4, 7, 4, device="meta"), enable_gqa=True) is None
    assert result(torch.empty(2, 3, 7, 4, device="meta")) is None
    assert result(torch.empty(2, 6, 7, 5, device="meta")) is None
    assert result(torch.empty(2, 6, 7, 4, device="meta", dtype=torch.float64)) is None


def test_a_past_has_at_least_one_position_and_no_case_of_its_own():
    from tests.models.language_models import built

    analysis = fxflops.analyze(built("LlamaForCausalLM"), "input_ids: N 1 int64", past="P")
    assert "max" not in str(analysis.count("contraction"))
    assert analysis.domain.texts() == ()
