from collections.abc import Iterator
from typing import Any

import torch

from fxflops.registry import existing
from tests.formulas.harness import Case, Typed


def case(name: str, *ops: str, args: tuple[Any, ...], out: Any, **counts: int) -> Iterator[Case]:
    """A row for each of ``ops`` that this build of torch has."""
    for op in existing(*ops):
        yield Case(name, op, args, out=out, **counts)


def bytes_of(*shape: int) -> Typed:
    return Typed(torch.uint8, shape)


# 3 rows of 5 to 7: 21 results. 2 images of 3 to 7 channels, a kernel of 5 x 4: 2912 results.
ROWS, WEIGHT, OUT, PRODUCTS = (3, 5), (7, 5), (3, 7), 2 * 21 * 5
IMAGE, KERNEL, CHANNELS = (2, 3, 17, 19), (7, 3, 5, 4), (2, 7, 13, 16)
N = 2 * 7 * 13 * 16
OF_IMAGE = 2 * N * 3 * 20
GEOMETRY = ([0, 0], [1, 1], [1, 1], 1)

QROWS, QWEIGHT = bytes_of(3, 5), Typed(torch.int8, (5, 7))
QIMAGE, QKERNEL = bytes_of(*IMAGE), Typed(torch.int8, KERNEL)
SCALE, ZERO = (), Typed(torch.int64, ())
SCALES, ZEROS = (7,), Typed(torch.int64, (7,))
BYTE, FLOAT = torch.uint8, torch.float32

CASES = (
    *case(
        "linear",
        "aten.mkldnn_linear.default",
        args=(ROWS, WEIGHT, (7,)),
        out=OUT,
        contraction=PRODUCTS,
        elementwise=21,
    ),
    *case(
        "linear, swish",
        "mkldnn._linear_pointwise.default",
        args=(ROWS, WEIGHT, (7,), "swish", [], ""),
        out=OUT,
        contraction=PRODUCTS,
        elementwise=21 + 3 * 21,
        transcendental=21,
    ),
    *case(
        "linear, gelu by tanh",
        "mkldnn._linear_pointwise.default",
        args=(ROWS, WEIGHT, None, "gelu", [], "tanh"),
        out=OUT,
        contraction=PRODUCTS,
        elementwise=8 * 21,
        transcendental=21,
    ),
    *case(
        "linear, sum",
        "mkldnn._linear_pointwise.binary",
        args=(ROWS, OUT, WEIGHT, (7,), "add"),
        out=OUT,
        contraction=PRODUCTS,
        elementwise=2 * 21,
    ),
    *case(
        "convolution, relu",
        "mkldnn._convolution_pointwise.default",
        args=(IMAGE, KERNEL, (7,), *GEOMETRY, "relu", [], ""),
        out=CHANNELS,
        contraction=OF_IMAGE,
        elementwise=N,
        comparison=N,
    ),
    *case(
        "convolution, scaled sum, relu",
        "mkldnn._convolution_pointwise.binary",
        args=(IMAGE, CHANNELS, KERNEL, (7,), *GEOMETRY, "add", 0.5, "relu", [], ""),
        out=CHANNELS,
        contraction=OF_IMAGE,
        elementwise=3 * N,
        comparison=N,
    ),
    *case(
        "convolution, sum in place",
        "mkldnn._convolution_pointwise_.binary",
        args=(CHANNELS, IMAGE, KERNEL, (7,), *GEOMETRY, "add", None, None, [], None),
        out=CHANNELS,
        contraction=OF_IMAGE,
        elementwise=2 * N,
    ),
    *case(
        "transposed convolution",
        "mkldnn._convolution_transpose_pointwise.default",
        args=(IMAGE, (3, 7, 5, 4), (7,), [0, 0], *GEOMETRY, "none", [], ""),
        out=(2, 7, 21, 22),
        contraction=2 * (2 * 3 * 17 * 19) * (7 * 20),
        elementwise=2 * 7 * 21 * 22,
    ),
    *case(
        "halves",
        "onednn.linear_dynamic_fp16.default",
        args=(ROWS, WEIGHT, (7,)),
        out=OUT,
        contraction=PRODUCTS,
        elementwise=21,
    ),
    *case(
        "halves, relu",
        "onednn.linear_relu_dynamic_fp16.default",
        args=(ROWS, WEIGHT, (7,)),
        out=OUT,
        contraction=PRODUCTS,
        elementwise=21,
        comparison=21,
    ),
    # A scale per result, the bias; swish, after which a quantized result has a scale of its own.
    *case(
        "quantized linear, relu",
        "onednn.qlinear_pointwise.default",
        args=(QROWS, 0.1, 3, QWEIGHT, SCALES, ZEROS, (7,), 0.2, 5, BYTE, "relu", [], ""),
        out=OUT,
        contraction=PRODUCTS,
        elementwise=2 * 21,
        comparison=21,
    ),
    *case(
        "quantized linear, swish",
        "onednn.qlinear_pointwise.tensor",
        args=(QROWS, SCALE, ZERO, QWEIGHT, SCALES, ZEROS, None, 0.2, 5, None, "swish", [], ""),
        out=OUT,
        contraction=PRODUCTS,
        elementwise=2 * 21 + 3 * 21,
        transcendental=21,
    ),
    *case(
        "quantized linear, sum with floats, relu",
        "onednn.qlinear_pointwise.binary",
        args=(
            *(QROWS, 0.1, 3, QWEIGHT, SCALES, ZEROS, OUT, (7,), 1.0, 0, FLOAT, 1.0, 0),
            *("add", 1.0, "relu", [], ""),
        ),
        out=OUT,
        contraction=PRODUCTS,
        elementwise=2 * 21 + 21,
        comparison=21,
    ),
    *case(
        "quantized linear, sum with quantized numbers",
        "onednn.qlinear_pointwise.binary_tensor",
        args=(
            *(QROWS, SCALE, ZERO, QWEIGHT, SCALES, ZEROS, bytes_of(*OUT), (7,), 0.2, 5, BYTE),
            *(0.3, 7, "sum", 1.0, "none", [], ""),
        ),
        out=OUT,
        contraction=PRODUCTS,
        elementwise=2 * 21 + 2 * 21,
    ),
    *case(
        "quantized convolution",
        *(f"onednn.{name}.default" for name in ("qconv_pointwise", "qconv2d_pointwise")),
        args=(
            *(QIMAGE, 0.1, 3, QKERNEL, SCALES, ZEROS, (7,), [1, 1], [0, 0], [1, 1], 1),
            *(0.2, 5, BYTE, "none", [], ""),
        ),
        out=CHANNELS,
        contraction=OF_IMAGE,
        elementwise=2 * N,
    ),
    *case(
        "quantized convolution to floats, relu",
        *(f"onednn.{name}.tensor" for name in ("qconv_pointwise", "qconv2d_pointwise")),
        args=(
            *(QIMAGE, SCALE, ZERO, QKERNEL, SCALES, ZEROS, (7,), [1, 1], [0, 0], [1, 1], 1),
            *(1.0, 0, FLOAT, "relu", [], ""),
        ),
        out=CHANNELS,
        contraction=OF_IMAGE,
        elementwise=2 * N,
        comparison=N,
    ),
    *case(
        "quantized convolution of a line",
        "onednn.qconv1d_pointwise.default",
        args=(
            *(bytes_of(2, 3, 19), 0.1, 3, Typed(torch.int8, (7, 3, 4)), SCALES, ZEROS, None),
            *([1], [0], [1], 1, 0.2, 5, BYTE, "none", [], ""),
        ),
        out=(2, 7, 16),
        contraction=2 * (2 * 7 * 16) * 12,
        elementwise=2 * 7 * 16,
    ),
    *case(
        "quantized convolution of a volume",
        "onednn.qconv3d_pointwise.default",
        args=(
            *(bytes_of(*IMAGE, 23), 0.1, 3, Typed(torch.int8, (*KERNEL, 6)), SCALES, ZEROS, None),
            *([1] * 3, [0] * 3, [1] * 3, 1, 0.2, 5, BYTE, "none", [], ""),
        ),
        out=(*CHANNELS, 18),
        contraction=2 * (N * 18) * (3 * 20 * 6),
        elementwise=N * 18,
    ),
    *(
        row
        for overload, of_input in (("binary", (0.1, 3)), ("binary_tensor", (SCALE, ZERO)))
        for row in case(
            "quantized convolution, sum, relu",
            f"onednn.qconv2d_pointwise.{overload}",
            args=(
                *(QIMAGE, *of_input, QKERNEL, SCALES, ZEROS, bytes_of(*CHANNELS), (7,)),
                *([1, 1], [0, 0], [1, 1], 1, 0.2, 5, BYTE, 0.3, 7),
                *("sum", 1.0, "relu", [], ""),
            ),
            out=CHANNELS,
            contraction=OF_IMAGE,
            elementwise=2 * N + 2 * N,
            comparison=N,
        )
    ),
)
