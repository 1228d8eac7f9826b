"""What a PyTorch model costs, as exact formulas of its input's symbolic sizes."""
