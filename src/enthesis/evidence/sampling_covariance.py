"""Covariance of the sampling errors of effects that share subjects, kept block by block."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from enthesis.errors import InputError
from enthesis.evidence.blocks import Batch, rows_by_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.intp]

SMALLEST_EIGENVALUE = 1e-10
"""A correlation matrix counts as positive definite above this, about k times rounding."""

NEAREST_STEPS = 1000
"""Alternating projections converge linearly; a few hundred suffice for blocks of hundreds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingCovariance:
    """The matrix V of a multilevel model, block-diagonal by cluster and never formed whole.

    Parameters
    ----------
    variances : (k,) the diagonal
    clusters : (k,) block of each row, 0..n-1
    labels : one per block
    correlation : the one correlation within blocks, None where they hold their own matrices
    batches : rows and matrices of the blocks, by size; empty with one correlation
    notes : what was changed or is doubtful
    """

    variances: Floats
    clusters: Ints
    labels: tuple[str, ...]
    correlation: float | None
    batches: tuple[Batch, ...] = ()
    notes: tuple[str, ...] = ()

    def diagonal(self) -> Floats:
        """Sampling variance of each effect, (k,)."""
        return self.variances

    def dense(self, rows: Ints) -> Floats:
        """The sub-matrix V[rows][:, rows], (n, n); a stack (m, n) of rows gives (m, n, n)."""
        own = rows[..., :, None] == rows[..., None, :]
        matrix = np.where(own, self.variances[rows][..., None], 0.0)
        if self.correlation is not None:
            codes, root = self.clusters[rows], np.sqrt(self.variances[rows])
            shared = (codes[..., :, None] == codes[..., None, :]) & ~own
            product = self.correlation * root[..., :, None] * root[..., None, :]
            return np.where(shared, product, matrix)
        place = np.empty(self.variances.size, dtype=np.intp)
        for batch in self.batches:
            place[:] = -1
            place[batch.rows] = np.arange(batch.rows.size).reshape(batch.rows.shape)
            seated = place[rows] >= 0
            block, inside = np.divmod(place[rows], batch.rows.shape[1])
            both = seated[..., :, None] & (block[..., :, None] == block[..., None, :])
            values = batch.matrices[block[..., :, None], inside[..., :, None], inside[..., None, :]]
            matrix = np.where(both, values, matrix)
        return matrix

    def to_array(self) -> Floats:
        """The whole k × k matrix; quadratic in memory, for looking at."""
        return self.dense(np.arange(self.variances.size))

    def take(self, rows: Ints) -> SamplingCovariance:
        """The covariance of some of the rows, in the order given."""
        clusters = self.clusters[rows]
        kept, codes = np.unique(clusters, return_inverse=True)
        smaller = replace(
            self,
            variances=self.variances[rows],
            clusters=codes.astype(np.intp),
            labels=tuple(self.labels[c] for c in kept),
        )
        if self.correlation is not None:
            return smaller
        by_cluster: dict[int, tuple[Ints, Floats]] = {}
        for batch in self.batches:
            names = self.clusters[batch.rows[:, 0]]
            by_cluster |= {
                int(c): (r, m) for c, r, m in zip(names, batch.rows, batch.matrices, strict=True)
            }
        batches = []
        for members in rows_by_size(smaller.clusters):
            matrices = np.empty((*members.shape, members.shape[1]))
            for i, block in enumerate(members):
                old, matrix = by_cluster[int(clusters[block[0]])]
                seat = np.argsort(old)[np.searchsorted(np.sort(old), rows[block])]
                matrices[i] = matrix[np.ix_(seat, seat)]
            batches.append(Batch(members, matrices))
        return replace(smaller, batches=tuple(batches))


def sampling_covariance(
    effects: pd.DataFrame,
    *,
    cluster: str,
    rho: float | Sequence[float] | pd.DataFrame = 0.7,
    type: str | None = None,  # noqa: A002 the field's word, as in metafor's vcalc
    obs: str | None = None,
    time: str | None = None,
    phi: float | None = None,
    groups: tuple[str, str] | None = None,
    sizes: tuple[str, str] | None = None,
    subgroup: str | None = None,
    smooth_vi: bool = False,
    nearest: bool = False,
    vi: str = "vi",
) -> SamplingCovariance:
    """Covariance of sampling errors from variances and assumed correlations within clusters.

    The correlation of two effects of one cluster is the product of what each option says; with
    none of `type`, `obs`, `time`, `groups` it is `rho`.

    Parameters
    ----------
    effects : a row per effect
    cluster : column whose levels are independent of one another, such as the study
    rho : with `obs` or neither, the correlation of different observations; with `type`, of
        different types (or a labelled correlation matrix of the types); with both, a pair: of
        different observations of the same type, and of different types
    type : column with the construct or outcome measured
    obs : column with the observation of that construct
    time : column with the time of measurement, unit of `phi`'s lag
    phi : autocorrelation at lag 1; needed with `time`, the correlation is phi^|lag|
    groups : columns naming the first and the second group of each contrast; effects that share
        a group, such as a common control, correlate
    sizes : columns with the sizes of the two groups; equal groups without them
    subgroup : column; effects of different subgroups of a cluster are independent
    smooth_vi : replace the variances by their mean within the cluster
    nearest : replace blocks that are not positive definite by the nearest one that is, keeping
        the variances; said in `notes`
    vi : column with the sampling variances

    Returns
    -------
    SamplingCovariance, accepted as `V` by `multilevel`; `notes` says where it is not positive
    definite.

    Raises
    ------
    InputError : a missing column, a correlation outside [-1, 1], a missing cluster.

    References
    ----------
    Gleser LJ, Olkin I 2009, Stochastically dependent effect sizes, in The Handbook of Research
    Synthesis and Meta-Analysis; Pustejovsky JE, Tipton E 2022, doi:10.1007/s11121-021-01246-3;
    Higham NJ 2002, doi:10.1093/imanum/22.3.329 (nearest correlation matrix).
    """
    named = [cluster, vi, type, obs, time, subgroup, *(groups or ()), *(sizes or ())]
    for column in named:
        if column is not None and column not in effects:
            known = ", ".join(map(str, effects.columns))
            raise InputError(f"no column {column!r} in the effects; it has: {known}")
    if time is not None and phi is None:
        raise InputError("time needs phi, the autocorrelation at lag 1; got phi=None")
    variances = effects[vi].to_numpy(dtype=float)
    keys = [cluster] if subgroup is None else [cluster, subgroup]
    for key in keys:
        if effects[key].isna().any():
            row = effects.index[effects[key].isna()][0]
            raise InputError(f"{key!r} is missing in row {row!r}; every effect needs one")
    codes, labels = _groups(effects, keys)
    if smooth_vi:
        variances = _smoothed(variances, pd.factorize(effects[cluster])[0])
    result = SamplingCovariance(
        variances=variances, clusters=codes, labels=labels, correlation=None
    )
    plain = type is None and time is None and groups is None
    if plain and (obs is None or not effects.duplicated([*keys, obs]).any()):
        result = replace(result, correlation=_correlation(rho, "rho"))
    else:
        between = _Correlations(effects, rho, type, obs, time, phi, groups, sizes)
        root = np.sqrt(variances)
        batches = []
        for rows in rows_by_size(codes):
            matrices = between.blocks(rows) * root[rows][:, :, None] * root[rows][:, None, :]
            diagonal = np.arange(rows.shape[1])
            matrices[:, diagonal, diagonal] = variances[rows]
            batches.append(Batch(rows, matrices))
        result = replace(result, batches=tuple(batches))
    return _definite(result, nearest=nearest)


def as_sampling_covariance(V: ArrayLike | Sequence[ArrayLike], k: int) -> SamplingCovariance:
    """A matrix (k, k) or a sequence of square blocks in row order, as blocks.

    Raises
    ------
    InputError : not square, not symmetric, or not covering k rows.
    """
    blocks = _block_list(V)
    sizes = [block.shape[0] for block in blocks]
    if sum(sizes) != k:
        raise InputError(
            f"V covers {sum(sizes)} rows, but there are {k} effects; give one variance per row "
            "or blocks that add up to the rows of the table"
        )
    starts = np.cumsum([0, *sizes])
    codes = np.empty(k, dtype=np.intp)
    count = 0
    for start, block in zip(starts, blocks, strict=False):
        gap = np.abs(block - block.T)
        if np.nanmax(gap, initial=0.0) > 1e-8 * np.nanmax(np.abs(block), initial=1e-300):
            a, b = np.unravel_index(int(np.nanargmax(gap)), gap.shape)
            raise InputError(
                f"V must be symmetric; entries ({a}, {b}) and ({b}, {a}) are {block[a, b]:.6g} "
                f"and {block[b, a]:.6g}"
            )
        inside = _components(block)
        codes[start : start + block.shape[0]] = inside + count
        count += int(inside.max()) + 1
    variances = np.concatenate([np.diag(block) for block in blocks])
    batches = []
    home = np.repeat(np.arange(len(blocks)), sizes)
    for rows in rows_by_size(codes):
        matrices = np.empty((*rows.shape, rows.shape[1]))
        for i, members in enumerate(rows):
            seat = members - starts[home[members[0]]]
            matrix = blocks[home[members[0]]][np.ix_(seat, seat)]
            matrices[i] = 0.5 * (matrix + matrix.T)
        batches.append(Batch(rows, matrices))
    return SamplingCovariance(
        variances=variances,
        clusters=codes,
        labels=tuple(map(str, range(1, count + 1))),
        correlation=None,
        batches=tuple(batches),
    )


def indefinite(covariance: SamplingCovariance) -> list[str]:
    """Labels of the blocks that are not positive definite."""
    rho, clusters = covariance.correlation, covariance.clusters
    if rho is not None:
        # eigenvalues of a constant correlation matrix: 1 - rho, and 1 + (n - 1) rho
        sizes = np.bincount(clusters)
        least = np.where(sizes > 1, np.minimum(1.0 - rho, 1.0 + (sizes - 1) * rho), 1.0)
        return [covariance.labels[i] for i in np.flatnonzero(least < SMALLEST_EIGENVALUE)]
    found: list[str] = []
    for batch in covariance.batches:
        known = np.isfinite(batch.matrices).all((1, 2))
        known &= (np.diagonal(batch.matrices, axis1=1, axis2=2) > 0.0).all(1)
        least = np.linalg.eigvalsh(_standardised(batch.matrices[known]))[:, 0]
        rows = batch.rows[known][least < SMALLEST_EIGENVALUE]
        found += [covariance.labels[clusters[r[0]]] for r in rows]
    return found


@dataclass(frozen=True, slots=True)
class _Correlations:
    """What each option says about two effects of one cluster."""

    effects: pd.DataFrame
    rho: float | Sequence[float] | pd.DataFrame
    type: str | None
    obs: str | None
    time: str | None
    phi: float | None
    groups: tuple[str, str] | None
    sizes: tuple[str, str] | None

    def blocks(self, rows: Ints) -> Floats:
        """Correlation matrices of the clusters with these rows, (B, n, n)."""
        result = np.ones((*rows.shape, rows.shape[1]))
        if self.type is not None or self.obs is not None:
            result *= self._constructs(rows)
        if self.time is not None:
            times = self.effects[self.time].to_numpy(dtype=float)[rows]
            assert self.phi is not None
            result *= _correlation(self.phi, "phi") ** np.abs(times[:, :, None] - times[:, None, :])
        if self.groups is not None:
            result *= self._shared_groups(rows)
        return result

    def _constructs(self, rows: Ints) -> Floats:
        same_obs = self._same(self.obs, rows)
        if self.type is None:
            return np.where(same_obs, 1.0, _correlation(self.rho, "rho"))
        same_type = self._same(self.type, rows)
        if isinstance(self.rho, pd.DataFrame):
            names = self.effects[self.type]
            unknown = sorted(set(names) - set(self.rho.index) | set(names) - set(self.rho.columns))
            if unknown:
                raise InputError(f"rho has no row or column for type {unknown[0]!r}")
            at = self.rho.index.get_indexer(pd.Index(names))[rows]
            table = self.rho.loc[:, self.rho.index].to_numpy(dtype=float)
            return table[at[:, :, None], at[:, None, :]]
        if self.obs is None:
            return np.where(same_type, 1.0, _correlation(self.rho, "rho"))
        if np.ndim(self.rho) != 1 or np.size(self.rho) != 2:
            raise InputError(
                "with type and obs, rho is a pair: of different observations of one type, and of "
                f"different types; got {self.rho!r}"
            )
        within, between = (_correlation(value, "rho") for value in np.asarray(self.rho))
        return np.where(same_type, np.where(same_obs, 1.0, within), between)

    def _shared_groups(self, rows: Ints) -> Floats:
        """Correlation of contrasts that share a group: covariance 1/n of the shared group."""
        assert self.groups is not None
        both = pd.concat([self.effects[name] for name in self.groups])
        codes = pd.factorize(both)[0].reshape(2, -1)
        if self.sizes is None:
            n1, n2 = np.ones((2, len(self.effects)))
        else:
            n1, n2 = (self.effects[name].to_numpy(dtype=float) for name in self.sizes)
        # of the variance 1/n1 + 1/n2, the share that each group brings
        shares = np.sqrt(np.stack([n2, n1]) / (n1 + n2))
        total = np.zeros((*rows.shape, rows.shape[1]))
        for a, sign_a in ((0, 1.0), (1, -1.0)):
            for b, sign_b in ((0, 1.0), (1, -1.0)):
                same = codes[a][rows][:, :, None] == codes[b][rows][:, None, :]
                share = shares[a][rows][:, :, None] * shares[b][rows][:, None, :]
                total += np.where(same, sign_a * sign_b * share, 0.0)
        return total

    def _same(self, column: str | None, rows: Ints) -> NDArray[np.bool_]:
        if column is None:
            return np.broadcast_to(np.eye(rows.shape[1], dtype=bool), (*rows.shape, rows.shape[1]))
        codes = pd.factorize(self.effects[column])[0][rows]
        same: NDArray[np.bool_] = codes[:, :, None] == codes[:, None, :]
        return same


def _correlation(value: object, name: str) -> float:
    number = float(value) if np.ndim(value) == 0 else float("nan")  # type: ignore[arg-type]
    if not -1.0 <= number <= 1.0:
        raise InputError(f"{name} must be one correlation from -1 to 1; got {value!r}")
    return number


def _groups(effects: pd.DataFrame, keys: list[str]) -> tuple[Ints, tuple[str, ...]]:
    codes, found = pd.factorize(effects[keys[0]])
    labels = [str(label) for label in found]
    for key in keys[1:]:
        inner, inner_found = pd.factorize(effects[key])
        pairs, codes = np.unique(codes * len(inner_found) + inner, return_inverse=True)
        labels = [
            f"{labels[a]}/{inner_found[b]}"
            for a, b in zip(*np.divmod(pairs, len(inner_found)), strict=True)
        ]
    return codes.astype(np.intp), tuple(labels)


def _smoothed(variances: Floats, codes: Ints) -> Floats:
    known = np.isfinite(variances)
    total = np.bincount(codes[known], variances[known], minlength=int(codes.max()) + 1)
    count = np.bincount(codes[known], minlength=int(codes.max()) + 1)
    mean = total / np.maximum(count, 1)
    return np.where(known, mean[codes], np.nan)


def _definite(covariance: SamplingCovariance, *, nearest: bool) -> SamplingCovariance:
    """Note the blocks that are not positive definite, or replace them where asked to."""
    bad = indefinite(covariance)
    if not bad:
        return covariance
    shown = ", ".join(bad[:10]) + (", …" if len(bad) > 10 else "")
    if not nearest:
        note = f"V is not positive definite in {len(bad)} cluster(s): {shown}"
        return replace(covariance, notes=(note,))
    batches = []
    codes = {covariance.labels.index(label) for label in bad}
    for batch in _as_batches(covariance):
        matrices = batch.matrices.copy()
        for i in np.flatnonzero(np.isin(covariance.clusters[batch.rows[:, 0]], list(codes))):
            root = np.sqrt(np.diag(matrices[i]))
            matrices[i] = _nearest_correlation(matrices[i] / np.outer(root, root)) * np.outer(
                root, root
            )
        batches.append(Batch(batch.rows, matrices))
    note = f"V replaced by the nearest positive definite matrix in {len(bad)} cluster(s): {shown}"
    return replace(covariance, correlation=None, batches=tuple(batches), notes=(note,))


def _as_batches(covariance: SamplingCovariance) -> tuple[Batch, ...]:
    if covariance.correlation is None:
        return covariance.batches
    batches = []
    for rows in rows_by_size(covariance.clusters):
        v = covariance.variances[rows]
        root = np.sqrt(v)
        matrices = covariance.correlation * root[:, :, None] * root[:, None, :]
        diagonal = np.arange(rows.shape[1])
        matrices[:, diagonal, diagonal] = v
        batches.append(Batch(rows, matrices))
    return tuple(batches)


def _nearest_correlation(matrix: Floats) -> Floats:
    """Higham's alternating projections with Dykstra's correction."""
    floor = 1e-8 * matrix.shape[0]
    current, correction = matrix.copy(), np.zeros_like(matrix)
    for _ in range(NEAREST_STEPS):
        shifted = current - correction
        values, vectors = np.linalg.eigh(shifted)
        positive = (vectors * np.maximum(values, floor)) @ vectors.T
        correction = positive - shifted
        previous, current = current, positive.copy()
        np.fill_diagonal(current, 1.0)
        if np.abs(current - previous).max() < 1e-10:
            break
    # a last shrink towards independence removes what the unit diagonal took from the eigenvalues
    least = np.linalg.eigvalsh(current)[0]
    if least < floor:
        share = (floor - least) / (1.0 - least)
        current = (1.0 - share) * current + share * np.eye(current.shape[0])
    return current


def _standardised(matrices: Floats) -> Floats:
    root = np.sqrt(np.diagonal(matrices, axis1=1, axis2=2))
    correlations: Floats = matrices / (root[:, :, None] * root[:, None, :])
    return correlations


def _block_list(V: ArrayLike | Sequence[ArrayLike]) -> list[Floats]:
    if isinstance(V, list | tuple) and np.ndim(V[0]) == 2:
        blocks = [np.asarray(block, dtype=float) for block in V]
    else:
        blocks = [np.asarray(V, dtype=float)]
    for block in blocks:
        if block.ndim != 2 or block.shape[0] != block.shape[1]:
            raise InputError(f"V must be square or a list of square blocks; got {block.shape}")
    return blocks


def _components(block: Floats) -> Ints:
    """Connected components of the non-zero pattern of a symmetric matrix."""
    label = np.arange(block.shape[0])
    linked = (block != 0.0) | np.eye(block.shape[0], dtype=bool)
    while True:
        least = np.where(linked, label, block.shape[0]).min(axis=1)
        least = least[least]
        if np.array_equal(least, label):
            return np.unique(label, return_inverse=True)[1].astype(np.intp)
        label = least
