from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from evidence.reference import cases, check, table

from enthesis.errors import ConvergenceError, InputError
from enthesis.evidence.effect_sizes import effect_sizes
from enthesis.evidence.influence_multilevel import cluster_influence
from enthesis.evidence.level_effects import level_effects
from enthesis.evidence.multilevel import MultilevelFit, multilevel
from enthesis.evidence.multilevel_likelihood import Evaluation
from enthesis.evidence.pool import pool
from enthesis.evidence.profile import profile, variance_intervals
from enthesis.evidence.residuals import random_effects, standardized_residuals
from enthesis.evidence.sampling_blocks import SamplingCovariance
from enthesis.evidence.sampling_covariance import sampling_covariance
from enthesis.evidence.scoring import maximise
from enthesis.evidence.tails import chi2_p
from enthesis.phantom.studies import simulate_studies

PINS = json.loads((Path(__file__).parents[1] / "pinned" / "multilevel.json").read_text())
DATA = pd.DataFrame(PINS["data"])

METAFOR = 2e-5
"""metafor's optimiser stops at a relative change of 1e-10 in the likelihood: about 1e-5 here."""

LIKELIHOOD = 1e-7
"""The likelihood at an optimum is second order in the parameters."""

EXACT = 1e-9
"""Both sides are closed forms or fully converged."""


def small(seed: int = 3, studies: int = 9) -> pd.DataFrame:
    """Unbalanced studies with between- and within-study heterogeneity."""
    rng = np.random.default_rng(seed)
    study = np.repeat(np.arange(studies), rng.integers(2, 6, studies))
    k = study.size
    frame = pd.DataFrame(
        {
            "study": study,
            "lab": study // 3,
            "outcome": rng.choice(["area", "fat", "power"], k),
            "x": rng.normal(size=k),
            "vi": rng.uniform(0.02, 0.2, k),
        }
    )
    frame["yi"] = 0.2 + rng.normal(0, 0.4, studies)[study] + rng.normal(0, 0.3, k)
    return frame


def dense_log_likelihood(fit: MultilevelFit) -> float:
    """From the k × k matrix, as a textbook writes it."""
    rows = np.arange(fit.k)
    M, X, y = fit.marginal.dense(rows), fit.design, fit.effects
    W = np.linalg.inv(M)
    A = X.T @ W @ X
    r = y - X @ np.linalg.solve(A, X.T @ W @ y)
    value = -0.5 * (np.linalg.slogdet(M)[1] + r @ W @ r)
    if fit.method == "REML":
        value += 0.5 * (np.linalg.slogdet(X.T @ X)[1] - np.linalg.slogdet(A)[1])
        return float(value - 0.5 * (fit.k - fit.p) * np.log(2 * np.pi))
    return float(value - 0.5 * fit.k * np.log(2 * np.pi))


def reference_fit(case: dict[str, Any]) -> MultilevelFit:
    """The fit that a reference case describes in R's words."""
    options, frame = case["options"], table(case)
    yi, vi = next(
        pair
        for pair in (("yi", "vi"), ("effectsize", "var"), ("LOR1", "varLOR"))
        if pair[1] in frame
    )
    random = re.sub(r"factor\((\w+)\)", r"\1", options["random"])
    mods = options.get("mods", "~1").replace("mean(year)", "year.mean()")
    mods = mods.replace("sqrt(", "np.sqrt(")
    described = options.get("V", "diag(vi)")
    V: Any = None
    if found := re.search(r"rho=([\d.]+)", described):
        cluster = re.split(r"[|/]", random)[1]
        V = sampling_covariance(frame, cluster=cluster, rho=float(found[1]), vi=vi)
    elif "v1i" in described:
        V = [block[["v1i", "v2i"]].to_numpy() for _, block in frame.groupby("trial", sort=False)]
    return multilevel(
        frame,
        mods,
        random=random,
        V=V,
        method=options["method"],
        struct=options.get("struct", "CS"),
        test=options.get("test", "z"),
        dfs="contain" if "contain" in case["r"] else "residual",
        yi=yi,
        vi=vi,
    )


@pytest.mark.parametrize("case", cases("rma.mv"))
def test_multilevel_reproduces_metafor(case: dict[str, Any]) -> None:
    fit, wanted = reference_fit(case), case["expected"]
    got = {
        "b": fit.coefficients,
        "se": fit.std_errors,
        "stat": fit.statistics,
        "pval": fit.p_values,
        "ci_lb": fit.ci_lower,
        "ci_ub": fit.ci_upper,
        "vb": fit.covariance,
        "QE": fit.q,
        "QE_df": fit.q_df,
        "QEp": fit.q_p,
        "QM": fit.qm,
        "QM_df1": fit.qm_df[0],
        "QMp": fit.qm_p,
        "k": fit.k,
        "p": fit.p,
        "nparms": fit.n_parameters,
        "se_varcomp_expected_info": [c.std_error for c in fit.components],
        fit.method: {
            "ll": fit.log_likelihood,
            "AIC": fit.aic,
            "BIC": fit.bic,
            "AICc": fit.aicc,
        },
    }
    if wanted["QM_df2"] is not None:
        got |= {"QM_df2": fit.qm_df[1], "ddf": fit.df}
    variances = [c.value for c in fit.components if c.kind == "variance"]
    if "sigma2" in wanted:
        got |= {
            "sigma2": variances,
            "sigma2_names": [c.name for c in fit.components],
            "sigma2_nlevels": [c.n_levels for c in fit.components],
            "I2_typical_variance": fit.typical_variance,
            "I2_total": fit.i2,
        }
    else:
        correlations = [c.value for c in fit.components if c.kind == "correlation"]
        # metafor reports a correlation of 0 for DIAG, which has none
        got |= {"tau2": variances, "rho": correlations or [0.0]}
    check(case, got)


@pytest.mark.parametrize("case", cases("confint.mv"))
def test_variance_intervals_reproduce_metafor(case: dict[str, Any]) -> None:
    random = {
        "konstantopoulos": "district/school",
        "paper_like": "study/es",
        "bornmann2007_or": "study/obs",
    }[case["data"]]
    found = variance_intervals(multilevel(table(case), random=random))
    check(
        case,
        {
            "estimate": found["estimate"],
            "ci_lb": found["ci_lower"],
            "ci_ub": found["ci_upper"],
        },
    )


@pytest.mark.parametrize("case", cases("influence.mv"))
def test_cluster_influence_reproduces_metafor(case: dict[str, Any]) -> None:
    cluster = "district" if case["data"] == "konstantopoulos" else "study"
    inner = "school" if cluster == "district" else "es"
    fit = multilevel(table(case), random=f"{cluster}/{inner}", test="z")
    found = cluster_influence(fit, cluster)
    check(
        case,
        {
            "cluster": list(found.clusters),
            "cooks": found.cooks,
            "dfbetas": found.dfbetas[:, 0],
            "X2": found.deleted_chi2,
            "X2_k": found.sizes,
        },
    )


@pytest.mark.parametrize("case", [c for c in cases("predict") if "bcg" not in str(c.id)])
def test_predictions_and_random_effects_reproduce_metafor(case: dict[str, Any]) -> None:
    random = "district/school" if case["data"] == "konstantopoulos" else "study/es"
    fit = multilevel(table(case), random=random, test="z")
    predicted = fit.predict(interval="normal").iloc[0]
    effects = random_effects(fit)
    residuals = standardized_residuals(fit, "internal")
    check(
        case,
        {
            "pred": predicted["estimate"],
            "se": predicted["std_error"],
            "ci_lb": predicted["ci_lower"],
            "ci_ub": predicted["ci_upper"],
            "pi_lb": predicted["pi_lower"],
            "pi_ub": predicted["pi_upper"],
            "ranef": {
                str(name): {"intrcpt": part["estimate"], "se": part["std_error"]}
                for name, part in effects.groupby("component")
            },
            "rstandard_resid": residuals["resid"],
            "rstandard_se": residuals["se"],
            "rstandard_z": residuals["z"],
        },
    )


@pytest.mark.parametrize("case", [c for c in cases("anova.lrt") if "bcg" not in str(c.id)])
def test_likelihood_ratios_of_variances_reproduce_metafor(case: dict[str, Any]) -> None:
    names = ("district", "school") if case["data"] == "konstantopoulos" else ("study", "es")
    full = multilevel(table(case), random="/".join(names))
    dropped = "/".join(names) if "within" in case["id"] else names[0]
    reduced = multilevel(table(case), random="/".join(names), sigma2={dropped: 0.0})
    ratio = 2.0 * (full.log_likelihood - reduced.log_likelihood)
    check(
        case,
        {
            "ll_full": full.log_likelihood,
            "ll_reduced": reduced.log_likelihood,
            "LRT": ratio,
            # a ratio that is rounding of zero has no p-value to compare
            **({"pval": chi2_p(ratio, 1)} if ratio > 1e-6 else {}),
        },
    )


TYPED = {"cluster": "study", "type": "outcome", "obs": "effect", "rho": (0.6, 0.3)}
PINNED: dict[str, dict[str, Any]] = {
    "four_levels": {"random": "lab/study/effect"},
    "crossed": {"random": ["study", "muscle", "effect"]},
    "crossed_ML": {"random": ["study", "muscle", "effect"], "method": "ML"},
    "fixed": {"random": "study/effect", "sigma2": {"study": 0.1}},
    "contain": {"random": "study/effect", "test": "t", "dfs": "contain"},
    "CS": {"random": "outcome | study", "struct": "CS"},
    "HCS": {"random": "outcome | study", "struct": "HCS"},
    "UN": {"random": "outcome | study", "struct": "UN"},
    "DIAG": {"random": "outcome | study", "struct": "DIAG"},
    "AR": {"random": "time | study", "struct": "AR"},
    "CAR": {"random": "time | study", "struct": "CAR"},
    "che": {"V": sampling_covariance(DATA, cluster="study", rho=0.6)},
    "typed": {"V": sampling_covariance(DATA, **TYPED)},
}


@pytest.mark.parametrize("name", PINNED)
def test_every_random_part_agrees_with_metafor_on_simulated_data(name: str) -> None:
    wanted = PINS["fits"][name]
    fit = multilevel(DATA, "~ x", **{"test": "z"} | PINNED[name])
    np.testing.assert_allclose(fit.coefficients, wanted["b"], rtol=METAFOR)
    np.testing.assert_allclose(fit.std_errors, wanted["se"], rtol=METAFOR)
    for got, key in ((fit.log_likelihood, "ll"), (fit.aic, "AIC"), (fit.bic, "BIC")):
        assert got == pytest.approx(wanted[key], rel=LIKELIHOOD)
    assert fit.aicc == pytest.approx(wanted["AICc"], rel=LIKELIHOOD)
    assert fit.q == pytest.approx(wanted["QE"], rel=EXACT)
    assert fit.qm == pytest.approx(wanted["QM"], rel=METAFOR)
    values = [c.value for c in fit.components]
    given = [*np.atleast_1d(wanted["sigma2"]), *np.atleast_1d(wanted["tau2"])]
    given += [*np.atleast_1d(wanted["rho"])]
    # metafor prints a 0 for parts that a model does not have, and 1e-10 for a variance of zero
    given = [value for value in given if abs(value) > 1e-8]
    np.testing.assert_allclose([v for v in values if v != 0.0], given, rtol=METAFOR * 5)
    if name == "contain":
        np.testing.assert_array_equal(fit.df, wanted["ddf"])


def test_a_two_by_two_unstructured_matrix_agrees_with_metafor() -> None:
    two = DATA[DATA["outcome"] != "power"]
    fit = multilevel(two, "~ x", random="outcome | study", struct="UN", test="z")
    wanted = PINS["un_two"]
    assert fit.log_likelihood == pytest.approx(wanted["ll"], rel=LIKELIHOOD)
    values = [c.value for c in fit.components]
    np.testing.assert_allclose(values, [*wanted["tau2"], wanted["rho"]], rtol=METAFOR * 5)
    assert [c.name for c in fit.components] == ["tau2[area]", "tau2[fat]", "rho"]


def test_predicted_effects_of_outcomes_within_studies_agree_with_metafor() -> None:
    V = sampling_covariance(DATA, **TYPED)
    fit = multilevel(DATA, random="outcome | study", struct="CS", V=V, test="z")
    found = level_effects(fit).set_index("level")
    names = [name.strip() for name in PINS["ranef"]["names"]]
    np.testing.assert_allclose(
        found.loc[names, "estimate"], PINS["ranef"]["u"], rtol=1e-4, atol=1e-6
    )
    np.testing.assert_allclose(found.loc[names, "std_error"], PINS["ranef"]["se"], rtol=1e-4)


def test_a_balanced_three_level_model_by_hand() -> None:
    # Two effects in each of three studies, equal variances: REML equals the analysis of variance.
    # Study means 1, 2, 6 (total variance of a mean 7); within-study mean square (2 + 2 + 8)/3 = 4.
    frame = pd.DataFrame(
        {"study": [1, 1, 2, 2, 3, 3], "yi": [0.0, 2.0, 1.0, 3.0, 4.0, 8.0], "vi": 0.5}
    )
    fit = multilevel(frame)
    assert fit.sigma2["study/effect"] == pytest.approx(4.0 - 0.5, rel=EXACT)
    assert fit.sigma2["study"] == pytest.approx(7.0 - 4.0 / 2.0, rel=EXACT)
    assert fit.coefficients[0] == pytest.approx(3.0, rel=EXACT)
    assert fit.std_errors[0] == pytest.approx(np.sqrt(7.0 / 3.0), rel=EXACT)


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize(
    ("random", "struct"),
    [
        ("lab/study/effect", "CS"),
        (["study/effect", "outcome"], "CS"),
        (["outcome | study", "lab"], "UN"),
        (["outcome | study", "effect"], "HCS"),
    ],
)
def test_the_likelihood_is_that_of_the_full_matrix(method: Any, random: Any, struct: Any) -> None:
    frame = small()
    for V in (None, sampling_covariance(frame, cluster="study", rho=0.4)):
        fit = multilevel(frame, "~ x", random=random, struct=struct, method=method, V=V)
        assert fit.log_likelihood == pytest.approx(dense_log_likelihood(fit), rel=EXACT)
        np.testing.assert_allclose(
            fit.marginal.solve(fit.design),
            np.linalg.solve(fit.marginal.dense(np.arange(fit.k)), fit.design),
            rtol=1e-8,
            atol=1e-10,
        )


@pytest.mark.parametrize(
    ("random", "struct"),
    [
        ("lab/study/effect", "CS"),
        (["study", "outcome", "lab"], "CS"),
        ("outcome | study", "CS"),
        ("outcome | study", "HCS"),
        ("outcome | study", "UN"),
        ("outcome | study", "DIAG"),
        ("time | study", "AR"),
        ("time | study", "CAR"),
    ],
)
@pytest.mark.parametrize("method", ["REML", "ML"])
def test_score_and_observed_information_are_derivatives_of_the_likelihood(
    random: Any, struct: Any, method: Any
) -> None:
    frame = small(studies=6)
    frame["time"] = frame.groupby("study").cumcount()
    V = sampling_covariance(frame, cluster="study", time="time", phi=0.4)
    model = multilevel(
        frame, "~ x", random=random, struct=struct, method=method, V=V
    ).multilevel_model
    rng = np.random.default_rng(0)
    point = model.starts()[0] * rng.uniform(0.7, 1.3, model.lower.size) + 0.01
    h = 1e-5  # central differences of a smooth function: error about h^2

    def at(j: int, sign: float) -> Evaluation:
        moved = point.copy()
        moved[j] += sign * h
        found = model.evaluate(moved)
        assert found is not None
        return found

    here = model.evaluate(point)
    assert here is not None
    for j in range(point.size):
        up, down = at(j, 1.0), at(j, -1.0)
        assert here.score[j] == pytest.approx((up.value - down.value) / (2 * h), rel=1e-5, abs=1e-5)
        np.testing.assert_allclose(
            here.observed[j], -(up.score - down.score) / (2 * h), rtol=1e-5, atol=1e-4
        )


def test_one_level_per_row_is_the_two_level_model() -> None:
    frame = small()
    for method in ("REML", "ML"):
        fit = multilevel(frame, "~ x", random="effect", method=method, test="t")
        two = pool(frame, "~ x", method=method, test="t")
        assert fit.tau2 == pytest.approx(two.tau2, rel=1e-7)
        np.testing.assert_allclose(fit.covariance, two.covariance, rtol=1e-7)
        assert fit.log_likelihood == pytest.approx(two.log_likelihood, rel=EXACT)
        assert fit.i2 == pytest.approx(two.i2, rel=1e-7)
        assert fit.aic == pytest.approx(two.aic, rel=EXACT)
        assert fit.components[0].std_error == pytest.approx(two.components[0].std_error, rel=1e-6)


@pytest.mark.parametrize("random", ["study/effect", ["study", "outcome"], "outcome | study"])
def test_the_order_of_the_rows_does_not_matter(random: Any) -> None:
    frame = small()
    shuffled = frame.sample(frac=1.0, random_state=5)
    fit, other = multilevel(frame, "~ x", random=random), multilevel(shuffled, "~ x", random=random)
    np.testing.assert_allclose(other.coefficients, fit.coefficients, rtol=1e-8)
    np.testing.assert_allclose(
        [c.value for c in other.components], [c.value for c in fit.components], rtol=1e-7
    )
    assert list(other.data.index) == list(shuffled.index)


def test_effects_on_another_scale_give_the_same_answer_on_that_scale() -> None:
    frame = small()
    scaled = frame.assign(yi=frame["yi"] * 1000.0, vi=frame["vi"] * 1e6)
    fit, other = multilevel(frame), multilevel(scaled)
    np.testing.assert_allclose(other.coefficients, fit.coefficients * 1000.0, rtol=1e-8)
    assert other.tau2 == pytest.approx(fit.tau2 * 1e6, rel=1e-7)
    assert other.i2 == pytest.approx(fit.i2, rel=1e-7)


def test_reml_does_not_depend_on_the_coding_of_a_factor() -> None:
    frame = small()
    fit = multilevel(frame, "~ outcome")
    other = multilevel(frame, "~ outcome - 1")
    assert other.tau2 == pytest.approx(fit.tau2, rel=1e-7)
    # metafor's constant makes even the value comparable, up to the volume of the coding
    relabelled = frame.assign(
        outcome=pd.Categorical(frame["outcome"], categories=["power", "fat", "area"])
    )
    third = multilevel(relabelled, "~ outcome")
    assert third.log_likelihood == pytest.approx(fit.log_likelihood, rel=EXACT)
    np.testing.assert_allclose(third.fitted, fit.fitted, rtol=1e-7)


def test_correlated_sampling_errors_without_correlation_are_independent_ones() -> None:
    frame = small()
    V = sampling_covariance(frame, cluster="study", rho=0.0)
    fit, other = multilevel(frame, "~ x"), multilevel(frame, "~ x", V=V)
    np.testing.assert_allclose(other.coefficients, fit.coefficients, rtol=EXACT)
    assert other.tau2 == pytest.approx(fit.tau2, rel=EXACT)


def test_constant_correlation_blocks_and_the_full_matrix_give_one_answer() -> None:
    frame = small()
    closed = sampling_covariance(frame, cluster="study", rho=0.6)
    full = closed.to_array()
    by_study = [full[np.ix_(r, r)] for r in frame.groupby("study").indices.values()]
    fits = [multilevel(frame, "~ x", V=V) for V in (closed, full, by_study)]
    for other in fits[1:]:
        np.testing.assert_allclose(other.covariance, fits[0].covariance, rtol=1e-7)
        assert other.log_likelihood == pytest.approx(fits[0].log_likelihood, rel=EXACT)
        assert other.q == pytest.approx(fits[0].q, rel=EXACT)


def test_a_vector_of_variances_replaces_the_column() -> None:
    frame = small()
    fit = multilevel(frame.drop(columns="vi"), V=frame["vi"].to_numpy())
    assert fit.tau2 == pytest.approx(multilevel(frame).tau2, rel=EXACT)


def test_compound_symmetry_of_distinct_levels_is_the_three_level_model() -> None:
    frame = small().assign(row=lambda f: np.arange(len(f)))
    three, compound = multilevel(frame), multilevel(frame, random="row | study", struct="CS")
    tau2, rho = (c.value for c in compound.components)
    assert tau2 == pytest.approx(three.tau2, rel=1e-6)
    assert tau2 * rho == pytest.approx(three.sigma2["study"], rel=1e-6)
    assert compound.log_likelihood == pytest.approx(three.log_likelihood, rel=EXACT)


def test_dropping_a_component_never_raises_the_likelihood() -> None:
    for seed in range(6):
        frame = small(seed)
        full = multilevel(frame)
        for name in full.sigma2:
            reduced = multilevel(frame, sigma2={name: 0.0})
            assert full.log_likelihood >= reduced.log_likelihood - 1e-10
            assert reduced.n_parameters == full.n_parameters - 1


def test_a_component_without_evidence_is_exactly_zero() -> None:
    frame = small().assign(yi=lambda f: np.where(np.arange(len(f)) % 2, 0.1, -0.1))
    assert multilevel(frame).tau2 == 0.0


def test_missing_rows_are_left_out_together_with_their_part_of_v() -> None:
    frame = small()
    V = sampling_covariance(frame, cluster="study", rho=0.5)
    blocks = sampling_covariance(frame.assign(o=range(len(frame))), cluster="study",
                                 type="outcome", obs="o", rho=(0.5, 0.5))  # fmt: skip
    holed = frame.copy()
    holed.loc[[0, 7], "yi"] = np.nan
    holed.loc[3, "study"] = np.nan
    kept = frame.drop(index=[0, 3, 7])
    wanted = multilevel(kept, V=sampling_covariance(kept, cluster="study", rho=0.5))
    for covariance in (V, blocks):
        fit = multilevel(holed, V=covariance)
        assert fit.k == len(frame) - 3
        assert fit.tau2 == pytest.approx(wanted.tau2, rel=1e-6)
        assert "3 of" in fit.notes[0]


def test_a_cluster_per_effect_is_fitted_and_flagged() -> None:
    frame = small().assign(study=lambda f: range(len(f)))
    fit = multilevel(frame)
    assert fit.tau2 == pytest.approx(pool(frame, method="REML").tau2, rel=1e-6)
    assert "only the sum" in " ".join(fit.notes)


def test_one_study_leaves_its_variance_at_zero_and_says_so() -> None:
    frame = small().assign(study="only")
    fit = multilevel(frame)
    assert fit.sigma2["study"] == 0.0
    assert fit.components[0].fixed
    assert "single level" in " ".join(fit.notes)


def test_a_result_prints_and_serialises() -> None:
    fit = multilevel(small(), "~ x")
    assert "study/effect" in fit.summary()
    assert json.loads(json.dumps(fit.to_dict()))["components"][0]["name"] == "study"


@pytest.mark.parametrize(
    ("change", "options", "sentence"),
    [
        ({}, {"random": "nowhere/effect"}, "random names 'nowhere'"),
        ({}, {"random": "~ 1 + x | study"}, "is not a random term"),
        ({}, {"random": []}, "at least one term"),
        ({}, {"V": np.ones(3)}, "3 variances for"),
        ({}, {"V": np.eye(4)}, "covers 4 rows"),
        ({}, {"sigma2": {"lab": 0.1}}, "sigma2 fixes 'lab'"),
        ({}, {"sigma2": {"study": -0.1}}, "must be a variance"),
        ({}, {"method": "DL"}, "method must be one of REML, ML"),
        ({}, {"test": "knha"}, "test must be one of"),
        ({}, {"dfs": "kenward"}, "dfs must be one of"),
        ({}, {"level": 95}, "level must lie between"),
        ({}, {"random": "outcome | study", "struct": "TOEP"}, "struct must be one of"),
        ({}, {"random": "outcome | study", "struct": "CAR"}, "numeric times"),
        ({}, {"random": "outcome | study", "struct": ["CS", "UN"]}, "one structure for each"),
        ({"yi": np.inf}, {}, "must be finite"),
        ({"vi": 0.0}, {}, "above zero"),
        ({"x": 1.0}, {"mods": "~ x"}, "constant"),
    ],
)
def test_unusable_input_is_refused_with_a_sentence(
    change: dict[str, Any], options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        multilevel(small().assign(**change), **options)


def test_a_sampling_covariance_that_is_not_positive_definite_is_refused() -> None:
    frame = small()
    V = sampling_covariance(frame, cluster="study", rho=1.0)
    assert "not positive definite" in V.notes[0]
    with pytest.raises(InputError, match="not positive definite in 9 block"):
        multilevel(frame, V=V)
    lopsided = np.diag(frame["vi"].to_numpy())
    lopsided[0, 1] = 0.01
    with pytest.raises(InputError, match="must be symmetric"):
        multilevel(frame, V=lopsided)


def test_one_effect_is_refused() -> None:
    with pytest.raises(InputError, match="effects: 1, coefficients: 1; none is left"):
        multilevel(small().iloc[:1])


def test_a_likelihood_without_a_maximum_raises_with_its_trace() -> None:
    def ever_higher(at: np.ndarray[Any, np.dtype[np.float64]]) -> Evaluation:
        return Evaluation(float(at[0]), np.ones(1), np.eye(1), -np.eye(1))

    with pytest.raises(ConvergenceError, match="did not settle") as raised:
        maximise(
            ever_higher,
            np.zeros(1),
            lower=np.zeros(1),
            upper=np.full(1, np.inf),
            scale=np.ones(1),
            free=np.ones(1, dtype=bool),
            n_effects=10,
        )
    assert len(raised.value.trace) > 100


def test_the_profile_peaks_at_the_estimate_and_reaches_the_bounds_at_the_quantile() -> None:
    fit = multilevel(small(), "~ x")
    bounds = variance_intervals(fit)
    for component, row in bounds.iterrows():
        values = [row["ci_lower"], row["estimate"], row["ci_upper"]]
        curve = profile(fit, str(component), values=values)
        assert curve["deviance"].iloc[1] == pytest.approx(0.0, abs=1e-9)
        assert curve["deviance"].iloc[2] == pytest.approx(3.841458820694124, rel=1e-8)
        if row["ci_lower"] > 0.0:
            assert curve["deviance"].iloc[0] == pytest.approx(3.841458820694124, rel=1e-8)
    assert len(profile(fit, "study", points=5)) == 5


def test_bounds_of_an_unstructured_matrix_lie_where_its_likelihood_has_dropped() -> None:
    fit = multilevel(DATA, "~ x", random="outcome | study", struct="UN")
    bounds = variance_intervals(fit)
    for component in ("tau2[fat]", "rho[fat, power]"):
        row = bounds.loc[component]
        curve = profile(fit, component, values=list(row))
        np.testing.assert_allclose(
            curve["deviance"], [0.0, 3.841458820694124, 3.841458820694124], atol=1e-6
        )


def test_intervals_of_correlations_stay_inside_their_range() -> None:
    fit = multilevel(DATA, random="outcome | study", struct="HCS")
    bounds = variance_intervals(fit)
    assert (bounds["ci_lower"] <= bounds["estimate"]).all()
    assert (bounds["estimate"] <= bounds["ci_upper"]).all()
    assert -0.5 <= bounds.loc["rho", "ci_lower"] < bounds.loc["rho", "ci_upper"] <= 1.0


def test_profiles_of_unknown_or_fixed_components_are_refused() -> None:
    fit = multilevel(small(), sigma2={"study": 0.1})
    with pytest.raises(InputError, match="no component 'lab'"):
        profile(fit, "lab")
    with pytest.raises(InputError, match="was fixed"):
        profile(fit, "study")
    with pytest.raises(InputError, match="lies between"):
        profile(fit, "study/effect", values=[-1.0])


def test_predicted_effects_by_hand_are_shrunken_residuals() -> None:
    frame = small()
    fit = multilevel(frame, random="effect")
    share = fit.tau2 / (fit.tau2 + frame["vi"])
    np.testing.assert_allclose(level_effects(fit)["estimate"], share * fit.residuals, rtol=EXACT)


@pytest.mark.parametrize("random", ["lab/study/effect", ["study/effect", "outcome"]])
def test_predicted_effects_are_those_of_the_full_matrix(random: Any) -> None:
    frame = small()
    V = sampling_covariance(frame, cluster="study", rho=0.3)
    held = {"study" if isinstance(random, list) else "lab": 0.1}
    fit = multilevel(frame, "~ x", random=random, V=V, sigma2=held)
    W = np.linalg.inv(fit.marginal.dense(np.arange(fit.k)))
    P = W - W @ fit.design @ fit.covariance @ fit.design.T @ W
    found = level_effects(fit)
    for term in fit.multilevel_model.intercepts:
        Z = np.eye(term.n_levels)[term.codes]
        variance = fit.sigma2[term.name]
        mine = found[found["component"] == term.name]
        np.testing.assert_allclose(
            mine["estimate"], variance * Z.T @ P @ fit.effects, rtol=1e-8, atol=1e-12
        )
        error = variance - variance**2 * np.diag(Z.T @ P @ Z)
        np.testing.assert_allclose(mine["std_error"] ** 2, error, rtol=1e-8, atol=1e-12)


def test_cluster_influence_is_the_difference_to_the_fit_without_the_cluster() -> None:
    frame = small()
    fit = multilevel(frame, "~ x")
    found = cluster_influence(fit, "study")
    for c, label in enumerate(found.clusters):
        without = multilevel(frame[frame["study"] != int(label)], "~ x")
        np.testing.assert_allclose(found.coefficients[c], without.coefficients, rtol=1e-6)
        change = fit.coefficients - without.coefficients
        distance = change @ np.linalg.solve(fit.covariance, change)
        assert found.cooks[c] == pytest.approx(distance, rel=1e-5)
    assert found.to_frame().shape == (9, 4 + 2 + 2 + 2)


def test_a_cluster_that_carries_a_coefficient_alone_is_named() -> None:
    frame = small().assign(z=lambda f: (f["study"] == 0) * 1.0)
    found = cluster_influence(multilevel(frame, "~ z"), "study")
    assert np.isnan(found.cooks[0])
    assert "without cluster 0" in found.notes[0]


def test_cluster_influence_refuses_a_two_level_fit() -> None:
    with pytest.raises(InputError, match="use `influence`"):
        cluster_influence(pool(small()), "study")  # type: ignore[arg-type]


def test_many_effects_are_fitted_without_a_matrix_of_their_number() -> None:
    rng = np.random.default_rng(0)
    k, studies = 30_000, 3_000
    study = rng.integers(0, studies, k)
    frame = pd.DataFrame({"study": study, "vi": rng.uniform(0.05, 0.1, k)})
    frame["yi"] = rng.normal(0, 0.3, studies)[study] + rng.normal(size=k) * np.sqrt(frame["vi"])
    fit = multilevel(frame, V=sampling_covariance(frame, cluster="study", rho=0.0))
    assert fit.sigma2["study"] == pytest.approx(0.09, rel=0.15)
    assert isinstance(fit.multilevel_model.sampling, SamplingCovariance)


def test_a_factor_that_is_moderator_and_random_has_no_variance_to_estimate() -> None:
    data = small().assign(lab=lambda table: table["study"] % 3)
    fit = multilevel(data, "~ factor(lab)", random=["study", "lab"])
    assert fit.sigma2["lab"] == 0.0
    assert any("coefficients tell all levels of 'lab' apart" in note for note in fit.notes)
    without = multilevel(data, "~ factor(lab)", random="study")
    np.testing.assert_allclose(fit.std_errors, without.std_errors, rtol=1e-6)


def test_containment_counts_the_cells_of_an_inner_outer_term() -> None:
    # Each outcome occurs once per study: dummies of the outcome are constant in a cell only.
    data = small()
    data["outcome"] = data.groupby("study").cumcount() % 2
    cells = len(data.drop_duplicates(["study", "outcome"]))
    fit = multilevel(
        data, "~ 0 + factor(outcome)", random="outcome | study", test="t", dfs="contain"
    )
    np.testing.assert_array_equal(fit.df, [cells - 2, cells - 2])


def test_a_random_term_may_say_factor_as_in_r() -> None:
    data = small()
    data["outcome"] = data.groupby("study").cumcount() % 2
    plain = multilevel(data, random="outcome | study")
    said = multilevel(data, random="~ factor(outcome) | study")
    assert said.log_likelihood == plain.log_likelihood


@pytest.mark.parametrize("seed", [1235, 1464])
def test_a_likelihood_flat_to_its_rounding_settles(seed):
    # The last Newton step here promises less than two evaluations differ by rounding.
    effects = effect_sizes(simulate_studies(np.random.default_rng(seed)), "SMD")
    effects["yi"] = effects["yi"].where(effects["outcome"] == "FI", -effects["yi"])
    effects["level"] = effects["level"].where(effects["level"] == "multiple", "single")
    effects["female_10"] = effects["female_percent"] / 10
    mods = "~ age + female_10 + bmi + outcome + level + muscle"
    whole = multilevel(effects, mods, random="study/effect")
    reduced = multilevel(effects, mods, random="study/effect", sigma2={"study": 0.0})
    assert whole.log_likelihood >= reduced.log_likelihood - 1e-9
