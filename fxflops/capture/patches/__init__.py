"""What is replaced while a model runs, and put back afterwards."""
