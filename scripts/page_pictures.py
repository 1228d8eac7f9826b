"""Draw the pictures of a page that the documentation shows: ``python scripts/page_pictures.py``.

It takes selenium, Chromium and its driver: ``pip install 'fxflops[browser]'`` and, on Debian,
``apt install chromium chromium-driver``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "pictures"
MODEL, SIZES = "rtdetr_r50", "#N=1&H=640&W=640"
PICTURES = {
    "page-1280.png": {"width": 1280, "height": 1120},
    "page-1280-dark.png": {"width": 1280, "height": 1120, "dark": True},
    "page-390.png": {"width": 390, "height": 1500},
}


def main() -> int:
    sys.path.insert(0, str(ROOT))
    import fxflops
    from tests.reports.html.browser import MISSING, browser

    if MISSING:
        print(MISSING, file=sys.stderr)
        return 2
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, browser() as window:
        page = Path(folder) / "report.html"
        fxflops.analyze(MODEL).to_html(page)
        for name, view in PICTURES.items():
            window.open(page, SIZES, **view)
            window.picture(FOLDER / name, whole=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
