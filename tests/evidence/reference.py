"""Numbers from R (metafor, clubSandwich, robumeta) that a maintainer keeps beside the package."""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

VARIABLE = "ENTHESIS_TEST_DATA"


def cases(group: str, matching: str = "", **options: Any) -> list[Any]:
    """Parameters for pytest: a group's cases, by a pattern in their id or by options, or a skip."""
    reference = _reference()
    if reference is None:
        reason = f"{VARIABLE} is not set: the reference numbers from R are not at hand"
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason), id=f"{group}-absent")]
    chosen = [
        case
        for case in reference["cases"]
        if case["group"] == group
        and re.search(matching, case["id"])
        and all(case["options"].get(name) == value for name, value in options.items())
    ]
    return [pytest.param(case, id=case["id"]) for case in chosen]


def table(case: dict[str, Any]) -> pd.DataFrame:
    """The case's data set; null is missing, columns keep R's numbers and strings."""
    return dataset(case["data"])


def dataset(name: str) -> pd.DataFrame:
    """A data set of the reference by its name."""
    reference = _reference()
    if reference is None:
        pytest.skip(f"{VARIABLE} is not set")
    return pd.DataFrame(reference["datasets"][name]["columns"])


def check(case: dict[str, Any], got: dict[str, Any], *, rtol: float | None = None) -> None:
    """Every value of `got` agrees with the case's own, within the case's own tolerance.

    `rtol` replaces the relative tolerance where a note of the case says why.
    """
    relative = case["tolerance"]["rtol"] if rtol is None else rtol
    _compare(case["id"], case["expected"], got, relative, case["tolerance"]["atol"])


def _compare(path: str, wanted: Any, got: Any, rtol: float, atol: float) -> None:
    if isinstance(got, dict):
        for key, value in got.items():
            assert key in wanted, f"{path}: the reference has no {key!r}, only {sorted(wanted)}"
            _compare(f"{path}.{key}", wanted[key], value, rtol, atol)
        return
    if wanted is None:
        assert got is None or not np.isfinite(got), f"{path}: want missing, got {got!r}"
        return
    if isinstance(wanted, str | bool):
        assert got == wanted, f"{path}: want {wanted!r}, got {got!r}"
        return
    if isinstance(wanted, list) and wanted and isinstance(wanted[0], str):
        assert list(got) == wanted, f"{path}: want {wanted!r}, got {list(got)!r}"
        return
    expected = np.array(wanted, dtype=float)
    obtained = np.array(got, dtype=float)
    if expected.size == 1 or obtained.size == 1:
        expected, obtained = expected.ravel(), obtained.ravel()
    assert obtained.shape == expected.shape, f"{path}: shapes {obtained.shape}, {expected.shape}"
    np.testing.assert_allclose(
        obtained, expected, rtol=rtol, atol=atol, equal_nan=True, err_msg=path
    )


@cache
def _reference() -> dict[str, Any] | None:
    folder = os.environ.get(VARIABLE)
    if folder is None:
        return None
    path = Path(folder).parent / "reference" / "evidence" / "reference.json"
    if not path.exists():
        raise FileNotFoundError(f"{VARIABLE} is set to {folder} but {path} is missing")
    reference: dict[str, Any] = json.loads(path.read_text())
    return reference
