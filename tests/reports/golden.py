"""Writes the golden files anew: ``python -m tests.reports.golden``. Read what it changes."""

from pathlib import Path

from fxflops.reports import FORMATS, render
from tests.reports.tiny import DOCUMENTS

FOLDER = Path(__file__).with_name("golden")


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, document in DOCUMENTS.items():
        for format in FORMATS:
            text = render(document(), format)
            (FOLDER / f"{name}.{format}").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
