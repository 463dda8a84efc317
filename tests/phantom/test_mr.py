import numpy as np
import pytest
from scipy import ndimage

from enthesis.errors import InputError
from enthesis.maps import LIVER, fat_phasor, fat_water
from enthesis.phantom import lumbar_ct, lumbar_dixon, lumbar_mr
from enthesis.phantom.mr import FAT_PEAK_SHARES, FAT_PEAKS_PPM, _fat_phasor

COARSE = (3.0, 3.0, 6.0)

LEVELS = ("L1", "L2", "L3", "L4", "L5")


@pytest.fixture(scope="module")
def hard():
    """A field of +-300 Hz at 3 T and an SNR of 20: the worst that is asked of a separation."""
    return lumbar_dixon(
        spacing_mm=COARSE, snr=20, field_offset_hz=300, rng=np.random.default_rng(7)
    )


@pytest.fixture(scope="module")
def bipolar():
    return lumbar_dixon(spacing_mm=COARSE, bipolar=True, rng=np.random.default_rng(7))


@pytest.fixture(scope="module")
def weighted():
    return {
        weighting: lumbar_mr(
            weighting=weighting, spacing_mm=COARSE, snr=30, rng=np.random.default_rng(7)
        )
        for weighting in ("T1", "T2")
    }


def inside(phantom, name):
    """Voxels of a region that have their neighbours of the same slice in it too."""
    region = np.asarray(phantom.labels.array == phantom.labels.label(name))
    return ndimage.binary_erosion(region, np.ones((3, 3, 1)))


def true(phantom, quantity, region, level, *, side="", method=""):
    found = [
        m.value
        for m in phantom.truth
        if (m.quantity, m.region, m.level, m.side) == (quantity, region, level, side)
        and method in m.method
    ]
    assert len(found) == 1
    return found[0]


def test_the_spectrum_is_the_one_that_the_maps_fit():
    assert LIVER.shifts_ppm == pytest.approx(FAT_PEAKS_PPM)
    assert LIVER.amplitudes == pytest.approx(FAT_PEAK_SHARES)
    times = np.array([0.0, 0.0012, 0.0023])
    assert _fat_phasor(times, 3.0) == pytest.approx(fat_phasor(LIVER, times, field_strength=3.0))


def region_errors(phantom):
    """Mean error of the fat fraction of each muscle and vertebral body, points."""
    found = fat_water(phantom.echoes).fat_fraction.array
    return {
        name: float((found[voxels] - phantom.fat_fraction.array[voxels]).mean())
        for name in phantom.labels.names.values()
        if name.startswith(("vertebral_body", "multifidus", "erector", "quadratus", "psoas"))
        # Fewer have a standard error of the size of what is tested.
        and (voxels := inside(phantom, name) & np.isfinite(found)).sum() > 100
    }


def test_fat_water_recovers_the_fat_of_every_muscle_and_body_within_a_point(hard):
    errors = region_errors(hard)
    assert {f"{muscle}_left" for muscle in ("multifidus", "erector_spinae", "psoas_major")} <= set(
        errors
    )
    assert {f"vertebral_body_{level}" for level in LEVELS} <= set(errors)
    assert max(map(abs, errors.values())) < 1


def test_no_voxel_with_signal_is_swapped_in_a_field_of_300_hz(hard):
    found = fat_water(hard.echoes).fat_fraction.array
    # Half of muscle's signal: ten times the noise.
    bright = np.abs(hard.echoes.array[..., 0]) > 500
    apart = np.abs(found - hard.fat_fraction.array)[bright]
    assert bright.sum() > 50_000
    # A swap turns 5 to 95 %; noise of a single voxel is a tenth of that.
    assert apart.max() < 45


def test_noisy_air_is_not_a_number_and_labelled_tissue_is(hard):
    found = np.isfinite(fat_water(hard.echoes).fat_fraction.array)
    air = ~np.isfinite(hard.fat_fraction.array)
    # At an SNR of 20 air lies at 7 % of muscle's signal; a voxel in fifty may pass.
    assert found[air].mean() < 0.02
    assert found[hard.labels.array > 0].mean() > 0.999


def test_a_bipolar_readout_is_taken_off_again(bipolar):
    assert bipolar.echoes.readout == "bipolar"
    assert max(map(abs, region_errors(bipolar).values())) < 1


def test_the_mean_of_a_muscles_voxels_is_the_fat_that_was_asked_for(hard):
    region = np.asarray(hard.labels.array == hard.labels.label("erector_spinae_left"))
    middle = int(np.argmin(np.abs(hard.labels.affine[2, 3] + 6 * np.arange(region.shape[2]))))
    levels = region[:, :, middle - 2 : middle + 3]
    seen = float(hard.fat_fraction.array[:, :, middle - 2 : middle + 3][levels].mean())
    wanted = true(
        hard, "fat_fraction", "erector_spinae", "L3", side="left", method="over the body's height"
    )
    # Voxels at the rim share the fat of the cleft and of the bed around the muscle.
    assert wanted - 1 < seen < wanted + 6


def test_true_fractions_follow_from_shares_of_fat_and_the_tissues_own(hard):
    share = true(
        hard, "fat_infiltration", "psoas_major", "L3", side="right", method="over the body's height"
    )
    fraction = true(
        hard, "fat_fraction", "psoas_major", "L3", side="right", method="over the body's height"
    )
    # Muscle has 1 % of its own, adipose tissue 94 %.
    assert fraction == pytest.approx(1 + share * 0.93)
    # 44 % of the marrow of L3 is fat.
    assert true(hard, "fat_fraction", "vertebral_body", "L3") == pytest.approx(0.94 * 44)


def test_ct_and_echoes_of_one_seed_are_of_one_body(hard):
    ct = lumbar_ct(spacing_mm=COARSE, rng=np.random.default_rng(7))
    assert np.array_equal(ct.labels.array, hard.labels.array)
    assert ct.truth == hard.truth


def test_the_field_stays_within_what_was_asked_for_and_uses_it(hard):
    field = hard.field_map.array
    assert np.abs(field).max() <= 300
    assert np.ptp(field) > 300


def test_weightings_show_fat_muscle_and_water_in_the_usual_order(weighted):
    mean = {
        weighting: {
            name: float(phantom.image.array[inside(phantom, name)].mean())
            for name in ("subcutaneous_fat", "erector_spinae_left", "spinal_canal", "aorta")
        }
        for weighting, phantom in weighted.items()
    }
    t1, t2 = mean["T1"], mean["T2"]
    assert t1["subcutaneous_fat"] > t1["erector_spinae_left"] > t1["spinal_canal"]
    assert t2["spinal_canal"] > t2["subcutaneous_fat"] > t2["erector_spinae_left"]
    # Flowing blood is dark.
    assert t1["aorta"] < t1["erector_spinae_left"]
    assert t2["aorta"] < t2["erector_spinae_left"]


def test_noise_of_a_weighted_image_is_rayleigh_where_there_is_no_signal(weighted):
    image = weighted["T1"].image
    air = np.asarray(image.array[:4, :4]).astype(float)
    # SD 1000 / 30 a channel: Rayleigh's mean is sqrt(pi / 2) of it. 600 voxels, 2 % standard error.
    assert air.mean() == pytest.approx(1000 / 30 * np.sqrt(np.pi / 2), rel=0.08)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"snr": 0}, "snr must be above 0, got 0"),
        ({"field_offset_hz": -5}, "field_offset_hz is in Hz and not negative, got -5"),
        ({"spacing_mm": (0.1, 1, 1)}, "voxel spacing is in mm .* got 0.1"),
        ({"echo_times": (1.2, 2.3)}, "echo times are in seconds"),
        ({"field_strength": 0}, "field strength must be above 0 T"),
    ],
)
def test_impossible_scans_are_refused_before_they_are_made(change, message):
    with pytest.raises(InputError, match=message):
        lumbar_dixon(**change, rng=np.random.default_rng(1))


def test_another_weighting_is_refused():
    with pytest.raises(InputError, match="weighting is 'T1' or 'T2', got 'PD'"):
        lumbar_mr(weighting="PD", rng=np.random.default_rng(1))


def test_adipose_tissue_decays_and_beats_as_its_peaks_say(monkeypatch):
    bounds = (-200.0, 200.0), (-130.0, 130.0), (-4.0, 4.0)
    monkeypatch.setattr("enthesis.phantom.grid.extent", lambda curve, body: bounds)
    times = (0.001, 0.0025)
    scan = lumbar_dixon(
        spacing_mm=(4, 4, 4),
        echo_times=times,
        snr=np.inf,
        field_offset_hz=0,
        rng=np.random.default_rng(7),
    )
    pure = np.abs(scan.fat_fraction.array - 94) < 1e-3
    assert pure.sum() > 500
    peaks = np.array(FAT_PEAKS_PPM) * 42.577478518 * 3
    first, second = (
        0.06 + 0.94 * (np.array(FAT_PEAK_SHARES) * np.exp(2j * np.pi * peaks * time)).sum()
        for time in times
    )
    wanted = second / first * np.exp(-45 * (times[1] - times[0]))
    ratio = scan.echoes.array[..., 1][pure] / scan.echoes.array[..., 0][pure]
    # Float32; the phase of the coil cancels in the ratio.
    assert np.median(np.abs(ratio - wanted)) < 1e-4
