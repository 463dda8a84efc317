"""Invented exports and abstracts whose truth is known, to measure what this room claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from enthesis.review.records import tidy_records

DATABASES: Mapping[str, float] = {"PubMed": 0.62, "Embase": 0.70, "Cochrane": 0.15, "Wanfang": 0.25}
"""Share of publications that each simulated database lists."""


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split("|"))


FAMILIES = _listed(
    "Aalto|Abe|Andersson|Bianchi|Becker|Chen|Costa|Dubois|Eriksen|Fischer|García|Haddad|"
    "Hoffmann|Ito|Ivanova|Jansen|Kim|Kowalski|Larsen|Lee|Lefèvre|Li|Liu|Lopes|Müller|"
    "Nakamura|Nguyen|Novák|Okafor|Park|Pereira|Petrov|Rossi|Sato|Schmidt|Singh|Smith|Suzuki|"
    "Tanaka|Tran|Ueda|Visser|Wang|Weber|Wójcik|Xu|Yamada|Yang|Yilmaz|Zhang|Zhao|Zhou"
)
JOURNALS = (
    ("Osteoporosis International", "Osteoporos Int"),
    ("European Spine Journal", "Eur Spine J"),
    ("Journal of Bone and Mineral Research", "J Bone Miner Res"),
    ("Skeletal Radiology", "Skeletal Radiol"),
    ("Archives of Osteoporosis", "Arch Osteoporos"),
    ("European Radiology", "Eur Radiol"),
    ("Journal of Cachexia, Sarcopenia and Muscle", "J Cachexia Sarcopenia Muscle"),
    ("Spine", "Spine (Phila Pa 1976)"),
)
MEASURES = _listed(
    "Cross-sectional area|Fatty infiltration|Proton density fat fraction|Muscle density|"
    "Strength|Asymmetry|Volume|Functional area|Texture|Diffusion|Stiffness|Perfusion"
)
PLACES = _listed(
    "the multifidus|the erector spinae|the psoas major|paraspinal muscles|"
    "the quadratus lumborum|lumbar vertebrae|the proximal femur|the gluteal muscles|"
    "the thigh|thoracic vertebrae|intervertebral discs|the distal radius"
)
LINKS = _listed(
    "is associated with|predicts|in relation to|as a marker of|differs by|"
    "before and after treatment of|and its link with|does not explain"
)
CONDITIONS = _listed(
    "osteoporosis|osteopenia|vertebral compression fractures|low bone mineral density|"
    "sarcopenia|chronic low back pain|spinal stenosis|hip fracture|osteosarcopenia|"
    "trabecular bone score|degenerative scoliosis|ageing of the spine"
)
PEOPLE = _listed(
    "postmenopausal women|older men|community-dwelling adults|patients awaiting surgery|"
    "young athletes|women in Japan|adults in Denmark|patients with diabetes|"
    "dialysis patients|twins|nursing home residents|men with prostate cancer"
)
DESIGNS = _listed(
    "a cross-sectional study|a cohort study|a case-control study|a pilot study|"
    "a randomised trial|a quantitative CT study|an MRI study|a ten-year follow-up|"
    "a multicentre study|a registry study"
)
OFF_TOPIC = _listed(
    "cardiac pacing|asthma|dental implants|melanoma|hearing loss|cataract surgery|depression|"
    "breastfeeding|epilepsy|renal transplantation|influenza vaccination|"
    "irritable bowel syndrome"
)

TWIN_SHARE = 0.06
"""Share of publications that have a sibling by the same authors with nearly the same title."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledRecords:
    """Records with what is true of them.

    Parameters
    ----------
    records : RECORD_COLUMNS
    truth : record → publication, or record → whether it belongs in the review
    """

    records: pd.DataFrame
    truth: Mapping[str, str] | Mapping[str, bool]


def simulated_exports(n: int, *, rng: np.random.Generator) -> LabelledRecords:
    """What several databases export about n invented publications.

    Parameters
    ----------
    n : publications
    rng : source of all chance

    Returns
    -------
    Records in which a publication occurs once per database that lists it (some in none), and which
    publication each is.

    Notes
    -----
    Databases differ as they do in practice: initials for given names, abbreviated journals, accents
    lost, lines in capitals, DOIs missing (a third) or mistyped, PMIDs only in some, online-first
    years, shortened page ranges, subtitles dropped, misprints. Some publications have a sibling by
    the same authors, of which the title differs by "part 2" or by the people studied.
    """
    publications = _publications(n, rng)
    parts: list[pd.DataFrame] = []
    truth: dict[str, str] = {}
    for database, share in DATABASES.items():
        listed = np.flatnonzero(rng.random(len(publications)) < share)
        if not listed.size:
            continue
        entries = [_exported(publications[i], database, rng) for i in listed]
        frame = tidy_records(entries, database=database)
        parts.append(frame)
        truth |= dict(zip(frame["record"], (f"publication {i}" for i in listed), strict=True))
    records = pd.concat(parts, ignore_index=True)
    order = rng.permutation(len(records))
    return LabelledRecords(records=records.iloc[order].reset_index(drop=True), truth=truth)


def simulated_screening(
    n: int, *, included: int, rng: np.random.Generator, hard: float = 0.35
) -> LabelledRecords:
    """Titles and abstracts of which a few belong in a review.

    Parameters
    ----------
    n : records
    included : how many belong in the review
    rng : source of all chance
    hard : share of the others that lie near the topic: the right muscles in the wrong disease, or
        the right disease without muscles

    Returns
    -------
    Records and whether each belongs: it measures area or fat of a paraspinal muscle and compares
    people with and without low bone density. One in eight that belong says so in other words.

    Notes
    -----
    Authors of real abstracts choose from many more words, so that a learner saves less work there
    than here.
    """
    belongs = np.zeros(n, dtype=bool)
    belongs[rng.choice(n, included, replace=False)] = True
    near = rng.random(n) < hard
    entries = [_abstract(bool(b), bool(h), rng) for b, h in zip(belongs, near, strict=True)]
    frame = tidy_records(entries, database="Simulated")
    return LabelledRecords(
        records=frame,
        truth={str(record): bool(b) for record, b in zip(frame["record"], belongs, strict=True)},
    )


def _publications(n: int, rng: np.random.Generator) -> list[dict[str, str]]:
    made: list[dict[str, str]] = []
    while len(made) < n:
        one = _publication(len(made), rng)
        made.append(one)
        if len(made) < n and rng.random() < TWIN_SHARE:
            made.append(_sibling(one, len(made), rng))
    return made


def _publication(number: int, rng: np.random.Generator) -> dict[str, str]:
    names = [
        f"{_pick(FAMILIES, rng)}, {_pick(('Anna', 'Björn', 'Chen', 'Dina', 'Emil', 'Yuki'), rng)}"
        for _ in range(rng.integers(2, 8))
    ]
    first = int(rng.integers(1, 2400))
    return {
        "title": (
            f"{_pick(MEASURES, rng)} of {_pick(PLACES, rng)} {_pick(LINKS, rng)} "
            f"{_pick(CONDITIONS, rng)} in {_pick(PEOPLE, rng)}: {_pick(DESIGNS, rng)}"
        ),
        "authors": "; ".join(names),
        "year": str(rng.integers(1998, 2025)),
        "journal": str(rng.integers(len(JOURNALS))),
        "volume": str(rng.integers(8, 60)),
        "issue": str(rng.integers(1, 13)),
        "pages": f"{first}-{first + int(rng.integers(4, 12))}",
        "doi": f"10.{rng.integers(1000, 1100)}/s{number:06d}-{rng.integers(10, 99)}",
        "pmid": str(20_000_000 + number),
        "abstract": "Simulated.",
    }


def _sibling(one: Mapping[str, str], number: int, rng: np.random.Generator) -> dict[str, str]:
    fresh = _publication(number, rng)
    if rng.random() < 0.5:
        title = f"{one['title']}. Part 2"
    else:
        beginning, _, design = one["title"].rpartition(":")
        others = [people for people in PEOPLE if not beginning.endswith(f" in {people}")]
        title = f"{beginning.rpartition(' in ')[0]} in {_pick(others, rng)}:{design}"
    kept = {name: one[name] for name in ("authors", "year", "journal")}
    return fresh | kept | {"title": title}


def _exported(one: Mapping[str, str], database: str, rng: np.random.Generator) -> dict[str, str]:
    entry, (full, short) = dict(one), JOURNALS[int(one["journal"])]
    entry["journal"] = full if database == "PubMed" else short
    if database != "PubMed":
        entry["pmid"] = one["pmid"] if database == "Embase" and rng.random() < 0.4 else ""
        entry["authors"] = "; ".join(
            f"{family} {given[0]}."
            for family, _, given in map(_split_name, one["authors"].split("; "))
        )
    if rng.random() < (0.15 if database == "PubMed" else 0.4):
        entry["doi"] = ""
    elif rng.random() < 0.01:
        entry["doi"] = one["doi"][:-1] + str(rng.integers(10))
    if rng.random() < 0.12:
        entry["year"] = str(int(one["year"]) - 1)
    start, end = one["pages"].split("-")
    if database == "Embase":
        entry["pages"] = f"{start}-{_shortened(start, end)}"
    if rng.random() < 0.12:
        entry["pages"] = entry["volume"] = entry["issue"] = ""
    entry["title"] = _retyped(one["title"], rng)
    return entry


def _retyped(title: str, rng: np.random.Generator) -> str:
    changes = rng.random(6)
    if changes[0] < 0.08:
        title = title.upper()
    if changes[1] < 0.05:
        title = title.partition(":")[0]
    if changes[2] < 0.06:
        at = int(rng.integers(1, len(title) - 1))
        title = title[:at] + title[at + 1 :]
    if changes[3] < 0.04:
        title = (
            title.replace("-", " ").replace("randomised", "randomized").replace("ageing", "aging")
        )
    if changes[4] < 0.5:
        title += "."
    return f"[{title}]" if changes[5] < 0.03 else title


def _abstract(belongs: bool, near: bool, rng: np.random.Generator) -> dict[str, str]:
    area = _pick(("cross-sectional area", "fatty infiltration", "proton density fat fraction"), rng)
    muscle = _pick(("multifidus", "erector spinae", "psoas major", "paraspinal muscles"), rng)
    bone = _pick(("osteoporosis", "osteopenia", "low bone mineral density"), rng)
    people, design = _pick(PEOPLE, rng), _pick(DESIGNS, rng)
    if belongs and rng.random() < 1 / 8:
        title = f"Back muscle quality on {_pick(('CT', 'MRI'), rng)} and bone health in {people}"
        aim = (
            "We compared lean and fat tissue of the trunk between people with weak and strong bone."
        )
    elif belongs:
        title = f"{area.capitalize()} of the {muscle} and {bone} in {people}: {design}"
        aim = f"We compared {area} of the {muscle} between people with {bone} and controls."
    elif near and rng.random() < 0.5:
        other = _pick(("chronic low back pain", "spinal stenosis", "degenerative scoliosis"), rng)
        title = f"{area.capitalize()} of the {muscle} in {other}: {design}"
        aim = f"We measured {area} of the {muscle} in {people} with {other}."
    elif near:
        drug = _pick(("denosumab", "zoledronate", "vitamin D", "exercise", "screening"), rng)
        title = f"{drug.capitalize()} for {bone} in {people}: {design}"
        aim = f"We studied {drug} in {people} with {bone}; fractures were the outcome."
    else:
        topic, other = _pick(OFF_TOPIC, rng), _pick(OFF_TOPIC, rng)
        title = f"{topic.capitalize()} and {other} in {people}: {design}"
        aim = f"We studied {topic} in {people}, and whether {other} played a part."
    filler = " ".join(
        f"{_pick(MEASURES, rng)} was recorded in {_pick(PEOPLE, rng)}."
        for _ in range(rng.integers(1, 4))
    )
    return {
        "title": title,
        "abstract": f"{aim} {filler} {rng.integers(20, 900)} people took part.",
        "authors": f"{_pick(FAMILIES, rng)}, A",
        "year": str(rng.integers(2000, 2025)),
        "doi": f"10.5555/{rng.integers(10**9)}",
    }


def _split_name(name: str) -> tuple[str, str, str]:
    family, comma, given = name.partition(", ")
    return family, comma, given


def _shortened(start: str, end: str) -> str:
    """The last page as some databases write it: 1234-41."""
    if len(start) != len(end):
        return end
    same = next(
        (i for i, (a, b) in enumerate(zip(start, end, strict=True)) if a != b), len(end) - 1
    )
    return end[same:]


def _pick(among: Sequence[str], rng: np.random.Generator) -> str:
    return among[int(rng.integers(len(among)))]
