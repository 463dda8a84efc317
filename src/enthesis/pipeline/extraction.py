"""From the validated extraction sheet to the table of effects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pandas as pd

from enthesis import evidence
from enthesis.errors import InputError
from enthesis.review.extraction_columns import ARM, DATASET, MERGED_GROUPS

COMPARISONS = (
    ("OP", "Control"),
    ("OPN", "Control"),
    ("OP", "OPN"),
    ("OP", "Non-OP"),
    ("OP&OPN", "Control"),
)
"""The five comparisons of the published review; group 1 is the one with less bone."""

CARRIED = ("study_n", "age", "female_percent", "bmi", "icc", "criterion", "unit", "worse")
"""Columns of the sheet that every effect keeps."""


def extracted_effects(
    extracted: pd.DataFrame,
    *,
    measure: str = "SMD",
    side_correlation: float | None = None,
    reconstruct: Sequence[str] = (),
    comparisons: Sequence[tuple[str, str]] = COMPARISONS,
    shared: Literal["keep", "split"] = "keep",
) -> pd.DataFrame:
    """Effects of every comparison that the sheet allows, higher meaning worse everywhere.

    Parameters
    ----------
    extracted : validated table, see `review.extraction`
    measure : effect size, as in `evidence.effect_sizes`
    side_correlation : correlation of left and right over people; needed where sides are to be
        averaged, for which there is no safe default
    reconstruct : merged groups ("Non-OP", "OP&OPN") to make from their parts where a study reports
        only the parts; an effect made so depends wholly on the study's others
    comparisons : pairs of groups, group 1 first
    shared : "keep" gives every comparison the whole of a group that several share, and names the
        arms so that `evidence.sampling_covariance` can model it; "split" divides group 2 among them

    Returns
    -------
    One row per effect: DATASET, comparison, group1, group2, m1i to n2i, CARRIED, `sides`
    ("as printed", "averaged", "one side"), `reconstructed` (merged groups made here), arm1, arm2,
    arm1_uses, arm2_uses (comparisons that use the arm), flags; yi, vi, yi_as_extracted, reversed.

    Raises
    ------
    InputError : sides to average without a correlation, an unknown group to reconstruct, or no
        comparison at all.
    """
    for group in reconstruct:
        if group not in MERGED_GROUPS:
            raise InputError(
                f"{group!r} is not merged of others; those are {', '.join(MERGED_GROUPS)}"
            )
    arms = _arms(extracted, side_correlation)
    arms = _with_merged(arms, reconstruct)
    effects = _compared(arms, comparisons)
    if effects.empty:
        wanted = ", ".join(f"{a} vs {b}" for a, b in comparisons)
        raise InputError(f"no study has two of the groups to compare: {wanted}")
    if shared == "split":
        effects = evidence.split_shared_group(effects, "arm2")
    sized = evidence.effect_sizes(effects, measure)
    return evidence.harmonise_direction(sized, reverse=(sized["worse"] == "lower").tolist())


def _arms(extracted: pd.DataFrame, correlation: float | None) -> pd.DataFrame:
    """One row per group and measurement, both sides in one."""
    one = extracted[extracted["sides"] != "to average"].drop(columns="side")
    two = extracted[extracted["sides"] == "to average"]
    if two.empty:
        return one.reset_index(drop=True)
    if correlation is None:
        first = two.iloc[0]
        raise InputError(
            f"{first['study']} reports left and right apart: give side_correlation, their "
            "correlation over people, to average them"
        )
    left, right = (
        two[two["side"] == side].set_index(list(ARM)).sort_index() for side in ("left", "right")
    )
    averaged = evidence.average_sides(
        left["mean"], left["sd"], right["mean"], right["sd"], correlation=correlation
    )
    both = left.assign(mean=averaged.mean, sd=averaged.sd, sides="averaged")
    arms = pd.concat([one, both.reset_index().drop(columns="side")], ignore_index=True)
    order = extracted.drop_duplicates(list(ARM))[list(ARM)]
    return order.merge(arms, on=list(ARM), how="left")


def _with_merged(arms: pd.DataFrame, reconstruct: Sequence[str]) -> pd.DataFrame:
    arms = arms.assign(reconstructed=False)
    made = []
    for group in reconstruct:
        parts = MERGED_GROUPS[group]
        for _, rows in arms.groupby(list(DATASET), sort=False):
            groups = set(rows["group"])
            if group in groups or not set(parts) <= groups:
                continue
            own = rows[rows["group"].isin(parts)]
            whole = evidence.combine_groups(own, list(DATASET))
            flags = "; ".join(dict.fromkeys(flag for flag in own["flags"] if flag))
            made.append(
                own.iloc[:1].assign(
                    group=group,
                    n=int(whole["n"].iloc[0]),
                    mean=float(whole["mean"].iloc[0]),
                    sd=float(whole["sd"].iloc[0]),
                    flags=flags,
                    reconstructed=True,
                )
            )
    return pd.concat([arms, *made], ignore_index=True)


def _compared(arms: pd.DataFrame, comparisons: Sequence[tuple[str, str]]) -> pd.DataFrame:
    rows = []
    for dataset, own in arms.groupby(list(DATASET), sort=False, dropna=False):
        by_group = {str(row["group"]): row for row in own.to_dict("records")}
        name = " | ".join(map(str, dataset))
        for group1, group2 in comparisons:
            if group1 not in by_group or group2 not in by_group:
                continue
            a, b = by_group[group1], by_group[group2]
            made = [g for g, row in ((group1, a), (group2, b)) if row["reconstructed"]]
            flags = dict.fromkeys(flag for row in (a, b) if (flag := str(row["flags"])))
            rows.append(
                dict(zip(DATASET, dataset, strict=True))
                | {"comparison": f"{group1} vs {group2}", "group1": group1, "group2": group2}
                | {f"{key}1i": a[column] for key, column in _SUMMARIES}
                | {f"{key}2i": b[column] for key, column in _SUMMARIES}
                | {column: a[column] for column in CARRIED}
                | {
                    "sides": a["sides"],
                    "reconstructed": ", ".join(made),
                    "arm1": f"{name} | {group1}",
                    "arm2": f"{name} | {group2}",
                    "flags": "; ".join(flags),
                }
            )
    effects = pd.DataFrame(rows)
    if len(effects):
        uses = pd.concat([effects["arm1"], effects["arm2"]]).value_counts()
        effects["arm1_uses"] = effects["arm1"].map(uses)
        effects["arm2_uses"] = effects["arm2"].map(uses)
    return effects


_SUMMARIES = (("m", "mean"), ("sd", "sd"), ("n", "n"))
