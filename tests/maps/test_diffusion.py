"""Tensors known by construction."""

import numpy as np
import pytest

from enthesis.errors import InputError
from enthesis.maps.diffusion import diffusion_tensor, tensor_indices

GOLDEN = (1 + 5**0.5) / 2
DIRECTIONS = np.array(
    [[0, 0, 0]]
    + [[0, s, GOLDEN] for s in (1, -1)]
    + [[s, GOLDEN, 0] for s in (1, -1)]
    + [[GOLDEN, 0, s] for s in (1, -1)],
    dtype=float,
)
B_VALUES = np.array([0, 500, 500, 500, 500, 500, 500], dtype=float)
EIGENVALUES = np.array([2.1e-3, 1.6e-3, 1.4e-3])


def rotation(seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]


def signals(axes, *, repeats=1):
    tensor = axes @ np.diag(EIGENVALUES) @ axes.T
    unit = DIRECTIONS / np.maximum(np.linalg.norm(DIRECTIONS, axis=1), 1)[:, None]
    one = 1000 * np.exp(-B_VALUES * np.einsum("ni,ij,nj->n", unit, tensor, unit))
    return np.tile(one, (repeats, 1, 1, 1))


def fit(signal):
    unit = DIRECTIONS
    return diffusion_tensor(signal, np.eye(4), b_values=B_VALUES, directions=unit)


def test_indices_match_the_worked_muscle():
    fa, md, ad, rd = tensor_indices([1.4, 2.1, 1.6])
    assert (md, ad, rd) == pytest.approx((1.7, 2.1, 1.5))
    assert fa == pytest.approx(0.2090, abs=5e-5)


def test_a_line_has_fa_one_and_a_sphere_zero():
    assert tensor_indices([1, 0, 0])[0] == pytest.approx(1)
    assert tensor_indices([2, 2, 2])[0] == 0
    assert tensor_indices([0, 0, 0])[0] == 0


@pytest.mark.parametrize("seed", range(3))
def test_a_turned_tensor_keeps_its_indices_and_turns_its_direction(seed):
    axes = rotation(seed)
    maps = fit(signals(axes))
    # float32 maps hold seven digits.
    assert maps.fractional_anisotropy.array.item() == pytest.approx(0.20897, abs=1e-4)
    assert maps.mean_diffusivity.array.item() == pytest.approx(1.7e-3, rel=1e-5)
    assert maps.axial_diffusivity.array.item() == pytest.approx(2.1e-3, rel=1e-5)
    assert maps.radial_diffusivity.array.item() == pytest.approx(1.5e-3, rel=1e-5)
    assert maps.signal_at_zero.array.item() == pytest.approx(1000, rel=1e-5)
    assert abs(maps.direction.ravel() @ axes[:, 0]) == pytest.approx(1, abs=1e-4)


def test_noise_at_snr_50_leaves_md_unbiased():
    rng = np.random.default_rng(4)
    clean = signals(rotation(), repeats=4000)
    maps = fit(clean + rng.normal(0, 20, clean.shape))
    assert np.median(maps.mean_diffusivity.array) == pytest.approx(1.7e-3, rel=0.01)


def test_voxels_without_signal_are_not_a_number():
    signal = signals(rotation(), repeats=2)
    signal[1] = 0
    fa = fit(signal).fractional_anisotropy.array.ravel()
    assert np.isfinite(fa[0])
    assert np.isnan(fa[1])


def test_gradients_that_leave_the_tensor_open_are_refused():
    with pytest.raises(InputError, match="six directions"):
        diffusion_tensor(
            signals(rotation()), np.eye(4), b_values=B_VALUES, directions=[[1, 0, 0]] * 7
        )
    with pytest.raises(InputError, match="no direction"):
        diffusion_tensor(signals(rotation()), np.eye(4), b_values=[500] * 7, directions=DIRECTIONS)
    with pytest.raises(InputError, match="one volume per b-value"):
        fit(signals(rotation())[..., :5])
