"""Draws the maps of relaxation, diffusion and perfusion of docs/maps.md, and prints their errors.

Run from the repository's root: ``python docs/pictures/draw_other_maps.py``.
"""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from draw_maps import SEED, axial, save
from matplotlib import pyplot as plt
from scipy import ndimage

from enthesis.maps import decay_time, diffusion_tensor, enhancement, t1_variable_flip_angle, tofts
from enthesis.phantom import lumbar_ct

SNR = 40
"""Signal of muscle before decay over the noise of one channel."""

BACK = ("multifidus", "erector_spinae", "quadratus_lumborum", "psoas_major")

# Of each tissue: T2 and T1 in ms, mean diffusivity in mm2/s and its anisotropy, Ktrans per minute
# and share of extravascular space. Round numbers.
TISSUES = {
    "muscle": (35.0, 1200.0, 1.5e-3, 0.25, 0.06, 0.12),
    "back": (38.0, 1150.0, 1.5e-3, 0.35, 0.10, 0.15),
    "bone": (70.0, 450.0, 0.5e-3, 0.05, 0.25, 0.20),
    "disc": (100.0, 1000.0, 1.6e-3, 0.05, 0.02, 0.30),
    "fat": (80.0, 300.0, 0.2e-3, 0.05, 0.03, 0.10),
    "rest": (60.0, 800.0, 1.0e-3, 0.05, 0.08, 0.20),
}


def regions():
    """Labels at the middle of L3 as tissues, and true maps of them."""
    made = lumbar_ct(spacing_mm=(1.5, 1.5, 6), rng=np.random.default_rng(SEED))
    k = round(np.argwhere(made.labels.array == made.labels.label("vertebral_body_L3"))[:, 2].mean())
    labels, hu = made.labels.array[:, :, k : k + 1], made.image.array[:, :, k : k + 1]
    parts, _ = ndimage.label(hu > -400)
    body = parts == np.bincount(parts[parts > 0]).argmax()
    smooth = ndimage.uniform_filter(hu.astype(float), (3, 3, 1))
    kind = np.where(body, np.where(smooth < -50, "fat", "rest"), "").astype("<U6")
    for number, name in made.labels.names.items():
        if name.startswith(BACK):
            kind[labels == number] = "back" if name.startswith(BACK[:2]) else "muscle"
        elif name.startswith("vertebra"):
            kind[labels == number] = "bone"
        elif name.startswith("intervertebral"):
            kind[labels == number] = "disc"
    truth = np.zeros((6, *kind.shape))
    for name, values in TISSUES.items():
        truth[:, kind == name] = np.array(values)[:, None]
    return made.image.affine, kind, truth


def noisy(clean, rng):
    """Magnitudes with Rice's noise."""
    real, imaginary = rng.normal(0, 1 / SNR, (2, *clean.shape))
    return np.hypot(clean + real, imaginary)


def t2_of(affine, inside, t2, rng):
    """T2 of eight spin echoes."""
    times = 0.012 * np.arange(1, 9)
    clean = inside[..., None] * np.exp(-1000 * times / np.maximum(t2, 1)[..., None])
    return decay_time(noisy(clean, rng), affine, echo_times=times, quantity="t2").time.array


def t1_of(affine, inside, t1, rng):
    """T1 of four flip angles, 20 times as strong as the spoiled signal of one degree."""
    angles, repetition = np.array([2.0, 5.0, 10.0, 20.0]), 0.015
    turn = np.radians(angles)
    rest = np.exp(-1000 * repetition / np.maximum(t1, 1))[..., None]
    clean = 20 * inside[..., None] * np.sin(turn) * (1 - rest) / (1 - rest * np.cos(turn))
    found = t1_variable_flip_angle(
        noisy(clean, rng), affine, flip_angles=angles, repetition_time=repetition
    )
    return found.time.array


def diffusion_of(affine, inside, mean, anisotropy, rng):
    """A tensor of 30 directions at 500 s/mm2, its fibres along the body."""
    directions = rng.normal(size=(36, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    b_values = np.array([0.0] * 6 + [500.0] * 30)
    # Eigenvalues (1 + 2 x, 1 - x, 1 - x) have anisotropy 3 x / sqrt(3 + 6 x^2).
    x = anisotropy / np.sqrt(3 - 2 * anisotropy**2)
    along = directions[:, 2] ** 2
    rates = mean[..., None] * ((1 - x)[..., None] + 3 * x[..., None] * along)
    clean = inside[..., None] * np.exp(-b_values * rates)
    return diffusion_tensor(noisy(clean, rng), affine, b_values=b_values, directions=directions)


def perfusion_of(affine, inside, ktrans, v_e, rng):
    """A bolus of three minutes, every 3 s, as concentration and as enhancement."""
    times = np.arange(0, 180, 3.0)
    after = np.clip(times - 15, 0, None) / 60
    plasma = 12 * (after > 0) * (after * 8 * np.exp(1 - 8 * after) + 0.25 * np.exp(-0.3 * after))
    kep = ktrans / np.maximum(v_e, 1e-6)
    tissue = np.zeros((*inside.shape, times.size))
    step = (times[1] - times[0]) / 60
    for n in range(1, times.size):
        fall = np.exp(-kep * step)
        tissue[..., n] = tissue[..., n - 1] * fall + ktrans * step * (
            (plasma[n - 1] * fall + plasma[n]) / 2
        )
    tissue += rng.normal(0, 0.02, tissue.shape)
    model = tofts(tissue * inside[..., None], affine, times=times, plasma=plasma)
    signal = noisy(inside[..., None] * (1 + 0.8 * np.clip(tissue, 0, None)), rng)
    return model, enhancement(signal, affine, times=times, n_baseline=5)


def main() -> None:
    """The picture, and the median error over the muscles of the back."""
    mpl.use("Agg")
    rng = np.random.default_rng(SEED)
    affine, kind, (t2, t1, mean, anisotropy, ktrans, v_e) = regions()
    inside = (kind != "").astype(float)
    tensor = diffusion_of(affine, inside, mean, anisotropy, rng)
    model, semi = perfusion_of(affine, inside, ktrans, v_e, rng)
    panels = [
        ("T2", "ms", t2_of(affine, inside, t2, rng), t2, 0, 120),
        ("T1", "ms", t1_of(affine, inside, t1, rng), t1, 0, 1500),
        ("Mean diffusivity", "mm²/s", tensor.mean_diffusivity.array, mean, 0, 2e-3),
        ("Fractional anisotropy", "", tensor.fractional_anisotropy.array, anisotropy, 0, 0.5),
        ("Ktrans", "1/min", model.k_trans.array, ktrans, 0, 0.3),
        ("Largest enhancement", "%", semi.maximum.array, None, 0, 100),
    ]
    figure, axes = plt.subplots(2, 3, figsize=(12, 5.4), layout="constrained")
    back = kind == "back"
    for ax, (title, unit, found, true, low, high) in zip(axes.ravel(), panels, strict=True):
        shown = np.where(kind != "", found, np.nan)[:, :, 0]
        axial(ax, shown, title, unit, low=low, high=high, cmap="cividis")
        if true is not None:
            middle, aim = np.nanmedian(found[back]), np.median(true[back])
            spread = np.nanpercentile(found[back] - true[back], (2.5, 97.5))
            print(f"| {title} | {aim:.4g} | {middle:.4g} | {spread[0]:.3g} to {spread[1]:+.3g} |")
    along = np.abs(tensor.direction[back][:, 2])
    print(f"fibres, degrees off: {np.degrees(np.arccos(np.clip(along, 0, 1))).mean():.1f}")
    save(figure, "phantom_other_maps.png")
    plt.close(figure)


if __name__ == "__main__":
    main()
