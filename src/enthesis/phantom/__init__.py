"""Digital reference objects with known truth, and a simulated table of studies."""

from enthesis.phantom.body import Compartment, LumbarBody
from enthesis.phantom.cohort import SimulatedSubject, simulate_subjects, subjects_table
from enthesis.phantom.ct import Phantom, lumbar_ct
from enthesis.phantom.mr import DixonPhantom, lumbar_dixon, lumbar_mr
from enthesis.phantom.studies import simulate_studies, simulated_studies

__all__ = [
    "Compartment",
    "DixonPhantom",
    "LumbarBody",
    "Phantom",
    "SimulatedSubject",
    "lumbar_ct",
    "lumbar_dixon",
    "lumbar_mr",
    "simulate_studies",
    "simulate_subjects",
    "simulated_studies",
    "subjects_table",
]
