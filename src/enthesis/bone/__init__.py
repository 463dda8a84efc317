"""Bone measured on an image and a label map."""

from enthesis.bone.vertebra import trabecular_attenuations

__all__ = ["trabecular_attenuations"]
