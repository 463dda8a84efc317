"""Areal BMD of one maker's densitometer on the common scale, and on another maker's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from enthesis.errors import InputError
from enthesis.records import Measurement

Maker = Literal["Hologic", "Lunar", "Norland"]
EquationSet = Literal["hui_1997", "genant_1994", "hanson_1997", "lu_2001"]

INDIVIDUAL_ERROR = "of one person the equations are off by some 3.5% on average (Hui 1997)"


@dataclass(frozen=True, slots=True)
class Line:
    """Standardised BMD, g/cm2, as `intercept` + `slope` x the maker's BMD."""

    intercept: float
    slope: float

    def at(self, bmd: float) -> float:
        """Standardised BMD, g/cm2."""
        return self.intercept + self.slope * bmd

    def back(self, standardised: float) -> float:
        """The maker's BMD, g/cm2."""
        return (standardised - self.intercept) / self.slope


def _through(slope: float, maker_mean: float, common_mean: float = 1.0436) -> Line:
    # As Hui et al. write them: slope x (BMD - the maker's mean) + the common mean.
    return Line(common_mean - slope * maker_mean, slope)


EQUATIONS: dict[EquationSet, dict[str, dict[Maker, Line]]] = {
    "hui_1997": {
        "lumbar_spine": {
            "Hologic": _through(1.0550, 0.972),
            "Lunar": _through(0.9683, 1.100),
            "Norland": _through(0.9743, 0.969),
        }
    },
    "genant_1994": {
        "lumbar_spine": {
            "Hologic": Line(0.0, 1.0755),
            "Lunar": Line(0.0, 0.9522),
            "Norland": Line(0.0, 1.0761),
        }
    },
    "hanson_1997": {
        "total_hip": {
            "Hologic": Line(0.006, 1.008),
            "Lunar": Line(-0.031, 0.979),
            "Norland": Line(0.026, 1.012),
        }
    },
    "lu_2001": {
        "femoral_neck": {
            "Hologic": Line(0.019, 1.087),
            "Lunar": Line(-0.023, 0.939),
            "Norland": Line(0.006, 0.985),
        },
        "trochanter": {
            "Hologic": Line(-0.017, 1.105),
            "Lunar": Line(-0.042, 0.949),
            "Norland": Line(0.057, 0.961),
        },
    },
}
"""Set → site → maker. Each set holds for its own sites: the total hip's is wrong for the neck.

Made on QDR-2000, DPX and XR-26; newer devices keep differences of their own.
"""

DOUBTED: dict[EquationSet, str] = {
    "genant_1994": "Genant's factors as they are remembered: not seen in the paper"
}
"""Sets whose numbers were not seen in print; at 1 g/cm2 this one agrees with Genant's own line
from Lunar to Hologic (0.906 x - 0.025) within 1%."""

USUAL: dict[str, EquationSet] = {
    "lumbar_spine": "hui_1997",
    "total_hip": "hanson_1997",
    "femoral_neck": "lu_2001",
    "trochanter": "lu_2001",
}
"""Set taken for a site if none is named; for the spine the later, which fits every device alike."""


def standardised_bmd(
    measurement: Measurement, *, maker: Maker, equations: EquationSet | None = None
) -> Measurement:
    """Areal BMD on the scale common to the makers.

    Parameters
    ----------
    measurement : `areal_bmd` of the lumbar spine, total hip, femoral neck or trochanter
    maker : of the densitometer
    equations : set of equations; by the site as in `USUAL` if not given

    Returns
    -------
    Measurement of `standardised_bmd`, mg/cm2, whose method names the set.

    Raises
    ------
    InputError : another quantity, or a site or maker that the set does not have.

    References
    ----------
    Hui SL, et al. J Bone Miner Res 1997;12:1463-1470. doi:10.1359/jbmr.1997.12.9.1463 (spine)
    Genant HK, et al. J Bone Miner Res 1994;9:1503-1514. doi:10.1002/jbmr.5650091002 (spine)
    Hanson J. J Bone Miner Res 1997;12:1316-1317 (total hip)
    Lu Y, et al. Osteoporos Int 2001;12:438-444. doi:10.1007/s001980170087 (neck, trochanter)
    """
    used, line = _line(measurement, maker, equations)
    return replace(
        measurement,
        quantity="standardised_bmd",
        value=1000 * line.at(measurement.value),
        method=_joined(measurement.method, f"{maker} to the common scale by {used}"),
        flags=(*measurement.flags, *_doubts(used)),
    )


def bmd_on_scale_of(
    measurement: Measurement,
    *,
    maker: Maker,
    wanted: Maker,
    equations: EquationSet | None = None,
) -> Measurement:
    """Areal BMD of one maker as another's device would read it, by the common scale.

    Parameters
    ----------
    measurement, maker, equations : as in `standardised_bmd`
    wanted : the maker whose scale is asked for, as that of a reference population

    Returns
    -------
    Measurement of `areal_bmd`, g/cm2, flagged where the scale has changed.

    Raises
    ------
    InputError : as `standardised_bmd`.

    References
    ----------
    As `standardised_bmd`.
    """
    used, line = _line(measurement, maker, equations)
    if maker == wanted:
        return measurement
    _, target = _line(measurement, wanted, used)
    return replace(
        measurement,
        value=target.back(line.at(measurement.value)),
        method=_joined(measurement.method, f"{maker} to {wanted} by {used}"),
        flags=(*measurement.flags, f"on another maker's scale: {INDIVIDUAL_ERROR}", *_doubts(used)),
    )


def _line(
    measurement: Measurement, maker: Maker, equations: EquationSet | None
) -> tuple[EquationSet, Line]:
    if measurement.quantity != "areal_bmd":
        raise InputError(f"areal_bmd is standardised, got {measurement.quantity}")
    region = measurement.region
    used = equations or USUAL.get(region)
    if used is None:
        raise InputError(
            f"no equations are published for {region!r}; they are for: {', '.join(USUAL)}"
        )
    if used not in EQUATIONS:
        raise InputError(f"equations are one of {', '.join(EQUATIONS)}, got {used!r}")
    sites = EQUATIONS[used]
    if region not in sites:
        raise InputError(f"{used} holds for {', '.join(sites)}, not for {region!r}")
    lines = sites[region]
    if maker not in lines:
        raise InputError(f"maker is one of {', '.join(lines)}, got {maker!r}")
    return used, lines[maker]


def _doubts(used: EquationSet) -> tuple[str, ...]:
    return (DOUBTED[used],) if used in DOUBTED else ()


def _joined(method: str, more: str) -> str:
    return f"{method}; {more}" if method else more
