"""The covariance of the observed effects, answering questions without a k × k matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class MarginalCovariance(Protocol):
    """The model's covariance of the k effects, M = V + what the random effects add.

    Never formed as a k × k matrix: it answers what likelihoods and robust covariances ask.
    """

    def solve(self, rhs: Floats) -> Floats:
        """M⁻¹ rhs; rhs is (k,) or (k, m)."""
        ...

    def logdet(self) -> float:
        """Log-determinant of M."""
        ...

    def diagonal(self) -> Floats:
        """Marginal variance of each effect, (k,)."""
        ...

    def dense(self, rows: NDArray[np.intp]) -> Floats:
        """The sub-matrix M[rows][:, rows], (n, n); a stack (m, n) of rows gives (m, n, n)."""
        ...


@dataclass(frozen=True, slots=True)
class Diagonal:
    """Independent effects: M = diag(variances).

    Parameters
    ----------
    variances : (k,), all positive
    """

    variances: Floats

    def solve(self, rhs: Floats) -> Floats:
        """M⁻¹ rhs; rhs is (k,) or (k, m)."""
        return rhs / (self.variances if rhs.ndim == 1 else self.variances[:, None])

    def logdet(self) -> float:
        """Log-determinant of M."""
        return float(np.log(self.variances).sum())

    def diagonal(self) -> Floats:
        """Marginal variance of each effect, (k,)."""
        return self.variances

    def dense(self, rows: NDArray[np.intp]) -> Floats:
        """The sub-matrix M[rows][:, rows], (n, n); a stack (m, n) of rows gives (m, n, n)."""
        return self.variances[rows][..., None] * np.eye(rows.shape[-1])
