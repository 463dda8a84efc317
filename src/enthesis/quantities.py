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
    source : where the definition is from, with DOI; empty where it is only a name or arithmetic
    """

    name: str
    unit: str
    label: str
    definition: str
    decimals: int
    source: str = ""


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
        name: Quantity(
            name=name,
            unit=unit,
            label=label,
            decimals=decimals,
            definition=definition,
            source=SOURCES.get(name, ""),
        )
        for name, unit, label, decimals, definition in rows
    }


_AUBREY = "Aubrey 2014, doi:10.1111/apha.12224"
_META_ANALYSIS = "Han 2022, as the meta-analysis of paraspinal muscles defines it"
_BASSER = "Basser 1996, doi:10.1006/jmrb.1996.0086"
_BAUMGARTNER = "Baumgartner 1998, doi:10.1093/oxfordjournals.aje.a009520"
_BECK = "Beck 1990, doi:10.1097/00004424-199001000-00004"
_DIXON = "Dixon 1984, doi:10.1148/radiology.153.1.6089263"
_DORR = "Dorr 1993, doi:10.1016/8756-3282(93)90146-2"
_ENGELKE = "Engelke 2008, doi:10.1016/j.jocd.2007.12.010"
_GRIFFITH = "Griffith 2005, doi:10.1148/radiol.2363041425"
_HILDEBRAND = "Hildebrand 1997, doi:10.1046/j.1365-2818.1997.1340694.x"
_HURXTHAL = "Hurxthal 1968, doi:10.2214/ajr.103.3.635"
_KELLY = "Kelly 2009, doi:10.1371/journal.pone.0007038"
_LIEBER = "Lieber 2000, doi:10.1002/1097-4598(200011)23:11<1647::AID-MUS1>3.0.CO;2-M"
_REEDER = "Reeder 2011, doi:10.1002/jmri.22580"
_STUDENSKI = "Studenski 2014, doi:10.1093/gerona/glu010"
_TOFTS = "Tofts 1999, doi:10.1002/(SICI)1522-2586(199909)10:3<223::AID-JMRI2>3.0.CO;2-S"

SOURCES: dict[str, str] = {
    "area": "Crawford 2017 (outlines), doi:10.1186/s12891-016-1378-z",
    "muscle_attenuation": _AUBREY,
    "normal_attenuation_area": _AUBREY,
    "low_attenuation_area": _AUBREY,
    "intramuscular_fat_area": _AUBREY,
    "intermuscular_fat_area": _AUBREY,
    "adipose_area": _AUBREY,
    "fat_infiltration": f"{_AUBREY} (windows); Goodpaster 2000, doi:10.1152/jappl.2000.89.1.104 "
    "(place of the mean); Otsu 1979, doi:10.1109/TSMC.1979.4310076",
    "fat_fraction": "Reeder 2011, doi:10.1002/jmri.22580",
    "relative_area": f"{_META_ANALYSIS}; Mandelli 2021, doi:10.3389/fneur.2021.656487",
    "relative_functional_area": _META_ANALYSIS,
    "functional_area": "Mandelli 2021 (lean area), doi:10.3389/fneur.2021.656487",
    "goutallier_grade": "Goutallier 1994; Battaglia 2014, doi:10.1016/j.jmpt.2013.12.010",
    "kjaer_grade": "Kjaer 2007, doi:10.1186/1741-7015-5-2",
    "skeletal_muscle_index": "Mourtzakis 2008, doi:10.1139/H08-075",
    "psoas_muscle_index": "Hamaguchi 2016",
    "skeletal_muscle_gauge": "arithmetic on the index and the attenuation",
    "trabecular_attenuation": "Pickhardt 2013, doi:10.7326/0003-4819-158-8-201304160-00003",
    # Maps.
    "hounsfield": "Cann 1980, doi:10.1097/00004728-198008000-00018 (its use for bone)",
    "bmd_ct": _ENGELKE,
    "r2_star": "Yu 2008, doi:10.1002/mrm.21737",
    "water_signal": _DIXON,
    "fat_signal": _DIXON,
    "field_offset": "Hernando 2010, doi:10.1002/mrm.22177",
    "swap_margin": "Berglund 2012, doi:10.1002/mrm.23157",
    "t1": "Deoni 2003, doi:10.1002/mrm.10407",
    "t2": "Milford 2015, doi:10.1371/journal.pone.0145255",
    "fractional_anisotropy": _BASSER,
    "mean_diffusivity": _BASSER,
    "axial_diffusivity": _BASSER,
    "radial_diffusivity": _BASSER,
    "apparent_diffusion": "Dietrich 2017, doi:10.1002/nbm.3333",
    "enhancement_maximum": _GRIFFITH,
    "enhancement_slope": _GRIFFITH,
    "k_trans": _TOFTS,
    "k_ep": _TOFTS,
    "v_e": _TOFTS,
    "v_p": _TOFTS,
    "lipid_fraction": "Boesch 1997, doi:10.1002/mrm.1910370403",
    # Muscles.
    "attenuation_mean": "Goodpaster 2000, doi:10.1152/jappl.2000.89.1.104",
    "noncontractile_area": "Mandelli 2021, doi:10.3389/fneur.2021.656487",
    "area_index": "Baumgartner 1998 (why height squared), doi:10.1093/oxfordjournals.aje.a009520",
    "fat_fraction_median": _REEDER,
    "fat_fraction_sd": _REEDER,
    "appendicular_lean_mass": "Heymsfield 1990, doi:10.1093/ajcn/52.2.214",
    "appendicular_lean_mass_index": _BAUMGARTNER,
    "appendicular_lean_mass_by_bmi": _STUDENSKI,
    "appendicular_muscle_mass_index_bia": _BAUMGARTNER,
    "appendicular_muscle_mass_by_bmi_bia": _STUDENSKI,
    "lean_mass_index": _KELLY,
    "fat_free_mass_index": _KELLY,
    "fat_mass_index": _KELLY,
    "android_gynoid_ratio": _KELLY,
    "trunk_leg_fat_ratio": _KELLY,
    "trunk_limb_mass_ratio": _KELLY,
    "muscle_thickness_by_bmi": "Kara 2021, doi:10.2340/16501977-2851",
    "muscle_thickness_by_height": "Kuyumcu 2016, doi:10.1016/j.archger.2016.04.004",
    "pennation_angle": _LIEBER,
    "fascicle_length": "Ando 2014 (extrapolated), doi:10.1016/j.jelekin.2014.01.003",
    "echo_intensity": "Young 2015, doi:10.1002/mus.24656",
    "echo_intensity_corrected": "Young 2015, doi:10.1002/mus.24656",
    "physiological_cross_section": _LIEBER,
    # Bone.
    "t_score": "ISCD official positions 2023; Leslie 2006, doi:10.1016/j.jocd.2006.05.004",
    "z_score": "ISCD official positions 2023; Leslie 2006, doi:10.1016/j.jocd.2006.05.004",
    "standardised_bmd": "Genant 1994, doi:10.1002/jbmr.5650091002; Lu 2001, "
    "doi:10.1007/s001980170087",
    "trabecular_bmd": _ENGELKE,
    "cortical_bmd": _ENGELKE,
    "integral_bmd": _ENGELKE,
    "trabecular_bone_score": "Pothuaud 2008, doi:10.1016/j.bone.2007.11.018",
    "genant_grade": "Genant 1993, doi:10.1002/jbmr.5650080915",
    "spinal_deformity_index": "Crans 2005, doi:10.1016/j.bone.2005.04.003",
    "height_anterior": _HURXTHAL,
    "height_middle": _HURXTHAL,
    "height_posterior": _HURXTHAL,
    "ultrasound_attenuation": "Langton 1984, doi:10.1243/EMED_JOUR_1984_013_022_02",
    "amplitude_dependent_speed": "Wuester 2000, doi:10.1359/jbmr.2000.15.8.1603",
    "cortical_index": "Barnett 1960, doi:10.1016/s0009-9260(60)80012-8",
    "dorr_type": _DORR,
    "canal_to_calcar_ratio": _DORR,
    "hip_axis_length": "Faulkner 1993, doi:10.1002/jbmr.5650081008",
    "bone_cross_section": _BECK,
    "cross_section_moment": _BECK,
    "section_modulus": _BECK,
    "cortical_thickness_modelled": "Beck 2000, doi:10.1359/jbmr.2000.15.12.2297",
    "buckling_ratio": "Beck 2000, doi:10.1359/jbmr.2000.15.12.2297",
    "cortical_porosity": "Burghardt 2010, doi:10.1016/j.bone.2010.05.034",
    "cortical_thickness": _HILDEBRAND,
    "trabecular_thickness": _HILDEBRAND,
    "trabecular_separation": _HILDEBRAND,
    "trabecular_number": "Laib 1998, doi:10.3233/THC-1998-65-606",
    "trabecular_thickness_derived": "Parfitt 1983, doi:10.1172/JCI111096",
    "trabecular_separation_derived": "Parfitt 1983, doi:10.1172/JCI111096",
    "trabecular_number_derived": "Parfitt 1983, doi:10.1172/JCI111096",
    "bone_surface_density": "Legland 2007, doi:10.5566/ias.v26.p83-92",
    "structure_model_index": "Ohser 2009, doi:10.5566/ias.v28.p179-185",
    "connectivity_density": "Odgaard 1993, doi:10.1016/8756-3282(93)90245-6",
    "vertebral_bone_quality": "Ehresman 2020, doi:10.1016/j.spinee.2019.10.007",
}
"""Where a definition is from, by quantity."""

QUANTITIES: dict[str, Quantity] = _table(
    # What an image's voxels can hold.
    ("hounsfield", "HU", "Attenuation", 0, "X-ray attenuation of a voxel: water 0, air -1000."),
    ("signal", "", "Signal", 0, "Received signal in arbitrary units, as scanned."),
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
    # What a muscle compartment has.
    (
        "area_perpendicular",
        "mm2",
        "Perpendicular area",
        0,
        "Area of the region's cut by a plane at right angles to the axis that the method names.",
    ),
    ("obliquity", "deg", "Obliquity", 1, "Angle between that plane and the slices of the scan."),
    (
        "functional_area",
        "mm2",
        "Functional area",
        0,
        "Contractile area: the cut of a muscle without its fat, by the method named beside it.",
    ),
    (
        "noncontractile_area",
        "mm2",
        "Noncontractile area",
        0,
        "Area less functional area: what the method counts as fat, or as neither.",
    ),
    (
        "normal_attenuation_area",
        "mm2",
        "Normal-attenuation muscle",
        0,
        "Part of a muscle's cut of normal attenuation: 30 to 150 HU, if no other window is named.",
    ),
    (
        "low_attenuation_area",
        "mm2",
        "Low-attenuation muscle",
        0,
        "Part of a muscle's cut of low attenuation: -29 to 29 HU, if no other window is named.",
    ),
    (
        "intramuscular_fat_area",
        "mm2",
        "Intramuscular fat",
        0,
        "Part of a muscle compartment's cut that is fat.",
    ),
    (
        "intermuscular_fat_area",
        "mm2",
        "Intermuscular fat",
        0,
        "Fat between the muscles of a group, in no compartment but within the group's outline.",
    ),
    ("adipose_area", "mm2", "Adipose area", 0, "Part of a region's cut in the window of fat."),
    (
        "relative_area",
        "%",
        "Relative area (rTCSA)",
        1,
        "Area of a muscle over that of the region that the method names, at the same level.",
    ),
    (
        "relative_functional_area",
        "%",
        "Relative functional area (rFCSA)",
        1,
        "Functional area of a muscle over the area of the region that the method names.",
    ),
    ("area_index", "cm2/m2", "Area index", 2, "Area divided by height squared."),
    (
        "area_asymmetry",
        "%",
        "Asymmetry of area",
        1,
        "Left less right over their mean; positive where the left is larger.",
    ),
    (
        "fat_asymmetry",
        "%",
        "Asymmetry of fat",
        1,
        "Left less right in points of percent; positive where the left has more fat.",
    ),
    (
        "volume_per_height",
        "mm2",
        "Volume over height",
        0,
        "Volume of a muscle beside the named vertebrae over their height.",
    ),
    (
        "fat_fraction_median",
        "%",
        "Median fat fraction",
        1,
        "Median of the fat fractions of a region's voxels.",
    ),
    (
        "fat_fraction_sd",
        "%",
        "SD of fat fraction",
        1,
        "Standard deviation of the fat fractions of a region's voxels (divisor n).",
    ),
    (
        "muscle_fat_index",
        "",
        "Muscle-fat index",
        3,
        "Mean signal of a muscle over that of reference fat on the same scan.",
    ),
    (
        "goutallier_grade",
        "",
        "Goutallier grade",
        0,
        "Percent equivalent of the visual grade of fat in a muscle, 0 to 4.",
    ),
    (
        "kjaer_grade",
        "",
        "Kjaer grade",
        0,
        "Grade of fat in a muscle: 0 up to 10 %, 1 up to 50 %, 2 above.",
    ),
    (
        "skeletal_muscle_gauge",
        "HU cm2/m2",
        "Skeletal muscle gauge",
        0,
        "Skeletal muscle index at L3 times muscle attenuation there.",
    ),
    (
        "height_anterior",
        "mm",
        "Anterior height",
        1,
        "Of a vertebral body in front, in its midline.",
    ),
    (
        "height_middle",
        "mm",
        "Middle height",
        1,
        "Of a vertebral body between the middles of its endplates.",
    ),
    (
        "height_posterior",
        "mm",
        "Posterior height",
        1,
        "Of a vertebral body behind, in its midline.",
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
        "bone_mineral_content",
        "g",
        "bone mineral content",
        2,
        "Mineral of a region by DXA.",
    ),
    (
        "projected_area",
        "cm2",
        "projected bone area",
        2,
        "Area of the bone's shadow in a DXA region, over which areal BMD is the mineral content.",
    ),
    (
        "standardised_bmd",
        "mg/cm2",
        "standardised BMD",
        1,
        "Areal BMD on the scale common to the makers' devices, by the equations named beside it.",
    ),
    (
        "trabecular_bmd",
        "mg/cm3",
        "Trabecular BMD",
        1,
        "Calibrated density of trabecular bone; of the lumbar spine, the mean of several bodies.",
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
    (
        "muscle_density",
        "mg/cm3",
        "Muscle density (pQCT)",
        1,
        "Mean density of a limb's muscle by pQCT, on the scale that the method names.",
    ),
    (
        "limb_fat",
        "%",
        "Limb fat (pQCT)",
        1,
        "Mass of fat over that of fat and muscle on one slice of a limb.",
    ),
    # What DXA says of the body, region by region; lean soft tissue leaves bone mineral out.
    ("fat_mass", "kg", "fat mass (DXA)", 2, "Fat of the body or of a region by DXA."),
    (
        "lean_mass",
        "kg",
        "lean soft tissue (DXA)",
        2,
        "Mass without fat and without bone mineral, of the body or of a region by DXA.",
    ),
    (
        "fat_free_mass",
        "kg",
        "fat-free mass (DXA)",
        2,
        "Lean soft tissue and bone mineral together, of the body or of a region by DXA.",
    ),
    (
        "lean_mass_index",
        "kg/m2",
        "lean soft tissue over height squared",
        2,
        "LMI: lean soft tissue of the whole body, bone mineral left out, over height squared.",
    ),
    (
        "fat_free_mass_index",
        "kg/m2",
        "fat-free mass over height squared",
        2,
        "FFMI: lean soft tissue and bone mineral of the whole body over height squared.",
    ),
    (
        "fat_mass_index",
        "kg/m2",
        "fat mass over height squared",
        2,
        "FMI: fat of the whole body over height squared.",
    ),
    (
        "visceral_fat_mass",
        "g",
        "visceral fat (DXA)",
        0,
        "Fat among the organs of the android region, by the densitometer's own model.",
    ),
    (
        "android_gynoid_ratio",
        "",
        "android to gynoid ratio of percent fat",
        3,
        "Percent fat of the android region over that of the gynoid region.",
    ),
    (
        "android_gynoid_mass_ratio",
        "",
        "android to gynoid ratio of fat mass",
        3,
        "Fat mass of the android region over that of the gynoid region.",
    ),
    (
        "trunk_leg_fat_ratio",
        "",
        "trunk to leg ratio of percent fat",
        3,
        "Percent fat of the trunk over that of both legs.",
    ),
    (
        "trunk_limb_mass_ratio",
        "",
        "trunk to limb ratio of fat mass",
        3,
        "Fat mass of the trunk over that of both arms and both legs.",
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
    # What ultrasound shows of a muscle.
    (
        "muscle_thickness",
        "mm",
        "Muscle thickness",
        1,
        "Between the two aponeuroses, at right angles.",
    ),
    (
        "covering_thickness",
        "mm",
        "Skin and subcutis",
        1,
        "From the surface of the skin to the superficial aponeurosis.",
    ),
    (
        "pennation_angle",
        "deg",
        "Pennation angle",
        1,
        "Between the fascicles and the aponeurosis that the method names.",
    ),
    (
        "fascicle_length",
        "mm",
        "Fascicle length",
        1,
        "Of the fascicles; the method says whether seen, extended or from thickness and angle.",
    ),
    (
        "echo_intensity_corrected",
        "",
        "Echo intensity, corrected for fat",
        1,
        "Mean echo intensity plus a slope times the thickness of fat above; the method has both.",
    ),
    (
        "muscle_thickness_by_bmi",
        "mm m2/kg",
        "Muscle thickness over BMI",
        2,
        "Muscle thickness divided by body mass index; of the anterior thigh, STAR (Kara 2020).",
    ),
    (
        "muscle_thickness_by_height",
        "mm/m",
        "Muscle thickness over height",
        2,
        "Muscle thickness divided by height.",
    ),
    (
        "muscle_thickness_share",
        "%",
        "Muscle in muscle and covering",
        1,
        "Muscle thickness over muscle, subcutis and skin together (Kuyumcu 2016).",
    ),
    (
        "physiological_cross_section",
        "cm2",
        "Physiological cross-section",
        1,
        "Muscle volume times the cosine of the pennation angle over fascicle length (Lieber).",
    ),
    # What ultrasound through a bone, a radiograph, a texture and a projected hip give.
    (
        "ultrasound_attenuation",
        "dB/MHz",
        "BUA",
        1,
        "Slope of attenuation over frequency in the band that the method names (Langton 1984).",
    ),
    (
        "ultrasound_attenuation_per_length",
        "dB/(MHz cm)",
        "nBUA",
        1,
        "BUA over the thickness of the bone.",
    ),
    (
        "speed_of_sound",
        "m/s",
        "SOS",
        0,
        "Path over time; the method says through what and to where.",
    ),
    (
        "amplitude_dependent_speed",
        "m/s",
        "AD-SoS",
        0,
        "Thickness of a finger over the time to the first echo above a threshold.",
    ),
    (
        "stiffness_index",
        "",
        "Stiffness index",
        1,
        "0.67 BUA + 0.28 SOS - 420 of a heel (Lunar Achilles); no stiffness in a mechanical sense.",
    ),
    (
        "quantitative_ultrasound_index",
        "",
        "QUI",
        1,
        "0.41 (BUA + SOS) - 571 of a heel (Hologic Sahara).",
    ),
    (
        "heel_bmd_estimated",
        "g/cm2",
        "Estimated heel BMD",
        3,
        "0.002592 (BUA + SOS) - 3.687 (Hologic Sahara): QUI on another scale, no densitometry.",
    ),
    (
        "cortical_index",
        "",
        "Cortical index",
        3,
        "Both cortices' thickness over the bone's width on a radiograph (Barnett and Nordin 1960).",
    ),
    (
        "cortical_area_share",
        "%",
        "Percent cortical area",
        1,
        "1 less the squared ratio of medullary to outer width, for a round bone (Garn).",
    ),
    (
        "cortical_thickness_combined",
        "mm",
        "Combined cortical thickness",
        2,
        "Both cortices of a shaft together, on a radiograph.",
    ),
    (
        "canal_to_calcar_ratio",
        "",
        "Canal-to-calcar ratio",
        2,
        "Width of the femur's canal 10 cm below the lesser trochanter over that at it (Dorr 1993).",
    ),
    ("singh_grade", "", "Singh index", 0, "A reader's grade of trabecular loss in a hip, 6 to 1."),
    (
        "dorr_type",
        "",
        "Dorr type",
        0,
        "A reader's type of the proximal femur: 1, 2, 3 for A, B, C (Dorr 1993).",
    ),
    (
        "variogram_slope",
        "",
        "Grey-level variogram slope",
        3,
        "Slope of log variogram over log distance of a picture; on no vendor's scale.",
    ),
    (
        "variogram_anisotropy",
        "",
        "Anisotropy of the variogram slope",
        3,
        "Variogram slope along the rows over that along the columns.",
    ),
    ("hip_axis_length", "mm", "Hip axis length", 1, "Lateral trochanter to inner pelvic brim."),
    (
        "neck_axis_length",
        "mm",
        "Femoral neck axis length",
        1,
        "Lateral trochanter to the head's far edge along the neck's axis.",
    ),
    (
        "neck_shaft_angle",
        "deg",
        "Neck-shaft angle",
        1,
        "Between neck and shaft of a projected femur.",
    ),
    ("bone_width", "mm", "Bone width", 1, "Outer width of a bone across its axis, projected."),
    (
        "bone_cross_section",
        "cm2",
        "Bone cross-sectional area",
        2,
        "Mineral of a cut over the density of bone tissue: soft tissue and marrow left out (Beck).",
    ),
    (
        "cross_section_moment",
        "cm4",
        "Cross-sectional moment of inertia",
        2,
        "Second moment of the mineral of a cut, in the plane of the picture (Beck).",
    ),
    (
        "section_modulus",
        "cm3",
        "Section modulus",
        2,
        "Moment of inertia over the distance from the centre of mass to the farther edge (Beck).",
    ),
    (
        "cortical_thickness_modelled",
        "mm",
        "Average cortical thickness (model)",
        2,
        "Wall of the round tube that has the cut's width and the named share of its mineral.",
    ),
    (
        "buckling_ratio",
        "",
        "Buckling ratio",
        1,
        "Distance from the centre of mass to the farther edge over the modelled cortex.",
    ),
    # What a vertebral body's shape and its density by compartment give.
    (
        "height_sd",
        "mm",
        "SD of a height",
        2,
        "Standard deviation of a height from the voxels' size.",
    ),
    (
        "height_loss",
        "%",
        "Loss of height",
        1,
        "Greatest share of a height that is lost, against the posterior or a neighbour's.",
    ),
    (
        "spinal_deformity_index",
        "",
        "Spinal deformity index",
        1,
        "Sum of the Genant grades of T4 to L4 (Crans 2005).",
    ),
    ("kyphosis_angle", "deg", "Kyphosis", 1, "Cobb angle in the sagittal plane, T4 to T12."),
    ("lordosis_angle", "deg", "Lordosis", 1, "Cobb angle in the sagittal plane, L1 to L5."),
    ("scoliosis_angle", "deg", "Sideways curve", 1, "Greatest Cobb angle in the coronal plane."),
    (
        "angle_sd",
        "deg",
        "SD of an angle",
        1,
        "Standard deviation of an angle from voxels or points.",
    ),
    (
        "trabecular_bmd_sd",
        "mg/cm3",
        "SD of trabecular BMD",
        1,
        "Standard deviation from the calibration, the placing of the volume and noise.",
    ),
    (
        "cortical_bmd",
        "mg/cm3",
        "Cortical BMD",
        1,
        "Calibrated density of a bone's cortex, as the method delimits it.",
    ),
    ("integral_bmd", "mg/cm3", "Total BMD", 1, "Calibrated density of a whole bone or body."),
    # What pQCT, HR-pQCT and micro-CT give of a limb's bone.
    ("bone_area", "mm2", "Total bone area", 1, "Area of a bone's cut within its outer contour."),
    ("trabecular_area", "mm2", "Trabecular area", 1, "Part of a bone's cut that is trabecular."),
    ("cortical_area", "mm2", "Cortical area", 1, "Part of a bone's cut that is cortex."),
    (
        "bone_mineral_per_length",
        "mg/mm",
        "Mineral per length",
        1,
        "Mineral of a slice over its thickness: density times area.",
    ),
    (
        "cortical_thickness",
        "mm",
        "Cortical thickness, direct",
        3,
        "Mean diameter of the largest ball in the cortex that covers each of its voxels.",
    ),
    (
        "cortical_thickness_derived",
        "mm",
        "Cortical thickness, derived",
        3,
        "From areas, or from volume and surface, by the model that the method names.",
    ),
    (
        "cortical_porosity",
        "%",
        "Cortical porosity",
        2,
        "Share of voids that the voxels show in the cortex with its voids.",
    ),
    ("moment_polar", "mm4", "Polar moment of area", 0, "Of the cortex about its centroid."),
    (
        "moment_largest",
        "mm4",
        "Largest moment of area",
        0,
        "Of the cortex, about a principal axis.",
    ),
    (
        "moment_smallest",
        "mm4",
        "Smallest moment of area",
        0,
        "Of the cortex, about the other axis.",
    ),
    (
        "strength_strain_index",
        "mm3",
        "Polar SSI",
        1,
        "Section modulus of the cortex weighted by its density over 1200 mg/cm3.",
    ),
    (
        "bone_strength_index",
        "g2/cm4",
        "Compressive BSI",
        3,
        "Total density squared times total area.",
    ),
    (
        "bone_volume_fraction",
        "%",
        "BV/TV",
        2,
        "Share of bone in the volume, by the method named beside it.",
    ),
    ("bone_surface_density", "1/mm", "BS/TV", 3, "Surface of bone per volume."),
    ("trabecular_thickness", "mm", "Tb.Th, direct", 3, "Mean over bone of its local thickness."),
    ("trabecular_thickness_sd", "mm", "Tb.Th SD", 3, "SD over bone of its local thickness."),
    ("trabecular_separation", "mm", "Tb.Sp, direct", 3, "Mean over marrow of its local thickness."),
    ("trabecular_separation_sd", "mm", "Tb.Sp SD", 3, "SD over marrow of its local thickness."),
    (
        "trabecular_number",
        "1/mm",
        "Tb.N, direct",
        3,
        "Inverse of the mean distance between the middles of trabeculae.",
    ),
    ("trabecular_thickness_derived", "mm", "Tb.Th, derived", 3, "By a model, not measured."),
    ("trabecular_separation_derived", "mm", "Tb.Sp, derived", 3, "By a model, not measured."),
    ("trabecular_number_derived", "1/mm", "Tb.N, derived", 3, "By a model, not measured."),
    (
        "structure_model_index",
        "",
        "SMI",
        2,
        "0 for plates, 3 for rods, 4 for balls; below 0 where marrow lies in bone as holes do.",
    ),
    (
        "connectivity_density",
        "1/mm3",
        "Conn.D",
        3,
        "Connections that can be cut before bone falls apart, per volume.",
    ),
    # What MR shows of marrow.
    (
        "vertebral_bone_quality",
        "",
        "VBQ score",
        2,
        "Median T1-weighted signal of lumbar bodies over that of cerebrospinal fluid.",
    ),
    (
        "apparent_diffusion",
        "mm2/s",
        "ADC",
        6,
        "Apparent diffusion coefficient: slope of the log signal over b.",
    ),
)
"""Every quantity that can stand in the long table or describe an image, by name."""

CODES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "attenuation_mean": (
        ("DCM", "112031", "Attenuation Coefficient"),
        ("SCT", "373098007", "Mean"),
    ),
    "attenuation_sd": (
        ("DCM", "112031", "Attenuation Coefficient"),
        ("SCT", "386136009", "Standard Deviation"),
    ),
    "attenuation_median": (
        ("DCM", "112031", "Attenuation Coefficient"),
        ("SCT", "373099004", "Median"),
    ),
    "area": (("SCT", "42798000", "Area"),),
    "volume": (("SCT", "118565006", "Volume"),),
    "fat_fraction": (("DCM", "129100", "Fat fraction"),),
    "r2_star": (("DCM", "126395", "R2*"),),
    "t1": (("DCM", "113063", "T1"),),
    "t2": (("DCM", "113065", "T2"),),
    "t2_star": (("DCM", "113064", "T2*"),),
    "fractional_anisotropy": (("DCM", "110808", "Fractional Anisotropy"),),
    "k_trans": (("DCM", "126312", "Ktrans"),),
    "k_ep": (("DCM", "126313", "kep"),),
    "v_e": (("DCM", "126314", "ve"),),
    "v_p": (("DCM", "126331", "vp"),),
}
"""Scheme, value and meaning of a quantity's public code, and of what was derived (mean, SD) if so.

From DICOM's CID 7469 and 7464. A quantity whose definition says more than any public code, as
"muscle attenuation between -29 and 150 HU" does, has none.
"""

UCUM: dict[str, tuple[str, str]] = {
    "": ("1", "no units"),
    "0/1": ("1", "no units"),
    "HU": ("[hnsf'U]", "Hounsfield unit"),
    "% s": ("%.s", "percent times second"),
}
"""Code and meaning in UCUM of the units that it spells differently; others are their own code."""
