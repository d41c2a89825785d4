"""Passes of a PixelCNN in PyTorch: `sample.py NETWORK`, driven line by line.

A turn counts whole passes of 16 black and white images of 28×28 through the network of `lab
pixelcnn --features 64 --blocks 8`, without gradients. Drawing number by number takes one for each of 784.
"""

import os
import sys

import driver
import torch
from torch import nn
from torch.nn import functional as F

FEATURES, BLOCKS, FIRST, KERNEL, HIDDEN = 64, 8, 7, 3, 64


class Masked(nn.Conv2d):
    """A convolution whose weights are multiplied by a mask: the first `taps` of a kernel are seen."""

    def __init__(self, inputs, outputs, kernel, taps):
        super().__init__(inputs, outputs, kernel, padding=(kernel[0] // 2, kernel[1] // 2))
        mask = (torch.arange(kernel[0] * kernel[1]) < taps).float().reshape(1, 1, *kernel)
        with torch.no_grad():
            self.weight *= mask


def residual():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            half = FEATURES // 2
            self.layers = nn.Sequential(
                nn.Conv2d(FEATURES, half, 1), nn.ReLU(),
                Masked(half, half, (KERNEL, KERNEL), KERNEL * KERNEL // 2 + 1), nn.ReLU(),
                nn.Conv2d(half, FEATURES, 1),
            )  # fmt: skip

        def forward(self, x):
            return x + self.layers(x)

    first = Masked(1, FEATURES, (FIRST, FIRST), FIRST * FIRST // 2)
    head = [nn.Conv2d(FEATURES, HIDDEN, 1), nn.ReLU(), nn.Conv2d(HIDDEN, 1, 1)]
    return nn.Sequential(first, *(Block() for _ in range(BLOCKS)), *head)


class Layer(nn.Module):
    def __init__(self, first):
        super().__init__()
        self.first = first
        inputs, side = (1, FIRST) if first else (FEATURES, KERNEL)
        rows = side // 2 + (not first)
        # Kernels are cut to what they see, which is the fastest way in PyTorch.
        self.above = (side // 2, rows)
        self.vertical = nn.Conv2d(inputs, 2 * FEATURES, (rows, side), padding=(0, side // 2))
        self.link = nn.Conv2d(2 * FEATURES, 2 * FEATURES, 1)
        self.horizontal = nn.Conv2d(inputs, 2 * FEATURES, (1, side // 2 + (not first)))
        self.left = side // 2
        self.out = nn.Conv2d(FEATURES, FEATURES, 1)

    def forward(self, v, h):
        height, width = v.shape[2:]
        above = self.vertical(F.pad(v, (0, 0, self.above[0], 0)))[:, :, :height]
        before = self.horizontal(F.pad(h, (self.left, 0, 0, 0)))[:, :, :, :width]
        out = self.out(gate(before + self.link(above)))
        return gate(above), out if self.first else h + out


def gate(x):
    f, g = x.chunk(2, dim=1)
    return torch.tanh(f) * torch.sigmoid(g)


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(Layer(i == 0) for i in range(BLOCKS + 1))
        self.head = nn.Sequential(
            nn.Conv2d(FEATURES, HIDDEN, 1), nn.ReLU(), nn.Conv2d(HIDDEN, 1, 1)
        )

    def forward(self, x):
        v = h = x
        for layer in self.layers:
            v, h = layer(v, h)
        return self.head(h)


def main():
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    network = {"gated": Gated, "residual": residual}[sys.argv[1]]()
    images = torch.rand(16, 1, 28, 28).round() * 2 - 1
    with torch.inference_mode():
        driver.serve(lambda: lambda: network(images), lambda result: None)


if __name__ == "__main__":
    main()
