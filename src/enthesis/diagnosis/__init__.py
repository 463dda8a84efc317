"""Findings from measurements: each names its inputs, what is missing and where the rule is from."""

from enthesis.diagnosis.osteoporosis import L1_COHORTS, l1_attenuation
from enthesis.diagnosis.sarcopenia import (
    ATTENUATION_CUTOFFS,
    muscle_attenuation,
    muscle_attenuation_review,
)

__all__ = [
    "ATTENUATION_CUTOFFS",
    "L1_COHORTS",
    "l1_attenuation",
    "muscle_attenuation",
    "muscle_attenuation_review",
]
