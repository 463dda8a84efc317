"""Which unscreened record to read next, learned from the decisions so far; off unless asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from enthesis._optional import optional
from enthesis.errors import InputError

RECALL = 0.95
"""Share of the relevant records found at which the work saved is read (Cohen et al. 2006)."""

BATCH_SHARE = 0.01
"""Share of the records read between two fits in the simulation; at least one record."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WorkSaved:
    """What the order of reading would have saved, known because the truth is.

    Parameters
    ----------
    wss : work saved over sampling at `recall`: share unread when it was reached, less 1 - recall;
        0 is what reading in any order gives on average
    recall : share of the relevant records
    n_read : records read until then, those read at random at the start included
    n_records, n_relevant : in all
    found : (n_records,) relevant records found after each one read
    """

    wss: float
    recall: float
    n_read: int
    n_records: int
    n_relevant: int
    found: NDArray[np.int64]


def rank(records: pd.DataFrame, decided: Mapping[str, bool]) -> pd.DataFrame:
    """The undecided records, the most likely relevant first.

    Parameters
    ----------
    records : RECORD_COLUMNS
    decided : record → whether it was included; at least one of each

    Returns
    -------
    record, probability: not calibrated, only their order means something.

    Raises
    ------
    InputError : only included or only excluded records so far, or an unknown record.

    Notes
    -----
    TF-IDF of words and pairs of words in title, abstract and keywords; logistic regression with
    balanced classes. An order of reading only: it excludes nothing, and says nothing about when to
    stop.
    """
    known = {str(name) for name in records["record"]}
    for name in decided:
        if name not in known:
            raise InputError(f"the decisions name {name!r}, which is no record here")
    if len(set(decided.values())) < 2:
        raise InputError(
            "ranking learns from included and excluded records; one of them is missing"
        )
    names = records["record"].astype(str).to_numpy()
    labels = np.array([decided.get(name, None) for name in names], dtype=object)
    known_rows = np.flatnonzero([label is not None for label in labels])
    rest = np.flatnonzero([label is None for label in labels])
    if not rest.size:
        return pd.DataFrame({"record": [], "probability": []})
    words = _words(records)
    chances = _chances(words, known_rows, labels[known_rows].astype(bool), rest)
    order = np.argsort(-chances, kind="stable")
    return pd.DataFrame({"record": names[rest][order], "probability": chances[order]})


def work_saved(
    records: pd.DataFrame,
    truth: Mapping[str, bool],
    *,
    rng: np.random.Generator,
    recall: float = RECALL,
) -> WorkSaved:
    """Screen labelled records in the learner's order and count how many were read.

    Parameters
    ----------
    records : RECORD_COLUMNS
    truth : record → whether it is relevant
    rng : order of the records read before the first relevant and the first irrelevant one is found;
        they count as read
    recall : share of the relevant records to reach

    Raises
    ------
    InputError : a record without truth, or none that is relevant.

    Notes
    -----
    The saving is what hindsight shows: people who screen do not know when 95% are found, so a rule
    for stopping gives part of it away.

    References
    ----------
    Cohen et al. 2006, https://doi.org/10.1197/jamia.M1929
    """
    names = records["record"].astype(str).tolist()
    missing = [name for name in names if name not in truth]
    if missing:
        raise InputError(f"the record {missing[0]!r} has no label in `truth`")
    relevant = np.array([truth[name] for name in names], dtype=bool)
    if not relevant.any() or relevant.all():
        raise InputError("work saved needs relevant and irrelevant records")
    n = len(names)
    words, batch = _words(records), max(1, round(BATCH_SHARE * n))
    read: list[int] = []
    queue = rng.permutation(n).tolist()
    wanted = math.ceil(recall * relevant.sum())
    while relevant[read].sum() < wanted or len(set(relevant[read])) < 2:
        if len(set(relevant[read])) < 2:
            read.append(queue.pop())
            continue
        rest = np.setdiff1d(np.arange(n), read)
        chances = _chances(words, np.array(read), relevant[read], rest)
        read += rest[np.argsort(-chances, kind="stable")[:batch]].tolist()
    found = np.cumsum(relevant[read])
    n_read = int(np.searchsorted(found, wanted) + 1)
    rest = np.setdiff1d(np.arange(n), read)
    curve = np.concatenate([found, found[-1] + np.cumsum(relevant[rest])])
    return WorkSaved(
        wss=1 - n_read / n - (1 - recall),
        recall=recall,
        n_read=n_read,
        n_records=n,
        n_relevant=int(relevant.sum()),
        found=curve.astype(np.int64),
    )


def _words(records: pd.DataFrame) -> Any:
    """(n, words) TF-IDF of each record's text."""
    text = optional(
        "sklearn.feature_extraction.text", extra="review", purpose="ranking the unscreened"
    )
    joined = records["title"] + " " + records["abstract"] + " " + records["keywords"]
    learner = text.TfidfVectorizer(
        sublinear_tf=True,
        ngram_range=(1, 2),
        min_df=2 if len(records) > 20 else 1,
        stop_words="english",
        strip_accents="unicode",
    )
    return learner.fit_transform(joined.fillna("").tolist())


def _chances(
    words: Any, read: NDArray[np.int64], labels: NDArray[np.bool_], rest: NDArray[np.int64]
) -> NDArray[np.float64]:
    linear = optional("sklearn.linear_model", extra="review", purpose="ranking the unscreened")
    model = linear.LogisticRegression(C=10.0, class_weight="balanced", solver="liblinear")
    model.fit(words[read], labels)
    chances: NDArray[np.float64] = model.predict_proba(words[rest])[:, 1]
    return chances
