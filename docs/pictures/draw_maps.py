"""Draws the pictures of docs/maps.md from the digital body and prints the numbers of its tables.

Run from the repository's root: ``python docs/pictures/draw_maps.py``.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from PIL import Image
from scipy import ndimage

from enthesis.image import Echoes
from enthesis.maps import bone_density, calibrate, fat_water, find_rods
from enthesis.phantom import DixonPhantom, LumbarBody, lumbar_ct, lumbar_dixon
from enthesis.phantom.trunk import ROD_DENSITIES

FOLDER = Path(__file__).parent
SEED = 7


def axial(axes, array, title, unit, *, low, high, cmap):
    """One slice in radiological display, with its scale."""
    shown = axes.imshow(
        array[::-1].T, origin="lower", cmap=cmap, vmin=low, vmax=high, interpolation="nearest"
    )
    axes.set_title(f"{title}, {unit}" if unit else title, fontsize=9)
    axes.set_axis_off()
    for at, side in ((0.02, "R"), (0.95, "L")):
        back = {"facecolor": "white", "linewidth": 0, "pad": 1}
        axes.text(at, 0.9, side, transform=axes.transAxes, fontsize=8, bbox=back)
    plt.colorbar(shown, ax=axes, fraction=0.03, pad=0.02).ax.tick_params(labelsize=7)


def draw_fat_water(scan: DixonPhantom) -> None:
    """Fat fraction, its error, R2* and field at L4."""
    found = fat_water(scan.echoes)
    up = scan.labels.array == scan.labels.label("vertebral_body_L4")
    k = round(np.argwhere(up)[:, 2].mean())
    share = found.fat_fraction.array[:, :, k]
    error = share - scan.fat_fraction.array[:, :, k]
    figure, axes = plt.subplots(2, 2, figsize=(9, 5.6), layout="constrained")
    for ax in axes.ravel():
        ax.set_facecolor("black")
    axial(axes[0, 0], share, "Fat fraction", "%", low=0, high=100, cmap="cividis")
    axial(axes[0, 1], error, "Found less true", "points", low=-15, high=15, cmap="PuOr")
    axial(axes[1, 0], found.r2_star.array[:, :, k], "R2*", "1/s", low=0, high=150, cmap="magma")
    field = found.field_map.array[:, :, k]
    axial(axes[1, 1], field, "Field offset", "Hz", low=-150, high=150, cmap="PuOr")
    save(figure, "phantom_fat_water.png")
    plt.close(figure)


def print_fat_water() -> None:
    """Bias and limits of the fat fraction by noise, over regions and over voxels."""
    print("| SNR | field, Hz | bias of a region, points | 95% limits of a voxel | worst region |")
    for snr in (20, 40, 100):
        scan = lumbar_dixon(
            spacing_mm=(3, 3, 6), snr=snr, field_offset_hz=300, rng=np.random.default_rng(SEED)
        )
        found = fat_water(scan.echoes).fat_fraction.array
        errors, means = [], []
        for name in scan.labels.names.values():
            if not name.startswith(("vertebral", "multi", "erector", "quadratus", "psoas")):
                continue
            if name.startswith("vertebra_"):
                continue
            region = scan.labels.array == scan.labels.label(name)
            inner = ndimage.binary_erosion(region, np.ones((3, 3, 1))) & np.isfinite(found)
            if inner.sum() > 100:
                apart = (found - scan.fat_fraction.array)[inner]
                errors.append(apart)
                means.append(apart.mean())
        low, high = np.percentile(np.concatenate(errors), (2.5, 97.5))
        print(
            f"| {snr} | 300 | {np.mean(means):+.2f} | {low:.1f} to {high:+.1f} "
            f"| {max(means, key=abs):+.2f} |"
        )


def draw_density() -> None:
    """Density of a body scanned above its rods; prints what was found and what is true."""
    body = LumbarBody(rods="CaHA", trabecular_hu=(190, 160, 130, 100, 70))
    for kvp in (80.0, 120.0):
        made = lumbar_ct(body, spacing_mm=(1, 1, 3), kvp=kvp, rng=np.random.default_rng(SEED))
        rods = find_rods(made.image, n_rods=5)
        line = calibrate([rod.hounsfield for rod in rods], ROD_DENSITIES, material="CaHA", kvp=kvp)
        density = bone_density(made.image, line).array
        print(line.summary())
        for level in body.lumbar_levels:
            region = made.labels.array == made.labels.label(f"vertebral_body_{level}")
            inner = ndimage.binary_erosion(region, np.ones((9, 9, 5)))
            (true,) = (
                m.value for m in made.truth if (m.quantity, m.level) == ("trabecular_bmd", level)
            )
            print(f"| {kvp:.0f} | {level} | {true:.1f} | {density[inner].mean():.1f} |")
    middle = np.abs(made.labels.affine[0, 3] + np.arange(made.labels.shape[0])).argmin()
    level = np.abs(made.labels.affine[2, 3] + 3 * np.arange(made.labels.shape[2])).argmin()
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    axial(
        axes[0], density[:, :, level], "BMD at L3", "mg/cm³ CaHA", low=0, high=300, cmap="cividis"
    )
    shown = axes[1].imshow(
        density[middle].T, origin="lower", aspect=3, cmap="cividis", vmin=0, vmax=300
    )
    axes[1].set_title("In the midline, mg/cm³ CaHA; front to the right", fontsize=9)
    axes[1].set_axis_off()
    plt.colorbar(shown, ax=axes[1], fraction=0.03, pad=0.02).ax.tick_params(labelsize=7)
    save(figure, "phantom_bmd.png")
    plt.close(figure)


def main() -> None:
    """All pictures and numbers."""
    mpl.use("Agg")
    wasted = replace(LumbarBody().multifidus, fat_percent=45, pattern="lamellar")
    scan = lumbar_dixon(
        LumbarBody(multifidus=wasted),
        spacing_mm=(1.5, 1.5, 6),
        snr=40,
        rng=np.random.default_rng(SEED),
    )
    # A slab around L4 shows all that is to be seen.
    up = np.argwhere(scan.labels.array == scan.labels.label("vertebral_body_L4"))[:, 2]
    part = slice(int(up.min()), int(up.max()) + 1)
    draw_fat_water(_slab(scan, part))
    print_fat_water()
    draw_density()


def save(figure, name):
    """A picture of 256 colours, since it lies in the repository."""
    path = FOLDER / name
    figure.savefig(path, dpi=80)
    with Image.open(path) as drawn:
        # The whole range of each scale, however rare its ends are.
        small = drawn.convert("RGB").quantize(256, method=Image.Quantize.MAXCOVERAGE)
    small.save(path, optimize=True)


def _slab(scan: DixonPhantom, part: slice) -> DixonPhantom:
    echoes: Echoes = scan.echoes
    return replace(
        scan,
        echoes=replace(echoes, array=echoes.array[:, :, part]),
        labels=replace(scan.labels, array=scan.labels.array[:, :, part]),
        fat_fraction=replace(scan.fat_fraction, array=scan.fat_fraction.array[:, :, part]),
        field_map=replace(scan.field_map, array=scan.field_map.array[:, :, part]),
    )


if __name__ == "__main__":
    main()
