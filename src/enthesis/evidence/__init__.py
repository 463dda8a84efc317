"""Many effects to evidence: pooled, questioned and made robust."""

from __future__ import annotations

from enthesis.evidence.aggregate import Funnel, aggregate_effects, funnel_data
from enthesis.evidence.arms import (
    arms_from_summaries,
    sd_from_interval,
    sd_from_p,
    sd_from_se,
    sd_from_t,
)
from enthesis.evidence.audit import Audit, audit
from enthesis.evidence.bias import Egger, PetPeese, egger, pet_peese
from enthesis.evidence.classical import CommonEffect, MantelHaenszel, mantel_haenszel, peto
from enthesis.evidence.combining import (
    MeanSD,
    average_sides,
    combine_groups,
    harmonise_direction,
    split_shared_group,
    to_log_scale,
)
from enthesis.evidence.comparison import (
    ContrastTest,
    LikelihoodRatio,
    contrast_test,
    information_criteria,
    likelihood_ratio,
    vif,
)
from enthesis.evidence.correlated_effects import (
    DependentEffectsFit,
    correlated_effects,
    hierarchical_effects,
    rho_sensitivity,
)
from enthesis.evidence.effect_sizes import effect_sizes
from enthesis.evidence.fail_safe import (
    ExcessSignificance,
    FailSafeN,
    excess_significance,
    fail_safe_n,
)
from enthesis.evidence.fit import Fit, MarginalCovariance, VarianceComponent
from enthesis.evidence.henmi_copas import HenmiCopas, henmi_copas
from enthesis.evidence.heterogeneity import (
    Heterogeneity,
    Tau2Interval,
    heterogeneity,
    tau2_interval,
)
from enthesis.evidence.influence import Influence, baujat, influence
from enthesis.evidence.influence_multilevel import ClusterInfluence, cluster_influence
from enthesis.evidence.location_scale import LocationScale, location_scale
from enthesis.evidence.many import ManyFits, pool_many
from enthesis.evidence.multilevel import MultilevelFit, multilevel
from enthesis.evidence.pool import pool
from enthesis.evidence.profile import profile, variance_intervals
from enthesis.evidence.quantiles import (
    SkewnessTest,
    mean_from_quantiles,
    sd_from_quantiles,
    skewness_test,
)
from enthesis.evidence.ranks import RankTest, rank_test
from enthesis.evidence.resampling import Bootstrap, PermutationTest, bootstrap, permutation_test
from enthesis.evidence.residuals import blup, radial, random_effects, standardized_residuals
from enthesis.evidence.robust import RobustFit, contrast, robust
from enthesis.evidence.sampling_blocks import SamplingCovariance
from enthesis.evidence.sampling_covariance import sampling_covariance
from enthesis.evidence.selection import SelectionFit, selection_model
from enthesis.evidence.sequential import Sequential, monitor
from enthesis.evidence.subgroups import Subgroups, subgroups
from enthesis.evidence.subsets import Gosh, cumulative, gosh, leave_one_out
from enthesis.evidence.trim_and_fill import TrimAndFill, trim_and_fill
from enthesis.evidence.wald import WaldTest, wald_test

__all__ = [
    "Audit",
    "Bootstrap",
    "ClusterInfluence",
    "CommonEffect",
    "ContrastTest",
    "DependentEffectsFit",
    "Egger",
    "ExcessSignificance",
    "FailSafeN",
    "Fit",
    "Funnel",
    "Gosh",
    "HenmiCopas",
    "Heterogeneity",
    "Influence",
    "LikelihoodRatio",
    "LocationScale",
    "MantelHaenszel",
    "ManyFits",
    "MarginalCovariance",
    "MeanSD",
    "MultilevelFit",
    "PermutationTest",
    "PetPeese",
    "RankTest",
    "RobustFit",
    "SamplingCovariance",
    "SelectionFit",
    "Sequential",
    "SkewnessTest",
    "Subgroups",
    "Tau2Interval",
    "TrimAndFill",
    "VarianceComponent",
    "WaldTest",
    "aggregate_effects",
    "arms_from_summaries",
    "audit",
    "average_sides",
    "baujat",
    "blup",
    "bootstrap",
    "cluster_influence",
    "combine_groups",
    "contrast",
    "contrast_test",
    "correlated_effects",
    "cumulative",
    "effect_sizes",
    "egger",
    "excess_significance",
    "fail_safe_n",
    "funnel_data",
    "gosh",
    "harmonise_direction",
    "henmi_copas",
    "heterogeneity",
    "hierarchical_effects",
    "influence",
    "information_criteria",
    "leave_one_out",
    "likelihood_ratio",
    "location_scale",
    "mantel_haenszel",
    "mean_from_quantiles",
    "monitor",
    "multilevel",
    "permutation_test",
    "pet_peese",
    "peto",
    "pool",
    "pool_many",
    "profile",
    "radial",
    "random_effects",
    "rank_test",
    "rho_sensitivity",
    "robust",
    "sampling_covariance",
    "sd_from_interval",
    "sd_from_p",
    "sd_from_quantiles",
    "sd_from_se",
    "sd_from_t",
    "selection_model",
    "skewness_test",
    "split_shared_group",
    "standardized_residuals",
    "subgroups",
    "tau2_interval",
    "to_log_scale",
    "trim_and_fill",
    "variance_intervals",
    "vif",
    "wald_test",
]
