"""Columns of the extraction sheet: what each holds, what it may hold, and the units understood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from enthesis.anatomy import STRUCTURES

MERGED_GROUPS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"Non-OP": ("OPN", "Control"), "OP&OPN": ("OP", "OPN")}
)
"""Groups that some studies report as one, and the two that they consist of."""

GROUPS = ("Control", "OPN", "OP", *MERGED_GROUPS)
"""Normal bone density, osteopenia, osteoporosis, and the two merged groups."""

MULTIPLE = "multiple muscles"

MUSCLES = (
    *sorted(name.replace("_", " ") for name, kind in STRUCTURES.items() if kind == "muscle"),
    MULTIPLE,
)
"""Muscles by the names of `anatomy`, and several measured as one."""

UNITS: Mapping[str, Mapping[str, tuple[str, float]]] = MappingProxyType(
    {
        "CSA": MappingProxyType(
            {
                "mm2": ("mm2", 1.0),
                "cm2": ("mm2", 100.0),
                "mm2/m2": ("mm2/m2", 1.0),
                "cm2/m2": ("mm2/m2", 100.0),
                "%": ("%", 1.0),
                "ratio": ("%", 100.0),
            }
        ),
        "FI": MappingProxyType({"%": ("%", 1.0), "fraction": ("%", 100.0), "HU": ("HU", 1.0)}),
    }
)
"""Outcome → unit as extracted → unit in the table, and the factor between them."""

WORSE: Mapping[tuple[str, str], Literal["higher", "lower"]] = MappingProxyType(
    {
        ("CSA", "mm2"): "lower",
        ("CSA", "mm2/m2"): "lower",
        ("CSA", "%"): "lower",
        ("FI", "%"): "higher",
        ("FI", "HU"): "lower",
    }
)
"""Which way is worse: less muscle, more fat, and less attenuation because fat lowers it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetColumn:
    """One column of the sheet.

    Parameters
    ----------
    name : header
    kind : what its cells hold
    required : whether an empty cell is an error
    choices : values allowed; empty for any
    low, high : bounds of a number, inclusive
    whole : whether the number is one of the sample, the same in all rows of a study and sample
    about : what to fill in
    """

    name: str
    kind: Literal["text", "choice", "integer", "number"]
    required: bool = True
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    whole: bool = False
    about: str


def _column(
    name: str,
    kind: Literal["text", "choice", "integer", "number"],
    about: str,
    *,
    required: bool = True,
    choices: tuple[str, ...] = (),
    low: float | None = None,
    high: float | None = None,
    whole: bool = False,
) -> SheetColumn:
    return SheetColumn(
        name=name,
        kind=kind,
        about=about,
        required=required,
        choices=choices,
        low=low,
        high=high,
        whole=whole,
    )


SHEET: tuple[SheetColumn, ...] = (
    _column("study", "text", "First author and year, e.g. Smith 2020."),
    _column("sample", "text", "Part of the study analysed on its own: all, women, men."),
    _column("study_n", "integer", "People in this sample, all groups together.", low=2, whole=True),
    _column("outcome", "choice", "CSA or FI.", choices=tuple(UNITS)),
    _column(
        "measurement",
        "text",
        "How it was measured, in few fixed words: raw area, relative area, CT FI, MRI FI.",
    ),
    _column("muscle", "choice", "Which muscle.", choices=MUSCLES),
    _column(
        "side",
        "choice",
        "both for one value of both sides; left and right in two rows otherwise.",
        choices=("both", "left", "right"),
    ),
    _column("level", "text", "Vertebral level as printed (L4/5), or multiple."),
    _column("group", "choice", "Who was measured.", choices=GROUPS),
    _column("n", "integer", "People in this group with this measurement.", low=2),
    _column("mean", "number", "Mean, with a decimal point."),
    _column("sd", "number", "Standard deviation, above 0; no standard error."),
    _column(
        "unit",
        "choice",
        "Unit of mean and SD.",
        choices=tuple(dict.fromkeys(unit for units in UNITS.values() for unit in units)),
    ),
    _column("age", "number", "Mean age of the sample, years.", required=False, low=0, high=120,
            whole=True),
    _column("female_percent", "number", "Women in the sample, percent.", required=False, low=0,
            high=100, whole=True),
    _column("bmi", "number", "Mean body mass index of the sample, kg/m2.", required=False, low=10,
            high=80, whole=True),
    _column(
        "icc",
        "choice",
        "Whether intra- and inter-rater reliability are reported: both, one of them, neither.",
        required=False,
        choices=("full", "partial", "none"),
        whole=True,
    ),
    _column("criterion", "text", "How osteoporosis was diagnosed, e.g. T-score or QCT.",
            required=False),
    _column("source", "text", "Where it stands in the paper: Table 2.", required=False),
    _column("comment", "text", "Anything the second reader should know.", required=False),
)  # fmt: skip
"""The sheet: one row is one group's mean and SD of one measurement."""

COLUMNS = tuple(column.name for column in SHEET)

DATASET = ("study", "sample", "outcome", "measurement", "muscle", "level")
"""What names one measurement of one sample, whose groups are compared with each other."""

ARM = (*DATASET, "group")
"""What names one group's value, of both sides."""

CELL = (*ARM, "side")
"""What names one row of the sheet."""
