"""Sizes as PyTorch sees them: ``torch.SymInt`` around the algebra's values."""
