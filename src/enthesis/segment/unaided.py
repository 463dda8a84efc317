"""Regions of a scan without anybody's help: by the network and the geometry, with their quality."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import replace

from enthesis.anatomy import region
from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.segment.geometry import geometry_reading
from enthesis.segment.network import network_at_hand
from enthesis.segment.network_reader import NetworkReading, network_reading
from enthesis.segment.quality import RegionQuality
from enthesis.segment.spine import Spine
from enthesis.segment.together import Outline, Segmentation, together

START_NOTE = (
    "the built-in segmentation is a starting contour for review; it was checked on simulated "
    "bodies and a few real scans and is not validated"
)

ALONE_NOTE = (
    "geometry read this scan alone, without the network ({why}): there is no second reader to "
    "agree with"
)

ALONE_REASON = "one reader alone found it, so nothing says how good it is"

UNSURE_LEVELS = 0.8
"""Confidence of levels below which every region named by level is to be looked at."""


UNSURE_LEVEL_REASON = "its level is likely, not sure: confirm it on the sagittal picture"


GUIDED_BY_LEVEL = frozenset({"psoas_major", "deep_back_muscle", "erector_spinae", "multifidus"})

GUESSED_REASON = (
    "no level is known, so where it lies was guessed as if the scan showed the low back"
)


def automatic(
    image: Image,
    *,
    levels: Mapping[str, float] | None = None,
    outline: Outline = "fascia",
) -> Segmentation:
    """The regions of a lumbar CT or MR.

    A CT is read by its geometry and by the network, and the answer is the mean of both; an MR is
    read by the network alone.

    Parameters
    ----------
    image : CT in HU, or MR of any weighting, axial or resampled to be so; 60 mm wide or more
    levels : level → height in the scan of a point of that vertebral body, mm; proposed from the
        sacrum if not given
    outline : "fascia" draws muscles along their fascia, the fat under it included; "muscle" along
        their own border

    Returns
    -------
    Segmentation with a quality for every region; those below the bar say why they want a look.
    Where levels cannot be known, bodies and discs have none.

    Raises
    ------
    InputError : a field too small to be read, no reader at hand, an unknown outline, or a level
        where no body is.
    """
    network, why = _network(image)
    geometry = None
    if image.quantity == "hounsfield":
        geometry = geometry_reading(image, levels=levels)
    elif levels:
        raise InputError("levels can be set on CT only: on MR vertebrae are not told apart yet")
    if network is None and (geometry is None or geometry.spine is None):
        raise InputError(
            f"this scan could not be read: {why}, and geometry found no lumbar spine in it; "
            "segment with a model backend or by contours"
        )
    found = together(image, network=network, geometry=geometry, outline=outline)
    notes = [START_NOTE, *found.notes]
    if network is None:
        notes.append(ALONE_NOTE.format(why=why))
    spine = geometry.spine if geometry else None
    quality = {name: _judged(name, one, spine) for name, one in found.quality.items()}
    return replace(found, notes=tuple(notes), quality=quality, spine=spine)


def _network(image: Image) -> tuple[NetworkReading | None, str]:
    """What the network finds, or why it was not asked."""
    if not network_at_hand():
        return None, "its weights are not in this installation"
    if importlib.util.find_spec("onnxruntime") is None:
        return None, "get its runtime with: pip install 'enthesis[segment]'"
    try:
        reading = network_reading(image)
    except InputError as error:
        return None, str(error)
    return (reading, "") if reading.plane else (None, "it saw no spine")


def _judged(name: str, quality: RegionQuality, spine: Spine | None) -> RegionQuality:
    """The quality with what speaks against the region's level, or against a single reader."""
    reasons = quality.reasons
    if quality.agreement is None and quality.steadiness is None:
        reasons = (*reasons, ALONE_REASON)
    if region(name).level and spine is not None and spine.levels.confidence < UNSURE_LEVELS:
        reasons = (*reasons, UNSURE_LEVEL_REASON)
    if region(name).structure in GUIDED_BY_LEVEL and spine is not None and not spine.levels.known:
        reasons = (*reasons, GUESSED_REASON)
    return replace(quality, reasons=reasons)
