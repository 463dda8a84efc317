"""From the file of one table of ratings to a folder of results."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from enthesis import read
from enthesis.cohort import ReliabilityStudy, agree
from enthesis.cohort.agreement import Scale
from enthesis.cohort.reliability import IccForm
from enthesis.cohort.study import FORMS, Kind
from enthesis.pipeline.agree_page import agree_page, agree_pictures
from enthesis.pipeline.outputs import json_text, output_folder, provenance
from enthesis.report import page
from enthesis.report.figures import svg


def agree_files(
    table: Path,
    *,
    output: Path,
    subject: str = "subject",
    rater: str | None = None,
    raters: Sequence[str] = (),
    value: str = "value",
    by: Sequence[str] | None = None,
    kind: Kind = "continuous",
    forms: Sequence[IccForm] = FORMS,
    scale: Scale = "difference",
    level: float = 0.95,
    seed: int = 1,
) -> ReliabilityStudy:
    """Judge one table of ratings; write agreement.csv, .json, plots, report and provenance.

    Parameters
    ----------
    table : CSV or TSV file, long or wide
    output : folder; its files appear only when all of them are made
    subject, rater, raters, value, by, kind, forms, scale, level : as in `cohort.agree`
    seed : of the bootstrap interval of Krippendorff's alpha, so that a run can be repeated

    Raises
    ------
    InputError : an unreadable or unusable table; nothing is written.
    """
    study = agree(
        read.table(table),
        subject=subject,
        rater=rater,
        raters=raters,
        value=value,
        by=by,
        kind=kind,
        forms=forms,
        scale=scale,
        level=level,
        rng=np.random.default_rng(seed),
    )
    options = {
        "subject": subject,
        "rater": rater,
        "raters": list(raters),
        "value": value,
        "by": None if by is None else list(by),
        "kind": kind,
        "forms": list(forms),
        "scale": scale,
        "level": level,
        "seed": seed,
    }
    record = provenance("agree", inputs={"table": table}, options=options)
    pictures = agree_pictures(study)
    with output_folder(output) as folder:
        study.to_frame().to_csv(folder / "agreement.csv", index=False)
        (folder / "agreement.json").write_text(json_text(study.to_dict()), encoding="utf-8")
        (folder / "provenance.json").write_text(json_text(record), encoding="utf-8")
        for (name, pair), picture in pictures.items():
            file = f"bland_altman_{_file_name(f'{name} {pair}')}.svg"
            (folder / file).write_bytes(svg(picture.figure))
        page.write(agree_page(study, pictures, provenance=record), folder / "report.html")
    return study


def _file_name(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
