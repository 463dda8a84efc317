"""The network: a small U-Net on five neighbouring slices."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

from enthesis.segment.network_frame import CLASSES, N_SLICES

WIDTHS = (16, 24, 48, 72, 88)
"""Channels at each of the five scales: half a million weights, just under a mebibyte in half
precision."""


class SmallUNet(nn.Module):
    """Five slices and whether they hold attenuation → the classes of the middle slice.

    The input is (B, N_SLICES + 1, H, W), the last channel 1 for HU and 0 for any other signal; the
    output is (B, classes, H, W), logarithms of odds up to a constant per pixel.
    """

    def __init__(self) -> None:
        super().__init__()
        down = (N_SLICES + 1, *WIDTHS)
        self.down = nn.ModuleList(_twice(a, b) for a, b in itertools.pairwise(down))
        up = WIDTHS[::-1]
        self.up = nn.ModuleList(_twice(a + b, b) for a, b in itertools.pairwise(up))
        self.out = nn.Conv2d(WIDTHS[0], len(CLASSES), 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        kept = []
        for i, block in enumerate(self.down):
            x = block(functional.max_pool2d(x, 2) if i else x)
            kept.append(x)
        kept.pop()
        for block in self.up:
            wider = functional.interpolate(x, scale_factor=2.0, mode="bilinear")
            x = block(torch.cat([wider, kept.pop()], dim=1))
        logits: Tensor = self.out(x)
        return logits


def _twice(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(*_convolution(n_in, n_out), *_convolution(n_out, n_out))


def _convolution(n_in: int, n_out: int) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(n_in, n_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
    )
