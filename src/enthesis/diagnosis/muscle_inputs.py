"""What criteria of muscle ask for, and the indices worked out from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from enthesis.diagnosis.cutoffs import Cutoff, Relation
from enthesis.diagnosis.inputs import BMI, HEIGHT, Columns, FloatArray, Input, measured
from enthesis.diagnosis.truth import Truth, by_sex
from enthesis.records import Sex

GRIP = measured("grip_strength", sides="highest", label="grip strength")
CHAIR = measured("chair_stand_time", label="five chair stands")
GAIT = measured("gait_speed", sides="highest", label="gait speed")
SPPB = measured("sppb_score", label="SPPB")
TUG = measured("tug_time", label="timed up and go")
WALK = measured("walk_400m_time", label="400 m walk")
WALKED = measured("walk_400m_completed", label="400 m walk completed")
CALF = measured("calf_circumference", sides="highest", label="calf circumference")
SARC_F = measured("sarc_f_score", label="SARC-F")
FAT_PERCENT = measured("body_fat_percent", label="body fat")

ALM = measured("appendicular_lean_mass", label="appendicular lean mass (DXA)")
ALM_BIA = measured("appendicular_muscle_mass_bia", label="appendicular muscle mass (BIA)")
ALMI = measured("appendicular_lean_mass_index", label="appendicular lean mass index (DXA)")
ALMI_BIA = measured("appendicular_muscle_mass_index_bia", label="muscle mass index (BIA)")
ALM_BY_BMI = measured("appendicular_lean_mass_by_bmi", label="lean mass over BMI (DXA)")
ALM_BY_BMI_BIA = measured("appendicular_muscle_mass_by_bmi_bia", label="muscle mass over BMI (BIA)")

LEAN_MASS_DXA = (ALM, ALMI, HEIGHT)


@dataclass(frozen=True, slots=True)
class BySex:
    """One border for men and one for women, picked out on the same side."""

    men: Cutoff
    women: Cutoff

    def holds(self, column: FloatArray, sex: FloatArray) -> Truth:
        """Where the column lies on its sex's side; unknown sex where the two disagree."""
        return by_sex(sex, female=self.women.holds(column), male=self.men.holds(column))

    @property
    def both(self) -> tuple[Cutoff, Cutoff]:
        """The two cut-offs."""
        return self.men, self.women


def border(relation: Relation, of: Input, *, men: float, women: float) -> BySex:
    """The borders of one input, or of a number derived under its name."""

    def of_one(value: float, sex: Sex) -> Cutoff:
        return Cutoff(value=value, relation=relation, unit=of.unit, sex=sex, inputs=(of.name,))

    return BySex(men=of_one(men, "male"), women=of_one(women, "female"))


def one_border(relation: Relation, of: Input, value: float) -> Cutoff:
    """The same border for everyone."""
    return Cutoff(value=value, relation=relation, unit=of.unit, inputs=(of.name,))


def index(columns: Columns, mass: Input, given: Input) -> FloatArray:
    """Mass over height squared; the index as given where it cannot be worked out."""
    worked = columns[mass.name] / columns[HEIGHT.name] ** 2
    return np.where(np.isnan(worked), columns[given.name], worked)


def over_bmi(columns: Columns, mass: Input, given: Input) -> FloatArray:
    """Mass over body mass index; the ratio as given where it cannot be worked out."""
    worked = columns[mass.name] / columns[BMI.name]
    return np.where(np.isnan(worked), columns[given.name], worked)


def any_known(*tests: tuple[FloatArray, Truth]) -> Truth:
    """True where any test is, false where all that were given are, else unknown.

    One of several tests of the same thing is enough: nobody is "cannot tell" for want of a chair
    stand beside a normal grip. A grip that was given and cannot be judged, for want of the sex,
    leaves it open.

    Parameters
    ----------
    tests : what was measured, and whether it lies on the side of its border
    """
    held: Truth = np.fmax.reduce([truth for _, truth in tests])
    unjudged = np.logical_or.reduce([np.isnan(truth) & ~np.isnan(one) for one, truth in tests])
    return np.where(unjudged & (held == 0), np.nan, held)


def on(test: BySex | Cutoff, column: FloatArray, sex: FloatArray) -> tuple[FloatArray, Truth]:
    """A test for `any_known`: the column, and where it lies on the border's side."""
    truth = test.holds(column, sex) if isinstance(test, BySex) else test.holds(column)
    return column, truth
