"""Covariance of correlated random effects: CS, HCS, UN, DIAG, AR, HAR and CAR.

Each structure is smooth in its working parameters, up to their bounds, so that a maximum on the
boundary is found: standard deviations where a correlation multiplies them, a Cholesky factor for
UN. Variances and correlations, which a reader wants, follow from these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from enthesis.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from enthesis.evidence.random_terms import InnerOuter

    Floats = NDArray[np.float64]
    Ints = NDArray[np.intp]

Struct = Literal["CS", "HCS", "UN", "DIAG", "AR", "HAR", "CAR"]
STRUCTS: tuple[Struct, ...] = ("CS", "HCS", "UN", "DIAG", "AR", "HAR", "CAR")

LEAST_CONTINUOUS = 1e-8
"""Lower bound of a continuous-time autocorrelation, whose derivative is infinite at zero."""


class Structure(Protocol):
    """Covariance of inner levels as a function of working parameters."""

    @property
    def lower(self) -> Floats:
        """Lower bounds of the working parameters."""
        ...

    @property
    def upper(self) -> Floats:
        """Upper bounds of the working parameters."""
        ...

    def start(self, variance: float, correlation: float) -> Floats:
        """Working parameters at which all effects have this variance and correlation."""
        ...

    def scale(self, variance: float) -> Floats:
        """What counts as a large value of each working parameter."""
        ...

    def covariance(self, at: Floats, a: Ints, b: Ints) -> Floats:
        """Covariance of inner levels (or times) a and b."""
        ...

    def gradient(self, at: Floats, a: Ints, b: Ints) -> list[Floats]:
        """Its derivative in each working parameter."""
        ...

    def curvature(self, at: Floats, /, a: Ints, b: Ints) -> dict[tuple[int, int], Floats]:
        """Its second derivatives that are not zero."""
        ...

    def reported(self, at: Floats) -> tuple[list[str], Floats, list[bool]]:
        """Names, values, and which are correlations."""
        ...

    def jacobian(self, at: Floats) -> Floats:
        """Derivative of the reported parameters in the working ones."""
        ...


def structure(term: InnerOuter, kind: str) -> Structure:
    """The structure of this name for this term's inner levels.

    Raises
    ------
    InputError : an unknown name, or times that are no numbers.
    """
    if kind not in STRUCTS:
        raise InputError(f"struct must be one of {', '.join(STRUCTS)}; got {kind!r}")
    if kind == "UN" and len(term.labels) > 2:
        return Unstructured(term.labels)
    if kind == "CAR":
        if np.isnan(term.times).any():
            raise InputError(f"CAR needs numeric times before the bar in {term.name!r}")
        if term.times.size == 1:
            raise InputError(f"CAR needs more than one time before the bar in {term.name!r}")
        return Patterned(term.labels, "autoregressive", False, tuple(term.times))
    pattern: Literal["none", "compound", "autoregressive"] = "compound"
    if kind == "DIAG":
        pattern = "none"
    elif kind in ("AR", "HAR"):
        pattern = "autoregressive"
    # an unstructured matrix of two levels is the heterogeneous compound one
    heterogeneous = kind in ("HCS", "HAR", "DIAG", "UN")
    return Patterned(term.labels, pattern, heterogeneous, None)


@dataclass(frozen=True, slots=True)
class Patterned:
    """Standard deviations times a correlation that one parameter describes.

    Parameters
    ----------
    labels : inner levels
    pattern : "none" for DIAG, "compound" for CS and HCS, "autoregressive" for AR, HAR and CAR
    heterogeneous : one variance per inner level, else one for all
    times : of the inner levels under CAR, None where levels are one apart
    """

    labels: tuple[str, ...]
    pattern: Literal["none", "compound", "autoregressive"]
    heterogeneous: bool
    times: tuple[float, ...] | None

    @property
    def _n_scales(self) -> int:
        return len(self.labels) if self.heterogeneous else 1

    @property
    def _correlated(self) -> bool:
        return self.pattern != "none"

    @property
    def _roots(self) -> bool:
        """Whether the scales are standard deviations rather than variances."""
        return self.heterogeneous and self._correlated

    @property
    def lower(self) -> Floats:
        """Variances from 0; a compound correlation from -1 / (m - 1), the least of m levels."""
        if self.times is not None:
            return self._all(0.0, LEAST_CONTINUOUS)
        compound = self.pattern == "compound" and len(self.labels) > 1
        return self._all(0.0, -1.0 / (len(self.labels) - 1) if compound else -1.0)

    @property
    def upper(self) -> Floats:
        """Variances without end; correlations to 1."""
        return self._all(np.inf, 1.0)

    def start(self, variance: float, correlation: float) -> Floats:
        """Equal variances; a correlation within its bounds."""
        value = np.sqrt(variance) if self._roots else variance
        return np.maximum(self._all(value, correlation), 0.9 * self.lower)

    def scale(self, variance: float) -> Floats:
        """The variance itself; 1 for a correlation."""
        return self._all(np.sqrt(variance) if self._roots else variance, 1.0)

    def covariance(self, at: Floats, a: Ints, b: Ints) -> Floats:
        """Scale of a times scale of b times their correlation."""
        scales = at[: self._n_scales]
        return self._product(scales, a, b) * self._correlation(at, a, b, 0)

    def gradient(self, at: Floats, a: Ints, b: Ints) -> list[Floats]:
        """In each scale, then in the correlation."""
        correlation = self._correlation(at, a, b, 0)
        parts = [slope * correlation for slope in self._scale_slopes(at, a, b)]
        if self._correlated:
            parts.append(self._product(at[: self._n_scales], a, b) * self._correlation(at, a, b, 1))
        return parts

    def curvature(self, at: Floats, a: Ints, b: Ints) -> dict[tuple[int, int], Floats]:
        """Second derivatives in scales and correlation."""
        found: dict[tuple[int, int], Floats] = {}
        n = self._n_scales
        correlation = self._correlation(at, a, b, 0)
        if self._roots:
            for i in range(n):
                for j in range(i, n):
                    met = (a == i) * (b == j) * 1.0 + (a == j) * (b == i)
                    found[i, j] = met * correlation
        if self._correlated:
            slope = self._correlation(at, a, b, 1)
            for i, part in enumerate(self._scale_slopes(at, a, b)):
                found[i, n] = part * slope
            found[n, n] = self._product(at[:n], a, b) * self._correlation(at, a, b, 2)
        return found

    def reported(self, at: Floats) -> tuple[list[str], Floats, list[bool]]:
        """Variances, then the correlation."""
        n = self._n_scales
        names = [f"tau2[{label}]" for label in self.labels] if self.heterogeneous else ["tau2"]
        variances = at[:n] ** 2 if self._roots else at[:n]
        if not self._correlated:
            return names, variances.copy(), [False] * n
        name = "rho" if self.times is None or self.pattern == "compound" else "phi"
        return [*names, name], np.r_[variances, at[n]], [False] * n + [True]

    def jacobian(self, at: Floats) -> Floats:
        """Variances are squares of standard deviations where those are the scales."""
        n = self._n_scales
        slopes = 2.0 * at[:n] if self._roots else np.ones(n)
        return np.diag(np.r_[slopes, [1.0] * self._correlated])

    def _all(self, scale: float, correlation: float) -> Floats:
        """The same value for every scale, and one for the correlation if there is one."""
        return np.array([scale] * self._n_scales + [correlation] * self._correlated)

    def _product(self, scales: Floats, a: Ints, b: Ints) -> Floats:
        if not self.heterogeneous:
            return np.full(np.broadcast_shapes(a.shape, b.shape), scales[0])
        if self._roots:
            return scales[a] * scales[b]
        return np.where(a == b, scales[a], 0.0)

    def _scale_slopes(self, at: Floats, a: Ints, b: Ints) -> list[Floats]:
        if not self.heterogeneous:
            return [np.ones(np.broadcast_shapes(a.shape, b.shape))]
        if not self._roots:
            return [((a == i) & (b == i)) * 1.0 for i in range(self._n_scales)]
        scales = at[: self._n_scales]
        return [(a == i) * scales[b] + scales[a] * (b == i) for i in range(self._n_scales)]

    def _correlation(self, at: Floats, a: Ints, b: Ints, order: int) -> Floats:
        """The correlation, or its first or second derivative in the parameter."""
        if not self._correlated:
            return np.ones(np.broadcast_shapes(a.shape, b.shape))
        rho = at[-1]
        if self.pattern == "compound":
            same = a == b
            off = (rho, 1.0, 0.0)[order]
            return np.where(same, 1.0 if order == 0 else 0.0, off)
        if self.times is None:
            lag = np.abs(a - b).astype(float)
        else:
            times = np.asarray(self.times)
            lag = np.abs(times[a] - times[b])
        factor = (np.ones_like(lag), lag, lag * (lag - 1.0))[order]
        power = np.where(factor == 0.0, 0.0, lag - order)
        raised = np.sign(rho) ** power * np.abs(rho) ** power if rho else power == 0.0
        return np.asarray(factor * raised)


@dataclass(frozen=True, slots=True)
class Unstructured:
    """Any positive semi-definite matrix, as a lower Cholesky factor."""

    labels: tuple[str, ...]

    @property
    def _at(self) -> tuple[Ints, Ints]:
        return np.tril_indices(len(self.labels))

    @property
    def lower(self) -> Floats:
        """The diagonal of the factor from 0."""
        i, j = self._at
        return np.where(i == j, 0.0, -np.inf)

    @property
    def upper(self) -> Floats:
        """Unbounded."""
        return np.full(self._at[0].size, np.inf)

    def start(self, variance: float, correlation: float) -> Floats:
        """Equal variances, and correlations that are as negative as their number allows."""
        m = len(self.labels)
        equal = np.full((m, m), max(correlation, -0.5 / (m - 1)))
        np.fill_diagonal(equal, 1.0)
        return np.asarray(np.linalg.cholesky(variance * equal)[self._at], dtype=float)

    def scale(self, variance: float) -> Floats:
        """The standard deviation."""
        return np.full(self._at[0].size, np.sqrt(variance))

    def matrix(self, at: Floats) -> Floats:
        """The covariance matrix of the inner levels."""
        factor = self._factor(at)
        return factor @ factor.T

    def factored(self, matrix: Floats) -> Floats:
        """Working parameters of a positive semi-definite matrix."""
        values, vectors = np.linalg.eigh(matrix)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        upper: Floats = np.asarray(np.linalg.qr(root.T, mode="r"), dtype=float)
        factor = (upper * np.where(np.diag(upper) < 0.0, -1.0, 1.0)[:, None]).T
        return np.asarray(factor[self._at], dtype=float)

    def covariance(self, at: Floats, a: Ints, b: Ints) -> Floats:
        """Looked up in the matrix."""
        return self.matrix(at)[a, b]

    def gradient(self, at: Floats, a: Ints, b: Ints) -> list[Floats]:
        """∂(LL') in each element of L."""
        factor, m = self._factor(at), len(self.labels)
        parts = []
        for i, j in zip(*self._at, strict=True):
            table = np.zeros((m, m))
            table[i] += factor[:, j]
            table[:, i] += factor[:, j]
            parts.append(table[a, b])
        return parts

    def curvature(self, _: Floats, a: Ints, b: Ints) -> dict[tuple[int, int], Floats]:
        """Two elements of one column of L multiply each other."""
        found: dict[tuple[int, int], Floats] = {}
        m = len(self.labels)
        places = list(zip(*self._at, strict=True))
        for x, (i, j) in enumerate(places):
            for y in range(x, len(places)):
                other, column = places[y]
                if column == j:
                    table = np.zeros((m, m))
                    table[i, other] += 1.0
                    table[other, i] += 1.0
                    found[x, y] = table[a, b]
        return found

    def reported(self, at: Floats) -> tuple[list[str], Floats, list[bool]]:
        """Variances, then correlations of pairs (1, 2), (1, 3) and so on."""
        m = len(self.labels)
        matrix = self.matrix(at)
        root = np.sqrt(np.diag(matrix))
        upper = np.triu_indices(m, 1)
        with np.errstate(invalid="ignore"):
            correlations = (matrix / np.outer(root, root))[upper]
        names = [f"tau2[{label}]" for label in self.labels]
        names += [f"rho[{self.labels[i]}, {self.labels[j]}]" for i, j in zip(*upper, strict=True)]
        values = np.r_[np.diag(matrix), correlations]
        return names, values, [False] * m + [True] * correlations.size

    def jacobian(self, at: Floats) -> Floats:
        """Through G = LL' and ρ = G_ij / √(G_ii G_jj)."""
        m = len(self.labels)
        matrix = self.matrix(at)
        variances = np.diag(matrix)
        root = np.sqrt(variances)
        a, b = np.meshgrid(np.arange(m), np.arange(m), indexing="ij")
        upper = np.triu_indices(m, 1)
        columns = []
        for slope in self.gradient(at, a, b):
            own = np.diag(slope)
            with np.errstate(invalid="ignore", divide="ignore"):
                relative = own / variances
                correlation = slope / np.outer(root, root) - 0.5 * matrix / np.outer(root, root) * (
                    relative[:, None] + relative[None, :]
                )
            columns.append(np.r_[own, correlation[upper]])
        return np.stack(columns, axis=1)

    def _factor(self, at: Floats) -> Floats:
        m = len(self.labels)
        factor = np.zeros((m, m))
        factor[self._at] = at
        return factor
