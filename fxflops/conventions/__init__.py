"""How other tools count."""
