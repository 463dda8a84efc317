"""Quantities and units as DICOM codes, and the codes of measurement reports back."""

from __future__ import annotations

from pydicom.dataset import Dataset

from enthesis.anatomy import Code
from enthesis.errors import InputError
from enthesis.quantities import CODES, QUANTITIES, UCUM, quantity
from enthesis.read.dicom_codes import PRIVATE, code_value, private_code, same

COMMENT = Code("DCM", "121106", "Comment")
DERIVATION = Code("DCM", "121401", "Derivation")
FINDING = Code("DCM", "121071", "Finding")
FINDING_SITE = Code("SCT", "363698007", "Finding Site")
IMAGING_REPORT = Code("DCM", "126000", "Imaging Measurement Report")
LATERALITY = Code("SCT", "272741003", "Laterality")
MEASUREMENT_GROUP = Code("DCM", "125007", "Measurement Group")
METHOD = Code("SCT", "370129005", "Measurement Method")
NOT_A_NUMBER = Code("DCM", "114000", "Not a number")
TOPOGRAPHY = Code("SCT", "106233006", "Topographical modifier")

ALSO: dict[str, tuple[Code, ...]] = {
    "area": (Code("SCT", "131184002", "Area of defined region"),),
    "attenuation_mean": (Code("DCM", "112181", "Mean Attenuation Coefficient"),),
    "attenuation_median": (Code("DCM", "112182", "Median Attenuation Coefficient"),),
    "attenuation_sd": (Code("DCM", "112183", "Standard Deviation of Attenuation Coefficient"),),
}
"""Other codes that say the same as a quantity's own."""

FACTORS = {
    ("cm2", "mm2"): 100.0,
    ("cm3", "mm3"): 1000.0,
    ("ml", "mm3"): 1000.0,
    ("mL", "mm3"): 1000.0,
    ("HU", "[hnsf'U]"): 1.0,
    ("s", "ms"): 1000.0,
}
"""How many of the second unit make one of the first, by UCUM code."""


def quantity_codes(name: str) -> tuple[Code, Code | None]:
    """Code of a quantity, and of what of it was derived (mean, SD) where its code needs that."""
    if name not in CODES:
        return private_code(name), None
    concept, *derived = (Code(*words) for words in CODES[name])
    return concept, derived[0] if derived else None


def unit_code(unit: str) -> Code:
    """A unit of `quantities` in UCUM."""
    value, meaning = UCUM.get(unit, (unit, unit))
    return Code("UCUM", value, meaning)


def coded_quantity(concept: Dataset, derived: Dataset | None) -> str | None:
    """Quantity of a measurement's codes; None where it is none of ours."""
    if str(concept.get("CodingSchemeDesignator", "")) == PRIVATE:
        name = code_value(concept)
        return name if name in QUANTITIES else None
    for name in CODES:
        own, derivation = quantity_codes(name)
        if same(concept, own) and (derivation is None or same(derived, derivation)):
            return name
    fits = [name for name, codes in ALSO.items() if any(same(concept, code) for code in codes)]
    return fits[0] if fits else None


def unit_factor(coded: Dataset | None, name: str) -> float:
    """What a value in this unit is to be multiplied by to stand in the quantity's own.

    Raises
    ------
    InputError : the unit is another one.
    """
    wanted = unit_code(quantity(name).unit)
    found = code_value(coded) if coded is not None else ""
    if found == wanted.value:
        return 1.0
    factor = FACTORS.get((found, wanted.value))
    if factor is None:
        raise InputError(f"the unit {found or 'nowhere stated'!r} is not {wanted.value!r}")
    return factor
