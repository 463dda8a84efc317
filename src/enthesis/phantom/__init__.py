"""Digital reference objects with known truth, and a simulated table of studies."""

from enthesis.phantom.body import Compartment, LumbarBody
from enthesis.phantom.ct import Phantom, lumbar_ct
from enthesis.phantom.studies import simulate_studies, simulated_studies

__all__ = [
    "Compartment",
    "LumbarBody",
    "Phantom",
    "lumbar_ct",
    "simulate_studies",
    "simulated_studies",
]
