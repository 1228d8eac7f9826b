"""Draw which room of fxflops imports which, as a Mermaid flowchart.

    python scripts/draw_architecture.py

A room is a module or a folder at the top of the package. An arrow that follows from two others is
left out (the transitive reduction), so that the drawing shows the order and stays readable; that
there is an order at all, no circle, import-linter proves.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import grimp
import networkx

PACKAGE = "fxflops"
ENTRANCES = ("__main__", "__init__")
"""What imports rooms for users, and is none."""


def main() -> int:
    print(mermaid())
    return 0


def mermaid() -> str:
    """The drawing, the same in every run."""
    graph = networkx.transitive_reduction(imports())
    arrows = sorted(f"    {importer} --> {imported}" for importer, imported in graph.edges)
    return "\n".join(["flowchart TD", *(f"    {room}" for room in sorted(graph)), *arrows])


def imports() -> networkx.DiGraph[str]:
    """Which room imports which, imports inside functions included, those for types apart."""
    modules = grimp.build_graph(PACKAGE, exclude_type_checking_imports=True, cache_dir=None)
    graph: networkx.DiGraph[str] = networkx.DiGraph()
    for importer in modules.modules:
        for imported in modules.find_modules_directly_imported_by(importer):
            pair = list(rooms(importer, imported))
            if len(pair) == 2 and pair[0] != pair[1]:
                graph.add_edge(*pair)
    return graph


def rooms(*modules: str) -> Iterator[str]:
    """The rooms in which modules lie; nothing for an entrance."""
    for module in modules:
        room = module.removeprefix(PACKAGE).removeprefix(".").partition(".")[0]
        if room and room not in ENTRANCES:
            yield room


if __name__ == "__main__":
    sys.exit(main())
