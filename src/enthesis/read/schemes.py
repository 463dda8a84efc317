"""Which number is which region, in the label maps of known models and in a user's own table."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from enthesis.anatomy import LEVELS, region
from enthesis.errors import InputError
from enthesis.read.files import existing
from enthesis.read.tables import table

TOTAL = """
    spleen kidney_right kidney_left gallbladder liver stomach pancreas adrenal_gland_right
    adrenal_gland_left lung_upper_lobe_left lung_lower_lobe_left lung_upper_lobe_right
    lung_middle_lobe_right lung_lower_lobe_right esophagus trachea thyroid_gland small_bowel
    duodenum colon urinary_bladder prostate kidney_cyst_left kidney_cyst_right sacrum vertebrae_S1
    vertebrae_L5 vertebrae_L4 vertebrae_L3 vertebrae_L2 vertebrae_L1 vertebrae_T12 vertebrae_T11
    vertebrae_T10 vertebrae_T9 vertebrae_T8 vertebrae_T7 vertebrae_T6 vertebrae_T5 vertebrae_T4
    vertebrae_T3 vertebrae_T2 vertebrae_T1 vertebrae_C7 vertebrae_C6 vertebrae_C5 vertebrae_C4
    vertebrae_C3 vertebrae_C2 vertebrae_C1 heart aorta pulmonary_vein brachiocephalic_trunk
    subclavian_artery_right subclavian_artery_left common_carotid_artery_right
    common_carotid_artery_left brachiocephalic_vein_left brachiocephalic_vein_right
    atrial_appendage_left superior_vena_cava inferior_vena_cava portal_vein_and_splenic_vein
    iliac_artery_left iliac_artery_right iliac_vena_left iliac_vena_right humerus_left humerus_right
    scapula_left scapula_right clavicula_left clavicula_right femur_left femur_right hip_left
    hip_right spinal_cord gluteus_maximus_left gluteus_maximus_right gluteus_medius_left
    gluteus_medius_right gluteus_minimus_left gluteus_minimus_right autochthon_left autochthon_right
    iliopsoas_left iliopsoas_right brain skull
    rib_left_1 rib_left_2 rib_left_3 rib_left_4 rib_left_5 rib_left_6 rib_left_7 rib_left_8
    rib_left_9 rib_left_10 rib_left_11 rib_left_12 rib_right_1 rib_right_2 rib_right_3 rib_right_4
    rib_right_5 rib_right_6 rib_right_7 rib_right_8 rib_right_9 rib_right_10 rib_right_11
    rib_right_12 sternum costal_cartilages
"""
"""Classes of TotalSegmentator v2's task `total`, in order from 1 (its map_to_binary.py)."""

TOTAL_MR = """
    spleen kidney_right kidney_left gallbladder liver stomach pancreas adrenal_gland_right
    adrenal_gland_left lung_left lung_right esophagus small_bowel duodenum colon urinary_bladder
    prostate sacrum vertebrae intervertebral_discs spinal_cord heart aorta inferior_vena_cava
    portal_vein_and_splenic_vein iliac_artery_left iliac_artery_right iliac_vena_left
    iliac_vena_right humerus_left humerus_right scapula_left scapula_right clavicula_left
    clavicula_right femur_left femur_right hip_left hip_right gluteus_maximus_left
    gluteus_maximus_right gluteus_medius_left gluteus_medius_right gluteus_minimus_left
    gluteus_minimus_right autochthon_left autochthon_right iliopsoas_left iliopsoas_right brain
"""
"""Classes of its task `total_mr`; the vertebrae are one class without level."""

VERTEBRAE_MR = """
    sacrum vertebrae_L5 vertebrae_L4 vertebrae_L3 vertebrae_L2 vertebrae_L1 vertebrae_T12
    vertebrae_T11 vertebrae_T10 vertebrae_T9 vertebrae_T8 vertebrae_T7 vertebrae_T6 vertebrae_T5
    vertebrae_T4 vertebrae_T3 vertebrae_T2 vertebrae_T1 vertebrae_C7 vertebrae_C6 vertebrae_C5
    vertebrae_C4 vertebrae_C3 vertebrae_C2 vertebrae_C1
"""
"""Classes of its task `vertebrae_mr`."""

VERTEBRAE_BODY = "vertebrae_body intervertebral_discs"
"""Classes of its task `vertebrae_body`: all bodies in one, without level."""

TISSUES = "subcutaneous_fat torso_fat skeletal_muscle intermuscular_fat"
"""Classes of its tasks `tissue_types` (the first three) and `tissue_4_types`."""

TOTALSEGMENTATOR_WORDS = {
    "autochthon": "deep_back_muscle",
    "clavicula": "clavicle",
    "costal_cartilages": "costal_cartilage",
    "hip": "hip_bone",
    "iliac_vena": "iliac_vein",
    "intervertebral_discs": "intervertebral_disc",
    "portal_vein_and_splenic_vein": "portal_and_splenic_vein",
    "vertebrae": "vertebra",
    "vertebrae_body": "vertebral_body",
}
"""Its words that are not `anatomy`'s."""

MUSCLEMAP_TRUNK_AND_THIGH = """
    1101 levator_scapulae 1111 semispinalis_cervicis_and_multifidus 1121 semispinalis_capitis
    1131 splenius_capitis 1141 sternocleidomastoid 1151 longus_colli 1161 trapezius
    2101 supraspinatus 2111 subscapularis 2121 infraspinatus 2141 deltoid 4101 rhomboid
    5101 multifidus 5111 erector_spinae 5121 psoas_major 5131 quadratus_lumborum
    5141 latissimus_dorsi 6101 gluteus_minimus 6111 gluteus_medius 6121 gluteus_maximus
    6131 tensor_fasciae_latae 6141 iliacus 6151 ilium 6171 femur 6181 piriformis 6191 pectineus
    6201 obturator_internus 6211 obturator_externus 6221 gemelli_and_quadratus_femoris
    7101 vastus_lateralis 7111 vastus_intermedius 7121 vastus_medialis 7131 rectus_femoris
    7141 sartorius 7151 gracilis 7161 semimembranosus 7171 semitendinosus
    7181 biceps_femoris_long_head 7191 biceps_femoris_short_head 7201 adductor_magnus
    7211 adductor_longus 7221 adductor_brevis
"""
"""Left label of each region in MuscleMap's whole-body models 1.0 to 1.4; the right is one more."""

MUSCLEMAP_LEG_1_2 = """
    8101 leg_anterior_compartment 8111 leg_deep_posterior_compartment 8121 leg_lateral_compartment
    8131 soleus 8141 gastrocnemius 8151 tibia 8161 fibula
"""
"""The leg in models 1.0 to 1.2 (MuscleMap's docs/muscle-anatomy.md)."""

MUSCLEMAP_LEG_1_4 = """
    7231 patella 8101 tibialis_anterior 8111 tibialis_posterior 8121 peroneus_longus 8131 soleus
    8141 medial_gastrocnemius 8151 lateral_gastrocnemius 8161 tibia 8171 fibula
    8181 flexor_hallucis_longus 8191 extensor_digitorum_and_hallucis_longus
    8201 flexor_digitorum_longus 8211 popliteus 8221 plantaris
"""
"""The leg in model 1.4 (Zenodo record 21929873, as listed by neurodesk's musclemap-webapp)."""

MUSCLEMAP_SACRUM = 6160

NUMBER_COLUMNS = ("index", "value", "number", "id", "label")
NAME_COLUMNS = ("name", "region", "structure", "label")
"""Column names that a user's table of labels may have, the surest first."""


def region_name(name: str) -> str:
    """Region of `anatomy` that a name means: its own, or TotalSegmentator's word for it.

    Raises
    ------
    InputError : neither knows it; the message has close matches.
    """
    rib = re.fullmatch(r"rib_(left|right)_(\d+)", name)
    base, side, level = name, "", ""
    if rib:
        base, side = f"rib_{rib[2]}", rib[1]
    else:
        head, _, last = name.rpartition("_")
        if last in {"left", "right"}:
            base, side = head, last
        elif last in LEVELS and head == "vertebrae":
            base, level = head, last
    parts = (TOTALSEGMENTATOR_WORDS.get(base, base), side, level)
    return region("_".join(filter(None, parts))).name


def _numbered(names: str) -> dict[int, str]:
    return {number: region_name(name) for number, name in enumerate(names.split(), start=1)}


def _paired(*tables: str) -> dict[int, str]:
    words = [word for text in tables for word in text.split()]
    regions = {MUSCLEMAP_SACRUM: "sacrum"}
    for number, name in zip(words[::2], words[1::2], strict=True):
        regions[int(number)] = f"{name}_left"
        regions[int(number) + 1] = f"{name}_right"
    return dict(sorted(regions.items()))


SCHEMES: Mapping[str, Mapping[int, str]] = {
    "totalsegmentator": _numbered(TOTAL),
    "totalsegmentator-mr": _numbered(TOTAL_MR),
    "totalsegmentator-vertebrae-mr": _numbered(VERTEBRAE_MR),
    "totalsegmentator-vertebrae-body": _numbered(VERTEBRAE_BODY),
    "totalsegmentator-tissues": _numbered(TISSUES),
    "musclemap": _paired(MUSCLEMAP_TRUNK_AND_THIGH, MUSCLEMAP_LEG_1_4),
    "musclemap-1.2": _paired(MUSCLEMAP_TRUNK_AND_THIGH, MUSCLEMAP_LEG_1_2),
}
"""Label number → region, by the name of the model whose maps use it."""

MR_SCHEMES = frozenset({"totalsegmentator-mr", "totalsegmentator-vertebrae-mr"})
"""Schemes of models that read MR only."""


def scheme_regions(scheme: str | Path) -> tuple[Mapping[int, str], str]:
    """Label number → region, and the origin that the table states ("given" if none).

    Parameters
    ----------
    scheme : a name of `SCHEMES`, or a .csv, .tsv or .json file of numbers and names

    Raises
    ------
    InputError : neither, or a table with a doubtful number or an unknown name.
    """
    if str(scheme) in SCHEMES:
        return SCHEMES[str(scheme)], "given"
    pairs, origin = _pairs(scheme)
    return _checked(pairs, Path(scheme)), origin


def named_regions(scheme: str | Path | None) -> Mapping[str, str]:
    """Words of a table → region, for files that bring names of their own.

    Parameters
    ----------
    scheme : a .csv, .tsv or .json file; None, or a name of `SCHEMES`, says nothing of such names

    Raises
    ------
    InputError : no table, or a name that is not known.
    """
    if scheme is None or str(scheme) in SCHEMES:
        return {}
    words: dict[str, str] = {}
    for where, word, name in _pairs(scheme)[0]:
        try:
            words[str(word).strip()] = region_name(str(name).strip())
        except InputError as error:
            raise InputError(f"{Path(scheme).name!r}, {where}: {error}") from None
    return words


def _pairs(scheme: str | Path) -> tuple[list[tuple[str, Any, Any]], str]:
    path = Path(scheme)
    if path.suffix.lower() not in {".csv", ".tsv", ".json"}:
        raise InputError(
            f"no label scheme named {str(scheme)!r}; name one of {', '.join(SCHEMES)}, or a "
            ".csv, .tsv or .json file of numbers and names"
        )
    path = existing(path)
    if path.suffix.lower() == ".json":
        return _json_pairs(path)
    return _table_pairs(path), "given"


def _checked(pairs: Iterable[tuple[str, Any, Any]], path: Path) -> dict[int, str]:
    regions: dict[int, str] = {}
    for where, number, name in pairs:
        place = f"{path.name!r}, {where}"
        try:
            label = int(str(number))
        except ValueError:
            raise InputError(f"{place}: {number!r} is not a whole label number") from None
        if label == 0:
            continue
        if label < 0:
            raise InputError(f"{place}: label {label} is negative; labels count from 1")
        if label in regions:
            raise InputError(f"{place}: label {label} is named a second time; keep one name")
        if not isinstance(name, str):
            raise InputError(f"{place}: label {label} has no name")
        try:
            regions[label] = region_name(name.strip())
        except InputError as error:
            raise InputError(f"{place}: {error}") from None
    if not regions:
        raise InputError(f"{path.name!r} names no label; give it numbers and names")
    return regions


def _table_pairs(path: Path) -> list[tuple[str, Any, Any]]:
    frame = table(path)
    columns = {str(column).lower(): column for column in frame.columns}
    number = next((columns[c] for c in NUMBER_COLUMNS if c in columns), None)
    name = next((columns[c] for c in NAME_COLUMNS if c in columns and columns[c] != number), None)
    if number is None or name is None:
        raise InputError(
            f"{path.name!r} needs a column 'label' of numbers and a column 'name' of regions; it "
            f"has: {', '.join(map(str, frame.columns))}"
        )
    return [
        (f"row {row}", label, region_)
        for row, label, region_ in zip(frame.index, frame[number], frame[name], strict=True)
    ]


def _json_pairs(path: Path) -> tuple[list[tuple[str, Any, Any]], str]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path.name!r} is not JSON text: {error}") from error
    origin = "given"
    if isinstance(content, dict) and "labels" in content:
        origin = str(content.get("origin", "given"))
        content = content["labels"]
    if not isinstance(content, dict):
        raise InputError(f'{path.name!r} is to hold {{"1": "region", …}}, or that under "labels"')
    # nnU-Net writes name → number.
    swapped = all(isinstance(value, int) for value in content.values())
    pairs = [(value, key) if swapped else (key, value) for key, value in content.items()]
    return [(f"label {number}", number, name) for number, name in pairs], origin
