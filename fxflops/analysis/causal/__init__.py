"""Causal attention by the scores that its mask leaves, where the graph says which these are."""
