"""Validators of DICOM files by other hands, where they are installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def errors_of_dciodvfy(path: Path) -> list[str]:
    """What dicom3tools' dciodvfy calls an error; the test skips where it is not installed."""
    said = _run("dciodvfy", path)
    return [line for line in said.splitlines() if line.startswith(("Error", "Abort"))]


def printed_by(tool: str, path: Path) -> str:
    """What a dcmtk tool prints of a file it accepts; the test skips where it is not installed."""
    return _run(tool, path, check=True)


def _run(tool: str, path: Path, *, check: bool = False) -> str:
    program = shutil.which(tool)
    if program is None:
        pytest.skip(f"{tool} is not installed")
    done = subprocess.run([program, str(path)], capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done.stdout + done.stderr
