"""Writes docs/quantities.md from the catalogue: ``python docs/make_quantities.py``."""

from __future__ import annotations

from pathlib import Path

from enthesis.quantities import QUANTITIES

PAGE = Path(__file__).with_name("quantities.md")

HEAD = """# Quantities

Every quantity that can stand in the long table or describe an image. The name is the key in the
column `quantity`; the unit is fixed by the name, so no number can have another. How a number was
measured stands beside it in `method`. The source is the paper that defines the quantity; where
arithmetic or a device defines it, the source says so after "definition:". This page is written by
`docs/make_quantities.py` from `enthesis.quantities`.

| name | unit | label | definition | source |
|---|---|---|---|---|
"""


def page() -> str:
    """The page as Markdown, one row a quantity, in order of the alphabet."""
    rows = [
        f"| `{q.name}` | {q.unit or '–'} | {q.label} | {q.definition} | {q.source} |"
        for _, q in sorted(QUANTITIES.items())
    ]
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
