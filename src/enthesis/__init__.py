"""From scan to evidence: bone and muscle imaging, measured, diagnosed, compared and pooled."""

__version__ = "0.1.0"
