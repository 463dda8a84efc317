"""Real scans that a maintainer keeps beside the package; none is in the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

VARIABLE = "ENTHESIS_TEST_DATA"


def real(path: str) -> Path:
    """A file or folder of the real data; the test skips where the data are not at hand."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        pytest.skip(f"{VARIABLE} is not set: the real scans are not at hand")
    found = Path(folder) / path
    if not found.exists():
        pytest.fail(f"{path} is missing from the folder that {VARIABLE} names")
    return found
