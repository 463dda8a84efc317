from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from evidence.reference import cases, check, table

from enthesis.errors import InputError
from enthesis.evidence.sampling_covariance import sampling_covariance

PINS = json.loads((Path(__file__).parents[1] / "pinned" / "multilevel.json").read_text())
DATA = pd.DataFrame(PINS["data"])

CLOSED_FORM = 1e-10
"""Products of a few numbers; the pins carry 12 digits."""

THREE = pd.DataFrame(
    {"study": ["a", "a", "b"], "vi": [1.0, 4.0, 9.0], "time": [0.0, 2.0, 5.0], "o": ["f", "f", "g"]}
)

OPTIONS: dict[str, dict[str, Any]] = {
    "typed": {"type": "outcome", "obs": "effect", "rho": (0.6, 0.3)},
    "matrix": {"type": "outcome", "obs": "effect", "rho": (0.5, 0.5)},
    "time": {"time": "time", "phi": 0.8},
    "obs_time": {"obs": "effect", "time": "time", "rho": 0.7, "phi": 0.8},
    "groups": {"groups": ("treated", "control"), "sizes": ("n1", "n2")},
    "equal_groups": {"groups": ("treated", "control")},
    "subgroup": {"subgroup": "outcome", "rho": 0.6},
}


def test_covariance_by_hand_is_rho_times_both_standard_errors() -> None:
    V = sampling_covariance(THREE, cluster="study", rho=0.5)
    np.testing.assert_allclose(V.to_array(), [[1, 1, 0], [1, 4, 0], [0, 0, 9]])
    assert V.notes == ()


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_agrees_with_vcalc(name: str) -> None:
    V = sampling_covariance(DATA, cluster="study", **OPTIONS[name])
    np.testing.assert_allclose(
        V.dense(np.arange(8)), PINS["covariances"][name], rtol=CLOSED_FORM, atol=1e-12
    )


@pytest.mark.parametrize("case", cases("vcalc"))
def test_reference_covariances(case: dict[str, Any]) -> None:
    options: dict[str, Any] = dict(case["options"])
    if isinstance(options["rho"], list):
        options |= {"type": "outcome", "obs": "es"}
    matrix = sampling_covariance(table(case), cluster="study", **options).to_array()
    check(case, {"V_row1": matrix[0], "V_row50": matrix[49], "sum": matrix.sum()})


def test_types_may_have_a_correlation_matrix_of_their_own() -> None:
    rho = pd.DataFrame([[1.0, 0.2], [0.2, 1.0]], index=["f", "g"], columns=["f", "g"])
    frame = THREE.assign(study="a", o=["f", "g", "f"])
    V = sampling_covariance(frame.iloc[:2], cluster="study", type="o", rho=rho)
    np.testing.assert_allclose(V.to_array(), [[1.0, 0.4], [0.4, 4.0]])


@pytest.mark.parametrize("options", [{"rho": 0.4}, {"time": "time", "phi": 0.8}])
def test_the_order_of_rows_and_clusters_does_not_matter(options: dict[str, Any]) -> None:
    V = sampling_covariance(DATA, cluster="study", **options).to_array()
    order = np.random.default_rng(1).permutation(len(DATA))
    shuffled = sampling_covariance(DATA.iloc[order], cluster="study", **options)
    np.testing.assert_allclose(shuffled.to_array(), V[np.ix_(order, order)])
    np.testing.assert_allclose(shuffled.take(np.argsort(order)).to_array(), V)
    some = order[5:25]
    np.testing.assert_allclose(
        sampling_covariance(DATA, cluster="study", **options).take(some).to_array(),
        V[np.ix_(some, some)],
    )


def test_smoothed_variances_are_the_mean_of_the_cluster() -> None:
    V = sampling_covariance(THREE, cluster="study", rho=0.5, smooth_vi=True)
    np.testing.assert_allclose(V.diagonal(), [2.5, 2.5, 9.0])
    assert V.dense(np.array([0, 1]))[0, 1] == pytest.approx(1.25)


def test_repeated_observations_are_noted_and_repaired_only_on_request() -> None:
    frame = THREE.assign(o=["same", "same", "other"])
    plain = sampling_covariance(frame, cluster="study", obs="o", rho=0.5)
    assert plain.notes == ("V is not positive definite in 1 cluster(s): a",)
    assert plain.to_array()[0, 1] == pytest.approx(2.0)
    near = sampling_covariance(frame, cluster="study", obs="o", rho=0.5, nearest=True)
    assert "nearest positive definite" in near.notes[0]
    assert np.linalg.eigvalsh(near.to_array())[0] > 0.0
    np.testing.assert_allclose(near.diagonal(), frame["vi"])


def test_the_nearest_matrix_matches_highams_example() -> None:
    # Higham 2002, section 5: the nearest correlation matrix to tridiagonal ones of order 3 has
    # 0.7607 beside the diagonal and 0.1573 in the corner.
    rho = pd.DataFrame(
        [[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]], index=list("abc"), columns=list("abc")
    )
    frame = pd.DataFrame({"study": 1, "vi": 1.0, "o": list("abc")})
    V = sampling_covariance(frame, cluster="study", type="o", rho=rho, nearest=True).to_array()
    assert V[0, 1] == pytest.approx(0.7607, abs=5e-5)
    assert V[0, 2] == pytest.approx(0.1573, abs=5e-5)


def test_blocks_are_kept_without_the_whole_matrix() -> None:
    k = 200_000
    frame = pd.DataFrame({"study": np.arange(k) // 4, "vi": 0.1, "time": np.arange(k) % 4})
    V = sampling_covariance(frame, cluster="study", time="time", phi=0.5)
    assert sum(batch.matrices.size for batch in V.batches) == 4 * k


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"cluster": "nowhere"}, "no column 'nowhere'"),
        ({"rho": 1.5}, "rho must be one correlation"),
        ({"time": "time"}, "time needs phi"),
        ({"time": "time", "phi": -2.0}, "phi must be one correlation"),
        ({"type": "o", "obs": "time", "rho": 0.5}, "rho is a pair"),
        ({"type": "o", "rho": pd.DataFrame([[1.0]], index=["f"], columns=["f"])}, "type 'g'"),
    ],
)
def test_unusable_options_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        sampling_covariance(THREE, **{"cluster": "study"} | options)


def test_a_missing_cluster_is_refused_with_its_row() -> None:
    frame = THREE.assign(study=["a", None, "b"])
    with pytest.raises(InputError, match="missing in row 1"):
        sampling_covariance(frame, cluster="study")
