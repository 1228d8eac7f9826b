import torch

from fxflops.registry import existing
from tests.formulas.harness import Case, ints

aten = torch.ops.aten

# 5 steps of a batch of 2, 3 features, a state of 7.
X, STATE = (5, 2, 3), (1, 2, 7)
# For each of 1, 3 or 4 gates: weights of the input and of the state, biases of both.
RNN = [(7, 3), (7, 7), (7,), (7,)]
GRU = [(21, 3), (21, 7), (21,), (21,)]
LSTM = [(28, 3), (28, 7), (28,), (28,)]
FLAGS = (True, 1, 0.0, False, False, False)  # biases, layers, dropout, train, both ways, batch

# Per step and unit: sums W x + U h and two biases for each gate; then
# LSTM: three sigmoids of 2, c = f c + i g of 3, o tanh(c) of 1; five calls;
# GRU: two sigmoids of 2, r * b of 1, (1 - z) n + z h of 4, three calls (its sums are three).
STEPS = 5 * 2
LSTM_UNIT, GRU_UNIT = 3 * 4 + 3 * 2 + 3 + 1, 3 * 3 + 2 * 2 + 1 + 4

CASES = (
    Case(
        "RNN by tanh",
        aten.rnn_tanh.input,
        (X, STATE, RNN, *FLAGS),
        contraction=2 * STEPS * 7 * (3 + 7),
        elementwise=STEPS * 7 * 3,
        transcendental=STEPS * 7,
    ),
    Case(
        "RNN by relu",
        aten.rnn_relu.input,
        (X, STATE, RNN, *FLAGS),
        contraction=2 * STEPS * 7 * (3 + 7),
        elementwise=STEPS * 7 * 3,
        comparison=STEPS * 7,
    ),
    Case(
        "GRU",
        aten.gru.input,
        (X, STATE, GRU, *FLAGS),
        contraction=2 * STEPS * 21 * (3 + 7),
        elementwise=STEPS * 7 * GRU_UNIT,
        transcendental=STEPS * 7 * 3,
    ),
    Case(
        "LSTM",
        aten.lstm.input,
        (X, [STATE, STATE], LSTM, *FLAGS),
        contraction=2 * STEPS * 28 * (3 + 7),
        elementwise=STEPS * 7 * LSTM_UNIT,
        transcendental=STEPS * 7 * 5,
    ),
    Case(
        "LSTM without biases",
        aten.lstm.input,
        (X, [STATE, STATE], LSTM[:2], False, 1, 0.0, False, False, False),
        contraction=2 * STEPS * 28 * (3 + 7),
        elementwise=STEPS * 7 * (LSTM_UNIT - 8),
        transcendental=STEPS * 7 * 5,
    ),
    Case(
        "two layers of LSTM, both ways, in training",
        aten.lstm.input,
        (
            *(X, [(4, 2, 7), (4, 2, 7)]),
            [*LSTM, *LSTM, *([(28, 14), *LSTM[1:]] * 2)],
            *(True, 2, 0.5, True, True, False),
        ),
        contraction=2 * STEPS * 28 * 2 * ((3 + 7) + (14 + 7)),
        elementwise=STEPS * 7 * LSTM_UNIT * 4 + STEPS * 14,
        transcendental=STEPS * 7 * 5 * 4,
    ),
    Case(
        "LSTM whose state of 7 is projected to 6",
        aten.lstm.input,
        (X, [(1, 2, 6), STATE], [(28, 3), (28, 6), (28,), (28,), (6, 7)], *FLAGS),
        contraction=2 * STEPS * (28 * (3 + 6) + 6 * 7),
        elementwise=STEPS * 7 * LSTM_UNIT,
        transcendental=STEPS * 7 * 5,
    ),
    Case(
        "RNN cell by tanh",
        aten.rnn_tanh_cell.default,
        ((2, 3), (2, 7), *RNN),
        contraction=2 * 2 * 7 * (3 + 7),
        elementwise=2 * 7 * 3,
        transcendental=2 * 7,
    ),
    Case(
        "RNN cell by relu",
        aten.rnn_relu_cell.default,
        ((2, 3), (2, 7), *RNN),
        contraction=2 * 2 * 7 * (3 + 7),
        elementwise=2 * 7 * 3,
        comparison=2 * 7,
    ),
    Case(
        "GRU cell",
        aten.gru_cell.default,
        ((2, 3), (2, 7), *GRU),
        contraction=2 * 2 * 21 * (3 + 7),
        elementwise=2 * 7 * GRU_UNIT,
        transcendental=2 * 7 * 3,
    ),
    Case(
        "LSTM cell without biases",
        aten.lstm_cell.default,
        ((2, 3), [(2, 7), (2, 7)], *LSTM[:2]),
        contraction=2 * 2 * 28 * (3 + 7),
        elementwise=2 * 7 * (LSTM_UNIT - 8),
        transcendental=2 * 7 * 5,
    ),
    # Packed: 5 rows are 5 steps.
    Case(
        "packed RNN by tanh",
        aten.rnn_tanh.data,
        ((5, 3), ints(5), (1, 1, 7), RNN, *FLAGS[:-1]),
        device="cpu",
        contraction=2 * 5 * 7 * (3 + 7),
        elementwise=5 * 7 * 3,
        transcendental=5 * 7,
    ),
    Case(
        "packed RNN by relu",
        aten.rnn_relu.data,
        ((5, 3), ints(5), (1, 1, 7), RNN, *FLAGS[:-1]),
        device="cpu",
        contraction=2 * 5 * 7 * (3 + 7),
        elementwise=5 * 7 * 3,
        comparison=5 * 7,
    ),
    Case(
        "packed GRU",
        aten.gru.data,
        ((5, 3), ints(5), (1, 1, 7), GRU, *FLAGS[:-1]),
        device="cpu",
        contraction=2 * 5 * 21 * (3 + 7),
        elementwise=5 * 7 * GRU_UNIT,
        transcendental=5 * 7 * 3,
    ),
    Case(
        "packed LSTM, two layers, both ways",
        aten.lstm.data,
        (
            *((5, 3), ints(5), [(4, 1, 7), (4, 1, 7)]),
            [*LSTM, *LSTM, *([(28, 14), *LSTM[1:]] * 2)],
            *(True, 2, 0.0, False, True),
        ),
        out=((5, 14), (4, 1, 7), (4, 1, 7)),
        contraction=2 * 5 * 28 * 2 * ((3 + 7) + (14 + 7)),
        elementwise=5 * 7 * LSTM_UNIT * 4,
        transcendental=5 * 7 * 5 * 4,
    ),
    *(
        Case(
            "LSTM of another processor",
            op,
            (X, [STATE, STATE], LSTM, *FLAGS),
            out=((5, 2, 7), STATE, STATE),
            contraction=2 * STEPS * 28 * (3 + 7),
            elementwise=STEPS * 7 * LSTM_UNIT,
            transcendental=STEPS * 7 * 5,
        )
        for op in existing("aten._lstm_mps.default")
    ),
    # Modes: 0 is RNN by relu, 1 by tanh, 2 LSTM, 3 GRU.
    Case(
        "LSTM of cuDNN, two layers, in training",
        aten._cudnn_rnn.default,
        (
            *(X, [*LSTM, (28, 7), *LSTM[1:]], 4, None, (2, 2, 7), (2, 2, 7), 2, 7, 0, 2),
            *(False, 0.5, True, False, [], None),
        ),
        out=((5, 2, 7), (2, 2, 7), (2, 2, 7), (), ()),
        contraction=2 * STEPS * 28 * ((3 + 7) + (7 + 7)),
        elementwise=2 * STEPS * 7 * LSTM_UNIT + STEPS * 7,
        transcendental=2 * STEPS * 7 * 5,
    ),
    Case(
        "packed GRU of cuDNN, without biases",
        aten._cudnn_rnn.default,
        (
            *((5, 3), GRU[:2], 2, None, (1, 2, 7), None, 3, 7, 0, 1),
            *(False, 0.0, False, False, [2, 2, 1], None),
        ),
        out=((5, 7), (1, 2, 7), (), (), ()),
        contraction=2 * 5 * 21 * (3 + 7),
        elementwise=5 * 7 * (GRU_UNIT - 6),
        transcendental=5 * 7 * 3,
    ),
    Case(
        "RNN of MIOpen by relu",
        aten.miopen_rnn.default,
        (X, RNN, 4, STATE, None, 0, 7, 1, False, 0.0, False, False, [], None),
        out=((5, 2, 7), STATE, (), (), ()),
        contraction=2 * STEPS * 7 * (3 + 7),
        elementwise=STEPS * 7 * 3,
        comparison=STEPS * 7,
    ),
    Case(
        "LSTM of oneDNN",
        aten.mkldnn_rnn_layer.default,
        (X, *LSTM, STATE, STATE, False, [], 2, 7, 1, True, False, False, False),
        out=((5, 2, 7), STATE, STATE, ()),
        contraction=2 * STEPS * 28 * (3 + 7),
        elementwise=STEPS * 7 * LSTM_UNIT,
        transcendental=STEPS * 7 * 5,
    ),
    Case(
        "RNN of oneDNN by tanh, without biases",
        aten.mkldnn_rnn_layer.default,
        (X, *RNN, STATE, STATE, False, [], 1, 7, 1, False, False, False, False),
        out=((5, 2, 7), STATE, STATE, ()),
        contraction=2 * STEPS * 7 * (3 + 7),
        elementwise=STEPS * 7,
        transcendental=STEPS * 7,
    ),
    # The products are given: sums of them and two biases per gate, and the work of a unit.
    Case(
        "LSTM cell whose products are given",
        aten._thnn_fused_lstm_cell.default,
        ((2, 28), (2, 28), (2, 7), (28,), (28,)),
        out=((2, 7), (2, 7), (2, 28)),
        elementwise=2 * 7 * LSTM_UNIT,
        transcendental=2 * 7 * 5,
    ),
    Case(
        "GRU cell whose products are given, without biases",
        aten._thnn_fused_gru_cell.default,
        ((2, 21), (2, 21), (2, 7)),
        out=((2, 7), (2, 35)),
        elementwise=2 * 7 * (GRU_UNIT - 6),
        transcendental=2 * 7 * 3,
    ),
)
