"""From the file of one table of studies to a folder of results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from enthesis import read
from enthesis.pipeline.outputs import (
    Announce,
    file_name,
    json_text,
    output_folder,
    provenance,
    silently,
)
from enthesis.pipeline.pool import METHODS, PoolResult, pool
from enthesis.pipeline.pool_page import pool_page, pool_pictures
from enthesis.report import page
from enthesis.report.figures import svg
from enthesis.report.page import Picture


def pool_files(
    table: Path,
    *,
    output: Path,
    measure: str = "SMD",
    by: Sequence[str] = (),
    methods: Sequence[str] = METHODS,
    test: str = "knha",
    min_effects: int = 2,
    study: str = "study",
    level: float = 0.95,
    announce: Announce = silently,
) -> PoolResult:
    """Pool one table and write effects.csv, pooled.csv, .json, forests, report and provenance.

    Parameters
    ----------
    table : CSV or TSV file
    output : folder; its files appear only when all of them are made
    measure, by, methods, test, min_effects, study, level : as in `pool`
    announce : told what is being done

    Raises
    ------
    InputError : an unreadable or unusable table; nothing is written.
    """
    announce("Pooling")
    result = pool(
        read.table(table),
        measure=measure,
        by=by,
        methods=methods,
        test=test,
        min_effects=min_effects,
        study=study,
        level=level,
    )
    options = {
        "measure": measure,
        "by": list(by),
        "methods": list(methods),
        "test": test,
        "min_effects": min_effects,
        "study": study,
        "level": level,
    }
    record = provenance("pool", inputs={"table": table}, options=options)
    announce("Drawing the forest plots")
    pictures = pool_pictures(result)
    with output_folder(output) as folder:
        write_pooled(result, pictures, folder)
        (folder / "provenance.json").write_text(json_text(record), encoding="utf-8")
        page.write(pool_page(result, pictures, provenance=record), folder / "report.html")
    return result


def write_pooled(
    result: PoolResult, pictures: dict[str, Picture], folder: Path, *, prefix: str = ""
) -> None:
    """Write the tables and the forests into a folder that exists, their names after `prefix`."""
    result.effects.to_csv(folder / f"{prefix}effects.csv", index=False)
    result.to_frame().to_csv(folder / f"{prefix}pooled.csv", index=False)
    document = json_text(result.to_dict())
    (folder / f"{prefix}pooled.json").write_text(document, encoding="utf-8")
    taken: set[str] = set()
    for name, picture in pictures.items():
        stem = f"{prefix}forest_{file_name(name)}"
        # Names that differ only in signs would otherwise overwrite each other.
        while stem in taken:
            stem += "_"
        taken.add(stem)
        (folder / f"{stem}.svg").write_bytes(svg(picture.figure))
