"""The PRISMA 2020 checklist as a table to fill in; topics in our own words."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from enthesis.errors import InputError

ITEMS: tuple[tuple[str, str, str, str], ...] = (
    ("Title", "Title", "1", "Says that it is a systematic review"),
    ("Abstract", "Abstract", "2", "Follows PRISMA for abstracts"),
    ("Introduction", "Rationale", "3", "Why the review, given what is known"),
    ("Introduction", "Objectives", "4", "The question or aim, explicitly"),
    ("Methods", "Eligibility criteria", "5", "What is in and out, and how studies are grouped"),
    ("Methods", "Information sources", "6", "Every source searched, with the last date of each"),
    ("Methods", "Search strategy", "7", "Each source's whole search, with filters and limits"),
    ("Methods", "Selection process", "8", "Who screened, independently or not, with what tools"),
    ("Methods", "Data collection process", "9", "Who extracted, how, and what authors were asked"),
    ("Methods", "Data items", "10a", "Outcomes sought, and which results of each were taken"),
    ("Methods", "Data items", "10b", "Other variables, and assumptions where they are unclear"),
    ("Methods", "Risk of bias in studies", "11", "Tool, raters, independence, automation"),
    ("Methods", "Effect measures", "12", "The measure for each outcome"),
    ("Methods", "Synthesis methods", "13a", "How it was decided which studies enter a synthesis"),
    ("Methods", "Synthesis methods", "13b", "Preparation: missing statistics, conversions"),
    ("Methods", "Synthesis methods", "13c", "How results are tabulated and drawn"),
    ("Methods", "Synthesis methods", "13d", "Model, heterogeneity, software, and why this way"),
    ("Methods", "Synthesis methods", "13e", "How causes of heterogeneity were looked for"),
    ("Methods", "Synthesis methods", "13f", "Sensitivity analyses"),
    ("Methods", "Reporting bias", "14", "How missing results were assessed"),
    ("Methods", "Certainty", "15", "How certainty in the body of evidence was judged"),
    ("Results", "Study selection", "16a", "Flow from records to studies, best as a diagram"),
    ("Results", "Study selection", "16b", "Near misses: excluded studies and the reasons"),
    ("Results", "Study characteristics", "17", "Each study cited and described"),
    ("Results", "Risk of bias in studies", "18", "Judgements for each study"),
    ("Results", "Individual studies", "19", "Group summaries and effect with precision, by study"),
    ("Results", "Syntheses", "20a", "Characteristics and bias of the studies in each synthesis"),
    ("Results", "Syntheses", "20b", "Each pooled result with precision and heterogeneity"),
    ("Results", "Syntheses", "20c", "What was found on causes of heterogeneity"),
    ("Results", "Syntheses", "20d", "What the sensitivity analyses found"),
    ("Results", "Reporting biases", "21", "What was found on missing results, by synthesis"),
    ("Results", "Certainty", "22", "Certainty of evidence, by outcome"),
    ("Discussion", "Discussion", "23a", "Reading of the results beside other evidence"),
    ("Discussion", "Discussion", "23b", "Limitations of the evidence"),
    ("Discussion", "Discussion", "23c", "Limitations of the review's own process"),
    ("Discussion", "Discussion", "23d", "Meaning for practice, policy and research"),
    ("Other", "Registration and protocol", "24a", "Register and number, or that there is none"),
    ("Other", "Registration and protocol", "24b", "Where the protocol is, or that there is none"),
    ("Other", "Registration and protocol", "24c", "Amendments, with reasons"),
    ("Other", "Support", "25", "Funding and the funders' part"),
    ("Other", "Competing interests", "26", "Interests of the authors"),
    ("Other", "Availability", "27", "Where forms, data and code can be had"),
)
"""Section, topic, number, what is to be reported. Page et al. 2021, https://doi.org/10.1136/bmj.n71"""


def prisma_checklist(reported: Mapping[str, str] | None = None) -> pd.DataFrame:
    """The checklist, with the places where each item is reported.

    Parameters
    ----------
    reported : item number → place, e.g. {"16a": "Figure 2"}

    Returns
    -------
    section, topic, item, asks, reported: one row per item and sub-item, "" where not given.

    Raises
    ------
    InputError : a number that is no item.
    """
    given = dict(reported or {})
    frame = pd.DataFrame(ITEMS, columns=["section", "topic", "item", "asks"])
    unknown = [number for number in given if number not in set(frame["item"])]
    if unknown:
        raise InputError(f"PRISMA 2020 has no item {unknown[0]!r}; sub-items are written as '13a'")
    frame["reported"] = [given.get(number, "") for number in frame["item"]]
    return frame
