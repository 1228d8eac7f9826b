"""Static against measured: runs the model and holds the formula against what was measured."""
