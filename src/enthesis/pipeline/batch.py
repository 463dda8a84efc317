"""Thousands of scans: every one measured once, whatever happens to the others."""

from __future__ import annotations

import concurrent.futures as futures
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from enthesis import read
from enthesis.errors import InputError
from enthesis.pipeline.batch_cases import cases
from enthesis.pipeline.batch_cohort import cohort, findings_table, subjects_table
from enthesis.pipeline.batch_page import write_cohort_page
from enthesis.pipeline.batch_store import (
    FREE_SOME,
    alone,
    cases_table,
    gather,
    made_whole,
    tidy,
)
from enthesis.pipeline.batch_task import DONE, KEPT, Outcome, Task, known
from enthesis.pipeline.batch_watch import Limits, end_all, watched
from enthesis.pipeline.measure import protocol_facts
from enthesis.pipeline.measure_protocol import USUAL
from enthesis.pipeline.measure_protocol import protocol as read_protocol
from enthesis.pipeline.outputs import json_text, provenance, sha256
from enthesis.pipeline.reference_scores import reference_table

AN_HOUR = 3600.0

SHARD = re.compile(r"(\d+)/(\d+)")

Heard = Callable[[Outcome, int, int], None]
"""Is told of each case's outcome, how many are done and how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """What became of a dataset.

    Parameters
    ----------
    cases : a row per scan: number, subject, status, reason, seconds, memory
    output : the folder of the results
    gathered : whether the table and the page were written
    """

    cases: pd.DataFrame
    output: Path
    gathered: bool

    @property
    def failures(self) -> pd.DataFrame:
        """The scans without measurements, each with its reason."""
        done = self.cases["status"].isin(DONE)
        return self.cases.loc[~done]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One of several equal parts of a dataset, each run on a machine of its own.

    Parameters
    ----------
    index : from 1
    of : how many there are
    """

    index: int
    of: int

    def __str__(self) -> str:
        return f"{self.index}/{self.of}"

    @classmethod
    def read(cls, text: str) -> Shard:
        """The shard that "3/10" names.

        Raises
        ------
        InputError : no such text, or a part that there is not.
        """
        found = SHARD.fullmatch(text.strip())
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise InputError(f"a shard is I/N with I from 1 to N, such as 3/10; got {text!r}")
        return cls(index=int(found[1]), of=int(found[2]))

    @classmethod
    def of_array(cls) -> Shard | None:
        """The part of this job of a SLURM array; None outside of one."""
        task = os.environ.get("SLURM_ARRAY_TASK_ID")
        if task is None:
            return None
        first = int(os.environ.get("SLURM_ARRAY_TASK_MIN", "0"))
        step = int(os.environ.get("SLURM_ARRAY_TASK_STEP", "1"))
        index = (int(task) - first) // step + 1
        return cls(index=index, of=int(os.environ["SLURM_ARRAY_TASK_COUNT"]))


def dataset_tasks(
    dataset: Path,
    *,
    output: Path,
    scheme: str,
    protocol: str,
    reference: Path | None = None,
    limit: int | None = None,
) -> list[Task]:
    """The tasks of a dataset, in its own order, the first `limit` of them.

    Raises
    ------
    InputError : a dataset, a protocol, a reference or a scheme that cannot be used.
    """
    if limit is not None and limit < 1:
        raise InputError(f"the limit is a number of scans from 1, got {limit}")
    # Before the first scan, not as the same failure of every scan.
    if protocol:
        read_protocol(protocol)
    if reference is not None:
        reference_table(reference)
    if scheme not in read.SCHEMES and not Path(scheme).is_file():
        raise InputError(
            f"no scheme of labels named {scheme!r}; known are {', '.join(read.SCHEMES)}, or name a "
            "CSV or JSON file of numbers and region names"
        )
    return [
        Task(
            case=case,
            output=str(output.resolve()),
            scheme=scheme,
            protocol=protocol,
            reference="" if reference is None else str(reference),
        )
        for case in cases(dataset)[:limit]
    ]


def run_batch(
    tasks: Sequence[Task],
    *,
    output: Path,
    executor: futures.Executor,
    limits: Limits,
    shard: Shard | None = None,
    heard: Heard = lambda *_: None,
) -> Batch:
    """Measure every task that was not measured before, then gather the table and the page.

    Parameters
    ----------
    tasks : of the whole dataset
    output : folder of the batch; the same command on it continues where the last one stopped
    executor : runs the tasks; any of `concurrent.futures`, and dask.distributed's
    limits : of one scan
    shard : do this part alone, and leave the gathering to `gather_batch`
    heard : is told of each outcome

    Raises
    ------
    InputError : another run is writing to the output, or its disk is full.
    """
    mine = tasks if shard is None else tasks[shard.index - 1 :: shard.of]
    with alone(output, "batch" if shard is None else f"shard-{shard.index}-of-{shard.of}"):
        tidy(output, older_than_s=limits.seconds + AN_HOUR)
        outcomes = []
        for outcome in _outcomes(mine, executor, limits):
            outcomes.append(outcome)
            heard(outcome, len(outcomes), len(mine))
        if shard is None:
            return _gathered(tasks, outcomes, output)
        return Batch(cases=cases_table(mine, outcomes), output=output, gathered=False)


def gather_batch(tasks: Sequence[Task], *, output: Path) -> Batch:
    """Gather the results of shards; a scan that none of them has measured is named.

    Raises
    ------
    InputError : a run is writing to the output.
    """
    with alone(output, "batch"):
        outcomes = [
            known(task)
            or Outcome(number=task.case.number, status="failed", reason="not measured yet")
            for task in tasks
        ]
        return _gathered(tasks, outcomes, output)


def _gathered(tasks: Sequence[Task], outcomes: Sequence[Outcome], output: Path) -> Batch:
    """The tables and the page of the whole dataset."""
    cases = cases_table(tasks, outcomes)
    with made_whole(output) as folder:
        gather(outcomes, folder, output=output)
        found = cohort(folder / "measurements", tasks)
        record = _provenance(tasks, outcomes)
        cases.to_csv(folder / "cases.csv", index=False)
        subjects_table(tasks).to_csv(folder / "subjects.csv", index=False)
        if found.spread is not None:
            found.spread.to_frame().to_csv(folder / "distributions.csv", index=False)
            found.spread.outliers.to_csv(folder / "outliers.csv", index=False)
        if found.agreement is not None:
            found.agreement.to_frame().to_csv(folder / "agreement.csv", index=False)
        if found.findings is not None:
            findings_table(found.findings, cases).to_csv(folder / "findings.csv", index=False)
        (folder / "provenance.json").write_text(json_text(record), encoding="utf-8")
        write_cohort_page(folder, cases, found, provenance=record)
    return Batch(cases=cases, output=output, gathered=True)


def _provenance(tasks: Sequence[Task], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """How the table came about; its inputs are the scans, each named by the hash that keys it."""
    keys = sorted({one.key for one in outcomes if one.key})
    named = tasks[0].protocol
    rules = read_protocol(named) if named else USUAL
    scheme = tasks[0].scheme
    options = {
        "scheme": "file" if Path(scheme).is_file() else scheme,
        "protocol": protocol_facts(rules),
        "scans": len(tasks),
    }
    reference = tasks[0].reference
    if reference:
        options["reference"] = sha256(Path(reference))
    record = provenance("batch", inputs={}, options=options)
    return record | {"inputs": {"scans": hashlib.sha256("\n".join(keys).encode()).hexdigest()}}


def _outcomes(
    tasks: Sequence[Task], executor: futures.Executor, limits: Limits
) -> Iterator[Outcome]:
    waiting: dict[futures.Future[Outcome], Task] = {}
    for task in tasks:
        before = known(task)
        if before is not None and before.status in KEPT | {"kept"}:
            yield before
        else:
            waiting[executor.submit(watched, task, limits)] = task
    try:
        for future in futures.as_completed(waiting):
            outcome = _result(future, waiting[future])
            if outcome.status == "disk full":
                raise InputError(
                    f"no space is left for the results of scan {outcome.number}; {FREE_SOME}"
                )
            yield outcome
    finally:
        # Reached early on Ctrl-C or a full disk: nothing new begins, and what runs is ended.
        for future in waiting:
            future.cancel()
        end_all()


def _result(future: futures.Future[Outcome], task: Task) -> Outcome:
    try:
        return future.result()
    except Exception as error:
        # The engine itself lost the task: a dead worker, a broken connection.
        reason = f"the worker was lost: {type(error).__name__}"
        return Outcome(number=task.case.number, status="died", reason=reason)
