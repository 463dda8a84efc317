"""The recipe of the segmentation network: from nothing to the ONNX file in the package."""
