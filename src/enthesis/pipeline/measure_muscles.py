"""The muscles of one scan measured by a protocol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from enthesis import muscle
from enthesis.errors import InputError
from enthesis.muscle import Anchors, Stretch
from enthesis.muscle.body_composition import WHOLE_MUSCLE
from enthesis.muscle.signal_fat import SIGNAL_METHODS
from enthesis.pipeline.measure_protocol import Protocol
from enthesis.records import Measurement
from enthesis.regions import Disc, LabelVoxels, VertebralBody


def measure_muscles(
    voxels: LabelVoxels,
    bodies: Mapping[str, VertebralBody],
    discs: Mapping[str, Disc],
    rules: Protocol,
    *,
    height_m: float | None = None,
) -> tuple[list[Measurement], list[str]]:
    """Measurements of the muscles of one scan, and what could not be measured and why.

    Parameters
    ----------
    voxels : labelled voxels
    bodies, discs : of the same label map
    rules : the protocol
    height_m : m, for indices

    Raises
    ------
    InputError : the image holds another quantity than the protocol is for.
    """
    if rules.image and voxels.quantity != rules.image:
        raise InputError(
            f"the protocol {rules.name} is for images of {rules.image}, this one holds "
            f"{voxels.quantity}; choose another protocol or say what the image holds"
        )
    single = muscle.stretches(
        voxels,
        bodies,
        discs,
        slices=rules.slices,
        structures=_measured(rules),
        levels=rules.levels,
    )
    whole = single + muscle.together(single, rules.together)
    treated = muscle.treat_edges(voxels, single, how=rules.edges)
    on_slices = treated + muscle.together(treated, rules.together)
    doubts = _missing(voxels, rules)
    anchors = _anchors(voxels, rules, doubts)
    found = [*muscle.areas(on_slices), *_across(voxels, bodies, rules)]
    infiltrations = _infiltrations(on_slices, rules, anchors)
    found += [*muscle.attenuations(on_slices), *muscle.attenuation_medians(on_slices)]
    found += infiltrations
    found += _lean(on_slices, infiltrations, found, rules)
    found += muscle.map_means(on_slices)
    if rules.intermuscular:
        found += muscle.intermuscular_fat(voxels, on_slices, rules.together, fat_hu=rules.fat_hu)
    of_fat = [m for m in infiltrations if m.quantity == "fat_infiltration"]
    found += muscle.grades(of_fat, names=rules.grades)
    found = _combined(voxels, bodies, rules, found, height_m)
    if rules.quarters and (voxels.quantity != "signal" or anchors is not None):
        found += muscle.fat_quarters(
            voxels,
            # Without its rim the outermost quarters of a muscle would be missing.
            [s for s in (whole if rules.edges == "trimmed" else on_slices) if s.first == s.last],
            directions=rules.quarters,
            anchors=anchors if voxels.quantity == "signal" else None,
            muscle_hu=rules.muscle_hu,
            fat_hu=rules.fat_hu,
        )
    if rules.quantities:
        found = [m for m in found if m.quantity in rules.quantities]
    if rules.body_composition:
        found += muscle.body_composition(voxels, bodies, levels=rules.levels, height_m=height_m)
    return found, doubts


def stamped(measurements: Iterable[Measurement], rules: Protocol) -> list[Measurement]:
    """The measurements with the protocol's name and hash in their method."""
    if not rules.stamp:
        return list(measurements)
    return [replace(m, method=f"{m.method} ({rules.stamp})") for m in measurements]


def _measured(rules: Protocol) -> tuple[str, ...]:
    """Structures that are measured on slices; body composition wants all skeletal muscle too."""
    if rules.muscles and rules.body_composition:
        return (*rules.muscles, WHOLE_MUSCLE)
    return rules.muscles


def _missing(voxels: LabelVoxels, rules: Protocol) -> list[str]:
    """Muscles of the protocol that are not labelled; one of a pair of names is enough."""
    alike = {"psoas_major": {"iliopsoas"}, "iliopsoas": {"psoas_major"}}
    for whole, parts in rules.together.items():
        alike |= {part: {whole} for part in parts}
        alike[whole] = set(parts)
    shown = {where.structure for where in voxels.kind("muscle").values()}
    lacking = [
        name for name in rules.muscles if name not in shown and not alike.get(name, set()) & shown
    ]
    return [f"the {name.replace('_', ' ')} is not labelled: not measured" for name in lacking]


def _anchors(voxels: LabelVoxels, rules: Protocol, doubts: list[str]) -> Anchors | None:
    """Anchors where a method of the protocol asks for them on this image."""
    wanted = {
        "hounsfield": {"hu_place"},
        "signal": {*SIGNAL_METHODS, "muscle_fat_index"},
    }.get(voxels.quantity, set())
    if not wanted & set(rules.methods):
        return None
    if rules.lean_value is not None and rules.fat_value is not None:
        return Anchors(muscle=rules.lean_value, fat=rules.fat_value)
    references = {"muscle": rules.lean_reference, "fat": rules.fat_reference}
    try:
        return muscle.reference_anchors(
            voxels, **{which: names for which, names in references.items() if names}
        )
    except InputError as error:
        # The rest of the scan is measured all the same.
        doubts.append(f"fat was not measured by references: {error}")
        return None


def _across(
    voxels: LabelVoxels, bodies: Mapping[str, VertebralBody], rules: Protocol
) -> list[Measurement]:
    found = muscle.areas_across(
        voxels, bodies, planes=rules.planes, structures=rules.muscles, levels=rules.levels
    )
    if rules.largest:
        found += muscle.largest_areas(voxels, structures=rules.muscles)
    if rules.volumes:
        found += muscle.volumes_between(
            voxels, bodies, structures=rules.muscles, levels=rules.levels
        )
    return found


def _infiltrations(
    on_slices: list[Stretch], rules: Protocol, anchors: Anchors | None
) -> list[Measurement]:
    found: list[Measurement] = []
    for method in rules.methods:
        if method == "hu_windows":
            found += muscle.fat_infiltrations(
                on_slices, muscle_hu=rules.muscle_hu, fat_hu=rules.fat_hu
            )
        elif method == "fat_fraction":
            found += muscle.fat_fractions(on_slices)
        elif anchors is None:
            continue
        elif method == "hu_place":
            found += muscle.fat_by_attenuation(on_slices, anchors)
        elif method == "muscle_fat_index":
            found += muscle.muscle_fat_indices(on_slices, anchors)
        else:
            of_signal = [s for s in on_slices if s.quantity == "signal"]
            found += muscle.signal_fat_infiltrations(of_signal, anchors, methods=[method])
    return found


def _lean(
    on_slices: list[Stretch],
    infiltrations: list[Measurement],
    sized: list[Measurement],
    rules: Protocol,
) -> list[Measurement]:
    """Functional areas: of CT by windows, else by each method that measured the fat."""
    by_windows = muscle.tissue_areas(
        on_slices,
        muscle_hu=rules.muscle_hu,
        low_hu=rules.low_hu,
        normal_hu=rules.normal_hu,
        fat_hu=rules.fat_hu,
    )
    return by_windows or muscle.lean_areas(infiltrations, sized)


def _combined(
    voxels: LabelVoxels,
    bodies: Mapping[str, VertebralBody],
    rules: Protocol,
    found: list[Measurement],
    height_m: float | None,
) -> list[Measurement]:
    """Single sides as far as they are wanted, both sides, relative, by height and over levels."""
    kept = [m for m in found if not m.side or m.side in rules.sides]
    both = [how for how in rules.sides if how not in {"left", "right"}]
    kept += muscle.both_sides(found, how=both)
    # Where both sides are put together, single sides are not divided and averaged once more.
    of_all = {"mean", "sum"}.isdisjoint(both)
    counted = kept if of_all else [m for m in kept if not m.side]
    more: list[Measurement] = []
    if rules.relative_to:
        references = muscle.reference_areas(voxels, bodies, of=rules.relative_to)
        more += muscle.relative_areas(counted, references)
    if rules.by_height and height_m is not None:
        summed = muscle.area_indices(muscle.both_sides(found, how=["sum"]), height_m=height_m)
        more += muscle.area_indices(counted, height_m=height_m)
        more += [m for m in summed if m.quantity == "psoas_muscle_index" and m not in more]
    if rules.mean_over_levels:
        levels = rules.levels or tuple(bodies)
        more += muscle.over_levels([*counted, *more], levels=levels)
    return kept + more
