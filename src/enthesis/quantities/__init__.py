"""Names of what is measured, each with its one unit and its definition."""

from __future__ import annotations

from dataclasses import dataclass

from enthesis.errors import InputError
from enthesis.quantities.bone import BONE
from enthesis.quantities.codes import CODES, UCUM
from enthesis.quantities.composition import COMPOSITION
from enthesis.quantities.imaging import IMAGING
from enthesis.quantities.microarchitecture import MICROARCHITECTURE
from enthesis.quantities.muscle import MUSCLE
from enthesis.quantities.person import PERSON
from enthesis.quantities.radiograph import RADIOGRAPH
from enthesis.quantities.vertebra import VERTEBRA

__all__ = ["CODES", "QUANTITIES", "SOURCES", "UCUM", "Quantity", "quantity"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A measured quantity.

    Parameters
    ----------
    name : the key used in tables, noun first
    unit : as printed; empty for a pure number
    label : as a figure or a page prints it
    definition : one sentence
    decimals : digits after the point when printed for people
    source : where the definition is from, with DOI where there is one; arithmetic and what a device
        prints say so after "definition:"
    """

    name: str
    unit: str
    label: str
    definition: str
    decimals: int
    source: str


def quantity(name: str) -> Quantity:
    """The quantity of this name.

    Raises
    ------
    InputError : unknown name.
    """
    try:
        return QUANTITIES[name]
    except KeyError:
        known = ", ".join(sorted(QUANTITIES))
        raise InputError(f"no quantity named {name!r}; known are: {known}") from None


def _table(*rows: tuple[str, str, str, int, str, str]) -> dict[str, Quantity]:
    return {
        name: Quantity(
            name=name,
            unit=unit,
            label=label,
            decimals=decimals,
            definition=definition,
            source=source,
        )
        for name, unit, label, decimals, definition, source in rows
    }


QUANTITIES: dict[str, Quantity] = _table(
    *IMAGING,
    *MUSCLE,
    *COMPOSITION,
    *PERSON,
    *BONE,
    *RADIOGRAPH,
    *VERTEBRA,
    *MICROARCHITECTURE,
)
"""Every quantity that can stand in the long table or describe an image, by name."""

SOURCES: dict[str, str] = {name: one.source for name, one in QUANTITIES.items()}
"""Where a definition is from, by quantity."""
