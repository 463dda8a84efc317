"""A scan calibrated by the rods of a phantom that lies under the body."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enthesis import maps
from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.maps import Calibration, Rod
from enthesis.maps.calibration import MATERIALS

KEYS = frozenset({"material", "densities", "water", "centres_mm", "radius_mm"})

EXAMPLE = 'material = "CaHA" and densities = [0, 50, 100, 150, 200]'


@dataclass(frozen=True, slots=True, kw_only=True)
class RodPhantom:
    """What the certificate of a phantom says of its rods.

    Parameters
    ----------
    material : salt, "CaHA" or "K2HPO4"
    densities : mg/cm3 of each rod, from the lowest HU to the highest, or in the order of the
        centres
    water : mg/cm3 of water of each rod, of phantoms certified in water and K2HPO4
    centres_mm : patient's right, front and head of a point on each rod's axis, mm, where the rods
        cannot be found
    radius_mm : of a rod, mm, with the centres
    """

    material: str
    densities: tuple[float, ...]
    water: tuple[float, ...] = ()
    centres_mm: tuple[tuple[float, float, float], ...] = ()
    radius_mm: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """The line of a scan, and the rods that it was drawn through.

    Parameters
    ----------
    calibration : the line
    rods : in the order of the certificate
    phantom : the certificate
    """

    calibration: Calibration
    rods: tuple[Rod, ...]
    phantom: RodPhantom

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        line = self.calibration
        return {
            "method": line.method,
            "material": line.material,
            "slope": line.slope,
            "intercept": line.intercept,
            "r_squared": line.r_squared,
            "residual_sd": line.residual_sd,
            "rods": [
                {
                    "hounsfield": rod.hounsfield,
                    "density": density,
                    "centre_mm": list(rod.centre_mm),
                    "radius_mm": rod.radius_mm,
                    "inferred": rod.inferred,
                }
                for rod, density in zip(self.rods, self.phantom.densities, strict=True)
            ],
            "flags": list(line.flags),
        }


def calibrated(image: Image, phantom: RodPhantom) -> Calibrated:
    """The line from HU to density of a scan with a phantom under the body.

    Parameters
    ----------
    image : in HU
    phantom : its certificate

    Raises
    ------
    InputError : not in HU, rods that are not found, or that do not fit the certificate.
    """
    if phantom.centres_mm and phantom.radius_mm is not None:
        rods = maps.measure_rods(image, phantom.centres_mm, radius_mm=phantom.radius_mm)
    else:
        rods = maps.find_rods(image, n_rods=len(phantom.densities))
    hounsfield = [rod.hounsfield for rod in rods]
    kvp = image.source.facts.get("kvp")
    if phantom.water:
        line = maps.calibrate_liquid(hounsfield, phantom.densities, phantom.water, kvp=kvp)
    else:
        line = maps.calibrate(hounsfield, phantom.densities, material=phantom.material, kvp=kvp)
    return Calibrated(calibration=line, rods=rods, phantom=phantom)


def rod_phantom(path: Path) -> RodPhantom:
    """The certificate that a file in TOML says.

    Parameters
    ----------
    path : of a file with material, densities and, where needed, water, centres_mm and radius_mm

    Raises
    ------
    InputError : no such file, no TOML, an unknown or missing key, or lists that do not fit.
    """
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise InputError(f"no text file named {path.name!r}; write one with {EXAMPLE}") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path.name} is no TOML: {error}") from None
    unknown = sorted(set(said) - KEYS)
    if unknown:
        raise InputError(
            f"{path.name}: unknown key {unknown[0]!r}; known are: {', '.join(sorted(KEYS))}"
        )
    material = said.get("material")
    if material not in MATERIALS:
        raise InputError(
            f"{path.name}: material is one of {', '.join(MATERIALS)}, got {material!r}"
        )
    centres = said.get("centres_mm", [])
    found = RodPhantom(
        material=material,
        densities=_numbers(said.get("densities", []), "densities", path),
        water=_numbers(said.get("water", []), "water", path),
        centres_mm=tuple(_point(centre, path) for centre in centres),
        radius_mm=_numbers([said["radius_mm"]], "radius_mm", path)[0]
        if "radius_mm" in said
        else None,
    )
    _check(found, path)
    return found


def _numbers(values: Any, key: str, path: Path) -> tuple[float, ...]:
    if not isinstance(values, Sequence) or any(
        isinstance(value, bool) or not isinstance(value, int | float) for value in values
    ):
        raise InputError(f"{path.name}: {key} holds numbers, got {values!r}")
    return tuple(map(float, values))


def _point(values: Any, path: Path) -> tuple[float, float, float]:
    point = _numbers(values, "centres_mm", path)
    if len(point) != 3:
        raise InputError(f"{path.name}: a centre has three coordinates in mm, got {values!r}")
    return point[0], point[1], point[2]


def _check(phantom: RodPhantom, path: Path) -> None:
    n_rods = len(phantom.densities)
    if n_rods < 2:
        raise InputError(f"{path.name}: the densities of two rods or more are wanted, got {n_rods}")
    for key, values in (("water", phantom.water), ("centres_mm", phantom.centres_mm)):
        if values and len(values) != n_rods:
            raise InputError(f"{path.name}: {n_rods} densities, but {len(values)} of {key}")
    if bool(phantom.centres_mm) != (phantom.radius_mm is not None):
        raise InputError(f"{path.name}: centres_mm and radius_mm go together; give both or neither")
    if phantom.water and phantom.material != "K2HPO4":
        raise InputError(
            f"{path.name}: rods of water and salt are certified in K2HPO4, got {phantom.material}"
        )
    solid = not phantom.water and not phantom.centres_mm
    if solid and list(phantom.densities) != sorted(set(phantom.densities)):
        raise InputError(
            f"{path.name}: rods are found from the lowest HU to the highest, so give their "
            f"densities from low to high, got {list(phantom.densities)}"
        )
