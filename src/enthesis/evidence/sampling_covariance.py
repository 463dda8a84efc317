"""Covariance of the sampling errors of effects that share subjects, from assumed correlations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from enthesis.errors import InputError
from enthesis.evidence.blocks import Batch, rows_by_size
from enthesis.evidence.sampling_blocks import SamplingCovariance, indefinite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.intp]

NEAREST_STEPS = 1000
"""Alternating projections converge linearly; a few hundred suffice for blocks of hundreds."""


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
