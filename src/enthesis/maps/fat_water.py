"""Fat fraction, decay and field from the echoes of a Dixon or multi-echo scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import gammainccinv

from enthesis.errors import InputError
from enthesis.image import Echoes, Image
from enthesis.maps.fat_spectrum import (
    LIVER,
    PROTON_MHZ_PER_TESLA,
    FatSpectrum,
    fat_phasor,
)
from enthesis.maps.magnitude_fit import fit_magnitudes
from enthesis.maps.phase_error import bipolar_corrected, first_echo_corrected
from enthesis.maps.separation import Problem, Separated, coarse_field, separate
from enthesis.maps.two_point import amplitude, fractions, split

BACKGROUND = 0.02
"""Root-mean-square signal below this share of the brightest voxels' counts as air."""

BRIGHT_PERCENTILE = 99
"""Where the brightest voxels begin: tissue for sure, and too common to be an artefact."""

SEARCH_REACH_PPM = 5.0
"""Largest field offset looked for when unevenly spaced echoes tell all offsets apart, ppm."""

DIM = 0.2
"""Noise is looked for below this share of the brightest voxels: an SNR of some 5 to 7 there."""

NOISE_TAIL = 0.05
"""Share of pure noise that passes as signal before its neighbours are asked."""

NOISY = 0.35
"""Least variation over the echoes, SD over mean of a voxel's magnitudes, that tells noise (0.5 by
Rayleigh's distribution) from faint tissue, whose echoes resemble each other."""

SURROUNDED = 0.5
"""A dim voxel counts as tissue where more than this share of its 3 x 3 voxels is clear of noise."""

ALONE = 0.25
"""A voxel with no more than this share of clear ones about it, itself among them, is noise."""

FEWEST_NOISE = 200
"""Fewer dim voxels tell nothing of the noise."""

DOUBTFUL_SHARE = 5
"""More voxels than this with a negative swap margin are flagged, %."""

REVERSED = 0.7
"""The mirrored phase is believed when it leaves less than this share of the sum of squares."""

N_PROBES = 20_000
"""Voxels on which the direction of the phase is tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FatWater:
    """Maps of a fat-water separation; not a number where there is no signal.

    Parameters
    ----------
    fat_fraction : %; noise may carry a voxel past 0 or 100, so that means stay unbiased
    water, fat : magnitude at time zero, as scanned; of two echoes, without correction for decay
    residual : %, root of the sum of squares left over that of the signal
    r2_star : 1/s, one rate for water and fat; none of two echoes
    field_map : Hz; none of magnitudes
    swap_margin : %, how much worse the best rival fits; where negative, the neighbours decided.
        None of two echoes, which fit exactly either way
    spectrum : name of the fat spectrum
    method : what was fitted
    flags : what is doubtful, one sentence each
    """

    fat_fraction: Image
    water: Image
    fat: Image
    residual: Image
    r2_star: Image | None
    field_map: Image | None
    swap_margin: Image | None
    spectrum: str
    method: str
    flags: tuple[str, ...] = ()

    def summary(self) -> str:
        """One line on the whole image."""
        share = self.fat_fraction.array
        low, middle, high = np.nanpercentile(share, (5, 50, 95))
        return (
            f"{self.method}, {self.spectrum}: fat fraction {middle:.1f} % "
            f"(5 to 95 %: {low:.1f} to {high:.1f}) in {int(np.isfinite(share).sum())} voxels"
        )


def fat_water(echoes: Echoes, *, spectrum: FatSpectrum = LIVER) -> FatWater:
    """Maps of fat fraction, water, fat, R2* and field.

    Parameters
    ----------
    echoes : two or more; complex if the phase was kept
    spectrum : peaks of fat, `LIVER` for muscle too, `MARROW` for bone

    Returns
    -------
    the maps. Three complex echoes or more: water, fat, field and R2* by least squares; two: both
    possible splits, told apart by the field; magnitudes: both minima, the better one kept.

    Raises
    ------
    InputError : no signal, signal that is not finite, or a bipolar readout of complex echoes that
        are fewer than four or unevenly spaced.

    Notes
    -----
    The fat fraction of two echoes, or of a T1-weighted scan, is no proton density fat fraction.
    For each field offset on a grid the sum of squares is minimised over water, fat and three
    decays; every 2 x 2 block keeps its three best offsets, and one of these is chosen for all
    blocks together by tree-reweighted message passing, so that the field is smooth where there is
    signal. Each voxel is then fitted near its block's offset. The fraction is taken by magnitude
    discrimination. Smooth errors of phase are taken off first: on the first of five or more echoes,
    or between odd and even ones of a bipolar readout. T1 is not corrected for.

    References
    ----------
    Dixon WT. Radiology 1984;153:189-194. doi:10.1148/radiology.153.1.6089263
    Hernando D, Kellman P, Haldar JP, Liang ZP. Magn Reson Med 2010;63:79-90.
    doi:10.1002/mrm.22177
    Berglund J, Kullberg J. Magn Reson Med 2012;67:1684-1693. doi:10.1002/mrm.23157
    Reeder SB, Cruite I, Hamilton G, Sirlin CB. J Magn Reson Imaging 2011;34:729-749.
    doi:10.1002/jmri.22580
    """
    array = echoes.array
    inside = _foreground(array)
    phasor = fat_phasor(spectrum, echoes.echo_times, field_strength=echoes.field_strength)
    larmor = PROTON_MHZ_PER_TESLA * echoes.field_strength
    if not np.iscomplexobj(array):
        return _of_magnitudes(echoes, inside, phasor, spectrum)
    problem = Problem(
        array=array,
        inside=inside,
        echo_times=echoes.echo_times,
        phasor=phasor,
        fat_shift=abs(spectrum.main_shift_ppm) * larmor,
        reach=SEARCH_REACH_PPM * larmor,
        spacing=echoes.spacing,
    )
    if echoes.echo_times.size == 2:
        return _of_two(echoes, problem, spectrum)
    flags = []
    method = f"{echoes.echo_times.size} complex echoes, one R2*"
    if echoes.readout == "bipolar":
        problem = bipolar_corrected(problem)
        method += ", bipolar phase taken off"
    else:
        problem = first_echo_corrected(problem)
    if _runs_backwards(problem):
        flags.append(
            "the phase seems to run the other way: the mirrored signal fits better; "
            "conjugate the echoes if the scanner counts phase clockwise"
        )
    maps = separate(problem, coarse_field(problem))
    doubtful = 100 * float(np.mean(maps.swap_margin[inside] < 0))
    if doubtful > DOUBTFUL_SHARE:
        flags.append(
            f"in {doubtful:.0f} % of voxels only the neighbours speak against a swap of fat and "
            "water; look at the map"
        )
    return _result(echoes, maps, spectrum, method, tuple(flags))


def _foreground(array: NDArray[np.generic]) -> NDArray[np.bool_]:
    energy = np.zeros(array.shape[:3], dtype=np.float32)
    for n in range(array.shape[3]):
        energy += np.abs(array[..., n]).astype(np.float32) ** 2
    if not np.isfinite(energy).all():
        bad = int((~np.isfinite(energy)).sum())
        raise InputError(f"{bad} voxels have a signal that is not finite; set them to zero first")
    bright = float(np.percentile(energy, BRIGHT_PERCENTILE))
    if bright == 0:
        raise InputError("no signal: at least 99 % of the voxels are zero in every echo")
    bright_enough: NDArray[np.bool_] = energy > BACKGROUND**2 * bright
    clear = bright_enough & (energy > _noise_energy(array, energy, DIM**2 * bright))
    # What is dim within tissue, like ligament, stays; what is clear alone in the dark is noise.
    around = ndimage.uniform_filter(clear.astype(np.float32), size=(3, 3, 1))
    inside: NDArray[np.bool_] = bright_enough & ((clear & (around > ALONE)) | (around > SURROUNDED))
    return inside


def _noise_energy(array: NDArray[np.generic], energy: NDArray[np.float32], dim: float) -> float:
    """Energy that noise alone hardly passes, 0 where no noise can be told from tissue.

    Notes
    -----
    The energy of noise over n echoes follows a gamma distribution of shape n, whose logarithm is
    most frequent at n times its scale. The most frequent energy of the dim voxels is taken for it
    if the echoes there vary as those of noise do.
    """
    n = array.shape[3]
    low = energy[(energy > 0) & (energy < dim)]
    if n < 3 or low.size < FEWEST_NOISE:
        return 0.0
    logs = np.log(low)
    counts, edges = np.histogram(logs, bins=np.arange(logs.min(), logs.max() + 0.1, 0.1))
    smooth = np.convolve(counts, np.ones(5), mode="same")
    peak = float(edges[int(np.argmax(smooth))] + 0.05)
    near = np.flatnonzero(np.abs(np.log(np.maximum(energy.ravel(), np.exp(-80.0))) - peak) < 0.3)
    chosen = near[:: max(1, near.size // N_PROBES)]
    magnitudes = np.abs(array.reshape(-1, n)[chosen])
    if np.median(magnitudes.std(axis=1) / magnitudes.mean(axis=1)) < NOISY:
        return 0.0
    return float(np.exp(peak) / n * gammainccinv(n, NOISE_TAIL))


def _runs_backwards(problem: Problem) -> bool:
    """Whether the mirrored phase explains the brightest voxels better; fat's peaks tell."""
    energy = np.abs(problem.array[..., 0])[problem.inside]
    bright = np.flatnonzero(problem.inside)[np.argsort(energy)[-N_PROBES:]]
    probed = np.zeros_like(problem.inside)
    probed.ravel()[bright] = True
    return problem.least(probed, mirrored=True) < REVERSED * problem.least(probed, mirrored=False)


def _of_two(echoes: Echoes, problem: Problem, spectrum: FatSpectrum) -> FatWater:
    inside = problem.inside
    signal = problem.signal(slice(0, inside.shape[0]))
    share, field = split(
        signal,
        problem.echo_times,
        problem.phasor,
        inside,
        fat_shift=problem.fat_shift,
        spacing=problem.spacing,
    )
    flags = (
        "two echoes: decay is not corrected for, and a part far from the others may be swapped",
    )
    return _two_echo_result(
        echoes, inside, np.abs(signal), share, field, problem.phasor, spectrum, flags
    )


def _of_magnitudes(
    echoes: Echoes,
    inside: NDArray[np.bool_],
    phasor: NDArray[np.complex128],
    spectrum: FatSpectrum,
) -> FatWater:
    signal = np.ascontiguousarray(echoes.array[inside].T, dtype=np.float32)
    if (signal < 0).any():
        raise InputError(
            f"magnitudes cannot be negative, got {float(signal.min()):g}; "
            "give real and imaginary parts as one complex array"
        )
    if signal.shape[0] == 2:
        share = fractions(signal[0], signal[1], phasor)[0]
        flags = (
            "two magnitudes: water is taken to be the larger part, so no voxel can be mostly fat",
        )
        return _two_echo_result(echoes, inside, signal, share, None, phasor, spectrum, flags)
    parts = [
        fit_magnitudes(signal[:, start : start + 50_000], echoes.echo_times, phasor)
        for start in range(0, signal.shape[1], 50_000)
    ]
    fitted = {name: np.concatenate([part[name] for part, _ in parts]) for name in parts[0][0]}
    everywhere = {name: _spread(values, inside) for name, values in fitted.items()}
    maps = Separated(
        field=None,
        swap_margin=_spread(np.concatenate([margin for _, margin in parts]), inside),
        **everywhere,
    )
    method = f"{signal.shape[0]} magnitudes, one R2*, both minima tried"
    return _result(echoes, maps, spectrum, method, ())


def _two_echo_result(
    echoes: Echoes,
    inside: NDArray[np.bool_],
    magnitudes: NDArray[np.float32],
    share: NDArray[np.float32],
    field: NDArray[np.float32] | None,
    phasor: NDArray[np.complex128],
    spectrum: FatSpectrum,
    flags: tuple[str, ...],
) -> FatWater:
    whole = amplitude(magnitudes[0], magnitudes[1], share, phasor)
    model = whole * np.abs(1 - share + phasor[:, None] * share)
    left = ((magnitudes - model) ** 2).sum(axis=0) / (magnitudes**2).sum(axis=0)
    kind = "magnitudes" if field is None else "complex echoes"

    def image(values: NDArray[np.floating], quantity: str) -> Image:
        return _image(_spread(values, inside), quantity, echoes)

    return FatWater(
        fat_fraction=image(100 * share, "fat_fraction"),
        water=image(whole * (1 - share), "water_signal"),
        fat=image(whole * share, "fat_signal"),
        residual=image(100 * np.sqrt(left), "fit_residual"),
        r2_star=None,
        field_map=None if field is None else image(field, "field_offset"),
        swap_margin=None,
        spectrum=spectrum.name,
        method=f"2 {kind}, no R2*",
        flags=flags,
    )


def _result(
    echoes: Echoes,
    maps: Separated,
    spectrum: FatSpectrum,
    method: str,
    flags: tuple[str, ...],
) -> FatWater:
    return FatWater(
        fat_fraction=_image(maps.fat_fraction, "fat_fraction", echoes),
        water=_image(maps.water, "water_signal", echoes),
        fat=_image(maps.fat, "fat_signal", echoes),
        residual=_image(maps.residual, "fit_residual", echoes),
        r2_star=_image(maps.r2_star, "r2_star", echoes),
        field_map=None if maps.field is None else _image(maps.field, "field_offset", echoes),
        swap_margin=_image(maps.swap_margin, "swap_margin", echoes),
        spectrum=spectrum.name,
        method=method,
        flags=flags,
    )


def _spread(values: NDArray[np.floating], inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    spread = np.full(inside.shape, np.nan, dtype=np.float32)
    spread[inside] = values
    return spread


def _image(array: NDArray[np.float32], quantity: str, echoes: Echoes) -> Image:
    return Image(array=array, affine=echoes.affine, quantity=quantity, source=echoes.source)
