"""Any document as JSON, for programs: the stable form that ``schema.json`` here describes."""

from __future__ import annotations

import json
import re

from fxflops.reports.document import Document


def render(document: Document, *, color: bool) -> str:
    """The document's data as an indented object; what no terminal should get is escaped."""
    text = json.dumps(document.data(), indent=2, ensure_ascii=False)
    return re.sub(r"[^\n -~]", _escaped, text) + "\n"


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    return character if character.isprintable() else json.dumps(character)[1:-1]
