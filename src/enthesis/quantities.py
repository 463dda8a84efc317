"""Names of what is measured, each with its one unit and its definition."""

from __future__ import annotations

from dataclasses import dataclass

from enthesis.errors import InputError


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
    """

    name: str
    unit: str
    label: str
    definition: str
    decimals: int


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


def _table(*rows: tuple[str, str, str, int, str]) -> dict[str, Quantity]:
    return {
        name: Quantity(name=name, unit=unit, label=label, decimals=decimals, definition=definition)
        for name, unit, label, decimals, definition in rows
    }


QUANTITIES: dict[str, Quantity] = _table(
    # What an image's voxels can hold.
    ("hounsfield", "HU", "Attenuation", 0, "X-ray attenuation of a voxel: water 0, air -1000."),
    ("signal", "", "Signal", 0, "Received signal in arbitrary units, as scanned."),
    # What a region has.
    ("volume", "mm3", "Volume", 0, "Voxels of the region times the volume of one voxel."),
    (
        "area",
        "mm2",
        "Cross-sectional area",
        0,
        "Area of the region's cut by one slice, or its mean over the slices that the method names.",
    ),
    ("attenuation_mean", "HU", "Mean attenuation", 1, "Mean of all voxels of the region."),
    (
        "attenuation_sd",
        "HU",
        "SD of attenuation",
        1,
        "Standard deviation over all voxels of the region (divisor n).",
    ),
    ("attenuation_median", "HU", "Median attenuation", 1, "Median of all voxels of the region."),
    (
        "muscle_attenuation",
        "HU",
        "Muscle attenuation (-29 to 150 HU)",
        1,
        "Mean of the region's voxels between -29 and 150 HU: muscle without its visible fat.",
    ),
    (
        "fat_infiltration",
        "%",
        "Fat infiltration",
        1,
        "Share of fat in a muscle compartment, by the method named beside the value.",
    ),
    (
        "trabecular_attenuation",
        "HU",
        "Trabecular attenuation",
        1,
        "Mean attenuation inside a vertebral body, away from its cortex.",
    ),
)
"""Every quantity that can stand in the long table or describe an image, by name."""
