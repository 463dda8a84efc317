"""Digital reference objects with known truth, and a simulated table of studies."""

from enthesis.phantom.bmode import BModePhantom, muscle_bmode
from enthesis.phantom.body import Compartment, Fracture, LumbarBody
from enthesis.phantom.cohort import SimulatedSubject, simulate_subjects, subjects_table
from enthesis.phantom.ct import Phantom, lumbar_ct
from enthesis.phantom.draw import random_body
from enthesis.phantom.femur import FemurPhantom, projected_femur
from enthesis.phantom.mr import DixonPhantom, lumbar_dixon, lumbar_mr
from enthesis.phantom.studies import simulate_studies, simulated_studies

__all__ = [
    "BModePhantom",
    "Compartment",
    "DixonPhantom",
    "FemurPhantom",
    "Fracture",
    "LumbarBody",
    "Phantom",
    "SimulatedSubject",
    "lumbar_ct",
    "lumbar_dixon",
    "lumbar_mr",
    "muscle_bmode",
    "projected_femur",
    "random_body",
    "simulate_studies",
    "simulate_subjects",
    "simulated_studies",
    "subjects_table",
]
