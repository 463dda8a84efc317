"""Instruments of critical appraisal: what each asks about, and the answers that it allows.

Items are named by their topic in our own words. The wording of the JBI checklists is copyright of
JBI, so reviewers keep the originals at hand: https://jbi.global/critical-appraisal-tools
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from enthesis.errors import InputError

Light = Literal["low", "some", "high", "critical", "unclear", "none"]

JBI_ANSWERS: Mapping[str, Light] = MappingProxyType(
    {"yes": "low", "no": "high", "unclear": "unclear", "not applicable": "none"}
)
ROB2_ANSWERS: Mapping[str, Light] = MappingProxyType(
    {"low": "low", "some concerns": "some", "high": "high"}
)
ROBINS_ANSWERS: Mapping[str, Light] = MappingProxyType(
    {
        "low": "low",
        "moderate": "some",
        "serious": "high",
        "critical": "critical",
        "no information": "unclear",
    }
)
QUADAS_ANSWERS: Mapping[str, Light] = MappingProxyType(
    {"low": "low", "unclear": "unclear", "high": "high"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One question or domain.

    Parameters
    ----------
    key : short name, e.g. "Q1" or "D1"
    topic : what it is about, in our own words
    concern : "bias", or "applicability" where QUADAS-2 asks whether the study fits the question
    """

    key: str
    topic: str
    concern: Literal["bias", "applicability"] = "bias"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One instrument.

    Parameters
    ----------
    key : name used in tables
    name : as printed
    items : in order
    answers : allowed answer → light
    overall : how the whole is judged: "worst" item, or "none" where the instrument has no rule
    reference : primary source
    """

    key: str
    name: str
    items: tuple[Item, ...]
    answers: Mapping[str, Light]
    overall: Literal["worst", "none"]
    reference: str

    def item(self, key: str) -> Item:
        """The item of this key.

        Raises
        ------
        InputError : the instrument has no such item.
        """
        for one in self.items:
            if one.key == key:
                return one
        known = ", ".join(one.key for one in self.items)
        raise InputError(f"{self.name} has no item {key!r}; its items are {known}")


def instrument(key: str) -> Instrument:
    """The instrument of this key.

    Raises
    ------
    InputError : unknown key.
    """
    if key not in INSTRUMENTS:
        raise InputError(f"no instrument {key!r}; known are: {', '.join(INSTRUMENTS)}")
    return INSTRUMENTS[key]


def _numbered(letter: str, topics: str) -> tuple[Item, ...]:
    return tuple(
        Item(key=f"{letter}{number}", topic=topic)
        for number, topic in enumerate(topics.split("|"), start=1)
    )


_JBI = "https://jbi.global/critical-appraisal-tools"

INSTRUMENTS: Mapping[str, Instrument] = MappingProxyType(
    {
        one.key: one
        for one in (
            Instrument(
                key="jbi_cross_sectional",
                name="JBI, cross-sectional studies",
                items=_numbered(
                    "Q",
                    "Criteria for entering the sample|Description of people and setting|"
                    "Validity of the exposure's measurement|Objective criteria for the condition|"
                    "Confounders named|Confounders dealt with|"
                    "Validity of the outcome's measurement|Statistics suited to the question",
                ),
                answers=JBI_ANSWERS,
                overall="none",
                reference=_JBI,
            ),
            Instrument(
                key="jbi_case_control",
                name="JBI, case-control studies",
                items=_numbered(
                    "Q",
                    "Groups alike but for the disease|Suitable matching|"
                    "One set of criteria for cases and controls|"
                    "Validity of the exposure's measurement|Exposure measured alike in both groups|"
                    "Confounders named|Confounders dealt with|"
                    "Validity of the outcome's assessment|Exposure over a long enough time|"
                    "Statistics suited to the question",
                ),
                answers=JBI_ANSWERS,
                overall="none",
                reference=_JBI,
            ),
            Instrument(
                key="jbi_cohort",
                name="JBI, cohort studies",
                items=_numbered(
                    "Q",
                    "Groups alike and from one population|Exposure measured alike in both groups|"
                    "Validity of the exposure's measurement|Confounders named|"
                    "Confounders dealt with|Free of the outcome at the start|"
                    "Validity of the outcome's measurement|Length of follow-up|"
                    "Completeness of follow-up, losses explained|"
                    "Incomplete follow-up dealt with|Statistics suited to the question",
                ),
                answers=JBI_ANSWERS,
                overall="none",
                reference=_JBI,
            ),
            Instrument(
                key="rob2",
                name="RoB 2",
                items=_numbered(
                    "D",
                    "Randomisation|Departures from the intended interventions|"
                    "Missing outcome data|Measurement of the outcome|"
                    "Selection of the reported result",
                ),
                answers=ROB2_ANSWERS,
                overall="worst",
                reference="https://doi.org/10.1136/bmj.l4898",
            ),
            Instrument(
                key="robins_i",
                name="ROBINS-I",
                items=_numbered(
                    "D",
                    "Confounding|Selection of participants|Classification of interventions|"
                    "Departures from the intended interventions|Missing data|"
                    "Measurement of outcomes|Selection of the reported result",
                ),
                answers=ROBINS_ANSWERS,
                overall="worst",
                reference="https://doi.org/10.1136/bmj.i4919",
            ),
            Instrument(
                key="quadas2",
                name="QUADAS-2",
                items=(
                    *_numbered(
                        "D",
                        "Selection of patients|Index test|Reference standard|Flow and timing",
                    ),
                    *(
                        Item(key=f"A{i}", topic=f"{topic} (applicability)", concern="applicability")
                        for i, topic in enumerate(
                            ("Patients", "Index test", "Reference standard"), start=1
                        )
                    ),
                ),
                answers=QUADAS_ANSWERS,
                overall="none",
                reference="https://doi.org/10.7326/0003-4819-155-8-201110180-00009",
            ),
        )
    }
)
"""Every instrument by its key."""

SEVERITY: Mapping[Light, int] = MappingProxyType(
    {"none": 0, "low": 1, "some": 2, "unclear": 3, "high": 4, "critical": 5}
)
"""Order in which the worst light is found.

Missing information outweighs a moderate concern and yields to a serious one, as ROBINS-I's overall
judgement has it.
"""
