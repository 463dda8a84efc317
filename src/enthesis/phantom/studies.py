"""A simulated table of paraspinal effects in osteoporosis, for demonstration and tests."""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

SEED = 57
"""Seed of the bundled table: of the first thousand, the nearest to what the review prints of its
models and of small-study effects among those that lead to its conclusions about the subgroups."""

TABLE = "simulated_paraspinal_effects.csv"

OUTCOMES = ("CSA", "FI")
COMPARISONS = ("OP vs Control", "OPN vs Control", "OP vs OPN", "OP vs Non-OP", "OP&OPN vs Control")

WORSE_BY = {
    ("CSA", "multifidus"): (0.12, 0.32),
    ("CSA", "erector spinae"): (0.16, 0.38),
    ("CSA", "psoas major"): (0.30, 0.44),
    ("CSA", "multiple muscles"): (0.33, 0.49),
    ("FI", "multifidus"): (0.87, 1.34),
    ("FI", "erector spinae"): (0.66, 1.08),
    ("FI", "psoas major"): (0.24, 0.44),
}
"""By how many control SDs osteopenia and osteoporosis are worse than control: less area, more fat.

Fatty infiltration, and area of the psoas in osteopenia and of multiple muscles, from the pooled
differences that the review prints; it gives no number for the others, only that they are small.
"""

WORSE_BY_MERGED = {
    "multifidus": (0.36, 0.22),
    "erector spinae": (0.50, 0.25),
    "psoas major": (0.34, 0.28),
    "multiple muscles": (0.40, 0.30),
}
"""Area: osteoporosis against all others, and both low-density groups against control, in SDs."""

STUDY_SD, DATASET_SD, STAGE_SD = 0.36, 0.20, 0.18
"""Spread of true effects between studies, datasets of one study and stages of one dataset, in SDs.

The review's three-level model finds 43% and 45% of the total variance there.
"""

HOMOGENEOUS = 0.15
"""Share of that spread left in areas of multiple muscles: the review finds next to none there."""

AGE_SLOPE = -0.02
"""Change of the true effect per year of mean age: differences fade in older samples."""

GROUP_SIZE = (25.0, 160.0)
GROUP_SPREAD = 0.35
SMALLEST_GROUP = 20
"""Usual size of a study's groups, any between these alike on the log scale; how far a group is off
it, likewise; and the least. Studies of a few dozen and of some hundreds stand side by side."""

TYPICAL = {
    ("CSA", "multifidus"): (640.0, 130.0),
    ("CSA", "erector spinae"): (1680.0, 300.0),
    ("CSA", "psoas major"): (890.0, 210.0),
    ("CSA", "multiple muscles"): (3900.0, 640.0),
    ("FI", "multifidus"): (21.0, 7.0),
    ("FI", "erector spinae"): (17.0, 6.0),
    ("FI", "psoas major"): (7.0, 2.4),
}
"""Mean and SD of a control group: mm2, mean of both sides, or percent fat."""

DISC_AREA_MM2 = 1500.0
"""Relative areas are in percent of a disc of this area."""

MUSCLES = ("multifidus", "erector spinae", "psoas major")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Study:
    """One simulated study: what it measured on whom.

    Parameters
    ----------
    graded : muscles whose area was compared between control, osteopenia and osteoporosis
    fat : muscles whose fat infiltration was compared between the same three groups
    plain : muscles whose area was compared between osteoporosis and control only
    osteopenia_only : the same between osteopenia and control
    non_op : between osteoporosis and all others
    low : between both low-density groups and control
    area, fat_method : how area and fat were measured
    level : one vertebral level or several
    age, female_percent, bmi : of the whole sample
    icc : whether intra- and inter-observer reliability is reported: "full", "partial" (one of
        them) or "none"
    samples : "all", or "women" and "men" apart
    """

    graded: tuple[str, ...] = ()
    fat: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()
    osteopenia_only: tuple[str, ...] = ()
    non_op: tuple[str, ...] = ()
    low: tuple[str, ...] = ()
    area: str = "raw area"
    fat_method: str = "MRI FI"
    level: str = "multiple"
    age: float
    female_percent: float
    bmi: float
    icc: str = "none"
    samples: tuple[str, ...] = ("all",)


MF, ES, PM = MUSCLES
MULTIPLE = "multiple muscles"

STUDIES = (
    _Study(graded=MUSCLES, fat=MUSCLES, age=66.8, female_percent=68, bmi=23.9, icc="full"),
    _Study(graded=MUSCLES, fat=MUSCLES, level="single", age=63.1, female_percent=100, bmi=24.3),
    _Study(
        graded=(MF, ES), fat=(MF, ES), area="relative area", age=69.5, female_percent=81, bmi=23.4
    ),
    _Study(graded=MUSCLES, fat=(MF, ES), age=61.7, female_percent=100, bmi=22.8, icc="full"),
    _Study(
        graded=MUSCLES,
        fat=MUSCLES,
        fat_method="CT FI",
        age=70.4,
        female_percent=62,
        bmi=24.6,
        icc="partial",
    ),
    _Study(
        graded=(PM,),
        fat=(MF, PM),
        fat_method="CT FI",
        level="single",
        age=58.9,
        female_percent=73,
        bmi=25.1,
    ),
    _Study(
        graded=(MULTIPLE,),
        area="relative area",
        level="single",
        age=64.6,
        female_percent=50,
        bmi=24.0,
        icc="full",
        samples=("women", "men"),
    ),
    _Study(
        graded=(MULTIPLE,),
        osteopenia_only=(PM,),
        age=67.3,
        female_percent=77,
        bmi=23.1,
        icc="partial",
    ),
    _Study(plain=(MF, PM, MULTIPLE), age=72.6, female_percent=84, bmi=22.6),
    _Study(
        low=(*MUSCLES, MULTIPLE), level="single", age=65.2, female_percent=100, bmi=24.8, icc="full"
    ),
    _Study(plain=MUSCLES, low=MUSCLES, age=68.4, female_percent=90, bmi=23.6),
    _Study(
        plain=(MF, ES),
        non_op=MUSCLES,
        area="relative area",
        age=71.3,
        female_percent=66,
        bmi=24.4,
        icc="full",
    ),
    _Study(non_op=MUSCLES, level="single", age=74.0, female_percent=79, bmi=23.0),
    _Study(non_op=MUSCLES, low=(MULTIPLE,), age=66.1, female_percent=58, bmi=25.4, icc="partial"),
)
"""Fourteen studies with 125 comparisons, as many as the review; every one of them is invented."""


def simulated_studies() -> pd.DataFrame:
    """The bundled simulated table: 14 studies, 125 effects; see `simulate_studies`.

    No row of it was observed. It exists to show and to test what `evidence` does.
    """
    source = importlib.resources.files("enthesis.phantom") / TABLE
    with source.open(encoding="utf-8") as file:
        return pd.read_csv(file)


def simulate_studies(rng: np.random.Generator) -> pd.DataFrame:
    """Invent a table of paraspinal muscle effects, shaped like a published review.

    Parameters
    ----------
    rng : with ``numpy.random.default_rng(SEED)`` it is the bundled table

    Returns
    -------
    DataFrame, one row a comparison of two groups: ``data`` ("simulated" in every row), ``study``,
    ``sample``, ``outcome`` (CSA or FI), ``muscle``, ``comparison``, ``group1``, ``group2``;
    ``m1i, sd1i, n1i, m2i, sd2i, n2i`` (areas in mm2, or percent of a disc where relative; fat in
    percent); ``age`` (years), ``female_percent``, ``bmi`` (kg/m2), ``level`` (single or multiple),
    ``measurement``, ``icc``. Group 1 is the one with less bone: a negative difference of
    areas and a positive one of fat are worse.

    Notes
    -----
    Three groups of one sample serve up to three comparisons, and several muscles come from the
    same people, so effects of one study depend on each other as they do in the literature. True
    effects vary between studies and between datasets within them; over the datasets of a muscle
    they are centred on the wanted value, so that pooled values fall near the published ones.

    References
    ----------
    Number of studies and effects, pooled differences and shares of variance follow the review of
    paraspinal muscles in osteoporosis and osteopenia registered as PROSPERO CRD420251026322.
    """
    n_studies = len(STUDIES)
    study_effect = rng.normal(0, STUDY_SD, n_studies)
    study_effect += AGE_SLOPE * (np.array([s.age for s in STUDIES]) - 66)
    datasets = [
        (i, sample, *kind)
        for i, s in enumerate(STUDIES)
        for sample in s.samples
        for kind in _kinds(s)
    ]
    shift = _shifts(datasets, study_effect, rng)
    usual = np.exp(rng.uniform(np.log(GROUP_SIZE[0]), np.log(GROUP_SIZE[1]), n_studies))
    sizes = {
        (i, sample): {group: _size(usual[i], rng) for group in ("Control", "OPN", "OP")}
        for i, s in enumerate(STUDIES)
        for sample in s.samples
    }
    rows = []
    for (i, sample, outcome, muscle, design), extra in zip(datasets, shift, strict=True):
        groups = _groups(STUDIES[i], outcome, muscle, design, extra, sizes[i, sample], rng)
        rows += [
            _row(i, sample, outcome, muscle, comparison, groups)
            for comparison in _comparisons(design)
        ]
    return pd.DataFrame(rows)


def _size(usual: float, rng: np.random.Generator) -> int:
    """People in one group of a study whose groups usually have so many."""
    drawn = usual * np.exp(rng.uniform(-GROUP_SPREAD, GROUP_SPREAD))
    return max(SMALLEST_GROUP, round(float(drawn)))


def _kinds(study: _Study) -> Iterator[tuple[str, str, str]]:
    """Outcome, muscle and design of each dataset of a study."""
    for muscle in study.graded:
        yield "CSA", muscle, "graded"
    for muscle in study.fat:
        yield "FI", muscle, "graded"
    for design in ("plain", "osteopenia_only", "non_op", "low"):
        for muscle in getattr(study, design):
            yield "CSA", muscle, design


def _comparisons(design: str) -> tuple[str, ...]:
    return {
        "graded": COMPARISONS[:3],
        "plain": ("OP vs Control",),
        "osteopenia_only": ("OPN vs Control",),
        "non_op": ("OP vs Non-OP",),
        "low": ("OP&OPN vs Control",),
    }[design]


def _shifts(
    datasets: list[tuple[int, str, str, str, str]],
    study_effect: np.ndarray[tuple[int], np.dtype[np.float64]],
    rng: np.random.Generator,
) -> list[float]:
    """Departure of each dataset's true effect from the wanted one, in SDs.

    Centred over the datasets of the same outcome and muscle that compare with control.
    """
    raw = np.array([study_effect[i] for i, *_ in datasets]) + rng.normal(
        0, DATASET_SD, len(datasets)
    )
    cells = [
        (outcome, muscle, design in {"non_op", "low"}) for _, _, outcome, muscle, design in datasets
    ]
    for cell in dict.fromkeys(cells):
        inside = np.array([c == cell for c in cells])
        raw[inside] -= raw[inside].mean()
        if cell[1] == MULTIPLE:
            raw[inside] *= HOMOGENEOUS
    return [float(value) for value in raw]


def _groups(
    study: _Study,
    outcome: str,
    muscle: str,
    design: str,
    extra: float,
    sizes: dict[str, int],
    rng: np.random.Generator,
) -> dict[str, tuple[float, float, int]]:
    """Mean, SD and n of each group of one dataset, as a sample of it would print them."""
    mean, sd = TYPICAL[outcome, muscle]
    if outcome == "CSA" and study.area == "relative area":
        mean, sd = 100 * mean / DISC_AREA_MM2, 100 * sd / DISC_AREA_MM2
    if outcome == "FI" and study.fat_method == "CT FI":
        # Thresholds on CT miss the fat that is finer than a voxel.
        mean, sd = 0.7 * mean, 0.7 * sd
    sign = -1 if outcome == "CSA" else 1
    if design == "graded" or design in {"plain", "osteopenia_only"}:
        mild, severe = WORSE_BY[outcome, muscle]
        # Osteopenia carries the same share of a study's peculiarity as of its mean effect.
        stage = 0.0 if muscle == MULTIPLE else rng.normal(0, STAGE_SD)
        worse = {"Control": 0.0, "OPN": mild + 0.65 * extra + stage, "OP": severe + extra}
    else:
        apart, low = WORSE_BY_MERGED[muscle]
        worse = (
            {"Non-OP": 0.0, "OP": apart + extra}
            if design == "non_op"
            else {"Control": 0.0, "OP&OPN": low + extra}
        )
    n = {
        **sizes,
        "Non-OP": sizes["Control"] + sizes["OPN"],
        "OP&OPN": sizes["OP"] + sizes["OPN"],
    }
    found = {}
    for group, amount in worse.items():
        drawn = rng.normal(mean + sign * amount * sd, sd / np.sqrt(n[group]))
        spread = sd * np.sqrt(rng.chisquare(n[group] - 1) / (n[group] - 1))
        found[group] = (round(float(drawn), 2), round(float(spread), 2), n[group])
    return found


def _row(
    i: int,
    sample: str,
    outcome: str,
    muscle: str,
    comparison: str,
    groups: dict[str, tuple[float, float, int]],
) -> dict[str, object]:
    study = STUDIES[i]
    first, second = comparison.split(" vs ")
    (m1, sd1, n1), (m2, sd2, n2) = groups[first], groups[second]
    female = {"women": 100.0, "men": 0.0}.get(sample, study.female_percent)
    return {
        "data": "simulated",
        "study": f"Simulated {i + 1:02d}",
        "sample": sample,
        "outcome": outcome,
        "muscle": muscle,
        "comparison": comparison,
        "group1": first,
        "group2": second,
        "m1i": m1,
        "sd1i": sd1,
        "n1i": n1,
        "m2i": m2,
        "sd2i": sd2,
        "n2i": n2,
        "age": study.age,
        "female_percent": female,
        "bmi": study.bmi,
        "level": study.level,
        "measurement": study.area if outcome == "CSA" else study.fat_method,
        "icc": study.icc,
    }
