"""Words in the headers of device exports, and which quantity, site or side each stands for.

Words of one meaning stand in one row, parted by "|"; hyphens, underscores, dots and capitals do
not count. A header is understood only when no word of it is left over.
"""

from __future__ import annotations

from collections.abc import Mapping


def _by_phrase(meanings: Mapping[str, str]) -> dict[str, str]:
    return {
        phrase.strip(): meaning
        for meaning, phrases in meanings.items()
        for phrase in phrases.split("|")
    }


FIELDS = _by_phrase(
    {
        "subject": (
            "subject|subject id|id|participant|participant id|patient id|pid|case|code|record id"
        ),
        "session": "session|visit|timepoint|time point|exam|scan",
        "date": "date|scan date|visit date|exam date|date of scan|date of visit|measure date",
        "years": "years|years since baseline|follow up years|time years",
        "device": "device|scanner|maker|manufacturer|model",
        "sex": "sex|gender",
        "age": "age|age at scan|age at visit",
        "height_m": "height|height m|stature|body height|standing height",
        "weight_kg": "weight|weight kg|body weight|body mass|mass",
        "bmi": "bmi|body mass index",
    }
)
"""What is said of the person or the visit."""

IDENTIFYING = frozenset(
    [
        "name",
        "first name",
        "last name",
        "surname",
        "family name",
        "given name",
        "patient name",
        "initials",
        "mrn",
        "birth date",
        "birthdate",
        "date of birth",
        "dob",
        "birthday",
        "address",
        "phone",
        "telephone",
        "email",
        "e mail",
        "ssn",
        "medical record number",
        "insurance number",
    ]
)
"""Columns that say who somebody is; their cells are never kept."""

QUANTITY_WORDS = _by_phrase(
    {
        "areal_bmd": (
            "bmd|abmd|areal bmd|bone mineral density|areal bone mineral density|bone density"
        ),
        "bone_mineral_content": "bmc|bone mineral content",
        "projected_area": "area|bone area|projected area",
        "t_score": "t score|tscore|t",
        "z_score": "z score|zscore|z",
        "trabecular_bmd": (
            "vbmd|trabecular bmd|trabecular vbmd|volumetric bmd|qct bmd|qct|qct vbmd"
        ),
        "trabecular_bone_score": "tbs|trabecular bone score",
        "frax_major": "frax major|frax mof|frax major osteoporotic fracture",
        "frax_hip": "frax hip",
        "ultrasound_attenuation": "bua|broadband ultrasound attenuation|ultrasound attenuation",
        "speed_of_sound": "sos|speed of sound",
        "amplitude_dependent_speed": "ad sos|adsos",
        "stiffness_index": "stiffness index|stiffness|si",
        "quantitative_ultrasound_index": "qui|quantitative ultrasound index",
        "heel_bmd_estimated": "ebmd|estimated heel bmd|estimated bmd",
        "grip_strength": (
            "grip|grip strength|handgrip|hand grip|handgrip strength|hand grip strength|hgs"
        ),
        "gait_speed": "gait speed|gait|walking speed|usual gait speed|usual pace|gait velocity",
        "chair_stand_time": (
            "chair stand|chair stands|chair stand time|chair rise|chair rise time|five chair stands"
            "|5 chair stands|sit to stand|5 times sit to stand|five times sit to stand|5xsts|5sts"
        ),
        "sppb_score": "sppb|sppb score|short physical performance battery",
        "tug_time": "tug|tug time|timed up and go|timed up go",
        "walk_400m_time": "400 m walk|400m walk|400 m walk time|400m walk time|walk 400m",
        "calf_circumference": "calf circumference|calf girth|calf",
        "sarc_f_score": "sarc f|sarcf|sarc f score",
        "fat_mass": "fat mass|fm|fat",
        "lean_mass": (
            "lean soft tissue|lst|lean soft tissue mass|lean mass excl bmc|lean excl bmc"
            "|lean mass excluding bmc|lean mass without bmc|lean mass"
        ),
        "fat_free_mass": (
            "fat free mass|ffm|lean bmc|lean mass bmc|lean mass incl bmc|lean incl bmc"
            "|lean mass including bmc|lean mass with bmc|lean plus bmc"
        ),
        "lean": "lean|lm",
        "appendicular_lean_mass": (
            "alm|appendicular lean mass|appendicular lean|appendicular lean soft tissue|alst"
        ),
        "appendicular_lean_mass_index": (
            "almi|appendicular lean mass index|alm index|alm height2|alm ht2|appendicular lmi"
        ),
        "appendicular_muscle_mass": (
            "asm|asmm|appendicular skeletal muscle mass|appendicular muscle mass"
        ),
        "appendicular_muscle_mass_index": (
            "asmi|appendicular skeletal muscle mass index|asm ht2|asm height2"
            "|appendicular muscle mass index|smi bia|asm index"
        ),
        "body_fat_percent": (
            "body fat|body fat percent|fat percent|percent fat|pbf|percent body fat|fat percentage"
            "|body fat percentage|tissue percent fat|region percent fat|percent fm|percent fat mass"
        ),
        "fat_mass_index": "fmi|fat mass index",
        "lean_mass_index": "lmi|lean mass index|lean soft tissue index",
        "fat_free_mass_index": "ffmi|fat free mass index",
        "android_gynoid_ratio": (
            "android gynoid ratio|a g ratio|ag ratio|android gynoid percent fat ratio"
        ),
        "android_gynoid_mass_ratio": (
            "android gynoid fat mass ratio|fm android quotient gynoid|fat mass ratio android gynoid"
        ),
        "trunk_limb_mass_ratio": (
            "trunk limb fat mass ratio|fm trunk quotient limb|fat mass ratio trunk limb"
        ),
        "visceral_fat_mass": "vat mass|vat|visceral fat mass|visceral fat|visceral adipose tissue",
        "postmenopausal": "postmenopausal|menopause|post menopausal",
        "fragility_fracture": "fragility fracture|low trauma fracture",
        "hip_fracture": "hip fracture",
        "vertebral_fracture": "vertebral fracture|spine fracture",
        "wrist_fracture": "wrist fracture",
        "rheumatoid_arthritis": "rheumatoid arthritis",
    }
)
"""Words → quantity; "lean" and "appendicular_muscle_mass" need more before they are one."""

SITE_WORDS = _by_phrase(
    {
        "lumbar_spine": "lumbar spine|lumbar|spine|ls|ap spine|pa spine|total spine|spine total",
        "total_hip": (
            "total hip|hip total|hip|th|total femur|femur total|femur|proximal femur|total proximal"
            " femur"
        ),
        "femoral_neck": (
            "femoral neck|femur neck|neck|fn|neck of femur|hip neck|neck hip|neck femur"
        ),
        "trochanter": "trochanter|troch|greater trochanter|hip trochanter|femur trochanter",
        "intertrochanter": "intertrochanter|inter|intertroch|hip inter|hip intertrochanter",
        "ward_triangle": "ward|wards|ward triangle|wards triangle|ward s triangle|hip wards",
        "radius_33": "radius 33|33 radius|radius 1 3|1 3 radius|one third radius|33 percent radius",
        "radius_ultradistal": "radius ud|ud radius|ultradistal radius|radius ultradistal",
        "radius_total": "radius total|total radius|radius",
        "whole_body": "whole body|total body|wb|tb|body",
        "whole_body_less_head": "tblh|total body less head|whole body less head|subtotal",
        "head": "head",
        "trunk": "trunk",
        "android": "android",
        "gynoid": "gynoid",
        "arm": "arm",
        "arms": "arms|both arms",
        "leg": "leg",
        "legs": "legs|both legs",
        "calcaneus": "calcaneus|heel|calcaneum",
        "total": "total|tot",
    }
)
"""Words → site; "total" is one only beside a quantity that has a whole body or a spine."""

SIDE_WORDS = _by_phrase(
    {"left": "left|lt|l|lh", "right": "right|rt|r|rh", "": "both|max|maximum|best|highest"}
)

DEVICE_WORDS = _by_phrase({"DXA": "dxa|dexa", "BIA": "bia|impedance", "QCT": "by qct"})

EMPTY_WORDS = frozenset(
    ("of", "the", "at", "in", "by", "value", "measured", "result", "region", "score", "mean")
)
"""Words that change nothing in a header of device values."""

YES_NO = {"yes": 1.0, "y": 1.0, "true": 1.0, "no": 0.0, "n": 0.0, "false": 0.0}

SEXES = dict.fromkeys(("f", "female", "woman", "w"), "female") | dict.fromkeys(
    ("m", "male", "man"), "male"
)

NEEDS_SITE = frozenset(
    {"areal_bmd", "bone_mineral_content", "projected_area", "t_score", "z_score"}
)
"""Quantities that mean nothing without the place where they were measured."""

OF_THE_BODY = frozenset({"fat_mass", "lean_mass", "fat_free_mass", "bone_mineral_content"})
"""Quantities that a whole-body scan gives, of the body where no region is named."""
