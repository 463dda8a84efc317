"""What can go wrong, by cause; every message says what was wanted, what came and what to do."""

from __future__ import annotations

from collections.abc import Sequence


class EnthesisError(Exception):
    """Any failure that this package announces itself."""


class InputError(EnthesisError, ValueError):
    """The input cannot be used as it is: the message names the file, row or value to change."""


class GridError(InputError):
    """Two images that should share one grid of voxels do not."""


class ConvergenceError(EnthesisError):
    """An iterative estimate did not settle.

    Parameters
    ----------
    message : what was being estimated and what to try
    trace : the successive values, so that the user can see how it failed
    """

    def __init__(self, message: str, *, trace: Sequence[float] = ()) -> None:
        super().__init__(message)
        self.trace = tuple(trace)
