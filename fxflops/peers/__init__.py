"""Other tools run for real, and the way from their number to ours."""
