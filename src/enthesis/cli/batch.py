"""``enthesis batch``: a dataset of scans, measured on every core or on a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Task as Line,
)
from rich.text import Text

from enthesis.cli.printing import console, print_counts, print_json, print_table
from enthesis.pipeline.batch import Batch, Heard, Shard, dataset_tasks, gather_batch, run_batch
from enthesis.pipeline.batch_engines import dask as dask_engine
from enthesis.pipeline.batch_engines import local, sbatch_script, workers_of
from enthesis.pipeline.batch_task import Outcome, Task
from enthesis.pipeline.batch_watch import Limits
from enthesis.report.tables import Table

SOME_FAILED = 4
"""Exit code when some scans failed, each named in the table with its reason."""

INTERRUPTED = 130
"""What a shell expects of a program that Ctrl-C has ended."""

AN_HOUR = 3600.0

A_JOB_MB = 4000.0
"""Memory that a job of an array asks for where none was given: about what jobs have by default."""

MOST_ROWS = 40
"""Failures on the screen; the table has all."""


def batch(
    dataset: Path,
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    protocol: str = "",
    scheme: str = "totalsegmentator",
    reference: Path | None = None,
    jobs: int | None = None,
    time_limit: float = AN_HOUR,
    memory_mb: float | None = None,
    limit: int | None = None,
    dask: str | None = None,
    shard: str | None = None,
    slurm: bool = False,
    scans_per_job: int = 20,
    gather: bool = False,
    dry_run: bool = False,
    json: bool = False,
) -> int:
    """Measure a dataset of scans; the same command again goes on where this one stopped.

    Parameters
    ----------
    dataset
        A CSV with a row per scan (image, and as known labels, scheme, subject, session, series,
        sex, age, height_m, weight_kg), a BIDS dataset, or a tree of folders with NIfTI files or
        DICOM series.
    output
        Folder for measurements (Parquet and CSV), cases.csv, index.html and a folder per scan.
    protocol
        Name or TOML file of the protocol: what is measured, where and how.
    scheme
        What the label numbers mean, where the dataset does not say.
    reference
        Table of reference values of your own, as for `measure`; each scan's page shows its scores.
    jobs
        Scans at once; by default as many as cores and memory allow.
    time_limit
        Seconds after which a scan is given up.
    memory_mb
        Most memory of one scan, MB; by default an equal share of what is free.
    limit
        Measure the first so many scans only.
    dask
        Run on Dask: a scheduler's address, local, or slurm:FILE with the arguments of
        dask-jobqueue's SLURMCluster.
    shard
        Measure one of N equal parts, I/N; in a SLURM array its own part by default.
    slurm
        Write the sbatch script of an array that measures the dataset, and print how to use it.
    scans_per_job
        Scans of one job of that array.
    gather
        Gather what the shards have measured into the table and the page.
    dry_run
        List the scans that would be measured, by number, and do nothing.
    json
        Print one JSON document instead of tables.
    """
    tasks = dataset_tasks(
        dataset,
        output=output,
        scheme=scheme,
        protocol=protocol,
        reference=reference,
        limit=limit,
    )
    if dry_run:
        _list(tasks, json=json)
        return 0
    if slurm:
        given: dict[str, object] = {
            "output": output.resolve(),
            "scheme": _whole_path(scheme),
            "protocol": _whole_path(protocol),
            "reference": reference.resolve() if reference else "",
            "time-limit": f"{time_limit:g}",
            "limit": limit or "",
        }
        words = [word for name, value in given.items() if value for word in (f"--{name}", value)]
        arguments = [str(dataset.resolve()), *map(str, words)]
        _write_script(arguments, output, len(tasks), scans_per_job, memory_mb)
        return 0
    if gather:
        return _report(gather_batch(tasks, output=output), json=json)
    part = Shard.read(shard) if shard else Shard.of_array()
    n_jobs, each_mb = workers_of(jobs, memory_mb)
    limits = Limits(seconds=time_limit, memory_mb=each_mb)
    engine = local(n_jobs) if dask is None else dask_engine(dask, jobs=n_jobs)
    try:
        with engine as executor, _live(len(tasks)) as heard:
            result = run_batch(
                tasks, output=output, executor=executor, limits=limits, shard=part, heard=heard
            )
    except KeyboardInterrupt:
        Console(stderr=True).print("Stopped. The same command goes on from here.")
        return INTERRUPTED
    return _report(result, json=json)


def _list(tasks: list[Task], *, json: bool) -> None:
    """The only place that says which file a number stands for: on the screen, in no file."""
    rows = [
        {
            "scan": task.case.number,
            "subject": task.case.subject.id,
            "session": task.case.session,
            "image": task.case.image,
            "labels": task.case.labels,
        }
        for task in tasks
    ]
    if json:
        print_json({"scans": rows})
        return
    for row in rows:
        who = f"{row['subject']} {row['session']}".strip()
        labels = row["labels"] or "no labels: regions are found"
        console().print(f"{row['scan']:>6}  {who}  {row['image']}  ({labels})", markup=False)
    console().print(f"{len(rows)} scans; nothing was measured.")


def _whole_path(name: str) -> str:
    """A file's whole path, for the job may start elsewhere; any other name as it is."""
    return str(Path(name).resolve()) if name and Path(name).is_file() else name


def _write_script(
    arguments: list[str], output: Path, n_scans: int, scans_per_job: int, memory_mb: float | None
) -> None:
    _, each_mb = workers_of(1, memory_mb or A_JOB_MB)
    (output / "logs").mkdir(parents=True, exist_ok=True)
    script = sbatch_script(
        arguments,
        output=output.resolve(),
        n_scans=n_scans,
        scans_per_job=scans_per_job,
        memory_mb=each_mb,
    )
    path = output / "batch.sbatch"
    path.write_text(script, encoding="utf-8")
    console().print(f"Submit: sbatch {path}", markup=False)
    console().print("When all its jobs are done: this command with --gather in place of --slurm.")


def _report(result: Batch, *, json: bool) -> int:
    failures = result.failures
    if json:
        print_json({"cases": result.cases.to_dict("records")})
        return SOME_FAILED if len(failures) else 0
    counts = result.cases["status"].value_counts()
    print_counts({str(k): int(n) for k, n in counts.items()}, "Scans", of="Status")
    if len(failures):
        shown = failures[["scan", "subject", "session", "status", "reason"]]
        shown = shown.head(MOST_ROWS)
        left = f"{len(shown)} of {len(failures)}; cases.csv has all"
        notes = (left,) if len(shown) < len(failures) else ()
        print_table(Table(frame=shown, caption="Scans without measurements", notes=notes))
        console().print("Which file a number stands for: the same command with --dry-run.")
    if result.gathered:
        console().print(f"Report: {result.output / 'index.html'}", markup=False)
    else:
        console().print("This was one shard. When all are done, gather them with --gather.")
    return SOME_FAILED if len(failures) else 0


class _Rate(ProgressColumn):
    """Scans per minute."""

    def render(self, task: Line) -> Text:
        return Text(f"{60 * task.speed:.1f}/min" if task.speed else "")


@contextmanager
def _live(total: int) -> Iterator[Heard]:
    """A bar with rate and remaining time on standard error; silent when that is no terminal."""
    err = Console(stderr=True)
    bar = Progress(
        TextColumn("Scans"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[failed]}"),
        console=err,
        disable=not err.is_terminal,
    )
    with bar:
        line = bar.add_task("scans", total=total, failed="")
        failed = 0

        def heard(outcome: Outcome, done: int, of: int) -> None:
            nonlocal failed
            failed += not outcome.done
            bar.update(line, completed=done, total=of, failed=f"{failed} failed" if failed else "")

        yield heard
