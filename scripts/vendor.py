"""Fetch what is of npm: the JavaScript in reports in HTML, and a schema that tests need.

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

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "fxflops" / "reports" / "html" / "vendor"
SCHEMAS = ROOT / "tests" / "reports" / "speedscope"


class Library(NamedTuple):
    """A package of npm at one version, and the files of it that are wanted."""

    name: str
    version: str
    files: tuple[str, ...]
    folder: Path = SCRIPTS


LIBRARIES = (
    Library("d3-hierarchy", "3.1.3", ("dist/d3-hierarchy.min.js",)),
    Library("uplot", "1.6.32", ("dist/uPlot.iife.min.js", "dist/uPlot.min.css")),
    Library("speedscope", "1.25.0", ("dist/release/file-format-schema.json",), SCHEMAS),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    given = parser.parse_args()
    wanted = {
        library.folder / name: content
        for library in LIBRARIES
        for name, content in fetched(library)
    }
    folders = {library.folder for library in LIBRARIES}
    if given.check:
        there = {path: path.read_bytes() for folder in folders for path in folder.iterdir()}
        stale = sorted(path for path in wanted | there if wanted.get(path) != there.get(path))
        for path in stale:
            print(
                f"{path.relative_to(ROOT)} is not what npm has: python scripts/vendor.py",
                file=sys.stderr,
            )
        return 1 if stale else 0
    for path, content in wanted.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
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
