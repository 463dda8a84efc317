"""Effect sizes and their sampling variances from the numbers that studies print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from enthesis.errors import InputError
from enthesis.evidence.measures import COUNT, MEASURES, POSITIVE, Measure, Rule
from enthesis.evidence.two_groups import OLD_CONVENTION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enthesis.evidence.two_groups import Floats

WHOLES = {"bi": ("n1i", "ai"), "di": ("n2i", "ci"), "mi": ("ni", "xi")}
"""A cell that may be given as total minus its partner: di = n2i - ci."""


def effect_sizes(
    data: pd.DataFrame,
    measure: str,
    *,
    # two groups (or two occasions): means, SDs, sizes
    m1i: str = "m1i",
    sd1i: str = "sd1i",
    n1i: str = "n1i",
    m2i: str = "m2i",
    sd2i: str = "sd2i",
    n2i: str = "n2i",
    # 2x2 tables: cells by row
    ai: str = "ai",
    bi: str = "bi",
    ci: str = "ci",
    di: str = "di",
    # two groups: events and person-time
    x1i: str = "x1i",
    t1i: str = "t1i",
    x2i: str = "x2i",
    t2i: str = "t2i",
    # one group, change, association
    xi: str = "xi",
    ti: str = "ti",
    mi: str = "mi",
    sdi: str = "sdi",
    ni: str = "ni",
    ri: str = "ri",
    r2i: str = "r2i",
    # already computed
    yi: str = "yi",
    vi: str = "vi",
    sei: str = "sei",
    # how
    vtype: str = "LS",
    correct: bool = True,
    add: float | None = None,
    to: Literal["only0", "all", "if0all", "none"] = "only0",
    drop00: bool = False,
    convention: Literal["current", "metafor 3.8"] = "current",
    append: bool = True,
) -> pd.DataFrame:
    """Table with the effect size `yi` and its sampling variance `vi` of every row.

    Parameters
    ----------
    data : one row per effect; not modified
    measure : which effect, see Notes
    m1i, sd1i, n1i, m2i, sd2i, n2i : columns with mean, SD and size of group (or occasion) 1 and 2
    ai, bi, ci, di : columns with the cells of a 2x2 table; n1i and n2i, its row totals, may stand
        in for bi and di
    x1i, t1i, x2i, t2i : columns with events and person-time of group 1 and 2
    xi, ti : columns with events and person-time of one group; ti is the t statistic in PCOR, ZPCOR
        and SPCOR
    mi, sdi, ni : columns with mean, SD and size of one group; mi is the non-events in PR and kin,
        the number of predictors in PCOR and kin, and of items in ARAW and kin
    ri, r2i : columns with the correlation (of the pairs in change measures), and R²
    yi, vi, sei : columns with effects, variances or standard errors already computed (GEN)
    vtype : how the variance is estimated; "LS" is a measure's usual way, the first of its list
    correct : correct for small-sample bias (Hedges' J; the second-order term of log ratios)
    add : what is added to cells that are zero; by default 1/2, or 0 where that makes little sense
        (AS, PHI, PAS, PFT, IRS, IRFT, IRSD)
    to : which studies get it: those with a zero, all, all if any has a zero, none
    drop00 : give no effect to studies with no events (or only events) in both groups
    convention : "metafor 3.8" gives SMDH, SMD1H, SMCRH, ZPCOR the variances, and ROM, CVR, ROMC,
        CVRC the uncorrected values, that metafor printed up to 3.8
    append : return the data with yi and vi added (replacing any there), or these two alone

    Returns
    -------
    Rows and index of `data`; yi and vi are missing where an input is missing or the measure has
    no value (a log of zero, means of opposite sign, one degree of freedom for Hedges' J).

    Raises
    ------
    InputError : unknown measure or option, a column that is not there, or a value that cannot be
        (a negative SD, a size below 2, a count above its total, text): named by row and column.
        Rows are counted from 1, the first below the header.

    Notes
    -----
    Two groups: MD (LS, HO), SMD (LS, LS2, UB, AV, H0), SMDH, SMD1 (as SMD), SMD1H, ROM (LS, HO,
    AV, AVHO), CVR, VR, RPB (ST, CS), RBIS, D2ORN, D2ORL. Tables: RR, OR, RD (LS, UB, AV), AS,
    PETO, PHI (CS, ST), YUQ, YUY, PBIT, OR2DN, OR2DL. Rates: IRR, IRD, IRSD. Change: MC, SMCC and
    SMCR (LS, LS2), SMCRH, ROMC, CVRC, VRC; pairs: MPRD, MPRR, MPOR, MPORC, MPPETO, MPORM.
    Association: COR (LS, AV), UCOR (LS, UB, AV), ZCOR, PCOR (LS, AV), ZPCOR, SPCOR. One
    group: PR (LS, UB, AV), PLN and PLO (LS, AV), PAS, PFT, IR, IRLN, IRS, IRFT, MN, MNLN, CVLN,
    SDLN, ARAW, AHW, ABT; also REH, and GEN for effects that are already computed.
    AV plugs the size-weighted average over all rows into the variance, so it depends on the table.

    References
    ----------
    Hedges 1981, https://doi.org/10.3102/10769986006002107;
    Bonett 2009, https://doi.org/10.1037/a0016619;
    Nakagawa et al. 2015, https://doi.org/10.1111/2041-210X.12309;
    Lajeunesse 2015, https://doi.org/10.1890/14-2402.1;
    Senior et al. 2020, https://doi.org/10.1002/jrsm.1423;
    Viechtbauer 2010, https://doi.org/10.18637/jss.v036.i03

    Examples
    --------
    >>> import pandas as pd
    >>> arms = pd.DataFrame({"m1i": [20.0], "sd1i": [5.0], "n1i": [30],
    ...                      "m2i": [23.0], "sd2i": [6.0], "n2i": [40]})
    >>> effect_sizes(arms, "SMD", append=False).round(4)
           yi      vi
    0 -0.5302  0.0603
    """
    chosen = _measure(measure)
    names = {
        "m1i": m1i, "sd1i": sd1i, "n1i": n1i, "m2i": m2i, "sd2i": sd2i, "n2i": n2i,
        "ai": ai, "bi": bi, "ci": ci, "di": di,
        "x1i": x1i, "t1i": t1i, "x2i": x2i, "t2i": t2i,
        "xi": xi, "ti": ti, "mi": mi, "sdi": sdi, "ni": ni, "ri": ri, "r2i": r2i,
        "yi": yi, "vi": vi, "sei": sei,
    }  # fmt: skip
    options = _options(measure, chosen, vtype=vtype, correct=correct, convention=convention)
    columns = _columns(data, measure, chosen, names)
    columns = _without_zeros(columns, chosen, add=add, to=to, drop00=drop00)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        effect, variance = chosen.compute(*columns.values(), **options)
    known = np.isfinite(effect) & np.isfinite(variance)
    result = data.copy() if append else pd.DataFrame(index=data.index)
    result["yi"] = np.where(known, effect, np.nan)
    result["vi"] = np.where(known, variance, np.nan)
    return result


def _measure(name: str) -> Measure:
    if name not in MEASURES:
        raise InputError(f"no measure named {name!r}; there are: {', '.join(MEASURES)}")
    return MEASURES[name]


def _options(
    name: str, measure: Measure, *, vtype: str, correct: bool, convention: str
) -> dict[str, str | bool]:
    """Only those options that the measure takes; the others must be at their default."""
    if convention not in ("current", OLD_CONVENTION):
        raise InputError(f"convention is 'current' or {OLD_CONVENTION!r}, not {convention!r}")
    options: dict[str, str | bool] = {}
    offered = measure.vtypes or ("LS",)
    if vtype not in ("LS", *offered):
        raise InputError(f"{name} offers vtype {' or '.join(offered)}, not {vtype!r}")
    if measure.vtypes:
        options["vtype"] = offered[0] if vtype == "LS" else vtype
    if measure.corrects:
        options["correct"] = correct and not (
            convention == OLD_CONVENTION and name in ("ROM", "CVR", "ROMC", "CVRC")
        )
    elif not correct:
        raise InputError(f"{name} has no correction to switch off; leave correct at True")
    if measure.changed:
        options["convention"] = convention
    return options


def _columns(
    data: pd.DataFrame, measure_name: str, measure: Measure, names: Mapping[str, str]
) -> dict[str, Floats]:
    """The measure's columns as checked numbers, missing cells completed from their totals."""
    columns: dict[str, Floats] = {}
    for key, rule in measure.columns.items():
        whole = WHOLES.get(key) if measure.cells and rule is COUNT else None
        if names[key] in data.columns:
            columns[key] = read_numbers(data, names[key], rule)
        elif key == "vi" and names["sei"] in data.columns:
            columns[key] = read_numbers(data, names["sei"], POSITIVE) ** 2
        elif whole is None or names[key] != key or names[whole[0]] not in data.columns:
            _refuse_missing(data, measure_name, measure, names)
        else:
            columns[key] = np.full(len(data), np.nan)
        if whole is not None and names[whole[0]] in data.columns:
            total = read_numbers(data, names[whole[0]], COUNT)
            rest = _rest(data, total, columns[whole[1]], names[whole[0]], names[whole[1]])
            columns[key] = np.where(np.isnan(columns[key]), rest, columns[key])
    return columns


def _refuse_missing(
    data: pd.DataFrame, measure_name: str, measure: Measure, names: Mapping[str, str]
) -> None:
    needs = []
    for key, rule in measure.columns.items():
        other = WHOLES[key][0] if measure.cells and rule is COUNT and key in WHOLES else None
        other = "sei" if key == "vi" else other
        needs.append(names[key] if other is None else f"{names[key]} (or {names[other]})")
    raise InputError(
        f"{measure_name} needs the columns {', '.join(needs)}; this table has: "
        f"{', '.join(map(str, data.columns))}; name yours as in n1i='n_patients'"
    )


def _rest(
    data: pd.DataFrame, total: Floats, part: Floats, total_name: str, part_name: str
) -> Floats:
    over = np.flatnonzero(part > total)
    if over.size:
        row = int(over[0])
        raise InputError(
            f"{place(data, row, part_name)}: {part[row]:g} is more than its total "
            f"{total_name!r}, {total[row]:g}"
        )
    return total - part


def read_numbers(data: pd.DataFrame, name: str, rule: Rule) -> Floats:
    """One column as floats, refused with its row if a value is text or breaks the rule."""
    column = data[name]
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    unread = np.flatnonzero(np.isnan(numbers) & column.notna().to_numpy(dtype=bool))
    bad = np.array([row for row in unread if str(column.iloc[row]).strip()], dtype=int)
    if not bad.size:
        known = ~np.isnan(numbers)
        bad = np.flatnonzero(known & ~(np.isfinite(numbers) & rule.holds(numbers)))
    if bad.size:
        row = int(bad[0])
        value = column.iloc[row]
        shown = repr(value) if isinstance(value, str) else f"{value:g}"
        more = f" (and {bad.size - 1} more rows)" if bad.size > 1 else ""
        raise InputError(f"{place(data, row, name)}: {shown} is not {rule.wanted}{more}")
    return numbers


def place(data: pd.DataFrame, row: int, column: str) -> str:
    """Where a value stands, for a message.

    Rows count as in the file where the index says so (an index named "row", as tables that were
    read from files have it), else from 1, the first below the header.
    """
    number = data.index[row] if data.index.name == "row" else row + 1
    study = f" ({data['study'].iloc[row]})" if "study" in data.columns else ""
    return f"row {number}{study}, column {column!r}"


def _without_zeros(
    columns: dict[str, Floats], measure: Measure, *, add: float | None, to: str, drop00: bool
) -> dict[str, Floats]:
    """Cells with the continuity correction added, uninformative studies blanked."""
    if to not in ("only0", "all", "if0all", "none"):
        raise InputError(f"to is 'only0', 'all', 'if0all' or 'none', not {to!r}")
    if add is not None and not (np.isfinite(add) and add >= 0):
        raise InputError(f"add is a number of 0 or more, not {add!r}")
    if not measure.cells:
        return columns
    amount = measure.add if add is None else add
    zero = np.any([columns[cell] == 0 for cell in measure.cells], axis=0)
    match to:
        case "only0":
            adjusted = zero
        case "all":
            adjusted = np.ones_like(zero)
        case "if0all":
            adjusted = np.full_like(zero, bool(zero.any()))
        case _:
            adjusted = np.zeros_like(zero)
    dropped = np.zeros_like(zero)
    if drop00:
        for first, second in measure.empty:
            dropped |= (columns[first] == 0) & (columns[second] == 0)
    return {
        name: np.where(dropped, np.nan, values + amount * adjusted)
        if name in measure.cells
        else values
        for name, values in columns.items()
    }
