"""``python -m fxflops``; the console script ``fxflops`` is the same."""

from fxflops.cli import script

if __name__ == "__main__":
    script()
