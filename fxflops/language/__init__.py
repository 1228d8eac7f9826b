"""Language models in use: what a prompt, a token, an answer and a training step cost."""
