"""What a running program costs: the backend of torch.compile, and a meter for loops.

backend.py     ``torch.compile(model, backend="fxflops")``: counts each graph, and runs it eagerly
graphs.py      what is known of the graphs: costs, symbols, guards, breaks, the calls made
metering.py    FLOP/s and the share of a device's peak, step by step
"""
