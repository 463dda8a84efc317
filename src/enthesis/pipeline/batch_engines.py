"""Where the tasks of a batch run: this machine's cores, a Dask cluster, a SLURM array."""

from __future__ import annotations

import concurrent.futures as futures
import os
import shlex
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from enthesis._optional import optional
from enthesis.errors import InputError

LEAST_MB = 1500.0
"""A CT of the trunk with its labels, measured and drawn, holds about 1 GB."""

SHARE = 0.9
"""Of the free memory; the rest is for the machine."""

MB = 1e6


def cores() -> int:
    """Cores that this process may use, which a cluster's job may have limited."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def free_mb() -> float:
    """Memory that is free on this machine, or left to this job, MB."""
    psutil = optional("psutil", extra="batch", purpose="sizing a batch to the memory")
    free = float(psutil.virtual_memory().available) / MB
    granted = os.environ.get("SLURM_MEM_PER_NODE")
    return min(free, float(granted)) if granted else free


def workers_of(jobs: int | None, memory_mb: float | None) -> tuple[int, float]:
    """How many scans at once, and the memory of each, MB: as asked, else to cores and memory.

    Raises
    ------
    InputError : fewer than one job, or memory that is none.
    """
    if jobs is not None and jobs < 1:
        raise InputError(f"jobs is how many scans are measured at once, from 1; got {jobs}")
    if memory_mb is not None and memory_mb <= 0:
        raise InputError(f"the memory of one scan is in MB and above 0; got {memory_mb:g}")
    room = SHARE * free_mb()
    fitting = max(1, int(room // (memory_mb or LEAST_MB)))
    count = jobs or min(cores(), fitting)
    return count, memory_mb or max(room / count, LEAST_MB)


@contextmanager
def local(jobs: int) -> Iterator[futures.Executor]:
    """Threads of this process, each watching over a process with one scan."""
    with futures.ThreadPoolExecutor(jobs, thread_name_prefix="scan") as executor:
        yield executor


@contextmanager
def dask(where: str, *, jobs: int) -> Iterator[futures.Executor]:
    """The workers of a Dask cluster.

    Parameters
    ----------
    where : a scheduler's address; "local"; or "slurm:" and a TOML file with the arguments of
        dask-jobqueue's SLURMCluster (`cores`, `memory`, `queue`, `walltime`, ...)
    jobs : workers of a cluster that is started here

    Raises
    ------
    InputError : no such configuration.
    """
    distributed = optional("distributed", extra="cluster", purpose="running on Dask")
    config = optional("dask", extra="cluster", purpose="running on Dask").config
    # A worker that is no daemon may give every scan a process of its own.
    with config.set({"distributed.worker.daemon": False}):
        if where == "local":
            cluster = distributed.LocalCluster(
                n_workers=jobs, threads_per_worker=1, memory_limit=0, dashboard_address=None
            )
        elif where.startswith("slurm:"):
            jobqueue = optional(
                "dask_jobqueue", extra="cluster", purpose="running on SLURM by Dask"
            )
            cluster = jobqueue.SLURMCluster(**_settings(Path(where.removeprefix("slurm:"))))
            cluster.scale(jobs)
        else:
            cluster = where
        with distributed.Client(cluster) as client, client.get_executor() as executor:
            try:
                yield executor
            finally:
                if cluster is not where:
                    cluster.close()


def _settings(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            f"{path} must be a TOML file with the arguments of dask-jobqueue's SLURMCluster: "
            f"{error}"
        ) from error


def sbatch_script(
    arguments: Sequence[str], *, output: Path, n_scans: int, scans_per_job: int, memory_mb: float
) -> str:
    """The script of a SLURM array that runs a batch, a shard a job.

    Parameters
    ----------
    arguments : of ``enthesis batch`` without ``--slurm``
    output : folder of the batch, where the jobs' logs go too
    n_scans, scans_per_job : how many there are, and how many one job does
    memory_mb : of one scan

    Raises
    ------
    InputError : fewer than one scan per job.
    """
    if scans_per_job < 1:
        raise InputError(f"a job does one scan or more, got {scans_per_job}")
    jobs = -(-n_scans // scans_per_job)
    command = shlex.join([sys.executable, "-m", "enthesis", "batch", *arguments])
    return f"""#!/bin/bash
#SBATCH --job-name=enthesis
#SBATCH --array=1-{jobs}
#SBATCH --cpus-per-task=1
#SBATCH --mem={memory_mb:.0f}M
#SBATCH --output={shlex.quote(str(output / "logs"))}/%A_%a.log
# Submit with sbatch. When all jobs are done, add --gather to the command below and run it once.
{command} --jobs 1
"""
