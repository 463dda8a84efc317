"""Cohorts: how well measurements agree, and what groups of subjects differ by."""

from enthesis.cohort.agreement import BlandAltman, bland_altman, bland_altman_repeated
from enthesis.cohort.concordance import Concordance, concordance
from enthesis.cohort.kappa import (
    Kappa,
    PercentAgreement,
    cohen_kappa,
    fleiss_kappa,
    landis_koch,
    percent_agreement,
)
from enthesis.cohort.krippendorff import Alpha, krippendorff_alpha
from enthesis.cohort.masks import MaskAgreement, mask_agreement, mask_table
from enthesis.cohort.precision import (
    PrecisionError,
    WithinSubjectCV,
    precision_error,
    within_subject_cv,
)
from enthesis.cohort.reliability import (
    ICC,
    MeasurementError,
    icc,
    koo_li,
    koo_li_interval,
    measurement_error,
)
from enthesis.cohort.study import RatedQuantity, RaterPair, ReliabilityStudy, agree

__all__ = [
    "ICC",
    "Alpha",
    "BlandAltman",
    "Concordance",
    "Kappa",
    "MaskAgreement",
    "MeasurementError",
    "PercentAgreement",
    "PrecisionError",
    "RatedQuantity",
    "RaterPair",
    "ReliabilityStudy",
    "WithinSubjectCV",
    "agree",
    "bland_altman",
    "bland_altman_repeated",
    "cohen_kappa",
    "concordance",
    "fleiss_kappa",
    "icc",
    "koo_li",
    "koo_li_interval",
    "krippendorff_alpha",
    "landis_koch",
    "mask_agreement",
    "mask_table",
    "measurement_error",
    "percent_agreement",
    "precision_error",
    "within_subject_cv",
]
