"""One scan of a batch: measured once, written whole, and known again by what went into it.

A task is paths in and a small record out. Its result is a folder that appears at once, under a key
made of the contents of its inputs, the protocol and the version: nothing about a file's name or
place is kept, because scans are often named after patients.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from enthesis import __version__
from enthesis.errors import EnthesisError
from enthesis.pipeline.batch_cases import Case
from enthesis.pipeline.measure_files import measure_files
from enthesis.pipeline.outputs import json_text, sha256

Status = Literal[
    "measured", "kept", "unusable", "failed", "timed out", "out of memory", "died", "disk full"
]

DONE: tuple[Status, ...] = ("measured", "kept")
"""Of scans whose numbers are there, made now or by an earlier run."""

KEPT = frozenset({"measured", "unusable"})
"""Answers that the same inputs would give again; all others are tried again by the next run."""

CASES, SEEN = "cases", "seen"
RECORD = "case.json"

KEY_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A case with all that its numbers depend on.

    Parameters
    ----------
    case : the scan
    output : folder of the whole batch
    scheme : of label maps that name none
    protocol : name or file of the protocol; empty for the default
    reference : file of reference values; empty for none
    """

    case: Case
    output: str
    scheme: str = "totalsegmentator"
    protocol: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a case.

    Parameters
    ----------
    number : of the case
    key : of its folder; empty where not even the inputs could be read
    status : see `Status`
    reason : one sentence, where it was not measured
    seconds : it took
    peak_mb : most memory it held, MB; NaN where it was not watched
    n_measurements : how many numbers
    """

    number: int
    status: Status
    key: str = ""
    reason: str = ""
    seconds: float = 0.0
    peak_mb: float = float("nan")
    n_measurements: int = 0

    @property
    def done(self) -> bool:
        """Whether its measurements are there."""
        return self.status in DONE


def process(task: Task) -> Outcome:
    """Measure one case, unless the same one was measured before; never raises for a bad scan."""
    start = time.perf_counter()
    try:
        before = known(task)
        if before is not None:
            return before
        key = _key(task)
        outcome = _recorded(task, key)
        if outcome is None:
            outcome = _measured(task, key)
        _remember(task, key)
    except Exception as error:
        outcome = _failure(task, error)
    return replace(outcome, seconds=time.perf_counter() - start)


def known(task: Task) -> Outcome | None:
    """What an earlier run said of this case, if its files have not been touched since."""
    try:
        key = (Path(task.output) / SEEN / _stamp(task)).read_text(encoding="ascii")
    except OSError:
        return None
    return _recorded(task, key)


def is_full(error: BaseException | None) -> bool:
    """Whether no space was left on the disk, or none of the user's share of it."""
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}


def case_folder(output: Path, key: str) -> Path:
    """Where a case's results are."""
    return output / CASES / key


def _recorded(task: Task, key: str) -> Outcome | None:
    record = _whole_record(case_folder(Path(task.output), key))
    if record is None:
        return None
    status: Status = "kept" if record["status"] == "measured" else record["status"]
    return Outcome(
        number=task.case.number,
        key=key,
        status=status,
        reason=record["reason"],
        seconds=record["seconds"],
        n_measurements=record["n_measurements"],
    )


def _whole_record(folder: Path) -> dict[str, Any] | None:
    """The record of a case whose files are all there.

    A power cut may leave files that exist and are empty, so their sizes are compared.
    """
    try:
        record: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        whole = record["bytes"] == _sizes(folder)
    except (OSError, ValueError, KeyError):
        return None
    return record if whole else None


def _sizes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in folder.iterdir() if path.name != RECORD}


def _measured(task: Task, key: str) -> Outcome:
    case, root = task.case, Path(task.output) / CASES
    root.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    staging = Path(tempfile.mkdtemp(prefix=f".{key}.", dir=root))
    status: Status = "measured"
    reason, n = "", 0
    try:
        try:
            n = _measure(task, key, staging)
        except EnthesisError as error:
            if isinstance(error.__cause__, OSError):
                # The disk or the network, not the scan: the next run may have better luck.
                raise
            _empty(staging)
            status, reason = "unusable", _without_paths(str(error), task)
        record = {
            "status": status,
            "reason": reason,
            "seconds": time.perf_counter() - start,
            "n_measurements": n,
            "enthesis": __version__,
            "bytes": _sizes(staging),
        }
        (staging / RECORD).write_text(json_text(record), encoding="utf-8")
        _publish(staging, case_folder(Path(task.output), key))
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return Outcome(number=case.number, key=key, status=status, reason=reason, n_measurements=n)


def _measure(task: Task, key: str, staging: Path) -> int:
    """Write the results of a case; how many numbers they are."""
    case = task.case
    result = measure_files(
        Path(case.image),
        Path(case.labels) if case.labels else None,
        scheme=case.scheme or task.scheme,
        series=case.series or None,
        holds=case.holds or None,
        output=staging,
        # Without a code of its own a scan goes by its key, so that rows stay apart.
        subject=replace(case.subject, id=case.subject.id or key),
        session=case.session,
        protocol=task.protocol or None,
        reference=Path(task.reference) if task.reference else None,
    )
    return len(result.measurements)


def _publish(staging: Path, folder: Path) -> None:
    staging.chmod(0o755)
    # A folder that is not whole is what a power cut or a failed removal left.
    if folder.exists() and _whole_record(folder) is None:
        shutil.rmtree(folder)
    try:
        staging.rename(folder)
    except OSError as error:
        # Another task had the very same inputs and was quicker: its result is this one's too.
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _failure(task: Task, error: Exception) -> Outcome:
    if is_full(error) or is_full(error.__cause__):
        return Outcome(
            number=task.case.number, status="disk full", reason="no space left for the results"
        )
    if isinstance(error, MemoryError):
        return Outcome(
            number=task.case.number, status="out of memory", reason="the scan needs more memory"
        )
    unreadable = isinstance(error, EnthesisError | OSError)
    if isinstance(error, OSError):
        reason = f"a file of it cannot be read: {error.strerror}"
    else:
        reason = str(error) if unreadable else f"{type(error).__name__}: {error}"
    return Outcome(
        number=task.case.number,
        status="unusable" if unreadable else "failed",
        reason=_without_paths(reason, task),
    )


def _without_paths(text: str, task: Task) -> str:
    """A message without the places and names of files, which may be a patient's."""
    for role in ("image", "labels"):
        given = getattr(task.case, role)
        if not given:
            continue
        path = Path(given)
        inside = sorted(path.rglob("*")) if path.is_dir() else []
        for one, word in ((path, f"the {role}"), *((file, "a file") for file in inside)):
            # The longest first: what is left of a replaced part would give the rest away.
            for name in (str(one.resolve()), str(one), one.name):
                text = text.replace(repr(name), word).replace(name, word)
    return text.replace(task.output, "the output")


def _remember(task: Task, key: str) -> None:
    seen = Path(task.output) / SEEN
    seen.mkdir(exist_ok=True)
    stamp = seen / _stamp(task)
    partial = seen / f".{stamp.name}.{os.getpid()}"
    try:
        partial.write_text(key, encoding="ascii")
        partial.replace(stamp)
    finally:
        partial.unlink(missing_ok=True)


def _stamp(task: Task) -> str:
    """Identity of the files without reading them: place on the disk, size, time of change."""
    return _digest({role: _stats(path) for role, path in _inputs(task).items()}, task)


def _key(task: Task) -> str:
    """Identity of what is in the files."""
    return _digest({role: sha256(path) for role, path in _inputs(task).items()}, task)


def _digest(inputs: dict[str, Any], task: Task) -> str:
    case = asdict(task.case)
    facts = {name: case[name] for name in ("series", "session", "holds", "subject")}
    scheme = task.case.scheme or task.scheme
    if "scheme" not in inputs:
        facts["scheme"] = scheme
    if "protocol" not in inputs:
        facts["protocol"] = task.protocol
    text = json.dumps([__version__, inputs, facts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]


def _inputs(task: Task) -> dict[str, Path]:
    roles = {
        "image": task.case.image,
        "labels": task.case.labels,
        "scheme": task.case.scheme or task.scheme,
        "protocol": task.protocol,
        "reference": task.reference,
    }
    # Schemes and protocols are names as often as files; a reference is a file.
    return {
        role: Path(text)
        for role, text in roles.items()
        if text and (role not in {"scheme", "protocol"} or Path(text).is_file())
    }


def _stats(path: Path) -> list[tuple[int, int, int]]:
    files = [path] if not path.is_dir() else sorted(path.rglob("*"))
    found = [file.stat() for file in files]
    return [(one.st_ino, one.st_size, one.st_mtime_ns) for one in found]
