"""Writes the golden files anew: ``python -m tests.reports.golden``. Read what it changes.

Scripts and styles, which are files of the package and the same in every page, are left out.
"""

import re
from pathlib import Path

from fxflops.reports import FORMATS, render
from tests.reports.tiny import DOCUMENTS

FOLDER = Path(__file__).with_name("golden")


ASSETS = re.compile(
    r"(<style>).*?(</style>)|(<script>).*?(</script>)|('sha256-)[^']*(')|(<pre>).*?(</pre>)",
    re.DOTALL,
)


def text(document, format):
    rendered = render(document, format)
    if format != "html":
        return rendered
    return ASSETS.sub(lambda found: "…".join(filter(None, found.groups())), rendered)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, document in DOCUMENTS.items():
        for format in FORMATS:
            path = FOLDER / f"{name}.{format}"
            path.write_text(text(document(), format), encoding="utf-8")


if __name__ == "__main__":
    main()
