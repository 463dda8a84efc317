"""The same publication found in several databases, counted once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Literal

import pandas as pd

from enthesis.errors import InputError
from enthesis.review.grouping import joined
from enthesis.review.records import FIELDS, RECORD_COLUMNS
from enthesis.review.similarity import Features, Likeness, features, likeness, title_likeness

Decision = Literal["duplicate", "review", "distinct"]

DUPLICATE, REVIEW = 0.88, 0.72
"""Scores from which a pair is taken for one publication, and from which a person has to look.

Chosen here, and measured on simulated exports by ``benchmarks/bench_review.py``.
"""

SAME_IDENTIFIER_TITLE = 0.5
"""Likeness below which two titles under one DOI or PMID are not believed to be one publication: all
abstracts of a congress can share the DOI of their volume."""

LEAST_TITLE = (REVIEW - 0.4) / 0.6
"""Likeness of titles below which no agreement of the other fields reaches `REVIEW`."""

UNCONFIRMED_TITLE = 0.95
"""Likeness that two titles need where no page confirms them: one word may be all that differs."""

SHORTEST_TITLE = 20
"""Characters below which a title ("Sarcopenia") proves nothing without a person."""

RARE_WORDS = 4
"""Rarest words of a title that its record is found by, two at a time."""

LARGEST_BLOCK = 40
"""Records under one key of which all pairs are compared; in larger blocks only neighbours are."""

PAIR_COLUMNS = (
    "record",
    "other",
    "rule",
    "score",
    "title",
    "author",
    "year",
    "place",
    "caution",
    "decision",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Deduplication:
    """What was found to be the same.

    Parameters
    ----------
    records : RECORD_COLUMNS, one row per publication; gaps are filled from its duplicates
    pairs : PAIR_COLUMNS, by falling score: every pair that is a duplicate, needs a person or was
        decided by one
    removed : record, kept: each record left out and the one that stands for it
    """

    records: pd.DataFrame
    pairs: pd.DataFrame
    removed: pd.DataFrame

    @property
    def to_review(self) -> pd.DataFrame:
        """The pairs that a person has to decide on; until then both records are kept."""
        return self.pairs[self.pairs["decision"] == "review"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateAccuracy:
    """Deduplication against the truth.

    Parameters
    ----------
    sensitivity : duplicates removed, of all duplicates
    specificity : publications kept, of all publications
    n_duplicates, n_missed : duplicates, and those still there
    n_publications, n_lost : publications, and those lost because they were taken for another
    """

    sensitivity: float
    specificity: float
    n_duplicates: int
    n_missed: int
    n_publications: int
    n_lost: int


def deduplicate(
    records: pd.DataFrame,
    *,
    decided: pd.DataFrame | None = None,
    screened: Collection[str] = (),
) -> Deduplication:
    """Records with each publication once, and every pair that led there.

    Parameters
    ----------
    records : RECORD_COLUMNS
    decided : record, other, decision ("duplicate" or "distinct"): what people decided on pairs;
        it stands above the rules
    screened : records that stand for their publication, because decisions are attached to them
        from an earlier search

    Returns
    -------
    Deduplication; of each publication the screened record is kept, or else the most complete one.

    Raises
    ------
    InputError : a column is missing, a record occurs twice, or `decided` names an unknown record or
        decision, or contradicts itself.

    Notes
    -----
    A DOI or PMID in common is a duplicate unless the titles contradict it. Otherwise titles (Dice's
    coefficient of character trigrams), first authors, years, and volumes with first pages give a
    score. Different DOIs, PMIDs or first pages, other numbers in the title ("part 2"), a notice
    ("erratum") and short titles leave the decision to a person however high the score.
    Only records that share two of their rarest title words, or author, volume and page, are
    compared, so that the time grows almost in proportion to the number of records.
    """
    _check(records)
    rows = records.to_dict("records")
    found = [features(row) for row in rows]
    names = [str(row["record"]) for row in rows]
    people = _decided(decided, names)
    apart = [
        (a, b)
        for (a, b), decision in zip(map(sorted, people), people.values(), strict=True)
        if decision == "distinct"
    ]
    pairs = []
    for i, j in sorted(_candidates(found)):
        one = _judged(found[i], found[j])
        if one is None:
            continue
        key = frozenset((names[i], names[j]))
        if key in people:
            one |= {"decision": people.pop(key), "rule": "person"}
        pairs.append({"record": names[i], "other": names[j], **one})
    for key, decision in people.items():
        if decision == "duplicate":
            a, b = sorted(key, key=names.index)
            pairs.append(
                {"record": a, "other": b, "rule": "person", "caution": "", "decision": decision}
            )
    table = pd.DataFrame(pairs, columns=list(PAIR_COLUMNS))
    table = table.sort_values("score", ascending=False, kind="stable", ignore_index=True)
    table, groups = _grouped(names, table, apart)
    rank = _rank(records, screened)
    return Deduplication(
        records=_merged(records, groups, rank),
        pairs=table,
        removed=_removed(records, groups, rank),
    )


def duplicate_accuracy(found: Deduplication, truth: Mapping[str, str]) -> DuplicateAccuracy:
    """How well a deduplication did where the truth is known.

    Parameters
    ----------
    found : of all records
    truth : record → publication
    """
    stands_for = dict(zip(found.removed["record"], found.removed["kept"], strict=True))
    groups: dict[str, list[str]] = defaultdict(list)
    for record, publication in truth.items():
        groups[str(stands_for.get(record, record))].append(publication)
    n_publications = len(set(truth.values()))
    n_duplicates = len(truth) - n_publications
    n_right = sum(len(group) - len(set(group)) for group in groups.values())
    kept = {Counter(group).most_common(1)[0][0] for group in groups.values()}
    n_lost = n_publications - len(kept)
    return DuplicateAccuracy(
        sensitivity=n_right / n_duplicates if n_duplicates else float("nan"),
        specificity=1 - n_lost / n_publications,
        n_duplicates=n_duplicates,
        n_missed=n_duplicates - n_right,
        n_publications=n_publications,
        n_lost=n_lost,
    )


def _check(records: pd.DataFrame) -> None:
    missing = [name for name in RECORD_COLUMNS if name not in records.columns]
    if missing:
        raise InputError(f"the table of records has no column {missing[0]!r}")
    twice = records["record"][records["record"].duplicated()]
    if len(twice):
        raise InputError(f"the record {twice.iloc[0]!r} occurs twice; identifiers are unique")


def _decided(decided: pd.DataFrame | None, names: Sequence[str]) -> dict[frozenset[str], Decision]:
    if decided is None:
        return {}
    known, result = set(names), {}
    for row in decided.to_dict("records"):
        pair, decision = frozenset((str(row["record"]), str(row["other"]))), row["decision"]
        for name in pair - known:
            raise InputError(f"the pairs decided on name {name!r}, which is no record here")
        if len(pair) != 2:
            raise InputError(f"the pairs decided on hold {row['record']!r} beside itself")
        if decision not in {"duplicate", "distinct", "review"}:
            raise InputError(f"a pair is 'duplicate', 'distinct' or 'review', not {decision!r}")
        # A pair that is still to be reviewed is left to the rules.
        if decision != "review":
            result[pair] = decision
    return result


def _judged(a: Features, b: Features) -> dict[str, object] | None:
    """What is said of a pair, or None where it is not worth a word."""
    rule = "likeness"
    if a.doi and a.doi == b.doi:
        rule = "doi"
    elif a.pmid and a.pmid == b.pmid:
        rule = "pmid"
    elif _same_citation(a, b):
        rule = "citation"
    elif title_likeness(a, b) < LEAST_TITLE:
        return None
    like = likeness(a, b)
    cautions = _cautions(a, b, like, rule)
    decision: Decision
    if rule in {"doi", "pmid"} or like.score >= DUPLICATE:
        decision = "review" if cautions else "duplicate"
    elif rule == "citation" or like.score >= REVIEW:
        decision = "review"
    else:
        return None
    return {"rule": rule, **asdict(like), "caution": "; ".join(cautions), "decision": decision}


def _cautions(a: Features, b: Features, like: Likeness, rule: str) -> list[str]:
    """Why a person has to look although the score or an identifier says duplicate."""
    if rule in {"doi", "pmid"}:
        contradicted = a.title and b.title and like.title < SAME_IDENTIFIER_TITLE
        return [f"same {rule.upper()} under other titles"] if contradicted else []
    both = ((a.doi, b.doi, "DOI"), (a.pmid, b.pmid, "PMID"), (a.page, b.page, "first page"))
    found = [f"different {name}" for one, other, name in both if one and other and one != other]
    if a.numerals != b.numerals:
        found.append("different numbers in the titles")
    if a.notices != b.notices:
        found.append("one may be a notice about the other")
    if like.place != 1 and a.contrasts ^ b.contrasts:
        words = ", ".join(sorted(a.contrasts ^ b.contrasts))
        found.append(f"the titles differ by: {words}")
    if min(len(a.title), len(b.title)) < SHORTEST_TITLE:
        found.append("short title")
    if like.place is None and like.title < UNCONFIRMED_TITLE:
        found.append("titles differ and no page confirms them")
    if like.author is None and like.place is None:
        found.append("only the title to compare")
    if like.author == 0:
        found.append("different first author")
    if like.year == 0:
        found.append("different year")
    return found


def _same_citation(a: Features, b: Features) -> bool:
    """The same author, year, volume and first page: a title translated or misprinted."""
    mine, other = (a.author, a.year, a.volume, a.page), (b.author, b.year, b.volume, b.page)
    return mine == other and all(mine)


def _grouped(
    names: Sequence[str], table: pd.DataFrame, apart: Sequence[tuple[str, str]]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Groups of duplicates, people's pairs before the rules' and those by falling score.

    A pair that would join, over others, what people told apart is left to people as well.
    """
    same = table[table["decision"] == "duplicate"]
    same = same.iloc[(same["rule"] != "person").to_numpy().argsort(kind="stable")]
    groups, left_out = joined(
        names,
        [(str(a), str(b)) for a, b in zip(same["record"], same["other"], strict=True)],
        apart=apart,
    )
    doubtful = same.index[left_out]
    contradicted = same.loc[doubtful][same.loc[doubtful, "rule"] == "person"]
    if len(contradicted):
        a, b = contradicted[["record", "other"]].iloc[0]
        raise InputError(
            f"{a} and {b} were decided to be one, but other decisions tell their duplicates apart; "
            "change one of them"
        )
    table.loc[doubtful, "decision"] = "review"
    table.loc[doubtful, "caution"] = "would join records that were told apart"
    return table, groups


def _candidates(found: Sequence[Features]) -> set[tuple[int, int]]:
    """Pairs worth comparing."""
    frequency = Counter(word for one in found for word in set(one.title.split()))
    blocks: dict[object, list[int]] = defaultdict(list)
    for i, one in enumerate(found):
        for key in _keys(one, frequency):
            blocks[key].append(i)
    pairs: set[tuple[int, int]] = set()
    for members in blocks.values():
        if len(members) <= LARGEST_BLOCK:
            pairs.update(combinations(members, 2))
            continue
        near = sorted(members, key=lambda i: found[i].title)
        for place, i in enumerate(near):
            pairs.update((min(i, j), max(i, j)) for j in near[place + 1 : place + 6])
    return pairs


def _keys(one: Features, frequency: Mapping[str, int]) -> Iterator[object]:
    if one.doi:
        yield "doi", one.doi
    if one.pmid:
        yield "pmid", one.pmid
    if one.title:
        yield "title", one.title
    if one.author and one.volume and one.page:
        yield "citation", one.author, one.volume, one.page
    # A word that no other title has is often a misprint, and leads nowhere.
    words = sorted(
        {word for word in one.title.split() if frequency[word] > 1 and len(word) > 2},
        key=lambda word: (frequency[word], word),
    )
    yield from combinations(sorted(words[:RARE_WORDS]), 2)


def _merged(records: pd.DataFrame, groups: Mapping[str, str], rank: pd.Series[int]) -> pd.DataFrame:
    """The first record of each group by rank, its gaps filled from the others."""
    group = records["record"].map(groups)
    gaps = records.mask(records == "")
    ranked = gaps.assign(_group=group, _rank=rank).sort_values(["_rank"], kind="stable")
    filled = ranked.groupby("_group", sort=False)[list(FIELDS)].first()
    kept = ranked.drop_duplicates("_group").set_index("_group")
    joined = kept[["record", "database"]].join(filled)
    order = records["record"][records["record"].isin(joined["record"])]
    result = joined.set_index("record").loc[order].reset_index()
    texts = [name for name in RECORD_COLUMNS if name != "year"]
    result[texts] = result[texts].astype("object").fillna("")
    result["year"] = result["year"].astype("Int64")
    return result[list(RECORD_COLUMNS)]


def _removed(
    records: pd.DataFrame, groups: Mapping[str, str], rank: pd.Series[int]
) -> pd.DataFrame:
    group = records["record"].map(groups)
    ranked = records[["record"]].assign(group=group, rank=rank)
    kept = ranked.sort_values("rank", kind="stable").drop_duplicates("group")
    stands = ranked["group"].map(kept.set_index("group")["record"])
    left = ranked["record"] != stands
    return pd.DataFrame({"record": records["record"][left], "kept": stands[left]}).reset_index(
        drop=True
    )


def _rank(records: pd.DataFrame, screened: Collection[str]) -> pd.Series[int]:
    """Screened records come first, then the most complete."""
    filled = (records[list(FIELDS)].astype("object").fillna("") != "").sum(axis=1)
    first = records["record"].isin(list(screened)) * (len(FIELDS) + 1)
    return (-filled - first).astype("int64")
