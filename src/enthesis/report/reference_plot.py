"""One subject's number among a population by age."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from enthesis.diagnosis import ReferenceCurve, YoungReference
from enthesis.errors import InputError
from enthesis.report.figures import BLUE, INK, MUTED, VERMILLION
from enthesis.report.panels import panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_IN, HEIGHT_IN = 3.9, 2.3
"""Two such panels stand side by side on A4."""

N_AGES = 201
"""Ages between which the bands are straight: finer than a line is wide."""

ONE_AGE = 0.25
"""Half the width of what is drawn of a population of one age, years."""

BANDS = ((2.0, 0.13, "+-2 SD"), (1.0, 0.25, "+-1 SD"))
"""Reach of each band in SD, its shade and its gid."""

LEGEND = (
    "Line: median; bands: ±1 and ±2 SD (16th to 84th and 2nd to 98th percentile); point: this "
    "subject."
)


def reference_plot(
    curve: ReferenceCurve,
    *,
    age: float,
    value: float,
    ylabel: str,
    n: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Median and bands of a population over age, with one subject's point.

    Parameters
    ----------
    curve : the population; its source and sex are named below the panel
    age : of the subject, years
    value : of the subject, in the population's unit
    ylabel : name and unit of the quantity
    n : how many subjects the population is of, as printed; empty where it is not known
    ax : axes to draw on; a new figure if not given

    Returns
    -------
    Axes; the artists' gids are "median", "+-1 SD", "+-2 SD" and "subject".

    Raises
    ------
    InputError : age or value is no number.
    """
    if not np.isfinite([age, value]).all():
        raise InputError(f"a point needs an age and a value, got {age:g} years and {value:g}")
    ax = panel(
        WIDTH_IN,
        HEIGHT_IN,
        xlabel="Age, years",
        ylabel=ylabel,
        caption=f"{LEGEND} {reference_words(curve, n=n)}",
        ax=ax,
    )
    ages = np.union1d(np.linspace(curve.ages[0], curve.ages[-1], N_AGES), curve.ages)
    # A population of one age has no width of its own to draw.
    across = ages if ages.size > 1 else ages + np.array([-ONE_AGE, ONE_AGE])
    for reach, shade, gid in BANDS:
        low, high = (np.broadcast_to(curve.value(sd, ages), across.shape) for sd in (-reach, reach))
        ax.fill_between(across, low, high, color=BLUE, alpha=shade, linewidth=0, gid=gid)
        for edge in (low, high):
            ax.plot(across, edge, color=BLUE, linewidth=0.5)
    median = np.broadcast_to(curve.value(0, ages), across.shape)
    ax.plot(across, median, color=BLUE, linewidth=1.6, gid="median")
    ax.plot(
        age,
        value,
        "o",
        color=VERMILLION,
        markeredgecolor=INK,
        markeredgewidth=0.6,
        markersize=6,
        zorder=5,
        clip_on=False,
        gid="subject",
    )
    ax.margins(x=0.02)
    ax.grid(axis="y", color=MUTED, alpha=0.2, linewidth=0.5)
    ax.set_axisbelow(True)
    return ax


def reference_words(reference: ReferenceCurve | YoungReference, *, n: str = "") -> str:
    """A population in a sentence or two: whom, how many, by what device, from where."""
    of = reference.population
    facts = (
        whom(reference),
        f"n = {n}" if n else "n not given",
        of.device or "device not given",
    )
    source = f"Source: {of.source.rstrip('.')}." if of.source else "Source not given."
    return f"Reference: {'; '.join(facts)}. {source}"


def whom(reference: ReferenceCurve | YoungReference) -> str:
    """Sex and ages of a population: "female, 40 to 60 years"."""
    sex = reference.population.sex or "both sexes"
    if isinstance(reference, YoungReference):
        return f"{sex}, young adults"
    first, last = reference.ages[0], reference.ages[-1]
    return f"{sex}, {first:g} years" if first == last else f"{sex}, {first:g} to {last:g} years"
