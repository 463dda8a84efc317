"""Diffusion tensor: how far and along which direction water moves in muscle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from enthesis.errors import InputError
from enthesis.image import Image, Source

CHUNK = 50_000
"""Voxels fitted at once; bounds memory at some tens of MB."""

MOST_SINGULAR = 1e4
"""Largest condition number of the scaled design; six well spread directions stay under 10."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DiffusionTensor:
    """Maps of one tensor per voxel; not a number where there is no signal.

    Parameters
    ----------
    fractional_anisotropy : 0 to 1
    mean_diffusivity, axial_diffusivity, radial_diffusivity : mm2/s
    signal_at_zero : without diffusion weighting
    direction : (I, J, K, 3), unit vector of fastest diffusion in the gradients' frame; its sign is
        arbitrary
    method : what was fitted
    flags : what is doubtful, one sentence each
    """

    fractional_anisotropy: Image
    mean_diffusivity: Image
    axial_diffusivity: Image
    radial_diffusivity: Image
    signal_at_zero: Image
    direction: NDArray[np.float32]
    method: str
    flags: tuple[str, ...] = ()


def tensor_indices(
    eigenvalues: ArrayLike,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """FA, MD, AD and RD of eigenvalues.

    Parameters
    ----------
    eigenvalues : (..., 3) in any order

    Returns
    -------
    four arrays (...); the last three in the unit given. FA is zero where all are zero.

    References
    ----------
    Basser PJ, Pierpaoli C. J Magn Reson B 1996;111:209-219. doi:10.1006/jmrb.1996.0086
    """
    values = np.sort(np.asarray(eigenvalues, dtype=np.float64), axis=-1)
    mean = values.mean(axis=-1)
    apart = ((values - mean[..., None]) ** 2).sum(axis=-1)
    whole = (values**2).sum(axis=-1)
    fa = np.sqrt(1.5 * apart / np.where(whole == 0, 1, whole))
    return fa, mean, values[..., 2], values[..., :2].mean(axis=-1)


def diffusion_tensor(
    signal: NDArray[np.generic],
    affine: NDArray[np.float64],
    *,
    b_values: ArrayLike,
    directions: ArrayLike,
    source: Source | None = None,
) -> DiffusionTensor:
    """Maps of FA, MD, AD, RD and the principal direction.

    Parameters
    ----------
    signal : (I, J, K, N), magnitudes
    affine : (4, 4) of `signal`, mm
    b_values : (N,), s/mm2
    directions : (N, 3), of the gradients; lengths are ignored, and rows with b = 0 may be zero
    source : where the signal came from

    Raises
    ------
    InputError : shapes that do not fit, negative b, or gradients that leave the tensor open.

    Notes
    -----
    Weighted least squares of the logarithm, the weights being the squared signals predicted by an
    unweighted first fit. Noise raises FA and fat lowers MD: suppress fat and keep SNR above 25 or
    so. Voxels with a negative eigenvalue are counted in a flag and kept as they are.

    References
    ----------
    Basser PJ, Mattiello J, Le Bihan D. J Magn Reson B 1994;103:247-254. doi:10.1006/jmrb.1994.1037
    Salvador R et al. Hum Brain Mapp 2005;24:144-155. doi:10.1002/hbm.20076
    """
    b = np.asarray(b_values, dtype=np.float64)
    design = _design(b, np.asarray(directions, dtype=np.float64))
    if signal.ndim != 4 or signal.shape[3] != b.size:
        raise InputError(
            f"signal (I, J, K, {b.size}) was wanted, one volume per b-value, got {signal.shape}"
        )
    flat = signal.reshape(-1, b.size).astype(np.float64)
    inside = np.flatnonzero((np.isfinite(flat) & (flat > 0)).all(axis=1))
    fitted = np.full((flat.shape[0], 7), np.nan)
    for start in range(0, inside.size, CHUNK):
        some = inside[start : start + CHUNK]
        fitted[some] = _weighted(np.log(flat[some]), design)
    values = np.full((flat.shape[0], 3), np.nan)
    direction = np.full((flat.shape[0], 3), np.nan, dtype=np.float32)
    if inside.size:
        xx, yy, zz, xy, xz, yz = fitted[inside, 1:].T
        tensor = np.stack([xx, xy, xz, xy, yy, yz, xz, yz, zz], axis=1).reshape(-1, 3, 3)
        values[inside], vectors = np.linalg.eigh(tensor)
        direction[inside] = vectors[:, :, 2]
    fa, md, ad, rd = tensor_indices(values)
    negative = int((values[inside] < 0).any(axis=1).sum())
    flags = (f"{negative} voxels have a negative eigenvalue: noise",) if negative else ()

    def image(array: NDArray[np.float64], quantity: str) -> Image:
        return Image(
            array=array.reshape(signal.shape[:3]).astype(np.float32),
            affine=affine,
            quantity=quantity,
            source=source or Source(modality="MR"),
        )

    return DiffusionTensor(
        fractional_anisotropy=image(fa, "fractional_anisotropy"),
        mean_diffusivity=image(md, "mean_diffusivity"),
        axial_diffusivity=image(ad, "axial_diffusivity"),
        radial_diffusivity=image(rd, "radial_diffusivity"),
        signal_at_zero=image(np.exp(fitted[:, 0]), "signal_at_zero"),
        direction=direction.reshape(*signal.shape[:3], 3),
        method=f"tensor of {b.size} volumes, weighted least squares",
        flags=flags,
    )


def _design(b: NDArray[np.float64], directions: NDArray[np.float64]) -> NDArray[np.float64]:
    if b.ndim != 1 or directions.shape != (b.size, 3):
        raise InputError(
            f"one direction (x, y, z) per b-value is wanted: {b.size} b-values, "
            f"directions of shape {directions.shape}"
        )
    if not (np.isfinite(b).all() and (b >= 0).all()):
        raise InputError(f"b-values are zero or more, got {b.min():g}")
    length = np.linalg.norm(directions, axis=1)
    if ((length == 0) & (b > 0)).any():
        row = int(np.flatnonzero((length == 0) & (b > 0))[0])
        raise InputError(f"volume {row} has b = {b[row]:g} but no direction")
    x, y, z = (directions / np.where(length == 0, 1, length)[:, None]).T
    squares = np.stack([x * x, y * y, z * z, 2 * x * y, 2 * x * z, 2 * y * z], axis=1)
    design = np.column_stack([np.ones_like(b), -b[:, None] * squares])
    scaled = design / [1, *[max(b.max(), 1)] * 6]
    if b.size < 7 or np.linalg.cond(scaled) > MOST_SINGULAR:
        raise InputError(
            "a tensor needs six directions that differ and a second b-value; "
            f"these {b.size} volumes leave it open"
        )
    return design


def _weighted(logs: NDArray[np.float64], design: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficients (V, 7) of logs (V, N)."""
    # b in ms/um2 keeps the normal equations well conditioned.
    scale = np.array([1, *[1 / 1000] * 6])
    scaled = design * scale
    first = logs @ np.linalg.pinv(scaled).T
    weights = np.exp(2 * (first @ scaled.T - logs.max(axis=1, keepdims=True)))
    normal = np.einsum("vn,ni,nj->vij", weights, scaled, scaled, optimize=True)
    right = (weights * logs) @ scaled
    solved: NDArray[np.float64] = np.linalg.solve(normal, right[..., None])[..., 0] * scale
    return solved
