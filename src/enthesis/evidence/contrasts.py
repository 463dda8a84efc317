"""Linear combinations of named coefficients, from matrices, tables, names or positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from enthesis.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


def contrast_matrix(
    names: tuple[str, ...], matrix: ArrayLike | pd.DataFrame
) -> tuple[tuple[str, ...], Floats]:
    """Names (q,) and weights (q, p) of linear combinations of named coefficients."""
    if isinstance(matrix, pd.DataFrame):
        unknown = [str(c) for c in matrix.columns if c not in names]
        if unknown:
            raise InputError(
                f"no coefficient named {', '.join(unknown)}; this fit has: {', '.join(names)}"
            )
        C = matrix.reindex(columns=list(names), fill_value=0.0).to_numpy(dtype=float)
        labels = tuple(str(label) for label in matrix.index)
    else:
        C = np.atleast_2d(np.asarray(matrix, dtype=float))
        labels = tuple(_combination(row, names) for row in C) if C.shape[1] == len(names) else ()
    if C.ndim != 2 or C.shape[1] != len(names):
        raise InputError(
            f"a contrast needs {len(names)} weights, one per coefficient, but got a matrix of "
            f"shape {C.shape}; the coefficients are: {', '.join(names)}"
        )
    if not np.isfinite(C).all():
        raise InputError("the weights of a contrast must be finite, but some are not; set them")
    return labels, C


def constraint_matrix(names: tuple[str, ...], constraints: Any) -> tuple[tuple[str, ...], Floats]:
    """The same from one or several coefficients by name or position, or from a matrix."""
    if isinstance(constraints, str | int | np.integer):
        constraints = [constraints]
    if getattr(constraints, "ndim", 1) == 2 or not _names_or_positions(constraints):
        return contrast_matrix(names, constraints)
    wanted = list(constraints)
    if not wanted:
        raise InputError("a Wald test needs at least one coefficient to set to zero; name some")
    unknown = [
        c for c in wanted if (c not in names if isinstance(c, str) else not _is_at(c, names))
    ]
    if unknown:
        raise InputError(
            f"no coefficient {', '.join(map(repr, unknown))}; this fit has "
            f"{', '.join(names)} (positions 0 to {len(names) - 1})"
        )
    at = [names.index(c) if isinstance(c, str) else int(c) for c in wanted]
    return tuple(names[i] for i in at), np.eye(len(names))[at]


def _names_or_positions(constraints: Any) -> bool:
    return all(isinstance(c, str | int | np.integer) for c in constraints)


def _is_at(position: int, names: tuple[str, ...]) -> bool:
    return 0 <= position < len(names)


def _combination(weights: Floats, names: tuple[str, ...]) -> str:
    """A readable name: "x − y", "2·x + y"."""
    text = ""
    for weight, name in zip(weights, names, strict=True):
        if weight == 0:
            continue
        sign = (" − " if text else "−") if weight < 0 else (" + " if text else "")
        text += sign + (name if abs(weight) == 1 else f"{abs(weight):g}·{name}")
    return text or "0"
