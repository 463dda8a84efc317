"""Names of the body's regions: structure, side and level, with colours and codes.

A region's name is ``structure``, then ``left`` or ``right`` where the structure has sides, then the
level where it has levels: ``psoas_major_left``, ``vertebra_L3``, ``intervertebral_disc_L4_L5``.
"""

from __future__ import annotations

import colorsys
import difflib
import functools
import zlib
from dataclasses import dataclass
from typing import Literal

from enthesis.errors import InputError

Side = Literal["left", "right"]
Kind = Literal["muscle", "bone", "disc", "fat", "vessel", "nerve", "organ", "cavity", "implant"]

LEVELS = (
    *(f"C{i}" for i in range(1, 8)),
    *(f"T{i}" for i in range(1, 14)),
    *(f"L{i}" for i in range(1, 7)),
    *(f"S{i}" for i in range(1, 6)),
)
"""Vertebral levels from head to feet; T13 and L6 occur in transitional anatomy."""

LUMBAR_LEVELS = ("L1", "L2", "L3", "L4", "L5")

SPINE_STRUCTURES = frozenset({"vertebra", "vertebral_body", "vertebra_posterior"})
"""Structures that exist once per vertebral level."""

DISC_STRUCTURES = frozenset({"intervertebral_disc"})
"""Structures that lie between two levels, named by both: ``intervertebral_disc_L4_L5``."""


@dataclass(frozen=True, slots=True)
class Code:
    """A concept of a public terminology, e.g. SCT (SNOMED CT)."""

    scheme: str
    value: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """One named region.

    Parameters
    ----------
    name : the whole name
    structure : the name without side and level
    kind : what tissue or organ it is
    side : "left", "right" or "" where the structure lies in the midline or is given as one
    level : a vertebral level, two joined by "_" for a disc, or ""
    color : red, green, blue in 0..1
    code : a public code of the structure, None where none has been verified
    """

    name: str
    structure: str
    kind: Kind
    side: Side | Literal[""]
    level: str
    color: tuple[float, float, float]
    code: Code | None


@functools.cache
def region(name: str) -> Region:
    """The region of this name.

    Raises
    ------
    InputError : the structure is unknown, or its side or level is missing or misplaced.
    """
    structure, side, level = _split(name)
    if structure not in STRUCTURES:
        close = difflib.get_close_matches(structure, STRUCTURES, n=3)
        hint = f"; did you mean {', '.join(close)}?" if close else ""
        raise InputError(f"no region named {name!r}: {structure!r} is not a known structure{hint}")
    if bool(level) and structure not in SPINE_STRUCTURES | DISC_STRUCTURES:
        raise InputError(f"{name!r} names a vertebral level, but {structure!r} has none")
    kind = STRUCTURES[structure]
    return Region(
        name=name,
        structure=structure,
        kind=kind,
        side=side,
        level=level,
        color=_color(structure, level),
        code=_code(structure, level),
    )


def level_below(level: str) -> str:
    """The next level towards the feet, in a spine of 12 thoracic and 5 lumbar vertebrae."""
    usual = [name for name in LEVELS if name not in {"T13", "L6"}]
    try:
        return usual[usual.index(level) + 1]
    except (ValueError, IndexError):
        raise InputError(f"no vertebral level follows {level!r}") from None


def _split(name: str) -> tuple[str, Side | Literal[""], str]:
    parts = name.split("_")
    level: list[str] = []
    while parts and parts[-1] in LEVELS:
        level.insert(0, parts.pop())
    side: Side | Literal[""] = ""
    if parts and parts[-1] == "left":
        side = "left"
    elif parts and parts[-1] == "right":
        side = "right"
    if side:
        parts.pop()
    return "_".join(parts), side, "_".join(level)


def _color(structure: str, level: str) -> tuple[float, float, float]:
    if structure in COLORS:
        return COLORS[structure]
    # A stable hue by name, alternating lightness by level so that neighbours differ.
    hue = (zlib.crc32(structure.encode()) % 360) / 360
    step = LEVELS.index(level.split("_")[0]) % 2 if level else 0
    return colorsys.hls_to_rgb(hue, 0.55 + 0.15 * step, 0.55)


def _code(structure: str, level: str) -> Code | None:
    if structure == "vertebra" and level in VERTEBRA_CODES:
        return Code("SCT", VERTEBRA_CODES[level], f"{level} vertebra")
    return CODES.get(structure)


def _structures(**kinds: str) -> dict[str, Kind]:
    return {name: kind for kind, names in kinds.items() for name in names.split()}  # type: ignore[misc]


STRUCTURES: dict[str, Kind] = _structures(
    muscle="""
        psoas_major erector_spinae multifidus quadratus_lumborum iliopsoas deep_back_muscle
        skeletal_muscle latissimus_dorsi rhomboid trapezius levator_scapulae sternocleidomastoid
        longus_colli semispinalis_capitis semispinalis_cervicis_and_multifidus splenius_capitis
        supraspinatus infraspinatus subscapularis deltoid iliacus gluteus_maximus gluteus_medius
        gluteus_minimus tensor_fasciae_latae piriformis pectineus obturator_internus
        obturator_externus gemelli_and_quadratus_femoris vastus_lateralis vastus_intermedius
        vastus_medialis rectus_femoris sartorius gracilis semimembranosus semitendinosus
        biceps_femoris_long_head biceps_femoris_short_head adductor_magnus adductor_longus
        adductor_brevis leg_anterior_compartment leg_lateral_compartment
        leg_deep_posterior_compartment tibialis_anterior tibialis_posterior peroneus_longus soleus
        gastrocnemius medial_gastrocnemius lateral_gastrocnemius popliteus plantaris
        flexor_hallucis_longus flexor_digitorum_longus extensor_digitorum_and_hallucis_longus
    """,
    bone="""
        vertebra vertebral_body vertebra_posterior sacrum hip_bone ilium femur patella tibia fibula
        humerus radius ulna calcaneus metacarpal phalanx
        scapula clavicle skull sternum costal_cartilage rib rib_1 rib_2 rib_3 rib_4 rib_5
        rib_6 rib_7 rib_8 rib_9 rib_10 rib_11 rib_12
    """,
    disc="intervertebral_disc",
    fat="subcutaneous_fat visceral_fat torso_fat intermuscular_fat",
    vessel="""
        aorta pulmonary_vein brachiocephalic_trunk subclavian_artery common_carotid_artery
        brachiocephalic_vein superior_vena_cava inferior_vena_cava portal_and_splenic_vein
        iliac_artery iliac_vein
    """,
    nerve="spinal_cord spinal_canal brain",
    organ="""
        spleen kidney gallbladder liver stomach pancreas adrenal_gland lung lung_upper_lobe
        lung_middle_lobe lung_lower_lobe esophagus trachea thyroid_gland small_bowel duodenum colon
        urinary_bladder prostate kidney_cyst heart atrial_appendage
    """,
)
"""Structure → kind. Sides and levels are said in the region's name."""

DENSITOMETRY_SITES = frozenset(
    [
        "lumbar_spine",
        "total_hip",
        "femoral_neck",
        "trochanter",
        "intertrochanter",
        "ward_triangle",
        "radius_33",
        "radius_ultradistal",
        "radius_total",
        "whole_body",
        "whole_body_less_head",
        "head",
        "trunk",
        "android",
        "gynoid",
        "arm",
        "arms",
        "leg",
        "legs",
    ]
)
"""Regions of interest of densitometers: areas that a program draws, no structures of the body."""

COLORS: dict[str, tuple[float, float, float]] = {
    "psoas_major": (0.00, 0.62, 0.35),
    "iliopsoas": (0.00, 0.62, 0.35),
    "erector_spinae": (0.95, 0.80, 0.10),
    "deep_back_muscle": (0.95, 0.80, 0.10),
    "multifidus": (0.84, 0.15, 0.16),
    "quadratus_lumborum": (0.80, 0.47, 0.65),
    "vertebra": (0.35, 0.70, 0.90),
    "vertebral_body": (0.35, 0.70, 0.90),
    "intervertebral_disc": (0.00, 0.45, 0.70),
    "subcutaneous_fat": (0.90, 0.60, 0.00),
}
"""Psoas green, erector spinae yellow, multifidus red, as the field draws them; the rest Okabe–Ito.

Green and red differ in lightness too, and outlines are labelled, so no reading rests on hue alone.
"""

CODES: dict[str, Code] = {
    "erector_spinae": Code("SCT", "44947003", "Erector spinae muscle"),
    "deep_back_muscle": Code("SCT", "244849004", "Deep muscle of back"),
    "iliopsoas": Code("SCT", "68455001", "Iliopsoas muscle"),
    "skeletal_muscle": Code("SCT", "127954009", "Skeletal muscle"),
    "sacrum": Code("SCT", "54735007", "Sacrum"),
    "vertebral_body": Code("SCT", "3572006", "Vertebral body"),
    "latissimus_dorsi": Code("SCT", "15665001", "Latissimus dorsi muscle"),
    "trapezius": Code("SCT", "31764008", "Trapezius muscle"),
    "sternocleidomastoid": Code("SCT", "22823000", "Sternocleidomastoid muscle"),
    "supraspinatus": Code("SCT", "6423006", "Supraspinatus muscle"),
    "infraspinatus": Code("SCT", "72573008", "Infraspinatus muscle"),
    "subscapularis": Code("SCT", "90588001", "Subscapularis muscle"),
    "deltoid": Code("SCT", "35259002", "Deltoid muscle"),
    "vertebra": Code("SCT", "51282000", "Vertebra"),
    "ilium": Code("SCT", "22356005", "Ilium"),
    "femur": Code("SCT", "71341001", "Femur"),
    "patella": Code("SCT", "64234005", "Patella"),
    "tibia": Code("SCT", "12611008", "Tibia"),
    "fibula": Code("SCT", "87342007", "Fibula"),
    "humerus": Code("SCT", "85050009", "Humerus"),
    "scapula": Code("SCT", "79601000", "Scapula"),
    "clavicle": Code("SCT", "51299004", "Clavicle"),
    "skull": Code("SCT", "89546000", "Skull"),
    "sternum": Code("SCT", "56873002", "Sternum"),
    "costal_cartilage": Code("SCT", "50016007", "Costal Cartilage"),
    "rib": Code("SCT", "113197003", "Rib"),
    "aorta": Code("SCT", "15825003", "Aorta"),
    "subclavian_artery": Code("SCT", "36765005", "Subclavian artery"),
    "common_carotid_artery": Code("SCT", "32062004", "Common carotid artery"),
    "brachiocephalic_vein": Code("SCT", "8887007", "Brachiocephalic vein"),
    "superior_vena_cava": Code("SCT", "48345005", "Superior vena cava"),
    "inferior_vena_cava": Code("SCT", "64131007", "Inferior vena cava"),
    "iliac_artery": Code("SCT", "10293006", "Iliac artery"),
    "iliac_vein": Code("SCT", "244411005", "Iliac vein"),
    "spinal_cord": Code("SCT", "2748008", "Spinal cord"),
    "brain": Code("SCT", "12738006", "Brain"),
    "spleen": Code("SCT", "78961009", "Spleen"),
    "kidney": Code("SCT", "64033007", "Kidney"),
    "gallbladder": Code("SCT", "28231008", "Gallbladder"),
    "liver": Code("SCT", "10200004", "Liver"),
    "stomach": Code("SCT", "69695003", "Stomach"),
    "pancreas": Code("SCT", "15776009", "Pancreas"),
    "adrenal_gland": Code("SCT", "23451007", "Adrenal gland"),
    "lung": Code("SCT", "39607008", "Lung"),
    "esophagus": Code("SCT", "32849002", "Esophagus"),
    "trachea": Code("SCT", "44567001", "Trachea"),
    "duodenum": Code("SCT", "38848004", "Duodenum"),
    "colon": Code("SCT", "71854001", "Colon"),
    "prostate": Code("SCT", "41216001", "Prostate"),
    "heart": Code("SCT", "80891009", "Heart"),
}
"""Codes of DICOM's context groups (CID 7151, 7192 and kin), as pydicom 3.0 prints them.

A structure that is not here has none that was verified.
"""

VERTEBRA_CODES = {
    "C1": "14806007",
    "C2": "39976000",
    "C3": "113205007",
    "C4": "5329002",
    "C5": "36978003",
    "C6": "36054005",
    "C7": "87391001",
    "T1": "64864005",
    "T2": "53733008",
    "T3": "1626008",
    "T4": "73071006",
    "T5": "56401006",
    "T6": "45296009",
    "T7": "62487009",
    "T8": "11068009",
    "T9": "82687006",
    "T10": "7610001",
    "T11": "12989004",
    "T12": "23215003",
    "L1": "66794005",
    "L2": "14293000",
    "L3": "36470004",
    "L4": "11994002",
    "L5": "49668003",
    "S1": "65985001",
}
"""SNOMED CT codes of single vertebrae (DICOM CID 7151, 7192)."""
