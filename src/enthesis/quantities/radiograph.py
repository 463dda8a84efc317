"""What a radiograph, a texture and a projected hip say of bone."""

from __future__ import annotations

from enthesis.quantities.papers import (
    BECK_1990,
    BECK_2000,
    DORR_1993,
    GARN_1970,
    POTHUAUD_2008,
)

RADIOGRAPH = (
    # On a radiograph.
    (
        "cortical_index",
        "",
        "Cortical index",
        3,
        "Both cortices' thickness over the bone's width on a radiograph (Barnett and Nordin 1960).",
        "Barnett 1960, doi:10.1016/s0009-9260(60)80012-8",
    ),
    (
        "cortical_area_share",
        "%",
        "Percent cortical area",
        1,
        "1 less the squared ratio of medullary to outer width, for a round bone (Garn).",
        GARN_1970,
    ),
    (
        "cortical_thickness_combined",
        "mm",
        "Combined cortical thickness",
        2,
        "Both cortices of a shaft together, on a radiograph.",
        GARN_1970,
    ),
    (
        "canal_to_calcar_ratio",
        "",
        "Canal-to-calcar ratio",
        2,
        "Width of the femur's canal 10 cm below the lesser trochanter over that at it (Dorr 1993).",
        DORR_1993,
    ),
    (
        "singh_grade",
        "",
        "Singh index",
        0,
        "A reader's grade of trabecular loss in a hip, 6 to 1.",
        "Singh 1970, J Bone Joint Surg Am",
    ),
    (
        "dorr_type",
        "",
        "Dorr type",
        0,
        "A reader's type of the proximal femur: 1, 2, 3 for A, B, C (Dorr 1993).",
        DORR_1993,
    ),
    # Of a texture.
    (
        "variogram_slope",
        "",
        "Grey-level variogram slope",
        3,
        "Slope of log variogram over log distance of a picture; on no vendor's scale.",
        POTHUAUD_2008,
    ),
    (
        "variogram_anisotropy",
        "",
        "Anisotropy of the variogram slope",
        3,
        "Variogram slope along the rows over that along the columns.",
        "definition: ratio of two variogram slopes",
    ),
    # Of a projected hip.
    (
        "hip_axis_length",
        "mm",
        "Hip axis length",
        1,
        "Lateral trochanter to inner pelvic brim.",
        "Faulkner 1993, doi:10.1002/jbmr.5650081008",
    ),
    (
        "neck_axis_length",
        "mm",
        "Femoral neck axis length",
        1,
        "Lateral trochanter to the head's far edge along the neck's axis.",
        "definition: distance of two crossings of the neck's axis with the bone's edge",
    ),
    (
        "neck_shaft_angle",
        "deg",
        "Neck-shaft angle",
        1,
        "Between neck and shaft of a projected femur.",
        "definition: angle between two axes in the projection",
    ),
    (
        "bone_width",
        "mm",
        "Bone width",
        1,
        "Outer width of a bone across its axis, projected.",
        "definition: distance between a bone's two edges",
    ),
    (
        "bone_cross_section",
        "cm2",
        "Bone cross-sectional area",
        2,
        "Mineral of a cut over the density of bone tissue: soft tissue and marrow left out (Beck).",
        BECK_1990,
    ),
    (
        "cross_section_moment",
        "cm4",
        "Cross-sectional moment of inertia",
        2,
        "Second moment of the mineral of a cut, in the plane of the picture (Beck).",
        BECK_1990,
    ),
    (
        "section_modulus",
        "cm3",
        "Section modulus",
        2,
        "Moment of inertia over the distance from the centre of mass to the farther edge (Beck).",
        BECK_1990,
    ),
    (
        "cortical_thickness_modelled",
        "mm",
        "Average cortical thickness (model)",
        2,
        "Wall of the round tube that has the cut's width and the named share of its mineral.",
        BECK_2000,
    ),
    (
        "buckling_ratio",
        "",
        "Buckling ratio",
        1,
        "Distance from the centre of mass to the farther edge over the modelled cortex.",
        BECK_2000,
    ),
)
"""Name, unit, label, decimals, definition and source of each."""
