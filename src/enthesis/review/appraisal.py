"""Two people's ratings of every study, how far they agree, and the consensus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from enthesis.errors import InputError
from enthesis.review.agreement import Agreement, cohen_kappa
from enthesis.review.instruments import SEVERITY, Instrument, instrument

RATING_COLUMNS = ("study", "item", "rater", "answer")
"""One rating; a further column `support` may say why."""

CONSENSUS = "consensus"
"""Rater whose answers settle what the two raters see differently."""

OVERALL = "overall"
"""Item under which raters may put their own judgement of the whole."""

JBI_BANDS = (70.0, 50.0)
"""Percent of "yes" from which reviews often call the risk low, and moderate; below it is high.

JBI itself names no cut-offs and advises against a total; use them only if the protocol says so.
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Appraisal:
    """A set of studies appraised with one instrument.

    Parameters
    ----------
    instrument : which
    answers : study × item, the settled answers; "" where the raters still differ
    lights : study × item, the colours that the answers stand for; "" likewise
    overall : study → judgement of the whole; empty where the instrument has no rule
    percent_yes : study → percent of "yes" among applicable items (JBI); empty for others
    disagreements : study, item, topic, and each rater's answer, not yet settled
    agreement : Cohen's kappa over all items rated twice; None if none is
    by_item : item, topic, n, observed, kappa
    raters : names
    """

    instrument: Instrument
    answers: pd.DataFrame
    lights: pd.DataFrame
    overall: Mapping[str, str]
    percent_yes: Mapping[str, float]
    disagreements: pd.DataFrame
    agreement: Agreement | None
    by_item: pd.DataFrame
    raters: tuple[str, ...]


def rating_form(studies: Sequence[str], key: str, *, rater: str) -> pd.DataFrame:
    """An empty form for one rater: study, item, topic, rater, answer, support."""
    tool = instrument(key)
    return pd.DataFrame(
        [
            {
                "study": study,
                "item": item.key,
                "topic": item.topic,
                "rater": rater,
                "answer": "",
                "support": "",
            }
            for study in studies
            for item in tool.items
        ]
    )


def appraise(
    ratings: pd.DataFrame, key: str, *, bands: tuple[float, float] | None = None
) -> Appraisal:
    """Ratings of two people brought together.

    Parameters
    ----------
    ratings : RATING_COLUMNS, of two raters and, where they differ, of the rater "consensus". The
        item "overall" holds a judgement of the whole that overrides the rule's.
    key : instrument
    bands : JBI only: percent of "yes" from which the overall risk is low and moderate, see
        `JBI_BANDS`; without it no overall judgement is made

    Raises
    ------
    InputError : a column is missing; a study, item or answer the instrument does not know (row
        named); an item rated twice by one person, not at all, or by three people.

    Notes
    -----
    RoB 2 and ROBINS-I judge a study by its worst domain. RoB 2 also allows "high" for concerns in
    several domains together, which only people can decide: rate the item "overall".
    """
    tool = instrument(key)
    table = _checked(ratings, tool)
    if bands is not None and not key.startswith("jbi"):
        raise InputError(f"bands of percent yes are for JBI checklists, not {tool.name}")
    raters = tuple(name for name in dict.fromkeys(table["rater"]) if name != CONSENSUS)
    if len(raters) > 2:
        raise InputError(f"two people rate, got {len(raters)}: {', '.join(raters)}")
    wide = table[table["item"] != OVERALL].pivot(  # noqa: PD010
        index=["study", "item"], columns="rater", values="answer"
    )
    studies = list(dict.fromkeys(table["study"]))
    keys = [item.key for item in tool.items]
    settled = {cell: _settled(row, raters) for cell, row in _rows(wide).items()}
    for study in studies:
        for item in keys:
            if (study, item) not in settled:
                raise InputError(f"{study}: {tool.name} item {item} is not rated")
    answers = pd.DataFrame(
        [[settled[study, item] for item in keys] for study in studies],
        index=pd.Index(studies, name="study"),
        columns=keys,
    )
    lights = answers.map(lambda answer: str(tool.answers.get(answer, "")))
    percent = _percent_yes(answers) if key.startswith("jbi") else {}
    return Appraisal(
        instrument=tool,
        answers=answers,
        lights=lights,
        overall=_overall(table, tool, answers, percent, bands),
        percent_yes=percent,
        disagreements=_disagreements(wide, raters, tool),
        agreement=_agreement(wide, raters),
        by_item=_by_item(wide, raters, tool),
        raters=raters,
    )


def _checked(ratings: pd.DataFrame, tool: Instrument) -> pd.DataFrame:
    missing = [name for name in RATING_COLUMNS if name not in ratings.columns]
    if missing:
        raise InputError(f"the ratings have no column {missing[0]!r}")
    table = ratings[list(RATING_COLUMNS)].copy()
    for name in RATING_COLUMNS:
        words = table[name].astype("object")
        table[name] = words.where(words.notna(), "").astype(str).str.strip()
    table["answer"] = table["answer"].str.lower()
    allowed = (*_overall_answers(tool), "")
    for number, row in enumerate(table.to_dict("records"), start=1):
        for name in ("study", "rater"):
            if not row[name]:
                raise InputError(f"rating {number} has no {name}")
        if row["item"] == OVERALL:
            known: Sequence[str] = allowed
        else:
            tool.item(str(row["item"]))
            known = tuple(tool.answers)
        if not row["answer"] and "" not in known:
            raise InputError(
                f"rating {number}: {row['rater']} has not answered item {row['item']} for "
                f"{row['study']}; it is one of {', '.join(known)}"
            )
        if row["answer"] not in known:
            raise InputError(
                f"rating {number}, {row['study']}, item {row['item']}: {row['answer']!r} is no "
                f"answer of {tool.name}; it knows {', '.join(filter(None, known))}"
            )
    twice = table[table.duplicated(["study", "item", "rater"])]
    if len(twice):
        first = twice.iloc[0]
        raise InputError(f"{first['rater']} rated {first['study']}, item {first['item']} twice")
    return table


def _overall_answers(tool: Instrument) -> tuple[str, ...]:
    return ("low", "moderate", "high") if tool.key.startswith("jbi") else tuple(tool.answers)


def _rows(wide: pd.DataFrame) -> dict[tuple[str, str], dict[str, str]]:
    filled = wide.fillna("")
    return {
        (str(study), str(item)): {str(name): str(value) for name, value in row.items()}
        for (study, item), row in zip(filled.index, filled.to_dict("records"), strict=True)
    }


def _settled(row: Mapping[str, str], raters: Sequence[str]) -> str:
    if row.get(CONSENSUS):
        return row[CONSENSUS]
    given = {row[name] for name in raters if row.get(name)}
    return given.pop() if len(given) == 1 else ""


def _percent_yes(answers: pd.DataFrame) -> dict[str, float]:
    """Of the applicable items; missing as long as one is not settled."""
    result = {}
    for study, row in zip(answers.index, answers.to_numpy().tolist(), strict=True):
        applicable = [answer for answer in row if answer != "not applicable"]
        open_items = not applicable or "" in applicable
        share = float("nan") if open_items else applicable.count("yes") / len(applicable)
        result[str(study)] = 100 * share
    return result


def _overall(
    table: pd.DataFrame,
    tool: Instrument,
    answers: pd.DataFrame,
    percent: Mapping[str, float],
    bands: tuple[float, float] | None,
) -> dict[str, str]:
    by_hand: dict[str, dict[str, str]] = {}
    for row in table[table["item"] == OVERALL].to_dict("records"):
        by_hand.setdefault(str(row["study"]), {})[str(row["rater"])] = str(row["answer"])
    result = {}
    for study in map(str, answers.index):
        given = by_hand.get(study, {})
        judged = _settled(given, [name for name in given if name != CONSENSUS])
        if judged:
            result[study] = judged
        elif tool.overall == "worst":
            own = [str(answer) for answer in answers.loc[study]]
            worst = max(own, key=lambda answer: SEVERITY[tool.answers[answer]] if answer else 9)
            result[study] = worst
        elif bands is not None:
            result[study] = _band(percent[study], bands)
    return result


def _band(percent: float, bands: tuple[float, float]) -> str:
    if percent != percent:
        return ""
    low, moderate = bands
    return "low" if percent >= low else "moderate" if percent >= moderate else "high"


def _twice(wide: pd.DataFrame, raters: Sequence[str]) -> pd.DataFrame:
    if len(raters) < 2:
        return wide.iloc[:0]
    return wide[list(raters)].dropna()


def _agreement(wide: pd.DataFrame, raters: Sequence[str]) -> Agreement | None:
    both = _twice(wide, raters)
    if not len(both):
        return None
    return cohen_kappa(both[raters[0]].tolist(), both[raters[1]].tolist())


def _by_item(wide: pd.DataFrame, raters: Sequence[str], tool: Instrument) -> pd.DataFrame:
    both = _twice(wide, raters)
    rows = []
    for item in tool.items:
        own = both[both.index.get_level_values("item") == item.key]
        if len(own):
            found = cohen_kappa(own[raters[0]].tolist(), own[raters[1]].tolist())
            rows.append((item.key, item.topic, found.n, found.observed, found.kappa))
    return pd.DataFrame(rows, columns=["item", "topic", "n", "observed", "kappa"])


def _disagreements(wide: pd.DataFrame, raters: Sequence[str], tool: Instrument) -> pd.DataFrame:
    columns = ["study", "item", "topic", *raters]
    rows = [
        (study, item, tool.item(item).topic, *(row[name] for name in raters))
        for (study, item), row in _rows(wide).items()
        if not _settled(row, raters)
    ]
    return pd.DataFrame(rows, columns=columns)
