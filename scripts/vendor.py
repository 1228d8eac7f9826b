"""Fetch the JavaScript libraries that reports in HTML contain, or check those that are here.

    python scripts/vendor.py [--check]

They come from npm at the versions in `LIBRARIES`, as published, with their licenses. ``--check``
fetches them, too, and compares. npm itself verifies what it downloads.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parents[1] / "fxflops" / "reports" / "html" / "vendor"


class Library(NamedTuple):
    """A package of npm at one version, and the files of it that are wanted."""

    name: str
    version: str
    files: tuple[str, ...]


LIBRARIES = (
    Library("d3-hierarchy", "3.1.3", ("dist/d3-hierarchy.min.js",)),
    Library("uplot", "1.6.32", ("dist/uPlot.iife.min.js", "dist/uPlot.min.css")),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    given = parser.parse_args()
    wanted = {name: content for library in LIBRARIES for name, content in fetched(library)}
    if given.check:
        there = {path.name: path.read_bytes() for path in FOLDER.iterdir()}
        stale = sorted(name for name in wanted | there if wanted.get(name) != there.get(name))
        for name in stale:
            print(f"{name} is not what npm has: python scripts/vendor.py", file=sys.stderr)
        return 1 if stale else 0
    FOLDER.mkdir(exist_ok=True)
    for name, content in wanted.items():
        (FOLDER / name).write_bytes(content)
    return 0


def fetched(library: Library) -> list[tuple[str, bytes]]:
    """The files of a library and its license, by the names that they have here."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--json", f"{library.name}@{library.version}"]
        said = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE).stdout
        packed = Path(folder) / json.loads(said)[0]["filename"]
        with tarfile.open(packed) as archive:

            def content(name: str) -> bytes:
                file = archive.extractfile(f"package/{name}")
                assert file is not None
                return file.read()

            files = [(Path(name).name, content(name)) for name in library.files]
            return [*files, (f"{library.name}-{library.version}.LICENSE", content("LICENSE"))]


if __name__ == "__main__":
    sys.exit(main())
