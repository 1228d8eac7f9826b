"""The shapes of operators' results, by operator family, on symbolic sizes."""
