"""The reference body in a magnetic resonance scanner: multi-echo, T1- and T2-weighted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from enthesis.errors import InputError
from enthesis.image import Echoes, Image, LabelMap, Source
from enthesis.phantom.body import LumbarBody
from enthesis.phantom.ct import DEFAULT_BODY, Phantom
from enthesis.phantom.grid import Grid, check_spacing, grid_around, label_map, slices
from enthesis.phantom.scene import Scene, scene
from enthesis.phantom.spine import Piece
from enthesis.phantom.texture import SmoothField, smooth_field
from enthesis.phantom.tissues import FAT_T1_MS, FAT_T2_MS, TISSUES, fat_fraction
from enthesis.phantom.truth import true_measurements
from enthesis.records import Measurement

FAT_PEAKS_PPM = (0.6, -0.5, -1.95, -2.6, -3.4, -3.8)
"""Distance of fat's peaks from water, ppm: Hamilton 2011, water at 4.7 ppm."""

FAT_PEAK_SHARES = (0.047, 0.039, 0.006, 0.120, 0.700, 0.088)
"""Share of fat's protons in each: Hamilton 2011, doi:10.1002/nbm.1622."""

PROTON_HZ_PER_PPM_AND_TESLA = 42.577478518
"""Gyromagnetic ratio of the proton over 2 pi (CODATA 2018)."""

ECHO_TIMES_S = (0.0012, 0.0022, 0.0032, 0.0042, 0.0052, 0.0062)
"""Six echoes a millisecond apart, as at 3 T."""

USUAL_SIGNAL = 1000.0
"""Signal of muscle at time zero, in a weighted image that of fat, where the coil is of mean
sensitivity; arbitrary units."""

BIPOLAR_PHASE = (0.35, 0.6)
"""Phase by which echoes of opposite readouts differ: in the middle, and more at the right edge of
the trunk, rad, half of each to either side."""

SHADING = 0.3
"""Largest share by which the coil's sensitivity leaves its mean."""

TIMES_MS = {"T1": (600.0, 11.0), "T2": (3800.0, 102.0)}
"""Repetition and echo time of a usual lumbar spin echo of each weighting at 1.5 T, ms."""

Weighting = Literal["T1", "T2"]

TRUNK_MM = ((-230.0, 230.0), (-180.0, 220.0), (-200.0, 180.0))
"""Box over which field and coil vary, mm."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DixonPhantom:
    """A digital reference object as a multi-echo scan.

    Parameters
    ----------
    echoes : complex64
    labels : whole compartments as they lie in the body, fat within the fascia included
    truth : what is true of the body, independent of the scan and its grid
    fat_fraction : %, the mean of what each voxel holds; not a number where it holds no protons
    field_map : Hz, by which the field leaves its nominal value
    body : what was asked for
    """

    echoes: Echoes
    labels: LabelMap
    truth: tuple[Measurement, ...]
    fat_fraction: Image
    field_map: Image
    body: LumbarBody


def lumbar_dixon(
    body: LumbarBody = DEFAULT_BODY,
    *,
    spacing_mm: tuple[float, float, float] = (1.5, 1.5, 4.0),
    echo_times: Sequence[float] = ECHO_TIMES_S,
    field_strength: float = 3.0,
    snr: float = 40.0,
    field_offset_hz: float = 150.0,
    bipolar: bool = False,
    rng: np.random.Generator,
) -> DixonPhantom:
    """A simulated multi-echo gradient echo of the lumbar spine, with its labels and its truth.

    Parameters
    ----------
    body : sizes, areas and fat; by default those of `LumbarBody`
    spacing_mm : distance between voxel centres to the right, to the front and up, mm
    echo_times : s, increasing
    field_strength : T
    snr : signal of muscle at time zero over the standard deviation of the noise of each of the two
        channels; infinite for none
    field_offset_hz : largest distance of the field from its nominal value, Hz
    bipolar : every other echo is read in the opposite direction, with a phase of its own
    rng : draws fat streaks, organ shapes, field, coil and noise

    Returns
    -------
    DixonPhantom in RAS+ axes; the middle of L3 lies at (0, 0, 0) mm. The same state of rng gives
    the body that `lumbar_ct` makes of it.

    Raises
    ------
    InputError : an impossible spacing, snr, field offset, field strength or echo time.

    Notes
    -----
    The signal of a voxel at time t is (water + fat c(t)) exp(-R2* t + i 2 pi field t), with the six
    peaks of c from Hamilton 2011 and the density-weighted mean of R2*. Low flip angles are assumed:
    T1 has no part in it. Marrow has the same spectrum as other fat.

    References
    ----------
    Hamilton G et al. NMR Biomed 2011;24:784-790. doi:10.1002/nbm.1622
    """
    check_spacing(spacing_mm)
    _positive("snr", snr)
    if not 0 <= field_offset_hz < math.inf:
        raise InputError(f"field_offset_hz is in Hz and not negative, got {field_offset_hz:g}")
    times = np.array(echo_times, dtype=np.float64)
    # Refuses impossible times before the work.
    one = Echoes(
        array=np.zeros((1, 1, 1, times.size), dtype=np.complex64),
        affine=np.eye(4),
        echo_times=times,
        field_strength=field_strength,
        readout="bipolar" if bipolar else "unipolar",
        source=Source(modality="MR", series="simulated", facts={"simulated": True}),
    )
    settled = scene(body, rng)
    grid = grid_around(settled, spacing_mm)
    uneven, coil, phase = (_drift(rng) for _ in range(3))
    phasor = _fat_phasor(times, field_strength)
    (water, fat, decay), regions = _protons(settled, grid)
    field = np.float32(field_offset_hz) * _over(uneven, grid, _tilt(grid))
    sensitivity = _over(coil, grid)
    common = np.exp(1j * np.pi * _over(phase, grid)) * (
        np.float32(USUAL_SIGNAL) * (1 + np.float32(SHADING) * sensitivity)
    )
    signal = np.empty((*grid.shape, times.size), dtype=np.complex64, order="F")
    for n, time in enumerate(times):
        echo = (water + np.complex64(phasor[n]) * fat) * np.exp(
            (2j * np.pi * field - decay) * np.float32(time)
        )
        if bipolar:
            echo = echo * np.exp((-1) ** n * 0.5j * _readout_phase(grid))
        signal[..., n] = common * echo + _complex_noise(rng, grid, snr)
    protons = water + fat
    held = np.where(protons > 1e-3, 100 * fat / np.maximum(protons, 1e-3), np.nan)
    return DixonPhantom(
        echoes=replace(one, array=signal, affine=grid.affine),
        labels=label_map(settled, grid, regions, one.source),
        truth=true_measurements(settled),
        fat_fraction=_image(held, "fat_fraction", grid, one.source),
        field_map=_image(field, "field_offset", grid, one.source),
        body=settled.body,
    )


def lumbar_mr(
    body: LumbarBody = DEFAULT_BODY,
    *,
    weighting: Weighting,
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 4.0),
    snr: float = 30.0,
    shading: float = SHADING,
    rng: np.random.Generator,
) -> Phantom:
    """A simulated T1- or T2-weighted spin echo at 1.5 T, with its labels and its truth.

    Parameters
    ----------
    body : sizes, areas and fat; by default those of `LumbarBody`
    weighting : "T1" or "T2"
    spacing_mm : distance between voxel centres to the right, to the front and up, mm
    snr : signal of fat over the standard deviation of the noise of each channel
    shading : largest share by which the coil's sensitivity leaves its mean, 0..0.8
    rng : draws fat streaks, organ shapes, coil and noise

    Returns
    -------
    Phantom with an image of `signal`, uint16, in RAS+ axes; the middle of L3 lies at (0, 0, 0) mm.

    Raises
    ------
    InputError : another weighting, or an impossible spacing, snr or shading.

    Notes
    -----
    Protons times (1 - exp(-TR/T1)) exp(-TE/T2), water and fat apart; coil; then the magnitude of
    the signal with noise on both channels, which follows Rice's distribution.

    References
    ----------
    Gudbjartsson H, Patz S. Magn Reson Med 1995;34:910-914. doi:10.1002/mrm.1910340618
    """
    if weighting not in TIMES_MS:
        raise InputError(f"weighting is 'T1' or 'T2', got {weighting!r}")
    check_spacing(spacing_mm)
    _positive("snr", snr)
    if not 0 <= shading <= 0.8:
        raise InputError(f"shading is a share between 0 and 0.8, got {shading:g}")
    settled = scene(body, rng)
    grid = grid_around(settled, spacing_mm)
    coil = _drift(rng)
    of_fat = _weight(weighting, FAT_T1_MS, FAT_T2_MS)

    def paint(piece: Piece) -> tuple[ArrayLike]:
        tissue = TISSUES[piece.tissue]
        share = fat_fraction(piece.tissue, piece.fat)
        of_water = _weight(weighting, tissue.t1_ms, tissue.t2_ms)
        return (tissue.protons / of_fat * (of_water + share * (of_fat - of_water)),)

    clean = np.empty(grid.shape, dtype=np.float32, order="F")
    regions = np.empty(grid.shape, dtype=np.uint8, order="F")
    for k, ((seen,), named) in enumerate(slices(settled, grid, paint, empty=(0.0,))):
        clean[..., k], regions[..., k] = seen, named
    clean *= np.float32(USUAL_SIGNAL) * (1 + np.float32(shading) * _over(coil, grid))
    seen = np.abs(clean + _complex_noise(rng, grid, snr))
    repetition, echo = TIMES_MS[weighting]
    source = Source(
        modality="MR",
        series="simulated",
        facts={
            "simulated": True,
            "weighting": weighting,
            "repetition_time_ms": repetition,
            "echo_time_ms": echo,
        },
    )
    return Phantom(
        image=Image(
            array=np.rint(seen).astype(np.uint16, order="F"),
            affine=grid.affine,
            quantity="signal",
            source=source,
        ),
        labels=label_map(settled, grid, regions, source),
        truth=true_measurements(settled),
        body=settled.body,
    )


def _weight(weighting: Weighting, t1_ms: float, t2_ms: float) -> float:
    repetition, echo = TIMES_MS[weighting]
    return (1 - math.exp(-repetition / t1_ms)) * math.exp(-echo / t2_ms)


def _protons(
    settled: Scene, grid: Grid
) -> tuple[tuple[NDArray[np.float32], ...], NDArray[np.uint8]]:
    """Water, fat (muscle's protons being 1) and decay (1/s) of each voxel, and its region."""

    def paint(piece: Piece) -> tuple[ArrayLike, ...]:
        tissue = TISSUES[piece.tissue]
        fat = tissue.protons * fat_fraction(piece.tissue, piece.fat)
        return tissue.protons - fat, fat, tissue.protons * tissue.r2_star

    held = np.empty((3, *grid.shape), dtype=np.float32)
    regions = np.empty(grid.shape, dtype=np.uint8, order="F")
    for k, (seen, named) in enumerate(slices(settled, grid, paint, empty=(0.0, 0.0, 0.0))):
        held[..., k], regions[..., k] = seen, named
    water, fat, decay = held
    return (water, fat, decay / np.maximum(water + fat, np.float32(1e-3))), regions


def _fat_phasor(times: NDArray[np.float64], field_strength: float) -> NDArray[np.complex128]:
    hertz = np.array(FAT_PEAKS_PPM) * PROTON_HZ_PER_PPM_AND_TESLA * field_strength
    phasor: NDArray[np.complex128] = np.exp(
        2j * np.pi * np.multiply.outer(times, hertz)
    ) @ np.array(FAT_PEAK_SHARES)
    return phasor


def _drift(rng: np.random.Generator) -> SmoothField:
    return smooth_field(rng, bounds=TRUNK_MM, step=(130.0, 120.0, 140.0))


def _tilt(grid: Grid) -> NDArray[np.float32]:
    """What shimming leaves behind: a field that falls to the front and rises to the feet."""
    along = -0.6 * grid.y[:, None] / 150 - 0.5 * grid.z / 120
    return np.asarray(along, dtype=np.float32)[None]


def _over(
    drift: SmoothField, grid: Grid, more: NDArray[np.float32] | float = 0.0
) -> NDArray[np.float32]:
    """A smooth field on every voxel, between -1 and 1."""
    rows = np.asarray(grid.y, dtype=np.float32)[None]
    columns = np.asarray(grid.x, dtype=np.float32)[:, None]
    values = np.stack([drift.at(columns, rows, np.full_like(rows, z)) for z in grid.z], axis=2)
    return np.asarray(np.tanh(np.float32(0.6) * values + more), dtype=np.float32)


def _readout_phase(grid: Grid) -> NDArray[np.float32]:
    middle, slope = BIPOLAR_PHASE
    phase = middle + slope * grid.x / abs(grid.x[0])
    return np.asarray(phase, dtype=np.float32)[:, None, None]


def _complex_noise(rng: np.random.Generator, grid: Grid, snr: float) -> NDArray[np.complex64]:
    noise = np.empty(grid.shape, dtype=np.complex64)
    noise.real = rng.standard_normal(grid.shape, dtype=np.float32)
    noise.imag = rng.standard_normal(grid.shape, dtype=np.float32)
    return noise * np.float32(USUAL_SIGNAL / snr)


def _image(values: NDArray[np.floating], quantity: str, grid: Grid, source: Source) -> Image:
    array = np.asarray(values, dtype=np.float32)
    return Image(array=array, affine=grid.affine, quantity=quantity, source=source)


def _positive(name: str, value: float) -> None:
    if not value > 0:
        raise InputError(f"{name} must be above 0, got {value:g}")
