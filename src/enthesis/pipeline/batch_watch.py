"""One task in a process of its own, under a limit of time and of memory.

A scan that hangs, crashes the interpreter or eats the machine's memory takes only its own process
along. Each starts from a server that has imported everything once, so that a start costs
milliseconds; the one who watches needs a thread, so any `concurrent.futures.Executor` will do.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from typing import Any

from enthesis._optional import optional
from enthesis.pipeline.batch_task import Outcome, Task, process

LOOK_SECONDS = 0.05
"""Between two looks at the process's memory."""

KIB_PER_MB, BYTES_PER_MB = 1e6 / 1024, 1e6

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Every core has a scan of its own; threads inside one would only get in each other's way."""


SCAN = "scan"
"""Name of the processes that measure one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one scan may take.

    Parameters
    ----------
    seconds : until it is given up
    memory_mb : resident memory, MB
    """

    seconds: float
    memory_mb: float


def watched(task: Task, limits: Limits) -> Outcome:
    """Process one task in its own process; what kills it comes back as its outcome.

    A process that may have none of its own (a daemonic worker of another engine, which watches over
    it) does the task itself.
    """
    if multiprocessing.current_process().daemon:
        return process(task)
    context = _context()
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(  # type: ignore[attr-defined]
        target=_answer, args=(sender, task), daemon=True, name=SCAN
    )
    child.start()
    sender.close()
    start = time.perf_counter()
    try:
        outcome = _waited(receiver, child, task, limits, start)
    finally:
        child.kill()
        child.join()
        receiver.close()
    if outcome is None:
        code = child.exitcode or 0
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        outcome = _gone(task, "died", f"its process ended by {how}")
    return replace(outcome, seconds=time.perf_counter() - start)


def end_all() -> None:
    """End the scans that this process watches over."""
    for child in multiprocessing.active_children():
        if child.name == SCAN:
            child.kill()


def _context() -> BaseContext:
    for name in ONE_THREAD:
        os.environ.setdefault(name, "1")
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    # What every scan needs, and what the command was started from: each process runs the main
    # module again, but what that imports is there already.
    ours = sorted(name for name in sys.modules if name.startswith("enthesis."))
    context.set_forkserver_preload([*ours, "enthesis.pipeline.batch_preload"])
    return context


def _waited(
    receiver: Connection, child: Any, task: Task, limits: Limits, start: float
) -> Outcome | None:
    """What the process says; None if it ended without a word."""
    psutil = optional("psutil", extra="batch", purpose="watching over the memory of a scan")
    try:
        process_seen = psutil.Process(child.pid)
    except psutil.NoSuchProcess:
        process_seen = None
    peak = 0.0
    while not receiver.poll(LOOK_SECONDS):
        if time.perf_counter() - start > limits.seconds:
            return _gone(task, "timed out", f"not done after {limits.seconds:g} s", peak)
        try:
            held = process_seen.memory_info().rss / BYTES_PER_MB if process_seen else 0.0
        except psutil.Error:
            continue
        peak = max(peak, held)
        if held > limits.memory_mb:
            reason = f"it held {held:.0f} MB, more than the {limits.memory_mb:.0f} MB of one scan"
            return _gone(task, "out of memory", reason, peak)
    try:
        outcome: Outcome = receiver.recv()
    except EOFError:
        child.join()
        return None
    return outcome


def _gone(task: Task, status: Any, reason: str, peak_mb: float = float("nan")) -> Outcome:
    return Outcome(number=task.case.number, status=status, reason=reason, peak_mb=peak_mb)


def _answer(sender: Connection, task: Task) -> None:
    """What runs in the process."""
    # The one who watches decides when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    outcome = process(task)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    per_mb = BYTES_PER_MB if sys.platform == "darwin" else KIB_PER_MB
    sender.send(replace(outcome, peak_mb=peak / per_mb))


def _end_with_parent() -> None:
    """Nobody waits for a scan whose batch was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
