"""What the shape and the marrow of vertebral bodies say."""

from __future__ import annotations

from enthesis.quantities.papers import (
    GENANT_1993,
    HURXTHAL_1968,
)

VERTEBRA = (
    (
        "height_anterior",
        "mm",
        "Anterior height",
        1,
        "Of a vertebral body in front, in its midline.",
        HURXTHAL_1968,
    ),
    (
        "height_middle",
        "mm",
        "Middle height",
        1,
        "Of a vertebral body between the middles of its endplates.",
        HURXTHAL_1968,
    ),
    (
        "height_posterior",
        "mm",
        "Posterior height",
        1,
        "Of a vertebral body behind, in its midline.",
        HURXTHAL_1968,
    ),
    (
        "genant_grade",
        "",
        "Genant grade",
        1,
        "Semiquantitative grade of a vertebra: 0, 0.5 (suspected), 1, 2 or 3.",
        GENANT_1993,
    ),
    (
        "fractured_vertebrae",
        "",
        "fractured vertebrae",
        0,
        "How many of T4 to L4 have a Genant grade of 1 or more.",
        f"definition: count; the grades by {GENANT_1993}",
    ),
    (
        "height_sd",
        "mm",
        "SD of a height",
        2,
        "Standard deviation of a height from the voxels' size.",
        "definition: propagation of the voxels' size",
    ),
    (
        "height_loss",
        "%",
        "Loss of height",
        1,
        "Greatest share of a height that is lost, against the posterior or a neighbour's.",
        GENANT_1993,
    ),
    (
        "spinal_deformity_index",
        "",
        "Spinal deformity index",
        1,
        "Sum of the Genant grades of T4 to L4 (Crans 2005).",
        "Crans 2005, doi:10.1016/j.bone.2005.04.003",
    ),
    (
        "kyphosis_angle",
        "deg",
        "Kyphosis",
        1,
        "Cobb angle in the sagittal plane, T4 to T12.",
        "definition: Cobb's angle between the outer endplates of T4 and T12",
    ),
    (
        "lordosis_angle",
        "deg",
        "Lordosis",
        1,
        "Cobb angle in the sagittal plane, L1 to L5.",
        "definition: Cobb's angle between the outer endplates of L1 and L5",
    ),
    (
        "scoliosis_angle",
        "deg",
        "Sideways curve",
        1,
        "Greatest Cobb angle in the coronal plane.",
        "definition: Cobb's angle of the pair of levels at which it is greatest",
    ),
    (
        "angle_sd",
        "deg",
        "SD of an angle",
        1,
        "Standard deviation of an angle from voxels or points.",
        "definition: propagation of the voxels' or the points' error",
    ),
    (
        "vertebral_bone_quality",
        "",
        "VBQ score",
        2,
        "Median T1-weighted signal of lumbar bodies over that of cerebrospinal fluid.",
        "Ehresman 2020, doi:10.1016/j.spinee.2019.10.007",
    ),
)
"""Name, unit, label, decimals, definition and source of each."""
