"""Quantitative CT of the spine: density classes, and the risk bands of the 2019 review, apart."""

from __future__ import annotations

import numpy as np

from enthesis.diagnosis.criteria import (
    DOES_NOT_APPLY,
    Category,
    Criterion,
    Verdict,
    decide,
)
from enthesis.diagnosis.cutoffs import Cutoff
from enthesis.diagnosis.inputs import AGE, SEX, Columns, measured
from enthesis.diagnosis.osteoporosis import FRAGILITY_FRACTURE, POSTMENOPAUSAL, t_scores_hold
from enthesis.diagnosis.truth import both

SPINE_BMD = measured("trabecular_bmd", "lumbar_spine", label="trabecular BMD of the lumbar spine")

QCT_OSTEOPOROSIS = Cutoff(value=80, relation="<", unit="mg/cm3", inputs=(SPINE_BMD.name,))
QCT_LOW = Cutoff(value=120, relation="<=", unit="mg/cm3", inputs=(SPINE_BMD.name,))

REVIEW_SEVERE = Cutoff(value=50, relation="<", unit="mg/cm3", inputs=(SPINE_BMD.name,))
REVIEW_MODERATE = Cutoff(value=80, relation="<", unit="mg/cm3", inputs=(SPINE_BMD.name,))
REVIEW_MILD = Cutoff(value=110, relation="<=", unit="mg/cm3", inputs=(SPINE_BMD.name,))

AGE_FLAG = (
    "age, sex or menopausal status not given: the classes hold for postmenopausal women and "
    "older men"
)


def _classes(columns: Columns) -> Verdict:
    bmd = columns[SPINE_BMD.name]
    holds = t_scores_hold(columns)
    fractured = (columns[FRAGILITY_FRACTURE.name] == 1).astype(float)
    return decide(
        (DOES_NOT_APPLY, (holds == 0).astype(float)),
        # Without a history of fractures the class is osteoporosis; "missing" then names it.
        (0, both(QCT_OSTEOPOROSIS.holds(bmd), fractured)),
        (1, QCT_OSTEOPOROSIS.holds(bmd)),
        (2, QCT_LOW.holds(bmd)),
        otherwise=3,
        flags={AGE_FLAG: np.isnan(holds)},
    )


def _bands(columns: Columns) -> Verdict:
    bmd = columns[SPINE_BMD.name]
    return decide(
        (0, REVIEW_SEVERE.holds(bmd)),
        (1, REVIEW_MODERATE.holds(bmd)),
        (2, REVIEW_MILD.holds(bmd)),
        otherwise=3,
    )


QCT_2020 = Criterion(
    name="qct_spine_2020",
    title="QCT of the spine, Chinese consensus 2020",
    inputs=(SPINE_BMD, FRAGILITY_FRACTURE, SEX, AGE, POSTMENOPAUSAL),
    cutoffs=(QCT_OSTEOPOROSIS, QCT_LOW),
    categories=(
        Category("severe osteoporosis", "below 80 mg/cm3, with a fragility fracture"),
        Category("osteoporosis", "below 80 mg/cm3"),
        Category("low bone mass", "from 80 to 120 mg/cm3"),
        Category("normal", "above 120 mg/cm3"),
    ),
    rule=_classes,
    scope="for postmenopausal women and older men, taken here as from 50",
    closing="The classes are densities, not T-scores.",
    caveats=("the density must be the calibrated mean of two lumbar vertebrae or more",),
    source="Chinese expert consensus on the diagnosis of osteoporosis by imaging and bone mineral "
    "density. Quant Imaging Med Surg 2020;10:2066-2077, table 2. doi:10.21037/qims-2020-16",
    is_diagnosis=True,
)

QCT_REVIEW_2019 = Criterion(
    name="qct_review_2019",
    title="QCT of the spine, fracture-risk bands of the 2019 review",
    inputs=(SPINE_BMD,),
    cutoffs=(REVIEW_SEVERE, REVIEW_MODERATE, REVIEW_MILD),
    categories=(
        Category("severe fracture risk", "below 50 mg/cm3"),
        Category("moderate fracture risk", "from 50 to below 80 mg/cm3"),
        Category("mild fracture risk", "from 80 to 110 mg/cm3"),
        Category("no raised risk stated", "above 110 mg/cm3"),
    ),
    rule=_bands,
    closing="These bands are not the density classes: moderate risk here is osteoporosis there.",
    caveats=("the review's text is damaged here and does not say which band a border belongs to",),
    source="Imaging of osteoporosis and sarcopenia: the bone-muscle unit (review, 2019), section "
    "on quantitative CT",
    status="partial",
)

QCT_CRITERIA = (QCT_2020, QCT_REVIEW_2019)
"""Quantitative CT of the spine."""
