import torch

from tests.formulas.harness import Case

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
)
