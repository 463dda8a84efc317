"""What is doubtful of densities and attenuations of bone on CT: the scan's protocol, the salt."""

from __future__ import annotations

from enthesis.image import Source

REFERENCE_KVP = 120
"""Tube voltage at which cut-offs of attenuation were made, kVp."""

CAHA_FLAG = (
    "density is in CaHA: in K2HPO4, the scale that classes of spinal density come from, the same "
    "bone reads 14 to 19% less (Goodsitt 1992)"
)


def protocol_flags(source: Source) -> tuple[str, ...]:
    """What the way of scanning does to attenuation and density, one sentence each.

    References
    ----------
    Kaesmacher J et al. J Comput Assist Tomogr 2017;41:217-223. doi:10.1097/RCT.0000000000000518
    """
    facts, flags = source.facts, []
    if facts.get("contrast"):
        phase = f" ({facts['contrast_phase']})" if facts.get("contrast_phase") else ""
        flags.append(
            f"contrast agent was given{phase}: bone reads denser, by more than 6 mg/cm3 in every "
            "phase studied"
        )
    elif facts.get("contrast") is None:
        flags.append("whether contrast agent was given is not known")
    kvp = facts.get("kvp")
    if kvp is None:
        flags.append("the tube voltage is not known: HU of bone fall as it rises")
    elif kvp != REFERENCE_KVP:
        shift = "higher" if kvp < REFERENCE_KVP else "lower"
        flags.append(f"scanned at {kvp:g} kVp: HU of bone are {shift} than at {REFERENCE_KVP} kVp")
    return tuple(flags)


def calibration_flags(source: Source) -> tuple[str, ...]:
    """What is not known of the calibration, and what its salt does to the classes.

    References
    ----------
    Goodsitt MM. Bone Miner 1992;19:145-158.
    """
    flags = []
    if "bmd_residual_sd" not in source.facts:
        flags.append("the calibration's scatter is not known: no standard deviation is given")
    salt = source.facts.get("bmd_material")
    if salt is None:
        flags.append("the calibration's salt is not known: K2HPO4 and CaHA are two scales")
    elif salt == "CaHA":
        flags.append(CAHA_FLAG)
    return tuple(flags)
