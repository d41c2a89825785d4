"""The rows of benches/update in PyTorch."""

import copy
import os

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

mode = "torch"


def prepare(contestant):
    """Sets how steps are run: torch, torch-foreach, torch-fused or torch-compile."""
    global mode
    mode = contestant
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    torch.manual_seed(1)
    # Parameters, data and noise of a row are all made after this.
    torch.set_default_device(os.environ.get("BENCH_DEVICE", "cpu"))


def adam(parameters, lr):
    kinds = {"torch-foreach": {"foreach": True}, "torch-fused": {"fused": True}}
    kinds["torch-compile"] = kinds["torch-fused"]
    return torch.optim.Adam(parameters, lr=lr, **kinds.get(mode, {}))


def compiled(function):
    return torch.compile(function) if mode == "torch-compile" else function


def training(modules, lr, loss):
    """A step: `loss()` of the parameters of `modules`, its gradient, Adam."""
    optimizer = adam([p for module in modules for p in module.parameters()], lr)

    def step():
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return step


def mlp():
    return nn.Sequential(
        nn.Linear(4, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 2)
    )


def minatar():
    return nn.Sequential(
        nn.Conv2d(4, 16, 3), nn.ReLU(), nn.Flatten(),
        nn.Linear(1024, 128), nn.ReLU(), nn.Linear(128, 3),
    )  # fmt: skip


def nature():
    return nn.Sequential(
        nn.Conv2d(4, 32, 8, 4), nn.ReLU(), nn.Conv2d(32, 64, 4, 2), nn.ReLU(),
        nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten(),
        nn.Linear(3136, 512), nn.ReLU(), nn.Linear(512, 4),
    )  # fmt: skip


OBS = {mlp: (4,), minatar: (4, 10, 10), nature: (4, 84, 84)}
ACTIONS = {mlp: 2, minatar: 3, nature: 4}


def dqn(network, batch):
    online = network()
    target = copy.deepcopy(online).requires_grad_(False)
    obs, next_obs = torch.rand(batch, *OBS[network]), torch.rand(batch, *OBS[network])
    actions = (torch.arange(batch) % ACTIONS[network]).unsqueeze(1)
    rewards, continues = torch.rand(batch), torch.ones(batch)

    def loss(obs, actions, rewards, next_obs, continues):
        with torch.no_grad():
            y = rewards + 0.99 * continues * target(next_obs).max(1).values
        return F.smooth_l1_loss(online(obs).gather(1, actions).squeeze(1), y)

    loss = compiled(loss)
    data = obs, actions, rewards, next_obs, continues
    return training([online], 1e-4, lambda: loss(*data))


def act(network, batch):
    acting = network()
    obs = np.random.rand(batch, *OBS[network]).astype("float32")
    greedy = compiled(lambda obs: acting(obs).argmax(1))

    def step():
        with torch.no_grad():
            return greedy(torch.from_numpy(obs).to(torch.get_default_device())).tolist()

    return step


def negative_elbo(logits, images, mean, log_variance):
    """In nats, the mean over the batch; the Gaussian against N(0, 1)."""
    nll = F.binary_cross_entropy_with_logits(logits, images, reduction="sum")
    kl = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()
    return (nll + kl) / images.shape[0]


def vae_mlp():
    batch = 128
    encoder, decoder, out = nn.Linear(784, 400), nn.Linear(20, 400), nn.Linear(400, 784)
    to_mean, to_log_variance = nn.Linear(400, 20), nn.Linear(400, 20)
    images = torch.rand(batch, 784)

    def loss(images, noise):
        h = F.relu(encoder(images))
        mean, log_variance = to_mean(h), to_log_variance(h)
        z = mean + torch.exp(0.5 * log_variance) * noise
        return negative_elbo(out(F.relu(decoder(z))), images, mean, log_variance)

    loss = compiled(loss)
    modules = [encoder, to_mean, to_log_variance, decoder, out]
    return training(modules, 1e-4, lambda: loss(images, torch.randn(batch, 20)))


def vae_conv():
    batch = 128
    conv1, conv2 = nn.Conv2d(1, 32, 4, 2, 1), nn.Conv2d(32, 64, 4, 2, 1)
    to_mean, to_log_variance, decoder = (
        nn.Linear(3136, 32),
        nn.Linear(3136, 32),
        nn.Linear(32, 3136),
    )
    up1, up2 = nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ConvTranspose2d(32, 1, 4, 2, 1)
    images = torch.rand(batch, 1, 28, 28)

    def loss(images, noise):
        h = F.relu(conv2(F.relu(conv1(images)))).flatten(1)
        mean, log_variance = to_mean(h), to_log_variance(h)
        z = mean + torch.exp(0.5 * log_variance) * noise
        h = F.relu(decoder(z)).view(batch, 64, 7, 7)
        return negative_elbo(up2(F.relu(up1(h))), images, mean, log_variance)

    loss = compiled(loss)
    modules = [conv1, conv2, to_mean, to_log_variance, decoder, up1, up2]
    return training(modules, 1e-4, lambda: loss(images, torch.randn(batch, 32)))


def dcgan():
    batch = 64
    generator = nn.Sequential(
        nn.Linear(64, 2048), nn.Unflatten(1, (128, 4, 4)), nn.BatchNorm2d(128), nn.ReLU(),
        nn.ConvTranspose2d(128, 64, 4, 2, 1), nn.BatchNorm2d(64), nn.ReLU(),
        nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.BatchNorm2d(32), nn.ReLU(),
        nn.ConvTranspose2d(32, 1, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip
    discriminator = nn.Sequential(
        nn.Conv2d(1, 32, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Conv2d(32, 64, 4, 2, 1), nn.BatchNorm2d(64), nn.LeakyReLU(0.2),
        nn.Conv2d(64, 128, 4, 2, 1), nn.BatchNorm2d(128), nn.LeakyReLU(0.2),
        nn.Flatten(), nn.Linear(2048, 1),
    )  # fmt: skip
    images, ones, zeros = torch.rand(batch, 1, 32, 32), torch.ones(batch, 1), torch.zeros(batch, 1)
    bce = F.binary_cross_entropy_with_logits
    generate = compiled(generator)
    discriminator_loss = compiled(
        lambda fakes: bce(discriminator(images), ones) + bce(discriminator(fakes), zeros)
    )
    generator_loss = compiled(lambda fakes: bce(discriminator(fakes), ones))
    generator_adam = adam(generator.parameters(), 2e-4)
    discriminator_adam = adam(discriminator.parameters(), 2e-4)

    def step():
        fakes = generate(torch.randn(batch, 64))
        discriminator_adam.zero_grad()
        discriminator_loss(fakes.detach()).backward()
        discriminator_adam.step()
        generator_adam.zero_grad()
        discriminator.requires_grad_(False)  # its gradients would be thrown away
        generator_loss(fakes).backward()
        discriminator.requires_grad_(True)
        generator_adam.step()

    return step


class MaskedConv2d(nn.Conv2d):
    """Sees what comes before a pixel in reading order, and the pixel itself with `centre`."""

    def __init__(self, inputs, outputs, kernel, centre):
        super().__init__(inputs, outputs, kernel, padding=kernel // 2)
        middle = kernel // 2
        mask = torch.zeros(kernel, kernel)
        mask[:middle] = 1
        mask[middle, : middle + centre] = 1
        self.register_buffer("mask", mask)

    def forward(self, x):
        return F.conv2d(x, self.weight * self.mask, self.bias, padding=self.padding)


class PixelCnn(nn.Module):
    def __init__(self, levels):
        super().__init__()
        self.first = MaskedConv2d(1, 64, 7, centre=False)
        self.blocks = nn.ModuleList(MaskedConv2d(64, 64, 3, centre=True) for _ in range(8))
        self.out = nn.Conv2d(64, 1 if levels == 2 else levels, 1)

    def forward(self, x):
        h = F.relu(self.first(x))
        for block in self.blocks:
            h = h + F.relu(block(h))
        return self.out(h)


def pixelcnn(levels):
    network = PixelCnn(levels)
    images = torch.rand(32, 1, 28, 28)
    if levels == 2:
        images = images.round()

        def loss(images):
            nll = F.binary_cross_entropy_with_logits(network(images), images, reduction="sum")
            return nll / images.shape[0]

    else:
        labels = (images * levels).long().squeeze(1)

        def loss(images):
            return F.cross_entropy(network(images), labels)

    loss = compiled(loss)
    return training([network], 1e-4, lambda: loss(images))


ROWS = {
    "dqn-mlp": lambda: dqn(mlp, 128),
    "act-mlp": lambda: act(mlp, 1),
    "dqn-minatar": lambda: dqn(minatar, 32),
    "dqn-nature": lambda: dqn(nature, 32),
    "act-nature-1": lambda: act(nature, 1),
    "act-nature-8": lambda: act(nature, 8),
    "vae-mlp": vae_mlp,
    "vae-conv": vae_conv,
    "dcgan": dcgan,
    "pixelcnn-2": lambda: pixelcnn(2),
    "pixelcnn-256": lambda: pixelcnn(256),
}
