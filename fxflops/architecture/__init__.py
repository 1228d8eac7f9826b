"""Sizes of the model itself as symbols: width, number of layers, heads, classes, queries.

`free` reads what a user frees, ``"d=hidden_size%64, D=num_hidden_layers"``. A *width* enters the
model's constructor as a ``torch.SymInt`` of the capture, so that parameters, shapes and guards are
polynomials in it. A *depth*, a number that code repeats something by, changes the graph: it enters
as a number that records what it is used for (`depth`), and the formula comes from captures at a few
depths, which must repeat each other (`repeated`).
"""
