"""One subject by every definition, on one page."""

from __future__ import annotations

from typing import Any

import pandas as pd

from enthesis.diagnosis import OSTEOSARCOPENIA_CRITERIA
from enthesis.diagnosis.criteria import Criterion
from enthesis.errors import InputError
from enthesis.pipeline.diagnose import Diagnoses
from enthesis.report.page import Page, Section
from enthesis.report.tables import Table

NEVER_AVERAGED = (
    "Definitions differ in what they measure and where they draw the line. They are shown side by "
    "side and never averaged."
)


def subject_page(result: Diagnoses, subject: str) -> Page:
    """What every criterion says of one subject, and where the definitions agree.

    Parameters
    ----------
    result : a table judged
    subject : the code of one of its subjects

    Raises
    ------
    InputError : no such subject.
    """
    (rows,) = (result.subjects == subject).nonzero()
    if not rows.size:
        known = ", ".join(map(str, result.subjects[:5]))
        raise InputError(f"no subject {subject!r} in the table; the first are {known}")
    answers = [(one.criterion, one.answers.iloc[one.which[rows[0]]]) for one in result.judged]
    pairings = {criterion.name for criterion in OSTEOSARCOPENIA_CRITERIA}
    single = [
        (criterion, answer) for criterion, answer in answers if criterion.name not in pairings
    ]
    paired = [(criterion, answer) for criterion, answer in answers if criterion.name in pairings]
    frame = pd.DataFrame(
        [
            {
                "Criterion": criterion.title,
                "Answer": answer["category"],
                "By itself a diagnosis": bool(answer["is_diagnosis"]),
                "Used": answer["used"],
                "Missing": answer["missing"],
                "flags": answer["flags"],
            }
            for criterion, answer in single
        ]
    )
    sections = [
        Section(
            title="By each criterion",
            text=(NEVER_AVERAGED,),
            tables=(Table(frame=frame, caption="Answers of every criterion", flags="flags"),),
        )
    ]
    if paired:
        sections.append(
            Section(
                title="Osteosarcopenia",
                tables=(Table(frame=_matrix(paired), caption="Every pairing of definitions"),),
            )
        )
    return Page(
        title="One subject by every definition",
        subtitle="Judged by Enthesis from measurements; not a medical report",
        facts={"Subject": subject},
        sections=tuple(sections),
    )


def _matrix(paired: list[tuple[Criterion, pd.Series[Any]]]) -> pd.DataFrame:
    """A row a definition of sarcopenia, a column a definition of low bone."""
    cells: dict[str, dict[str, str]] = {}
    for criterion, answer in paired:
        bone, muscle = criterion.title.removeprefix("Osteosarcopenia: ").split("; ", 1)
        cells.setdefault(muscle, {})[bone] = str(answer["category"])
    frame = pd.DataFrame.from_dict(cells, orient="index").fillna("")
    return frame.reset_index(names="Sarcopenia by")
