"""Free text of a file with all struck out that could name a person."""

from __future__ import annotations

import re

IMAGING_WORDS = """
    t1 t1w t2 t2w pd pdw stir flair dwi adc dti trace dixon mdixon ideal iq flex vibe vista
    space tse fse se gre fgre spgr tfe ffe haste trufi fiesta fisp flash mp rage mprage medic
    localizer scout survey topogram test bolus water fat in out opp opposed phase mag
    magnitude real imaginary ff fatfrac fraction pdff r2 t2star map me multi echo single fs
    fatsat sat spair spectral nofs ax axial tra transverse cor coronal sag sagittal obl
    oblique mpr mip recon iso thin thick 2d 3d c t l s spine lumbar lspine thoracic
    cervical whole total body abdomen pelvis chest thorax neck head hip hips femur femora knee
    thigh calf leg legs tibia ankle wrist forearm radius hand foot arm shoulder liver left
    right bilateral lt rt ap pa lat lateral vfa lva ortho dxa dual images exam scan ct mr us
    native plain contrast enhanced arterial venous portal delayed late early pre post
    gd without with kv bone soft tissue standard lung sharp smooth kernel calibration
    phantom qct low dose ldct b0 b50 b500 b800 b1000 tr te fov hr sos b and of
"""

SAFE_WORDS = frozenset(IMAGING_WORDS.split())
"""Words of imaging that a description may keep; any other could be somebody's name."""

SHORT_NUMBER = re.compile(r"\d{1,3}(?:\.\d{1,2})?(?:mm|ms|kv|deg)?")
"""Numbers too short for an identity or a date."""

DATE = re.compile(r"\d+(?:[-./]\d+){2,}")
"""A date in digits, or anything like one."""

WORD = re.compile(r"[^\s_/,;()\[\]+*:^<>=-]+")


def redacted(description: str) -> str:
    """A description with all but words of imaging and short numbers struck out."""
    kept: list[str] = []
    for word in WORD.findall(DATE.sub("…", description)):
        plain = word.lower().strip(".'\"")
        safe = plain in SAFE_WORDS or SHORT_NUMBER.fullmatch(plain)
        if safe or not kept or kept[-1] != "…":
            kept.append(plain if safe else "…")
    return " ".join(kept)
