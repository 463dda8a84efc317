"""Published references that are built in; every other one is given by the user as a table."""

from __future__ import annotations

from enthesis.diagnosis.populations import Population, YoungReference

NHANES_III_SOURCE = (
    "Looker AC et al. Osteoporos Int 1998;8:468-489 (non-Hispanic white women of 20 to 29 years, "
    "n = 409, Hologic). doi:10.1007/s001980050093"
)


def _nhanes_iii(region: str, *, mean: float, sd: float) -> YoungReference:
    return YoungReference(
        population=Population(
            name=f"NHANES III, {region.replace('_', ' ')}, white women of 20 to 29 years",
            quantity="areal_bmd",
            region=region,
            unit="g/cm2",
            device="Hologic",
            sex="female",
            source=NHANES_III_SOURCE,
        ),
        skewness=1.0,
        median=mean,
        variation=sd / mean,
        # ISCD 2023: one female reference for T-scores of women and men alike.
        also_for_men=True,
    )


NHANES_III = {
    "femoral_neck": _nhanes_iii("femoral_neck", mean=0.858, sd=0.120),
    "total_hip": _nhanes_iii("total_hip", mean=0.942, sd=0.122),
}
"""Young means of the femur, g/cm2 on the Hologic scale; the men's and subregions' were not seen."""


def _hendrickson(level: str, *, mean: float, sd: float) -> YoungReference:
    return YoungReference(
        population=Population(
            name=f"Hendrickson 2018, {level}, women of 20 to 30 years (one centre)",
            quantity="trabecular_attenuation",
            region="vertebral_body",
            level=level,
            unit="HU",
            device="CT 120 kVp",
            sex="female",
            source="Hendrickson NR et al. Iowa Orthop J 2018;38:25-31. PMC6047377",
        ),
        skewness=1.0,
        median=mean,
        variation=sd / mean,
    )


HENDRICKSON_2018 = {
    "L1": _hendrickson("L1", mean=236, sd=42),
    "L3": _hendrickson("L3", mean=227, sd=42),
}
"""Young means of trabecular attenuation, HU.

Its T-scores are not DXA's: in the same people they averaged -2.3 where DXA gave -0.7.
"""
