"""A VAE in eager PyTorch, end to end: `vae.py CONTESTANT NETWORK DATA FILE`, until it is killed.

It learns as `lab vae` does in benches/run.py, from the IDX files under DATA, binarised anew whenever a
image is trained on. torch-index shuffles numbers of images and takes rows of one tensor by them,
torch-loader draws from a TensorDataset by a DataLoader. FILE gets a row every ROW_EVERY images, in
the form of lab's metrics.jsonl.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

BATCH, LR, ROW_EVERY = 128, 1e-3, 12_800
# The last sixth of the training images trains nobody.
TRAINING = 5 / 6


class Mlp(nn.Module):
    LATENTS = 20

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(784, 400), nn.Linear(20, 400)
        self.mean, self.log_variance = nn.Linear(400, 20), nn.Linear(400, 20)
        self.out = nn.Linear(400, 784)

    def encode(self, images):
        h = F.relu(self.encoder(images.flatten(1)))
        return self.mean(h), self.log_variance(h)

    def decode(self, z):
        return self.out(F.relu(self.decoder(z)))


class Conv(nn.Module):
    LATENTS = 32

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 32, 4, 2, 1), nn.Conv2d(32, 64, 4, 2, 1)
        self.mean, self.log_variance = nn.Linear(3136, 32), nn.Linear(3136, 32)
        self.decoder = nn.Linear(32, 3136)
        self.up1, self.up2 = nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ConvTranspose2d(32, 1, 4, 2, 1)

    def encode(self, images):
        h = F.relu(self.conv2(F.relu(self.conv1(images)))).flatten(1)
        return self.mean(h), self.log_variance(h)

    def decode(self, z):
        h = F.relu(self.decoder(z)).view(-1, 64, 7, 7)
        return self.up2(F.relu(self.up1(h))).flatten(1)


NETWORKS = {"mlp": Mlp, "conv": Conv}


def grey_images(data):
    """Grey images from 0 to 1, [N, 1, 28, 28]."""
    pixels = np.fromfile(Path(data) / "train-images-idx3-ubyte", np.uint8, offset=16)
    images = torch.from_numpy(pixels).view(-1, 1, 28, 28)
    return images[: int(TRAINING * len(images))].float() / 255


def batches(contestant, images):
    """Batches of all images in an order of chance."""
    if contestant == "torch-index":
        for rows in torch.randperm(len(images)).split(BATCH):
            yield images[rows]
    else:
        for (batch,) in DataLoader(TensorDataset(images), BATCH, shuffle=True):
            yield batch


def main():
    contestant, network, data, file = sys.argv[1:]
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    torch.manual_seed(1)
    images, model = grey_images(data), NETWORKS[network]()
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    seen, told, losses = 0, 0, []
    with open(file, "w") as rows:
        while True:
            for batch in batches(contestant, images):
                x = torch.bernoulli(batch)
                mean, log_variance = model.encode(x)
                z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
                logits, x = model.decode(z), x.flatten(1)
                nll = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
                kl = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum() / len(x)
                loss = nll + kl
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(torch.stack([loss, nll, kl]).detach())
                seen += len(x)
                if seen - told >= ROW_EVERY:
                    told = seen
                    means = torch.stack(losses).mean(0).tolist()
                    losses.clear()
                    print(json.dumps({"step": seen, "train/loss": means}), file=rows, flush=True)


if __name__ == "__main__":
    main()
