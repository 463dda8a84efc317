import numpy as np
import pytest

from enthesis.bone import texture
from enthesis.errors import InputError
from enthesis.image import Image

LAGS = (0.5, 4.0)


def picture(grey, spacing=(0.5, 0.5)):
    return Image(
        array=np.asarray(grey, dtype=float)[:, :, None],
        affine=np.diag([*spacing, 1, 1]),
        quantity="signal",
    )


def brownian(exponent, *, n=1024, dimensions=2, seed=1, keep=256):
    """A fractional Brownian surface or line by spectral synthesis, every so-manieth value of it."""
    rng = np.random.default_rng(seed)
    f = np.meshgrid(*[np.fft.fftfreq(n)] * dimensions, indexing="ij")
    radius = np.sqrt(sum(axis**2 for axis in f))
    radius.flat[0] = np.inf
    noise = np.fft.fftn(rng.standard_normal((n,) * dimensions))
    field = np.fft.ifftn(noise * radius ** -(exponent + dimensions / 2)).real
    # Thinned out, for the synthesis is too smooth at its own finest steps.
    field = field[(slice(None, None, n // keep),) * dimensions]
    return field / field.std()


def test_a_ramp_has_a_slope_of_two_and_the_values_of_its_steps():
    # V(k) = (3 k)²: 9, 36, 81, 144 at 1 to 4 pixels.
    ramp = np.tile(3.0 * np.arange(40)[:, None], (1, 20))
    found = texture.variogram(picture(ramp), lags_mm=(0.5, 2.0), direction="rows")
    np.testing.assert_allclose(found.values, [9, 36, 81, 144])
    np.testing.assert_array_equal(found.pairs, [39 * 20, 38 * 20, 37 * 20, 36 * 20])
    assert found.slope == pytest.approx(2)
    assert found.r_squared == pytest.approx(1)


@pytest.mark.parametrize("exponent", [0.3, 0.5, 0.7])
def test_a_fractional_brownian_surface_has_twice_its_exponent(exponent):
    found = texture.variogram(picture(brownian(exponent)), lags_mm=LAGS)
    # Spectral synthesis is exact only for an endless surface: Mandelbrot's 2 H to within 0.1.
    assert found.slope == pytest.approx(2 * exponent, abs=0.1)
    assert found.r_squared > 0.99


def test_gain_and_offset_do_not_change_the_slope_and_pixels_alone_decide_the_lags():
    grey = brownian(0.5)
    first = texture.variogram(picture(grey), lags_mm=LAGS)
    assert texture.variogram(picture(700 - 40 * grey), lags_mm=LAGS).slope == pytest.approx(
        first.slope
    )
    finer = texture.variogram(picture(grey, (0.25, 0.25)), lags_mm=(0.25, 2.0))
    assert finer.slope == pytest.approx(first.slope)


def test_noise_flattens_the_slope_until_it_is_taken_out():
    grey, rng = brownian(0.6), np.random.default_rng(2)
    clean = texture.variogram(picture(grey), lags_mm=LAGS).slope
    sd = 0.1
    first, second = (picture(grey + rng.normal(0, sd, grey.shape)) for _ in range(2))
    assert texture.variogram(first, lags_mm=LAGS).slope < clean - 0.1
    measured = texture.noise_of_repeat(first, second)
    assert measured == pytest.approx(sd, rel=0.02)
    corrected = texture.variogram(first, lags_mm=LAGS, noise_sd=measured)
    assert corrected.slope == pytest.approx(clean, abs=0.03)


def test_each_direction_has_its_own_slope():
    across, along = (
        brownian(0.3, dimensions=1, n=2**16),
        brownian(0.7, dimensions=1, n=2**16, seed=5),
    )
    grey = across[:, None] + along[None, :]
    rows = texture.variogram(picture(grey), lags_mm=LAGS, direction="rows").slope
    columns = texture.variogram(picture(grey), lags_mm=LAGS, direction="columns").slope
    assert rows == pytest.approx(0.6, abs=0.2)
    assert columns == pytest.approx(1.4, abs=0.25)
    found = texture.variogram_slopes(picture(grey), lags_mm=LAGS, level="L3")
    assert [m.quantity for m in found] == ["variogram_slope"] * 3 + ["variogram_anisotropy"]
    assert found[3].value == pytest.approx(rows / columns)
    assert {m.level for m in found} == {"L3"}


def test_only_pairs_inside_the_mask_count():
    grey = np.tile(2.0 * np.arange(60)[:, None], (1, 30))
    mask = np.ones(grey.shape, dtype=bool)
    mask[40:] = False
    grey[45:] = 1e6
    found = texture.variogram(picture(grey), lags_mm=(0.5, 2), direction="rows", mask=mask)
    np.testing.assert_allclose(found.values, [4, 16, 36, 64])


def test_no_name_or_threshold_of_a_vendors_score_is_used():
    found = texture.variogram_slopes(picture(brownian(0.5)), lags_mm=LAGS)
    assert all("bone_score" not in m.quantity for m in found)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lags_mm": (4, 0.5)}, "least, greatest"),
        ({"lags_mm": (0.5, 0.6)}, "needs 3 distances"),
        ({"lags_mm": LAGS, "noise_sd": 100}, "leaves nothing"),
        ({"lags_mm": LAGS, "noise_sd": -1}, "must not be negative"),
        ({"lags_mm": LAGS, "direction": "up"}, "'rows', 'columns' or 'all'"),
        ({"lags_mm": LAGS, "mask": np.ones((2, 2), dtype=bool)}, "256 x 256 pixels"),
    ],
)
def test_unusable_requests_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        texture.variogram(picture(brownian(0.5)), **options)


def test_a_picture_of_one_grey_has_no_texture():
    with pytest.raises(InputError, match="no texture"):
        texture.variogram(picture(np.ones((30, 30))), lags_mm=LAGS)
