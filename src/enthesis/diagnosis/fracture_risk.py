"""Fracture risk: FRAX probabilities and the vendor's TBS, as inputs, against published thresholds.

FRAX itself and its adjustments are not computed: their coefficients were never published.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from enthesis.diagnosis.criteria import (
    CANNOT_TELL,
    DOES_NOT_APPLY,
    Category,
    Criterion,
    Verdict,
    decide,
)
from enthesis.diagnosis.cutoffs import Cutoff
from enthesis.diagnosis.inputs import AGE, BMI, SEX, Columns, FloatArray, Input, lowest, measured
from enthesis.diagnosis.osteoporosis import (
    FRAX_HIP,
    FRAX_HIP_HIGH,
    FRAX_MAJOR,
    FRAX_MAJOR_HIGH,
    HIP_FRACTURE,
    LOWEST_T,
    MAN_FROM,
    POSTMENOPAUSAL,
    T_LOW,
    T_OSTEOPOROSIS,
    T_SITES,
    VERTEBRAL_FRACTURE,
    WOMAN_PAST_MENOPAUSE,
    t_scores_hold,
)
from enthesis.diagnosis.truth import MALE, Truth, both, either, invert
from enthesis.errors import InputError

TBS = measured("trabecular_bone_score", "lumbar_spine")

NOT_A_PRESCRIPTION = "A threshold is where treatment is considered, not a prescription."

BHOF_SOURCE = (
    "LeBoff MS et al. (Bone Health and Osteoporosis Foundation). Osteoporos Int 2022;33:2049-2102. "
    "doi:10.1007/s00198-021-05900-y; the same thresholds in Cosman F et al. (NOF). Osteoporos Int "
    "2014;25:2359-2381. doi:10.1007/s00198-014-2794-2"
)

TBS_BMI_RANGE = (15, 37)
"""Body mass index for which TBS is cleared, kg/m2, both bounds included."""


def age_thresholds(
    table: pd.DataFrame, *, name: str, title: str, source: str, between: str = "linear"
) -> Criterion:
    """A criterion from intervention thresholds by age, such as NOGG's, given as a table.

    Parameters
    ----------
    table : rising `age` in years; `major` and, where there is one, `hip`: the ten-year
        probability in % at and above which treatment is considered
    name, title : of the criterion, with the guideline and its version
    source : citation
    between : "linear" between the rows of the table, or "step" to hold each row's value until the
        next one

    Returns
    -------
    Criterion "at or above the intervention threshold" or "below" it. It does not apply outside
    the ages of the table: thresholds are never extrapolated.

    Raises
    ------
    InputError : a column is missing, the ages do not rise, a threshold is no percentage, or
        `between` is unknown.
    """
    if between not in {"linear", "step"}:
        raise InputError(f"between is 'linear' or 'step', got {between!r}")
    columns = [column for column in ("major", "hip") if column in table]
    if "age" not in table or "major" not in table:
        raise InputError(
            f"a table of thresholds needs age and major, got {', '.join(map(str, table.columns))}"
        )
    thresholds = table[["age", *columns]].astype(float)
    ages = thresholds["age"].to_numpy()
    if len(ages) < 2 or not np.all(np.diff(ages) > 0):
        raise InputError(f"ages must rise from row to row, at least two, got {ages.tolist()}")
    for column in columns:
        wrong = thresholds[~thresholds[column].between(0, 100)]
        if len(wrong):
            raise InputError(
                f"threshold {column} must lie between 0 and 100%, got {wrong[column].iloc[0]:g} at "
                f"age {wrong['age'].iloc[0]:g}"
            )
    inputs = {"major": FRAX_MAJOR, "hip": FRAX_HIP}
    derived = {column: _threshold_of(inputs[column]) for column in columns}

    def rule(given: Columns) -> Verdict:
        age = given[AGE.name]
        at = {c: _at_age(age, ages, thresholds[c].to_numpy(), between) for c in columns}
        reached = [_at_or_above(given[inputs[c].name], at[c]) for c in columns]
        outside = np.where(np.isnan(age), np.nan, (age < ages[0]) | (age > ages[-1]))
        return decide(
            (DOES_NOT_APPLY, outside),
            (0, either(*reached)),
            otherwise=1,
            numbers={derived[c].name: at[c] for c in columns},
        )

    return Criterion(
        name=name,
        title=title,
        inputs=(AGE, *(inputs[column] for column in columns)),
        cutoffs=(),
        categories=(
            Category("at or above the intervention threshold"),
            Category("below the intervention threshold"),
        ),
        rule=rule,
        derived=tuple(derived.values()),
        scope=f"the table runs from {ages[0]:g} to {ages[-1]:g} years",
        closing=NOT_A_PRESCRIPTION,
        caveats=(f"thresholds between the rows of the given table: {between}",),
        source=source,
    )


def _threshold_of(probability: Input) -> Input:
    return Input(
        name=f"{probability.name}_threshold",
        label=f"threshold of {probability.label}",
        unit="%",
    )


def _at_age(age: FloatArray, ages: FloatArray, values: FloatArray, between: str) -> FloatArray:
    inside = (age >= ages[0]) & (age <= ages[-1])
    if between == "linear":
        found = np.interp(age, ages, values)
    else:
        row = np.searchsorted(ages, age, side="right") - 1
        found = values[np.clip(row, 0, len(ages) - 1)]
    return np.where(inside, found, np.nan)


def _at_or_above(probability: FloatArray, threshold: FloatArray) -> Truth:
    unknown = np.isnan(probability) | np.isnan(threshold)
    return np.where(unknown, np.nan, (probability >= threshold).astype(float))


def _bhof(columns: Columns) -> Verdict:
    t = lowest(*(columns[site.name] for site in T_SITES))
    high = either(
        FRAX_MAJOR_HIGH.holds(columns[FRAX_MAJOR.name]),
        FRAX_HIP_HIGH.holds(columns[FRAX_HIP.name]),
    )
    return decide(
        (DOES_NOT_APPLY, invert(t_scores_hold(columns))),
        (0, either(columns[HIP_FRACTURE.name], columns[VERTEBRAL_FRACTURE.name])),
        (1, T_OSTEOPOROSIS.holds(t)),
        (2, both(T_LOW.holds(t), high)),
        otherwise=3,
        numbers={LOWEST_T.name: t},
    )


def _tbs_bands(
    *,
    name: str,
    title: str,
    normal: Cutoff,
    degraded: Cutoff,
    source: str,
    of_women: bool,
    status: Literal["verified", "memory"],
) -> Criterion:
    def rule(columns: Columns) -> Verdict:
        tbs, bmi = columns[TBS.name], columns[BMI.name]
        low, high = TBS_BMI_RANGE
        return decide(
            (DOES_NOT_APPLY, (of_women & (columns[SEX.name] == MALE)).astype(float)),
            (CANNOT_TELL, np.isnan(tbs).astype(float)),
            (0, degraded.holds(tbs)),
            (2, normal.holds(tbs)),
            otherwise=1,
            flags={
                f"body mass index outside {low} to {high} kg/m2: TBS is unreliable": (
                    (bmi < low) | (bmi > high)
                ),
                "body mass index not given: TBS is reliable from 15 to 37 kg/m2": np.isnan(bmi),
            },
        )

    return Criterion(
        name=name,
        title=title,
        inputs=(TBS, BMI, SEX),
        cutoffs=(degraded, normal),
        categories=(
            Category("degraded microarchitecture", f"TBS {degraded}"),
            Category("partially degraded microarchitecture", "TBS between the two borders"),
            Category("normal microarchitecture", f"TBS {normal}"),
        ),
        rule=rule,
        closing="TBS alone is no diagnosis of osteoporosis and no reason to treat.",
        caveats=("holds for the vendor's TBS only, never for another measure of texture",),
        source=source,
        scope="the bands are of women" if of_women else "",
        status=status,
    )


BHOF_2022 = Criterion(
    name="bhof_2022",
    title="Intervention thresholds, BHOF 2022 (NOF 2014)",
    inputs=(
        SEX,
        AGE,
        POSTMENOPAUSAL,
        HIP_FRACTURE,
        VERTEBRAL_FRACTURE,
        *T_SITES,
        FRAX_MAJOR,
        FRAX_HIP,
    ),
    cutoffs=(
        T_OSTEOPOROSIS,
        T_LOW,
        FRAX_MAJOR_HIGH,
        FRAX_HIP_HIGH,
        MAN_FROM,
        WOMAN_PAST_MENOPAUSE,
    ),
    categories=(
        Category("consider treatment: fracture", "a hip or vertebral fracture"),
        Category("consider treatment: density", "T-score at or below -2.5"),
        Category(
            "consider treatment: risk",
            "T-score between -1 and -2.5, FRAX at or above 20% (major) or 3% (hip)",
        ),
        Category("below the intervention thresholds"),
    ),
    rule=_bhof,
    derived=(LOWEST_T,),
    scope="for postmenopausal women and men from 50",
    closing=NOT_A_PRESCRIPTION,
    caveats=("the thresholds are the United States'",),
    source=BHOF_SOURCE,
)

TBS_SILVA_2014 = _tbs_bands(
    name="tbs_silva_2014",
    title="TBS bands, Silva 2014 (postmenopausal women)",
    normal=Cutoff(value=1.350, relation=">=", inputs=(TBS.name,)),
    degraded=Cutoff(value=1.200, relation="<=", inputs=(TBS.name,)),
    source="Silva BC et al. J Bone Miner Res 2014;29:518-530. doi:10.1002/jbmr.2176",
    of_women=True,
    status="verified",
)

TBS_MCCLOSKEY_2016 = _tbs_bands(
    name="tbs_mccloskey_2016",
    title="TBS bands, McCloskey 2016 (meta-analysis)",
    normal=Cutoff(value=1.31, relation=">", inputs=(TBS.name,)),
    degraded=Cutoff(value=1.23, relation="<", inputs=(TBS.name,)),
    source="McCloskey EV et al. J Bone Miner Res 2016;31:940-948. doi:10.1002/jbmr.2734",
    of_women=False,
    status="memory",
)

FRACTURE_RISK_CRITERIA = (BHOF_2022, TBS_SILVA_2014, TBS_MCCLOSKEY_2016)
"""Fracture risk; tables of thresholds by age make their own criteria by `age_thresholds`."""
