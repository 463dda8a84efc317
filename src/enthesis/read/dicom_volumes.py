"""Slices of one series parted into its volumes: echoes, phases, time points, directions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from enthesis.errors import InputError
from enthesis.read.dicom_geometry import COSINE_TOLERANCE, SAME_PLACE_MM
from enthesis.read.dicom_headers import Header

LISTED = 12
"""Volumes that one message lists, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """Slices of one volume.

    Parameters
    ----------
    headers : in no order
    label : what sets it apart from the others of its series, in words
    """

    headers: tuple[Header, ...]
    label: str


@dataclass(frozen=True, slots=True)
class Trait:
    """What can differ between the volumes of a series.

    Parameters
    ----------
    words : how a label says it; the value goes into the braces
    value : of a slice
    always : whether it parts volumes even if no place occurs twice
    """

    words: str
    value: Callable[[Header], Any]
    always: bool = False


TRAITS = (
    Trait("{}", lambda h: h.component, always=True),
    Trait("echo time {} ms", lambda h: h.echo_time, always=True),
    Trait("inversion time {} ms", lambda h: h.inversion_time, always=True),
    Trait("flip angle {} degrees", lambda h: h.flip_angle, always=True),
    Trait("b value {} s/mm2", lambda h: h.b_value, always=True),
    Trait("gradient along {}", lambda h: h.direction, always=True),
    Trait("time point {}", lambda h: h.temporal),
    Trait("acquisition {}", lambda h: h.acquisition),
    Trait("trigger time {} ms", lambda h: h.trigger_time),
    Trait("{} kV", lambda h: h.kvp),
    Trait("kernel {}", lambda h: h.kernel),
    Trait("thickness {} mm", lambda h: h.thickness),
    Trait("image type {}", lambda h: "/".join(h.image_type)),
)


def volumes(headers: Sequence[Header]) -> list[Volume]:
    """Part slices into volumes, in order of what sets them apart.

    A trait such as the echo time parts them always; one such as the time point only where every
    place occurs with every one of its values, since it may differ from slice to slice too.
    """
    parts: list[tuple[tuple[str, ...], list[Header]]] = [
        ((words,) if words else (), group) for words, group in _by_direction(headers)
    ]
    for trait in TRAITS:
        parts = [
            ((*words, *more), smaller)
            for words, group in parts
            for more, smaller in _parted(group, trait)
        ]
    return [Volume(headers=tuple(group), label=", ".join(words)) for words, group in parts]


def chosen_volume(found: list[Volume], volume: int | None) -> Volume:
    """The volume that is meant.

    Raises
    ------
    InputError : several, and none named; or no such number.
    """
    if volume is None and len(found) == 1:
        return found[0]
    if volume is not None and 0 <= volume < len(found):
        return found[volume]
    listed = ", ".join(
        f"{number}: {each.label or 'all'} ({len(each.headers)} slices)"
        for number, each in enumerate(found[:LISTED])
    )
    more = f" and {len(found) - LISTED} more" if len(found) > LISTED else ""
    count = f"{len(found)} volume{'s' if len(found) > 1 else ''}"
    wanted = "choose one" if volume is None else f"there is no volume {volume}; choose one"
    raise InputError(f"the series holds {count} ({listed}{more}); {wanted}, e.g. volume=0")


def orientation_name(orientation: Sequence[float] | None) -> str:
    """Word for the plane of slices: axial, coronal or sagittal, oblique where between them."""
    if orientation is None:
        return ""
    normal = np.abs(np.cross(orientation[:3], orientation[3:]))
    plane = ("sagittal", "coronal", "axial")[int(normal.argmax())]
    # Within 15 degrees of a plane of the body.
    return plane if normal.max() >= np.cos(np.radians(15)) else f"{plane} oblique"


def _by_direction(headers: Sequence[Header]) -> list[tuple[str, list[Header]]]:
    groups: list[list[Header]] = []
    for header in headers:
        for group in groups:
            first = group[0].orientation
            if header.orientation is None or first is None:
                same = header.orientation is first
            else:
                apart = np.subtract(header.orientation, first)
                same = bool(np.abs(apart).max() <= COSINE_TOLERANCE)
            if same:
                group.append(header)
                break
        else:
            groups.append([header])
    # A slice that is turned by itself is an odd one out, which `stack` refuses by its place.
    if len(groups) == 1 or min(map(len, groups)) < 2:
        return [("", list(headers))]
    return [(orientation_name(group[0].orientation), group) for group in groups]


def _parted(group: list[Header], trait: Trait) -> list[tuple[tuple[str, ...], list[Header]]]:
    by_value: dict[Any, list[Header]] = {}
    for header in group:
        by_value.setdefault(trait.value(header), []).append(header)
    if len(by_value) == 1 or not (trait.always or _each_complete(by_value)):
        return [((), group)]
    ordered = sorted(by_value.items(), key=lambda item: (item[0] is not None, _sortable(item[0])))
    return [((trait.words.format(_worded(value)),), part) for value, part in ordered]


def _each_complete(by_value: dict[Any, list[Header]]) -> bool:
    places = [Counter(map(_place, part)) for part in by_value.values()]
    return all(other == places[0] for other in places[1:])


def _place(header: Header) -> tuple[int, ...]:
    return tuple(round(x / SAME_PLACE_MM) for x in header.position or ())


def _sortable(value: Any) -> Any:
    return value if isinstance(value, (int, float, tuple)) else str(value)


def _worded(value: Any) -> str:
    if value is None:
        return "not given"
    if isinstance(value, tuple):
        return "(" + ", ".join(f"{x:.2f}" for x in value) + ")"
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)
