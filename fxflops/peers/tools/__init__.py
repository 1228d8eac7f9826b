"""The tools that people quote, each run for real: one file per tool.

A file has ``DISTRIBUTION``, the name under which the tool is installed, and ``run(model, inputs)``,
which returns the tool's own total as a `Reading`. Their convention is the file of the same name in
`fxflops.conventions`. A tool runs in a process of its own (`fxflops.peers.process`), in eval
mode and without gradients, since what is explained is inference.
"""
