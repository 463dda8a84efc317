"""Output folders that are whole or absent, and the record of how they were made."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import math
import platform
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from enthesis import __version__
from enthesis.errors import InputError

RECORDED_PACKAGES = ("numpy", "scipy", "pandas", "nibabel", "pydicom", "matplotlib")
"""Packages whose version can change a number or a picture."""

BLOCK_BYTES = 1 << 20

Announce = Callable[[str], None]
"""Takes a few words on what is being done now."""


def silently(_: str) -> None:
    """Announce nothing."""


@contextmanager
def output_folder(path: Path) -> Iterator[Path]:
    """Yield a folder to write into; its files appear under `path` only if all goes well.

    Raises
    ------
    InputError : `path` is a file, or cannot be made.
    """
    if path.exists() and not path.is_dir():
        raise InputError(f"the output {path} is a file; name a folder instead")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise InputError(f"cannot write to {path}: {error.strerror}; choose another") from error
    try:
        yield staging
        _move(staging, path)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def file_name(name: str) -> str:
    """Words for a file's name: letters and digits of any script, in lower case, by underscores."""
    return re.sub(r"\W+", "_", name.lower()).strip("_") or "unnamed"


def provenance(
    command: str, *, inputs: Mapping[str, Path], options: Mapping[str, Any]
) -> dict[str, Any]:
    """How a result came about: version, command, inputs by hash, options, package versions.

    File names stay out, because scans are often named after patients.

    Parameters
    ----------
    command : the door, e.g. "measure"
    inputs : role → file or folder
    options : as given or defaulted
    """
    return {
        "enthesis": __version__,
        "command": command,
        "inputs": {role: {"sha256": sha256(path)} for role, path in inputs.items()},
        "options": dict(options),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in RECORDED_PACKAGES},
    }


def sha256(path: Path) -> str:
    """Hash of a file's bytes, or of all files of a folder whatever their names and order."""
    if path.is_dir():
        parts = sorted(sha256(file) for file in path.rglob("*") if file.is_file())
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def json_text(document: Any) -> str:
    """JSON with two-space indents; NaN and infinities, which JSON lacks, become null."""
    return json.dumps(_plain(document), indent=2, ensure_ascii=False, allow_nan=False)


def _move(staging: Path, path: Path) -> None:
    made = sorted(staging.iterdir())
    try:
        path.mkdir(exist_ok=True)
        # Before the first file is replaced, so that an older result stays whole.
        for file in made:
            if (path / file.name).is_dir() and not file.is_dir():
                raise InputError(f"{path / file.name} is a folder; name another output")
        for file in made:
            if file.is_dir() and (path / file.name).exists():
                # An older series goes as a whole, or its slices would mix with the new ones.
                (path / file.name).replace(staging / f"older {file.name}")
            file.replace(path / file.name)
    except OSError as error:
        raise InputError(f"cannot write to {path}: {error.strerror}; choose another") from error


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
