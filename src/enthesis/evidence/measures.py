"""Every effect measure of this room: the columns it needs, what they must hold, its options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from enthesis.evidence import correlations, one_group, pre_post, rates, two_by_two, two_groups

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from enthesis.evidence.two_groups import Effect, Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What every value of a column must be, in words and as a check."""

    wanted: str
    holds: Callable[[Floats], NDArray[np.bool_]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One effect measure.

    Parameters
    ----------
    compute : the arrays in the order of `columns`, then the options, to (yi, vi)
    columns : column and what it must hold, in the order that `compute` takes them
    vtypes : the variances on offer, the usual one first; empty if there is only one
    corrects : whether the correction for small-sample bias can be switched off
    changed : whether metafor 3.8 computed it differently
    cells : columns to which the zero-cell rule applies
    add : what is added to those cells by default
    empty : pairs of cells that carry no information when both are zero
    """

    compute: Callable[..., Effect]
    columns: Mapping[str, Rule]
    vtypes: tuple[str, ...] = ()
    corrects: bool = False
    changed: bool = False
    cells: tuple[str, ...] = ()
    add: float = 0.0
    empty: tuple[tuple[str, str], ...] = ()


ANY = Rule(wanted="a number", holds=lambda x: np.ones(x.shape, dtype=bool))
COUNT = Rule(wanted="a whole number of 0 or more", holds=lambda x: (x >= 0) & (x == np.floor(x)))
SIZE = Rule(wanted="a whole number of 2 or more", holds=lambda x: (x >= 2) & (x == np.floor(x)))
SPREAD = Rule(wanted="an SD of 0 or more", holds=lambda x: x >= 0)
POSITIVE = Rule(wanted="a number above 0", holds=lambda x: x > 0)
CORRELATION = Rule(wanted="a correlation between -1 and 1", holds=lambda x: np.abs(x) <= 1)
SHARE = Rule(wanted="a share between 0 and 1", holds=lambda x: (x >= 0) & (x <= 1))
RELIABILITY = Rule(wanted="an alpha of at most 1", holds=lambda x: x <= 1)
VARIANCE = Rule(wanted="a variance of 0 or more", holds=lambda x: x >= 0)


TWO_GROUPS = {"m1i": ANY, "sd1i": SPREAD, "n1i": SIZE, "m2i": ANY, "sd2i": SPREAD, "n2i": SIZE}
TABLE = {"ai": COUNT, "bi": COUNT, "ci": COUNT, "di": COUNT}
EVENTS = {"x1i": COUNT, "t1i": POSITIVE, "x2i": COUNT, "t2i": POSITIVE}
CHANGE = {
    "m1i": ANY,
    "m2i": ANY,
    "sd1i": SPREAD,
    "sd2i": SPREAD,
    "ni": SIZE,
    "ri": CORRELATION,
}
REGRESSION = {"ti": ANY, "ni": SIZE, "mi": COUNT}
ALPHA = {"ai": RELIABILITY, "mi": SIZE, "ni": SIZE}
SMD_VARIANCES = ("LS", "LS2", "UB", "AV", "H0")


def _without(columns: Mapping[str, Rule], *names: str) -> dict[str, Rule]:
    return {name: rule for name, rule in columns.items() if name not in names}


def _groups(
    compute: Callable[..., Effect],
    *,
    without: tuple[str, ...] = (),
    vtypes: tuple[str, ...] = (),
    corrects: bool = False,
    changed: bool = False,
) -> Measure:
    return Measure(
        compute=compute,
        columns=_without(TWO_GROUPS, *without),
        vtypes=vtypes,
        corrects=corrects,
        changed=changed,
    )


def _table(
    compute: Callable[..., Effect], *, add: float = 0.5, vtypes: tuple[str, ...] = ()
) -> Measure:
    return Measure(
        compute=compute,
        columns=TABLE,
        vtypes=vtypes,
        cells=("ai", "bi", "ci", "di"),
        add=add,
        empty=(("ai", "ci"), ("bi", "di")),
    )


def _paired_table(compute: Callable[..., Effect]) -> Measure:
    return Measure(compute=compute, columns=TABLE, cells=("ai", "bi", "ci", "di"), add=0.5)


def _events(compute: Callable[..., Effect], *, add: float = 0.5) -> Measure:
    return Measure(
        compute=compute, columns=EVENTS, cells=("x1i", "x2i"), add=add, empty=(("x1i", "x2i"),)
    )


def _share(
    compute: Callable[..., Effect], *, add: float = 0.5, vtypes: tuple[str, ...] = ()
) -> Measure:
    columns = {"xi": COUNT, "mi": COUNT}
    return Measure(compute=compute, columns=columns, vtypes=vtypes, cells=("xi", "mi"), add=add)


def _rate(compute: Callable[..., Effect], *, add: float = 0.5) -> Measure:
    return Measure(compute=compute, columns={"xi": COUNT, "ti": POSITIVE}, cells=("xi",), add=add)


def _given(yi: Floats, vi: Floats) -> Effect:
    return yi, vi


MEASURES: Mapping[str, Measure] = {
    # two groups, means and SDs
    "MD": _groups(two_groups.mean_difference, vtypes=("LS", "HO")),
    "SMD": _groups(two_groups.standardized_mean_difference, vtypes=SMD_VARIANCES, corrects=True),
    "SMDH": _groups(two_groups.heteroscedastic_difference, corrects=True, changed=True),
    "SMD1": _groups(
        two_groups.glass_difference, without=("sd1i",), vtypes=SMD_VARIANCES, corrects=True
    ),
    "SMD1H": _groups(two_groups.heteroscedastic_glass_difference, corrects=True, changed=True),
    "ROM": _groups(two_groups.log_ratio_of_means, vtypes=("LS", "HO", "AV", "AVHO"), corrects=True),
    "CVR": _groups(two_groups.log_cv_ratio, corrects=True),
    "VR": _groups(two_groups.log_variability_ratio, without=("m1i", "m2i")),
    "RPB": _groups(two_groups.point_biserial, vtypes=("ST", "CS")),
    "RBIS": _groups(two_groups.biserial),
    "D2ORN": _groups(two_groups.log_odds_ratio_normal),
    "D2ORL": _groups(two_groups.log_odds_ratio_logistic),
    # two groups, counts
    "RR": _table(two_by_two.log_risk_ratio),
    "OR": _table(two_by_two.log_odds_ratio),
    "RD": _table(two_by_two.risk_difference, vtypes=("LS", "UB", "AV")),
    "AS": _table(two_by_two.arcsine_difference, add=0),
    "PETO": _table(two_by_two.peto_log_odds_ratio),
    "PHI": _table(two_by_two.phi, add=0, vtypes=("CS", "ST")),
    "YUQ": _table(two_by_two.yule_q),
    "YUY": _table(two_by_two.yule_y),
    "PBIT": _table(two_by_two.probit_difference),
    "OR2DN": _table(two_by_two.difference_from_odds_normal),
    "OR2DL": _table(two_by_two.difference_from_odds_logistic),
    "IRR": _events(rates.log_rate_ratio),
    "IRD": _events(rates.rate_difference),
    "IRSD": _events(rates.root_rate_difference, add=0),
    # change within people, and pairs
    "MC": Measure(compute=pre_post.mean_change, columns=CHANGE),
    "SMCC": Measure(
        compute=pre_post.standardized_change, columns=CHANGE, vtypes=("LS", "LS2"), corrects=True
    ),
    "SMCR": Measure(
        compute=pre_post.raw_standardized_change,
        columns=_without(CHANGE, "sd2i"),
        vtypes=("LS", "LS2"),
        corrects=True,
    ),
    "SMCRH": Measure(
        compute=pre_post.heteroscedastic_raw_change, columns=CHANGE, corrects=True, changed=True
    ),
    "ROMC": Measure(compute=pre_post.log_ratio_of_means, columns=CHANGE, corrects=True),
    "CVRC": Measure(compute=pre_post.log_cv_ratio, columns=CHANGE, corrects=True),
    "VRC": Measure(compute=pre_post.log_variability_ratio, columns=_without(CHANGE, "m1i", "m2i")),
    "MPRD": _paired_table(two_by_two.paired_risk_difference),
    "MPRR": _paired_table(two_by_two.paired_log_risk_ratio),
    "MPOR": _paired_table(two_by_two.paired_log_odds_ratio),
    "MPORC": _paired_table(two_by_two.conditional_log_odds_ratio),
    "MPPETO": _paired_table(two_by_two.conditional_peto),
    "MPORM": Measure(
        compute=two_by_two.paired_log_odds_ratio_from_margins,
        columns={**TABLE, "ri": CORRELATION},
        cells=("ai", "bi", "ci", "di"),
        add=0.5,
    ),
    "REH": Measure(
        compute=two_by_two.relative_excess_heterozygosity,
        columns={"ai": COUNT, "bi": COUNT, "ci": COUNT},
    ),
    # association
    "COR": Measure(
        compute=correlations.correlation,
        columns={"ri": CORRELATION, "ni": SIZE},
        vtypes=("LS", "AV"),
    ),
    "UCOR": Measure(
        compute=correlations.unbiased_correlation,
        columns={"ri": CORRELATION, "ni": SIZE},
        vtypes=("LS", "UB", "AV"),
    ),
    "ZCOR": Measure(compute=correlations.fisher_z, columns={"ri": CORRELATION, "ni": SIZE}),
    "PCOR": Measure(
        compute=correlations.partial_correlation, columns=REGRESSION, vtypes=("LS", "AV")
    ),
    "ZPCOR": Measure(compute=correlations.partial_fisher_z, columns=REGRESSION, changed=True),
    "SPCOR": Measure(
        compute=correlations.semi_partial_correlation, columns={**REGRESSION, "r2i": SHARE}
    ),
    # one group
    "PR": _share(one_group.proportion, vtypes=("LS", "UB", "AV")),
    "PLN": _share(one_group.log_proportion, vtypes=("LS", "AV")),
    "PLO": _share(one_group.logit_proportion, vtypes=("LS", "AV")),
    "PAS": _share(one_group.arcsine_proportion, add=0),
    "PFT": _share(one_group.freeman_tukey_proportion, add=0),
    "IR": _rate(rates.rate),
    "IRLN": _rate(rates.log_rate),
    "IRS": _rate(rates.root_rate, add=0),
    "IRFT": _rate(rates.freeman_tukey_rate, add=0),
    "MN": Measure(compute=one_group.mean, columns={"mi": ANY, "sdi": SPREAD, "ni": SIZE}),
    "MNLN": Measure(
        compute=one_group.log_mean, columns={"mi": POSITIVE, "sdi": SPREAD, "ni": SIZE}
    ),
    "CVLN": Measure(compute=one_group.log_cv, columns={"mi": POSITIVE, "sdi": SPREAD, "ni": SIZE}),
    "SDLN": Measure(compute=one_group.log_sd, columns={"sdi": SPREAD, "ni": SIZE}),
    "ARAW": Measure(compute=one_group.alpha, columns=ALPHA),
    "AHW": Measure(compute=one_group.alpha_hakstian_whalen, columns=ALPHA),
    "ABT": Measure(compute=one_group.alpha_bonett, columns=ALPHA),
    # already computed
    "GEN": Measure(compute=_given, columns={"yi": ANY, "vi": VARIANCE}),
}
