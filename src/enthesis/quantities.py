"""Names of what is measured, each with its one unit and its definition."""

from __future__ import annotations

from dataclasses import dataclass

from enthesis.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A measured quantity.

    Parameters
    ----------
    name : the key used in tables, noun first
    unit : as printed; empty for a pure number
    label : as a figure or a page prints it
    definition : one sentence
    decimals : digits after the point when printed for people
    """

    name: str
    unit: str
    label: str
    definition: str
    decimals: int


def quantity(name: str) -> Quantity:
    """The quantity of this name.

    Raises
    ------
    InputError : unknown name.
    """
    try:
        return QUANTITIES[name]
    except KeyError:
        known = ", ".join(sorted(QUANTITIES))
        raise InputError(f"no quantity named {name!r}; known are: {known}") from None


def _table(*rows: tuple[str, str, str, int, str]) -> dict[str, Quantity]:
    return {
        name: Quantity(name=name, unit=unit, label=label, decimals=decimals, definition=definition)
        for name, unit, label, decimals, definition in rows
    }


QUANTITIES: dict[str, Quantity] = _table(
    # What an image's voxels can hold.
    ("hounsfield", "HU", "Attenuation", 0, "X-ray attenuation of a voxel: water 0, air -1000."),
    ("signal", "", "Signal", 0, "Received signal in arbitrary units, as scanned."),
    (
        "bmd_ct",
        "mg/cm3",
        "Volumetric BMD",
        0,
        "Calibrated mineral density of a voxel; the method or facts beside it name the mineral.",
    ),
    (
        "linear_attenuation",
        "1/cm",
        "Linear attenuation",
        3,
        "Attenuation of X-rays per length, at the scanner's own energy.",
    ),
    (
        "echo_intensity",
        "",
        "Echo intensity",
        0,
        "Brightness of an ultrasound picture, 0 black to 255 white; device, gain and depth set it.",
    ),
    # What is made of several echoes.
    (
        "fat_fraction",
        "%",
        "Fat fraction",
        1,
        "Share of fat in the signal of fat and water; noise may carry it slightly past 0 or 100.",
    ),
    ("r2_star", "1/s", "R2*", 1, "Rate at which the signal of a gradient echo decays."),
    ("water_signal", "", "Water", 0, "Signal of water at time zero, as scanned."),
    ("fat_signal", "", "Fat", 0, "Signal of fat at time zero, as scanned."),
    ("field_offset", "Hz", "Field offset", 1, "Water's frequency less the scanner's."),
    (
        "fit_residual",
        "%",
        "Fit residual",
        1,
        "Root of the sum of squares left by a fit over the root of the sum of squares before it.",
    ),
    (
        "swap_margin",
        "%",
        "Swap margin",
        1,
        "How much worse the best rival field offset fits; where negative, the neighbours decided.",
    ),
    # What a calibrated CT, relaxation, diffusion and perfusion scans give.
    (
        "bmd_ct",
        "mg/cm3",
        "BMD by CT",
        1,
        "Mineral per volume of bone, equivalent to the calibration's salt, which the source names.",
    ),
    ("t1", "ms", "T1", 0, "Longitudinal relaxation time."),
    ("t2", "ms", "T2", 1, "Transverse relaxation time, of spin echoes."),
    ("t2_star", "ms", "T2*", 1, "Effective transverse relaxation time, of gradient echoes."),
    ("signal_at_zero", "", "Signal at time zero", 0, "Fitted signal without decay, as scanned."),
    (
        "fractional_anisotropy",
        "",
        "FA",
        3,
        "How far diffusion differs by direction: 0 in none, 1 along one line only.",
    ),
    ("mean_diffusivity", "mm2/s", "MD", 6, "Mean of the diffusion tensor's three eigenvalues."),
    ("axial_diffusivity", "mm2/s", "AD", 6, "Largest eigenvalue of the diffusion tensor."),
    (
        "radial_diffusivity",
        "mm2/s",
        "RD",
        6,
        "Mean of the two smaller eigenvalues of the diffusion tensor.",
    ),
    (
        "enhancement_maximum",
        "%",
        "Maximum enhancement",
        1,
        "Highest signal after contrast less the baseline, over the baseline.",
    ),
    (
        "enhancement_slope",
        "%/s",
        "Enhancement slope",
        2,
        "Steepest rise between frames from 10 to 90 % of the maximum enhancement.",
    ),
    ("time_to_peak", "s", "Time to peak", 0, "From the last frame before contrast to the highest."),
    (
        "enhancement_area",
        "% s",
        "Area under the enhancement",
        0,
        "Integral of the enhancement from the last frame before contrast, by trapezoids.",
    ),
    ("k_trans", "1/min", "Ktrans", 3, "Transfer constant from plasma to interstitium."),
    ("k_ep", "1/min", "kep", 3, "Rate constant from interstitium to plasma: Ktrans over ve."),
    ("v_e", "", "ve", 3, "Volume of the extravascular extracellular space per tissue volume."),
    ("v_p", "", "vp", 3, "Volume of plasma per tissue volume."),
    (
        "lipid_fraction",
        "%",
        "Lipid fraction by spectroscopy",
        2,
        "Area of the lipid peaks over that of lipid and water, by the method named beside it.",
    ),
    # What a region has.
    ("volume", "mm3", "Volume", 0, "Voxels of the region times the volume of one voxel."),
    (
        "area",
        "mm2",
        "Cross-sectional area",
        0,
        "Area of the region's cut by one slice, or its mean over the slices that the method names.",
    ),
    ("attenuation_mean", "HU", "Mean attenuation", 1, "Mean of all voxels of the region."),
    (
        "attenuation_sd",
        "HU",
        "SD of attenuation",
        1,
        "Standard deviation over all voxels of the region (divisor n).",
    ),
    ("attenuation_median", "HU", "Median attenuation", 1, "Median of all voxels of the region."),
    (
        "muscle_attenuation",
        "HU",
        "Muscle attenuation (-29 to 150 HU)",
        1,
        "Mean of the region's voxels between -29 and 150 HU: muscle without its visible fat.",
    ),
    (
        "fat_infiltration",
        "%",
        "Fat infiltration",
        1,
        "Share of fat in a muscle compartment, by the method named beside the value.",
    ),
    (
        "trabecular_attenuation",
        "HU",
        "Trabecular attenuation",
        1,
        "Mean attenuation inside a vertebral body, away from its cortex.",
    ),
    # What densitometry and a history say of bone; unit 0/1 is a fact: 1 yes, 0 no.
    (
        "t_score",
        "",
        "T-score",
        2,
        "Distance of an areal BMD from the mean of young adults, in their SDs.",
    ),
    (
        "young_score",
        "",
        "Score from young adults",
        2,
        "As a T-score, of a quantity other than areal BMD: WHO's classes do not hold for it.",
    ),
    ("z_score", "", "Z-score", 2, "Distance from the mean of age and sex, in its SDs."),
    ("areal_bmd", "g/cm2", "Areal BMD", 3, "Bone mineral content over projected area, by DXA."),
    (
        "trabecular_bmd",
        "mg/cm3",
        "Trabecular BMD",
        1,
        "Calibrated density inside a vertebral body; of the lumbar spine, the mean of several.",
    ),
    (
        "trabecular_bone_score",
        "",
        "Trabecular bone score",
        3,
        "TBS of the lumbar spine as the vendor's program prints it.",
    ),
    (
        "genant_grade",
        "",
        "Genant grade",
        1,
        "Semiquantitative grade of a vertebra: 0, 0.5 (suspected), 1, 2 or 3.",
    ),
    (
        "fractured_vertebrae",
        "",
        "fractured vertebrae",
        0,
        "How many of T4 to L4 have a Genant grade of 1 or more.",
    ),
    (
        "frax_major",
        "%",
        "FRAX, major osteoporotic fracture",
        1,
        "Ten-year probability of a major osteoporotic fracture, as the FRAX site prints it.",
    ),
    (
        "frax_hip",
        "%",
        "FRAX, hip fracture",
        1,
        "Ten-year probability of a hip fracture, as the FRAX site prints it.",
    ),
    ("postmenopausal", "0/1", "postmenopausal", 0, "Twelve months since the last period."),
    (
        "fragility_fracture",
        "0/1",
        "fragility fracture",
        0,
        "Any adult fracture from a fall from standing height or less.",
    ),
    ("hip_fracture", "0/1", "low-trauma hip fracture", 0, "A fragility fracture of the hip."),
    (
        "vertebral_fracture",
        "0/1",
        "vertebral fracture",
        0,
        "A fragility fracture of a vertebra, clinical or seen on an image.",
    ),
    (
        "humerus_or_pelvis_fracture",
        "0/1",
        "fracture of the proximal humerus or pelvis",
        0,
        "A fragility fracture of the proximal humerus or the pelvis.",
    ),
    ("wrist_fracture", "0/1", "wrist fracture", 0, "A fragility fracture of the distal forearm."),
    (
        "fractures_after_45",
        "",
        "fractures of wrist, hip or rib after 45",
        0,
        "How many of wrist, hip and rib were broken by low trauma after the age of 45: 0 to 3.",
    ),
    ("estrogen_now", "0/1", "taking estrogen", 0, "Hormone therapy with estrogen at present."),
    ("estrogen_ever", "0/1", "ever took estrogen", 0, "Hormone therapy with estrogen, ever."),
    ("rheumatoid_arthritis", "0/1", "rheumatoid arthritis", 0, "Diagnosed rheumatoid arthritis."),
    ("black", "0/1", "Black", 0, "Self-reported; asked for by the 1998 SCORE index only."),
    ("copd", "0/1", "COPD", 0, "Diagnosed chronic obstructive pulmonary disease."),
    (
        "hyperparathyroidism",
        "0/1",
        "hyperparathyroidism",
        0,
        "Diagnosed hyperparathyroidism: the 33% radius then counts.",
    ),
    (
        "over_table_limit",
        "0/1",
        "weight over the DXA table's limit",
        0,
        "Too heavy for the table: the 33% radius then counts.",
    ),
    # What tests of strength and performance, and body composition, say of muscle.
    ("grip_strength", "kg", "grip strength", 1, "Strongest grip of either hand, dynamometer."),
    ("chair_stand_time", "s", "five chair stands", 1, "Time to rise five times from a chair."),
    ("gait_speed", "m/s", "gait speed", 2, "Usual pace over 4 to 6 m."),
    ("sppb_score", "", "SPPB", 0, "Short Physical Performance Battery, 0 to 12 points."),
    ("tug_time", "s", "timed up and go", 1, "Time to rise, walk 3 m, turn, walk back and sit."),
    ("walk_400m_time", "s", "400 m walk", 0, "Time to walk 400 m."),
    ("walk_400m_completed", "0/1", "400 m walk completed", 0, "Whether 400 m could be walked."),
    (
        "appendicular_lean_mass",
        "kg",
        "appendicular lean mass (DXA)",
        2,
        "Lean soft tissue of both arms and both legs by DXA, bone mineral left out.",
    ),
    (
        "appendicular_muscle_mass_bia",
        "kg",
        "appendicular muscle mass (BIA)",
        2,
        "Skeletal muscle of both arms and both legs by bioelectrical impedance.",
    ),
    (
        "appendicular_lean_mass_index",
        "kg/m2",
        "appendicular lean mass over height squared",
        2,
        "ALMI: appendicular lean mass by DXA divided by height squared.",
    ),
    (
        "appendicular_muscle_mass_index_bia",
        "kg/m2",
        "appendicular muscle mass over height squared (BIA)",
        2,
        "Appendicular muscle mass by impedance divided by height squared.",
    ),
    (
        "appendicular_lean_mass_by_bmi",
        "m2",
        "appendicular lean mass over BMI",
        3,
        "Appendicular lean mass by DXA divided by body mass index.",
    ),
    (
        "appendicular_muscle_mass_by_bmi_bia",
        "m2",
        "appendicular muscle mass over BMI (BIA)",
        3,
        "Appendicular muscle mass by impedance divided by body mass index.",
    ),
    (
        "appendicular_lean_mass_young_score",
        "",
        "score of appendicular lean mass from young adults",
        2,
        "Distance of ALMI from the mean of young adults of the same sex, in their SDs.",
    ),
    ("body_fat_percent", "%", "body fat", 1, "Fat mass over body mass."),
    ("calf_circumference", "cm", "calf circumference", 1, "Largest girth of the calf."),
    ("sarc_f_score", "", "SARC-F", 0, "Five-item questionnaire, 0 to 10 points."),
    (
        "skeletal_muscle_index",
        "cm2/m2",
        "skeletal muscle index at L3",
        1,
        "Area of all skeletal muscle on the slice at L3 divided by height squared.",
    ),
    (
        "psoas_muscle_index",
        "cm2/m2",
        "psoas muscle index at L3",
        2,
        "Area of both psoas muscles on the slice at L3 divided by height squared.",
    ),
)
"""Every quantity that can stand in the long table or describe an image, by name."""
