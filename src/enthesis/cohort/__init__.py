"""Cohorts: how well measurements agree, and what groups of subjects differ by."""

from enthesis.cohort.agreement import BlandAltman, bland_altman, bland_altman_repeated
from enthesis.cohort.ancova import Ancova, Contrast, ancova, contrast
from enthesis.cohort.calibration import Calibration, calibration
from enthesis.cohort.concordance import Concordance, concordance
from enthesis.cohort.decision import (
    DecisionCurve,
    Reclassification,
    decision_curve,
    reclassification,
)
from enthesis.cohort.deming import DemingLine, deming
from enthesis.cohort.differences import (
    Difference,
    Group,
    describe,
    glass_delta,
    hedges_g,
    mean_difference,
)
from enthesis.cohort.group_results import Comparison, GroupStudy, OutcomeGroups
from enthesis.cohort.groups import compare_groups
from enthesis.cohort.internal_validation import (
    CrossValidation,
    Optimism,
    bootstrap_optimism,
    nested_cross_validation,
)
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
from enthesis.cohort.multiplicity import benjamini_hochberg, holm
from enthesis.cohort.precision import (
    PrecisionError,
    WithinSubjectCV,
    precision_error,
    within_subject_cv,
)
from enthesis.cohort.prediction import Performance, RiskModel, performance, risk_model
from enthesis.cohort.reliability import (
    ICC,
    MeasurementError,
    icc,
    koo_li,
    koo_li_interval,
    measurement_error,
)
from enthesis.cohort.roc import AucDifference, Roc, compare_roc, roc
from enthesis.cohort.sample_size import (
    SampleSize,
    size_for_auc_test,
    size_for_auc_width,
    size_for_difference,
    size_for_icc_test,
    size_for_icc_width,
)
from enthesis.cohort.stage_trend import JonckheereTerpstra, jonckheere_terpstra, linear_trend
from enthesis.cohort.study import RatedQuantity, RaterPair, ReliabilityStudy, agree
from enthesis.cohort.tripod import tripod_table

__all__ = [
    "ICC",
    "Alpha",
    "Ancova",
    "AucDifference",
    "BlandAltman",
    "Calibration",
    "Comparison",
    "Concordance",
    "Contrast",
    "CrossValidation",
    "DecisionCurve",
    "DemingLine",
    "Difference",
    "Group",
    "GroupStudy",
    "JonckheereTerpstra",
    "Kappa",
    "MaskAgreement",
    "MeasurementError",
    "Optimism",
    "OutcomeGroups",
    "PercentAgreement",
    "Performance",
    "PrecisionError",
    "RatedQuantity",
    "RaterPair",
    "Reclassification",
    "ReliabilityStudy",
    "RiskModel",
    "Roc",
    "SampleSize",
    "WithinSubjectCV",
    "agree",
    "ancova",
    "benjamini_hochberg",
    "bland_altman",
    "bland_altman_repeated",
    "bootstrap_optimism",
    "calibration",
    "cohen_kappa",
    "compare_groups",
    "compare_roc",
    "concordance",
    "contrast",
    "decision_curve",
    "deming",
    "describe",
    "fleiss_kappa",
    "glass_delta",
    "hedges_g",
    "holm",
    "icc",
    "jonckheere_terpstra",
    "koo_li",
    "koo_li_interval",
    "krippendorff_alpha",
    "landis_koch",
    "linear_trend",
    "mask_agreement",
    "mask_table",
    "mean_difference",
    "measurement_error",
    "nested_cross_validation",
    "percent_agreement",
    "performance",
    "precision_error",
    "reclassification",
    "risk_model",
    "roc",
    "size_for_auc_test",
    "size_for_auc_width",
    "size_for_difference",
    "size_for_icc_test",
    "size_for_icc_width",
    "tripod_table",
    "within_subject_cv",
]
