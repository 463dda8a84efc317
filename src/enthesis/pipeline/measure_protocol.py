"""How a scan is to be measured: a protocol in TOML, checked, with its hash."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Any

from enthesis.anatomy import LEVELS, STRUCTURES
from enthesis.errors import InputError
from enthesis.muscle.area import PLANES
from enthesis.muscle.combine import BOTH
from enthesis.muscle.distribution import DIRECTIONS
from enthesis.muscle.edges import EDGES
from enthesis.muscle.grades import GRADES
from enthesis.muscle.levels import SLICES, USUAL_SLICES
from enthesis.muscle.signal_fat import SIGNAL_METHODS
from enthesis.muscle.windows import FAT_HU, LOW_HU, MUSCLE_HU, NORMAL_HU, Window
from enthesis.pipeline.measure_vertebrae import VERTEBRAL
from enthesis.quantities import QUANTITIES

SHIPPED = ("paraspinal-ct", "paraspinal-dixon", "paper-paraspinal")
"""Protocols that come with the package, by name."""

FAT_METHODS = ("hu_windows", "hu_place", "fat_fraction", *SIGNAL_METHODS, "muscle_fat_index")
"""Ways to measure fat; each applies to one kind of image only."""

SIDES = ("left", "right", *BOTH)

REFERENCES = ("vertebral_body", "intervertebral_disc")

HASH_DIGITS = 8
"""Digits of the hash beside every number; the whole of it stands in the provenance."""

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

_MUSCLES = tuple(name for name, kind in STRUCTURES.items() if kind == "muscle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """Rules by which muscles and vertebrae are measured.

    Parameters
    ----------
    name : letters, digits, dots and hyphens
    title : for people
    image : quantity that the image must hold; any if empty
    muscles, levels : measured; all that are labelled if empty
    slices : of each level, keys of `muscle.levels.SLICES`
    planes : other planes on which areas are measured, keys of `muscle.area.PLANES`
    sides : of `SIDES`
    mean_over_levels : whether each number is averaged over the levels too
    volumes : whether volumes beside the levels are measured
    largest : whether the largest axial area of the scan is
    relative_to : of `REFERENCES`, whose area divides those of muscles
    by_height : whether areas are divided by height squared, where the height is known
    body_composition : whether regions of fat and all skeletal muscle are measured
    together : name of the whole → muscles that are measured as one too
    vertebrae : what is measured of vertebral bodies, of `measure_vertebrae.VERTEBRAL`
    methods : of `FAT_METHODS`; those that do not apply to the image are passed over
    muscle_hu, low_hu, normal_hu, fat_hu : windows on CT, bounds included
    lean_reference, fat_reference : regions of the anchors; the usual ones if empty
    lean_value, fat_value : the anchors themselves, in the image's unit, in place of regions
    quarters : directions in which fat is resolved, keys of `muscle.distribution.DIRECTIONS`
    edges : what attenuation and fat do with the rim of a muscle, a key of `muscle.edges.EDGES`
    intermuscular : whether fat between the muscles of `together` is measured
    grades : keys of `muscle.grades.GRADES`
    quantities : those of muscles that are kept; all if empty
    whole_regions : whether volume and attenuation of every labelled region are given too
    text : of the file, "" for the rules that hold where none is given
    """

    name: str = "usual"
    title: str = ""
    image: str = ""
    muscles: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    slices: tuple[str, ...] = USUAL_SLICES
    planes: tuple[str, ...] = ("vertebra",)
    sides: tuple[str, ...] = ("left", "right")
    mean_over_levels: bool = False
    volumes: bool = False
    largest: bool = False
    relative_to: tuple[str, ...] = ()
    by_height: bool = False
    body_composition: bool = True
    together: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    vertebrae: tuple[str, ...] = ()
    methods: tuple[str, ...] = ("hu_windows", "fat_fraction")
    muscle_hu: Window = MUSCLE_HU
    low_hu: Window = LOW_HU
    normal_hu: Window = NORMAL_HU
    fat_hu: Window = FAT_HU
    lean_reference: tuple[str, ...] = ()
    fat_reference: tuple[str, ...] = ()
    lean_value: float | None = None
    fat_value: float | None = None
    quarters: tuple[str, ...] = ()
    edges: str = "as labelled"
    intermuscular: bool = False
    grades: tuple[str, ...] = ()
    quantities: tuple[str, ...] = ()
    whole_regions: bool = True
    text: str = ""

    @property
    def sha256(self) -> str:
        """Hash of the text; "" without one."""
        return hashlib.sha256(self.text.encode()).hexdigest() if self.text else ""

    @property
    def stamp(self) -> str:
        """Name and short hash, for the method of every number; "" for the usual rules."""
        return f"protocol {self.name} {self.sha256[:HASH_DIGITS]}" if self.text else ""


USUAL = Protocol(vertebrae=VERTEBRAL)
"""The rules that hold where no protocol is given."""

IN_FAT_TABLE = frozenset(
    {
        "methods",
        "muscle_hu",
        "low_hu",
        "normal_hu",
        "fat_hu",
        "lean_reference",
        "fat_reference",
        "lean_value",
        "fat_value",
        "quarters",
        "edges",
        "intermuscular",
        "grades",
    }
)
"""Keys that stand in the table [fat] of the file."""

_KNOWN: Mapping[str, tuple[str, ...]] = {
    "muscles": _MUSCLES,
    "levels": LEVELS,
    "slices": tuple(SLICES),
    "planes": tuple(PLANES),
    "sides": SIDES,
    "relative_to": REFERENCES,
    "methods": FAT_METHODS,
    "lean_reference": _MUSCLES,
    "fat_reference": tuple(name for name, kind in STRUCTURES.items() if kind == "fat"),
    "quarters": tuple(DIRECTIONS),
    "vertebrae": VERTEBRAL,
    "grades": tuple(GRADES),
    "quantities": tuple(QUANTITIES),
}


def protocol(which: str | Path) -> Protocol:
    """A shipped protocol by name, or one from a file.

    Parameters
    ----------
    which : a name of `SHIPPED`, or the path of a TOML file

    Raises
    ------
    InputError : neither, no TOML, an unknown key or value, or a value of another type.
    """
    if str(which) in SHIPPED:
        home = resources.files("enthesis.pipeline") / "protocols" / f"{which}.toml"
        return parsed(home.read_text(encoding="utf-8"), name=str(which))
    path = Path(which)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise InputError(
            f"no protocol named {path.name!r}, and no text file of this name; shipped are: "
            f"{', '.join(SHIPPED)}"
        ) from None
    return parsed(text, name=path.name)


def parsed(text: str, *, name: str = "the protocol") -> Protocol:
    """The protocol that a text in TOML says.

    Parameters
    ----------
    text : of the file
    name : of the file, for messages

    Raises
    ------
    InputError : as for `protocol`.
    """
    # One text has one hash, whatever the system's ends of line.
    text = text.replace("\r\n", "\n")
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name} is no TOML: {error}") from None
    flat = _flat(said, name)
    settings = {key: _setting(key, value, name) for key, value in flat.items()}
    if "name" not in settings:
        raise InputError(f"{name} has no name; add a line such as name = 'our-clinic-ct'")
    made = Protocol(**settings, text=text)
    _check(made, name)
    return made


def _flat(said: Mapping[str, Any], name: str) -> dict[str, Any]:
    fat = said.get("fat", {})
    if not isinstance(fat, Mapping):
        raise InputError(f"{name}: fat is a table, [fat], got {fat!r}")
    upper = {f.name for f in fields(Protocol)} - IN_FAT_TABLE - {"text"}
    for table, keys, known in (
        ("", set(said) - {"fat"}, upper),
        ("[fat] ", set(fat), IN_FAT_TABLE),
    ):
        for key in sorted(keys - known):
            raise InputError(
                f"{name}: unknown key {table}{key!r}; known are: {', '.join(sorted(known))}"
            )
    return {**{key: value for key, value in said.items() if key != "fat"}, **fat}


def _setting(key: str, value: Any, name: str) -> Any:
    """A value of the file as the protocol holds it."""
    if key == "together":
        if not isinstance(value, Mapping):
            raise InputError(f"{name}: together is a table, [together], got {value!r}")
        return {whole: _words("muscles", parts, name) for whole, parts in value.items()}
    if key.endswith("_hu"):
        return _window(key, value, name)
    if key in {"lean_value", "fat_value"}:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"{name}: {key} is a number, got {value!r}")
        return float(value)
    if key in _KNOWN:
        return _words(key, value, name)
    (usual,) = (f.default for f in fields(Protocol) if f.name == key)
    kind = type(usual) if usual is not MISSING else str
    if not isinstance(value, kind):
        words = "true or false" if kind is bool else "a text"
        raise InputError(f"{name}: {key} is {words}, got {value!r}")
    return value


def _words(key: str, value: Any, name: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise InputError(f"{name}: {key} is a list of texts, got {value!r}")
    for word in value:
        if word not in _KNOWN[key]:
            raise InputError(
                f"{name}: {key} has the unknown {word!r}; known are: {', '.join(_KNOWN[key])}"
            )
    return tuple(value)


def _window(key: str, value: Any, name: str) -> Window:
    whole = isinstance(value, list) and all(type(bound) is int for bound in value)
    if not whole or len(value) != 2 or value[0] > value[1]:
        raise InputError(f"{name}: {key} is [lowest, highest] in whole HU, got {value!r}")
    return value[0], value[1]


def _check(made: Protocol, name: str) -> None:
    if not NAME.fullmatch(made.name):
        raise InputError(
            f"{name}: a protocol's name is of letters in lower case, digits, dots and hyphens, got "
            f"{made.name!r}"
        )
    if made.image and made.image not in QUANTITIES:
        raise InputError(f"{name}: image is a quantity such as 'hounsfield', got {made.image!r}")
    if made.edges not in EDGES:
        raise InputError(f"{name}: edges is one of {', '.join(EDGES)}, got {made.edges!r}")
    for whole in made.together:
        if STRUCTURES.get(whole) != "muscle":
            raise InputError(f"{name}: together names {whole!r}, which is no muscle of the anatomy")
    if (made.lean_value is None) != (made.fat_value is None):
        raise InputError(f"{name}: lean_value and fat_value go together; give both or neither")
    if made.image == "hounsfield" and set(made.methods) & set(SIGNAL_METHODS):
        raise InputError(
            f"{name}: clusters of signal are refused on CT, whose HU have fixed windows; use "
            "hu_windows or hu_place"
        )
