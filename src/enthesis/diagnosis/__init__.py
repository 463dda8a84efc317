"""Findings from measurements: each names its inputs, what is missing and where the rule is from."""

from enthesis.diagnosis.fracture_risk import FRACTURE_RISK_CRITERIA, age_thresholds
from enthesis.diagnosis.muscle_on_ct import (
    ATTENUATION_CUTOFFS,
    MUSCLE_ON_CT_CRITERIA,
    muscle_attenuation,
    muscle_attenuation_review,
)
from enthesis.diagnosis.muscle_screening import MUSCLE_SCREENING_CRITERIA
from enthesis.diagnosis.opportunistic_ct import (
    L1_COHORTS,
    OPPORTUNISTIC_CT_CRITERIA,
    l1_attenuation,
)
from enthesis.diagnosis.osteoporosis import OSTEOPOROSIS_CRITERIA
from enthesis.diagnosis.osteosarcopenia import OSTEOSARCOPENIA_CRITERIA
from enthesis.diagnosis.populations import (
    Population,
    ReferenceCurve,
    YoungReference,
    percentile,
    reference_curve,
    t_score,
    z_score,
)
from enthesis.diagnosis.qct import QCT_CRITERIA
from enthesis.diagnosis.reference_curves import HENDRICKSON_2018, NHANES_III
from enthesis.diagnosis.sarcopenia import SARCOPENIA_CRITERIA
from enthesis.diagnosis.screening import SCREENING_CRITERIA
from enthesis.diagnosis.vertebral_fracture import VERTEBRAL_FRACTURE_CRITERIA

BONE_CRITERIA = (
    *OSTEOPOROSIS_CRITERIA,
    *QCT_CRITERIA,
    *OPPORTUNISTIC_CT_CRITERIA,
    *VERTEBRAL_FRACTURE_CRITERIA,
    *FRACTURE_RISK_CRITERIA,
    *SCREENING_CRITERIA,
)
"""Every built-in criterion of bone."""

MUSCLE_CRITERIA = (*SARCOPENIA_CRITERIA, *MUSCLE_ON_CT_CRITERIA, *MUSCLE_SCREENING_CRITERIA)
"""Every built-in criterion of muscle."""

CRITERIA = (*BONE_CRITERIA, *MUSCLE_CRITERIA, *OSTEOSARCOPENIA_CRITERIA)
"""Every built-in criterion."""

__all__ = [
    "ATTENUATION_CUTOFFS",
    "BONE_CRITERIA",
    "CRITERIA",
    "HENDRICKSON_2018",
    "L1_COHORTS",
    "MUSCLE_CRITERIA",
    "NHANES_III",
    "OSTEOSARCOPENIA_CRITERIA",
    "Population",
    "ReferenceCurve",
    "YoungReference",
    "age_thresholds",
    "l1_attenuation",
    "muscle_attenuation",
    "muscle_attenuation_review",
    "percentile",
    "reference_curve",
    "t_score",
    "z_score",
]
