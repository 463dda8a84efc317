"""Multilevel and multivariate meta-analysis: dependent effects, pooled with all their levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from enthesis.errors import InputError
from enthesis.evidence import design as design_matrix
from enthesis.evidence import random_terms
from enthesis.evidence.fit import Fit
from enthesis.evidence.likelihood import likelihood
from enthesis.evidence.multilevel_answer import (
    components,
    contained_df,
    heterogeneity,
    marginal,
    omnibus,
    q_and_typical_variance,
)
from enthesis.evidence.multilevel_model import MultilevelModel, multilevel_model
from enthesis.evidence.sampling_blocks import SamplingCovariance, as_sampling_covariance
from enthesis.evidence.tails import chi2_p

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from enthesis.evidence.random_terms import TermSpec
    from enthesis.evidence.structures import Struct

    Floats = NDArray[np.float64]
    Ints = NDArray[np.intp]

METHODS = ("REML", "ML")
TESTS = ("t", "z")
DFS = ("residual", "contain")


@dataclass(frozen=True, slots=True, kw_only=True)
class MultilevelFit(Fit):
    """A fitted multilevel model; everything that `Fit` holds, and its random part.

    Parameters
    ----------
    random : the random terms as written
    multilevel_model : data and covariance, for refits: profiles, intervals, cluster influence
    parameters : working parameters at the maximum
    """

    random: tuple[str, ...]
    multilevel_model: MultilevelModel
    parameters: Floats

    @property
    def sigma2(self) -> dict[str, float]:
        """Variance of each random intercept."""
        names = [term.name for term in self.multilevel_model.intercepts]
        return dict(zip(names, self.parameters.tolist(), strict=False))


def multilevel(
    effects: pd.DataFrame,
    mods: str | None = None,
    *,
    random: str | Sequence[str] = "study/effect",
    V: ArrayLike | Sequence[ArrayLike] | SamplingCovariance | None = None,
    method: Literal["REML", "ML"] = "REML",
    struct: Struct | Sequence[Struct] = "CS",
    test: Literal["t", "z"] = "t",
    dfs: Literal["residual", "contain"] = "residual",
    sigma2: Mapping[str, float] | None = None,
    level: float = 0.95,
    yi: str = "yi",
    vi: str = "vi",
) -> MultilevelFit:
    """Meta-analysis of effects that depend on one another.

    Parameters
    ----------
    effects : a row per effect
    mods : formula of the moderators, such as "~ age + modality"
    random : random terms, one or several. "study/effect" is an intercept per study and one per
        effect within it (metafor's `~ 1 | study/effect`); where the table has no column "effect",
        every row is one. A list crosses terms: ["lab", "study/effect"]. "outcome | study" gives
        correlated random effects of the outcomes within studies, shaped by `struct`
    V : covariance of the sampling errors. None takes the column `vi` as its diagonal; else one
        variance per row, a result of `sampling_covariance`, a list of square blocks in row order,
        or the whole matrix
    method : "REML", or "ML" to compare models with different moderators
    struct : shape of each inner | outer term: "CS", "HCS", "UN", "DIAG", "AR", "HAR" (levels one
        apart in sorted order) or "CAR" (inner values are times)
    test : "t", or "z" as metafor's default; z ignores that variances are estimated
    dfs : with "t", "residual" is k − p; "contain" is, for each coefficient, the number of levels
        of the coarsest random factor within whose levels its column is constant, minus p
    sigma2 : variances of random intercepts to fix, by name such as {"study": 0.1}
    level : confidence level
    yi, vi : columns of the effects and their sampling variances; `vi` is not needed with a `V`

    Returns
    -------
    MultilevelFit. `components` are in the order of `random`, coarse before fine.

    Raises
    ------
    InputError : unusable data (see `pool`), a random term that is not one, V not positive definite.
    ConvergenceError : the likelihood has no maximum that can be found; carries its trace.

    Notes
    -----
    Maximised by Newton steps with analytic derivatives, and Fisher scoring where the likelihood
    is not concave; a variance whose likelihood falls from zero is exactly zero. Nested intercepts
    with a diagonal or constantly correlated V cost time and memory linear in the number of
    effects; a general block-diagonal V the cube of its block sizes; crossed intercepts the cube
    of their number of levels.

    References
    ----------
    Konstantopoulos S 2011, doi:10.1002/jrsm.35; Pustejovsky JE, Tipton E 2022,
    doi:10.1007/s11121-021-01246-3; Viechtbauer W 2010, doi:10.18637/jss.v036.i03
    """
    _refuse_options(method, test, dfs, level)
    terms = random_terms.parse(random)
    if isinstance(effects, pd.DataFrame):
        needed = random_terms.columns(terms, effects)
        effects, sampling = _with_variances(effects, V, vi)
        data = design_matrix.build(effects, mods, yi=yi, vi=vi, needed=needed)
        if sampling is not None and data.rows.size < len(effects):
            sampling = sampling.take(data.rows)
    else:
        data, sampling = design_matrix.build(effects, mods), None
    intercepts, inner_outer = random_terms.build(terms, data.data)
    structs = [struct] * len(inner_outer) if isinstance(struct, str) else list(struct)
    if len(structs) != len(inner_outer):
        raise InputError(
            f"struct must name one structure for each of the {len(inner_outer)} inner | outer "
            f"terms; got {len(structs)}"
        )
    model = multilevel_model(
        effects=data.effects,
        design=data.matrix,
        sampling=data.variances if sampling is None else sampling,
        intercepts=intercepts,
        inner_outer=inner_outer,
        structs=structs,
        fixed=_fixed(sigma2, [term.name for term in intercepts]),
        restricted=method == "REML",
    )
    if data.effects.size <= data.matrix.shape[1]:
        raise InputError(
            f"effects: {data.effects.size}, coefficients: {data.matrix.shape[1]}; none is left "
            "for the variance components: use fewer moderators, or more effects"
        )
    notes = (*data.notes, *(sampling.notes if sampling is not None else ()), *_notes(model))
    return _fit(model, data, terms, method=method, test=test, dfs=dfs, level=level, notes=notes)


def _fit(
    model: MultilevelModel,
    data: design_matrix.Design,
    terms: Sequence[TermSpec],
    *,
    method: Literal["REML", "ML"],
    test: str,
    dfs: str,
    level: float,
    notes: tuple[str, ...],
) -> MultilevelFit:
    optimum = model.maximise()
    at = optimum.point
    solution = model.least_squares(at)
    covariance = marginal(model, at)
    sampling = marginal(
        model, np.where(np.isfinite(model.lower), np.maximum(model.lower, 0.0), 0.0)
    )
    if solution is None or covariance is None or sampling is None:
        raise InputError("V is not positive definite; lower its correlations")
    k, p = model.design.shape
    parts = components(model, at, optimum.evaluation.expected)
    df = np.full(p, np.inf) if test == "z" else np.full(p, float(k - p))
    if test == "t" and dfs == "contain":
        df = contained_df(model)
    qm, qm_df, qm_p = omnibus(data.intercept, solution.coefficients, solution.covariance, df)
    q, typical = q_and_typical_variance(model, sampling)
    tau2, unequal = heterogeneity(model, at)
    criteria = likelihood(
        model.effects,
        model.design,
        covariance,
        sampling,
        n_parameters=p + int(model.estimated.sum()),
        kind=method,
    )
    return MultilevelFit(
        names=data.names,
        coefficients=solution.coefficients,
        covariance=solution.covariance,
        test=test,
        df=df,
        level=level,
        model="Multivariate meta-analysis model" if unequal else "Multilevel meta-analysis model",
        method=method,
        components=parts,
        tau2=tau2,
        k=k,
        p=p,
        q=q,
        q_df=k - p,
        q_p=chi2_p(q, k - p),
        qm=qm,
        qm_df=qm_df,
        qm_p=qm_p,
        i2=100.0 * tau2 / (tau2 + typical),
        h2=tau2 / typical + 1.0,
        typical_variance=typical,
        log_likelihood=criteria.log_likelihood,
        n_parameters=criteria.n_parameters,
        deviance=criteria.deviance,
        aic=criteria.aic,
        bic=criteria.bic,
        aicc=criteria.aicc,
        effects=model.effects,
        variances=data.variances,
        design=model.design,
        marginal=covariance,
        sampling=sampling,
        data=data.data,
        spec=data.spec,
        trace=optimum.trace,
        notes=notes,
        random=tuple(
            "/".join(t.grouping) if t.inner is None else f"{t.inner} | {t.grouping[0]}"
            for t in terms
        ),
        multilevel_model=model,
        parameters=at,
    )


def _refuse_options(method: str, test: str, dfs: str, level: float) -> None:
    for name, value, known in (
        ("method", method, METHODS),
        ("test", test, TESTS),
        ("dfs", dfs, DFS),
    ):
        if value not in known:
            raise InputError(f"{name} must be one of {', '.join(known)}; got {value!r}")
    if not 0.0 < level < 1.0:
        raise InputError(f"level must lie between 0 and 1, such as 0.95; got {level!r}")


def _with_variances(
    effects: pd.DataFrame,
    V: ArrayLike | Sequence[ArrayLike] | SamplingCovariance | None,
    vi: str,
) -> tuple[pd.DataFrame, SamplingCovariance | None]:
    """The table with V's diagonal as its variances, and V where it is not diagonal."""
    if V is None:
        return effects, None
    k = len(effects)
    if not isinstance(V, SamplingCovariance):
        if np.ndim(V[0] if isinstance(V, list | tuple) else V) < 2 and np.ndim(V) == 1:  # type: ignore[arg-type]
            variances = np.asarray(V, dtype=float)
            if variances.size != k:
                raise InputError(f"V holds {variances.size} variances for {k} effects")
            return effects.assign(**{vi: variances}), None
        V = as_sampling_covariance(V, k)
    if V.variances.size != k:
        raise InputError(
            f"V covers {V.variances.size} rows, but there are {k} effects; build it from this table"
        )
    return effects.assign(**{vi: V.variances}), V


def _fixed(sigma2: Mapping[str, float] | None, names: Sequence[str]) -> dict[str, float]:
    given = {} if sigma2 is None else {name: float(value) for name, value in sigma2.items()}
    for name, value in given.items():
        if name not in names:
            raise InputError(f"sigma2 fixes {name!r}, but the random intercepts are {list(names)}")
        if not (np.isfinite(value) and value >= 0.0):
            raise InputError(f"sigma2 of {name!r} must be a variance, 0 or more; got {value!r}")
    return given


def _notes(model: MultilevelModel) -> list[str]:
    notes = [
        f"{term.name!r} has a single level, so its variance is fixed at 0"
        if term.n_levels == 1
        else f"the coefficients tell all levels of {term.name!r} apart, so its variance cannot be "
        "estimated and is fixed at 0"
        for term in model.intercepts
        if term.name in model.absorbed and model.fixed[term.name] == 0.0
    ]
    free = [t for t in model.intercepts if t.name not in model.fixed]
    for i, first in enumerate(free):
        for second in free[i + 1 :]:
            if first.n_levels == second.n_levels and (
                np.unique(first.codes * second.n_levels + second.codes).size == first.n_levels
            ):
                same = f"{first.name!r} and {second.name!r} have the same levels"
                notes += [f"{same}: only the sum of their variances is estimable, shown in halves"]
    return notes
