"""The exceptions that rtdetr raises for its user's input.

ValueError
└─ CheckpointError      a file that is no checkpoint of the given model
"""


class CheckpointError(ValueError):
    """The file holds no weights, or weights of another model."""
