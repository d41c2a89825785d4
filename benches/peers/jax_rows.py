"""The rows of benches/update in JAX with Optax: a step is one jitted function that reuses the
storage of what it replaces. Images are [B, H, W, C], which is what XLA's convolutions like best."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jax.nn import relu

rng = np.random.default_rng(1)


def uniform(*shape):
    return jnp.asarray(rng.random(shape, dtype=np.float32))


def weights(shape, bias, fan_in):
    bound = fan_in**-0.5
    w, b = (rng.uniform(-bound, bound, size).astype(np.float32) for size in (shape, bias))
    return {"w": jnp.asarray(w), "b": jnp.asarray(b)}


def dense_init(inputs, outputs):
    return weights((inputs, outputs), outputs, inputs)


def conv_init(inputs, outputs, kernel):
    return weights((kernel, kernel, inputs, outputs), outputs, inputs * kernel**2)


def dense(p, x):
    return x @ p["w"] + p["b"]


def conv(p, x, stride=1, padding=0, mask=1):
    pad = [(padding, padding)] * 2
    layout = ("NHWC", "HWIO", "NHWC")
    y = lax.conv_general_dilated(x, p["w"] * mask, (stride, stride), pad, dimension_numbers=layout)
    return y + p["b"]


def up(p, x):
    """PyTorch's transposed convolution of kernel 4, stride 2, padding 1."""
    pad = [(2, 2)] * 2
    layout = ("NHWC", "HWIO", "NHWC")
    y = lax.conv_general_dilated(
        x, p["w"], (1, 1), pad, lhs_dilation=(2, 2), dimension_numbers=layout
    )
    return y + p["b"]


def flat(x):
    return x.reshape(x.shape[0], -1)


def bce(logits, targets):
    """−log of the probability of each target."""
    return jnp.maximum(logits, 0) - logits * targets + jnp.log1p(jnp.exp(-jnp.abs(logits)))


def training(loss, params, lr, *data):
    """A step on `loss(params, key, *data)` by Adam."""
    adam = optax.adam(lr)

    @partial(jax.jit, donate_argnums=(0,))
    def update(state, *data):
        params, moments, key = state
        key, noise_key = jax.random.split(key)
        gradient = jax.grad(loss)(params, noise_key, *data)
        change, moments = adam.update(gradient, moments)
        return optax.apply_updates(params, change), moments, key

    state = params, adam.init(params), jax.random.PRNGKey(1)

    def step():
        nonlocal state
        state = update(state, *data)
        return state

    return step


def mlp_init():
    return [dense_init(4, 128), dense_init(128, 128), dense_init(128, 2)]


def mlp(p, x):
    return dense(p[2], relu(dense(p[1], relu(dense(p[0], x)))))


def minatar_init():
    return [conv_init(4, 16, 3), dense_init(1024, 128), dense_init(128, 3)]


def minatar(p, x):
    return dense(p[2], relu(dense(p[1], flat(relu(conv(p[0], x))))))


def nature_init():
    convs = [conv_init(4, 32, 8), conv_init(32, 64, 4), conv_init(64, 64, 3)]
    return convs + [dense_init(3136, 512), dense_init(512, 4)]


def nature(p, x):
    h = relu(conv(p[2], relu(conv(p[1], relu(conv(p[0], x, 4)), 2))))
    return dense(p[4], relu(dense(p[3], flat(h))))


INIT = {mlp: mlp_init, minatar: minatar_init, nature: nature_init}
OBS = {mlp: (4,), minatar: (10, 10, 4), nature: (84, 84, 4)}
ACTIONS = {mlp: 2, minatar: 3, nature: 4}


def dqn(network, batch):
    params = INIT[network]()
    target_params = jax.tree.map(jnp.copy, params)
    obs, next_obs = uniform(batch, *OBS[network]), uniform(batch, *OBS[network])
    actions = jnp.arange(batch)[:, None] % ACTIONS[network]
    rewards, continues = uniform(batch), jnp.ones(batch)

    def loss(params, _key, target_params, obs, actions, rewards, next_obs, continues):
        y = rewards + 0.99 * continues * network(target_params, next_obs).max(1)
        q = jnp.take_along_axis(network(params, obs), actions, 1)[:, 0]
        return optax.huber_loss(q, lax.stop_gradient(y)).mean()

    data = target_params, obs, actions, rewards, next_obs, continues
    return training(loss, params, 1e-4, *data)


def act(network, batch):
    params = INIT[network]()
    obs = rng.random((batch, *OBS[network]), dtype=np.float32)
    greedy = jax.jit(lambda params, obs: network(params, obs).argmax(1))
    return lambda: np.asarray(greedy(params, obs)).tolist()


def negative_elbo(logits, images, mean, log_variance):
    kl = -0.5 * (1 + log_variance - mean**2 - jnp.exp(log_variance)).sum()
    return (bce(logits, images).sum() + kl) / images.shape[0]


def reparameterise(key, mean, log_variance):
    return mean + jnp.exp(0.5 * log_variance) * jax.random.normal(key, mean.shape)


def vae_mlp():
    shapes = [(784, 400), (400, 20), (400, 20), (20, 400), (400, 784)]

    def loss(p, key, images):
        encoder, to_mean, to_log_variance, decoder, out = p
        h = relu(dense(encoder, images))
        mean, log_variance = dense(to_mean, h), dense(to_log_variance, h)
        logits = dense(out, relu(dense(decoder, reparameterise(key, mean, log_variance))))
        return negative_elbo(logits, images, mean, log_variance)

    return training(loss, [dense_init(*shape) for shape in shapes], 1e-4, uniform(128, 784))


def vae_conv():
    params = [conv_init(1, 32, 4), conv_init(32, 64, 4)]
    params += [dense_init(3136, 32), dense_init(3136, 32), dense_init(32, 3136)]
    params += [conv_init(64, 32, 4), conv_init(32, 1, 4)]

    def loss(p, key, images):
        conv1, conv2, to_mean, to_log_variance, decoder, up1, up2 = p
        h = flat(relu(conv(conv2, relu(conv(conv1, images, 2, 1)), 2, 1)))
        mean, log_variance = dense(to_mean, h), dense(to_log_variance, h)
        h = relu(dense(decoder, reparameterise(key, mean, log_variance))).reshape(-1, 7, 7, 64)
        return negative_elbo(up(up2, relu(up(up1, h))), images, mean, log_variance)

    return training(loss, params, 1e-4, uniform(128, 28, 28, 1))


def norm_init(channels):
    return {"scale": jnp.ones(channels), "shift": jnp.zeros(channels)}


def statistics_init(channels):
    return jnp.zeros(channels), jnp.ones(channels)


def batch_norm(p, statistics, x):
    """The output and the moved running statistics."""
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    y = (x - mean) * lax.rsqrt(variance + 1e-5) * p["scale"] + p["shift"]
    return y, (0.9 * statistics[0] + 0.1 * mean, 0.9 * statistics[1] + 0.1 * variance)


def dcgan():
    batch = 64
    generator = [dense_init(64, 2048), conv_init(128, 64, 4), conv_init(64, 32, 4)]
    generator += [conv_init(32, 1, 4), norm_init(128), norm_init(64), norm_init(32)]
    discriminator = [conv_init(1, 32, 4), conv_init(32, 64, 4), conv_init(64, 128, 4)]
    discriminator += [dense_init(2048, 1), norm_init(64), norm_init(128)]
    leaky = partial(jax.nn.leaky_relu, negative_slope=0.2)

    def generate(p, z, statistics):
        first, up1, up2, up3, *norms = p
        h = dense(first, z).reshape(-1, 4, 4, 128)
        h, s0 = batch_norm(norms[0], statistics[0], h)
        h, s1 = batch_norm(norms[1], statistics[1], up(up1, relu(h)))
        h, s2 = batch_norm(norms[2], statistics[2], up(up2, relu(h)))
        return jnp.tanh(up(up3, relu(h))), [s0, s1, s2]

    def judge(p, x, statistics):
        conv1, conv2, conv3, out, *norms = p
        h = leaky(conv(conv1, x, 2, 1))
        h, s0 = batch_norm(norms[0], statistics[0], conv(conv2, h, 2, 1))
        h, s1 = batch_norm(norms[1], statistics[1], conv(conv3, leaky(h), 2, 1))
        return dense(out, flat(leaky(h))), [s0, s1]

    def discriminator_loss(p, images, fakes, statistics):
        real, statistics = judge(p, images, statistics)
        fake, statistics = judge(p, fakes, statistics)
        return bce(real, 1.0).mean() + bce(fake, 0.0).mean(), statistics

    def generator_loss(fakes, discriminator, statistics):
        fake, statistics = judge(discriminator, fakes, statistics)
        return bce(fake, 1.0).mean(), statistics

    adam = optax.adam(2e-4)

    @partial(jax.jit, donate_argnums=(0,))
    def update(state, images):
        (generator, discriminator), (g_moments, d_moments), (g_statistics, d_statistics), key = (
            state
        )
        key, noise_key = jax.random.split(key)
        z = jax.random.normal(noise_key, (batch, 64))
        fakes, back, g_statistics = jax.vjp(
            lambda p: generate(p, z, g_statistics), generator, has_aux=True
        )
        gradient, d_statistics = jax.grad(discriminator_loss, has_aux=True)(
            discriminator, images, fakes, d_statistics
        )
        change, d_moments = adam.update(gradient, d_moments)
        discriminator = optax.apply_updates(discriminator, change)
        gradient, d_statistics = jax.grad(generator_loss, has_aux=True)(
            fakes, discriminator, d_statistics
        )
        change, g_moments = adam.update(back(gradient)[0], g_moments)
        generator = optax.apply_updates(generator, change)
        statistics = g_statistics, d_statistics
        return (generator, discriminator), (g_moments, d_moments), statistics, key

    images = uniform(batch, 32, 32, 1)
    statistics = (
        [statistics_init(c) for c in (128, 64, 32)],
        [statistics_init(c) for c in (64, 128)],
    )
    moments = adam.init(generator), adam.init(discriminator)
    state = (generator, discriminator), moments, statistics, jax.random.PRNGKey(1)

    def step():
        nonlocal state
        state = update(state, images)
        return state

    return step


def mask(kernel, centre):
    """[k, k, 1, 1]: what comes before a pixel in reading order, with `centre` the pixel too."""
    middle = kernel // 2
    seen = np.zeros((kernel, kernel, 1, 1), np.float32)
    seen[:middle] = 1
    seen[middle, : middle + centre] = 1
    return jnp.asarray(seen)


def pixelcnn(levels):
    params = [conv_init(1, 64, 7)] + [conv_init(64, 64, 3) for _ in range(8)]
    params += [conv_init(64, 1 if levels == 2 else levels, 1)]
    first_mask, block_mask = mask(7, centre=False), mask(3, centre=True)
    images = uniform(32, 28, 28, 1)
    labels = (images[..., 0] * levels).astype(jnp.int32)
    images = images.round() if levels == 2 else images

    def loss(p, _key, images, labels):
        first, *blocks, out = p
        h = relu(conv(first, images, 1, 3, first_mask))
        for block in blocks:
            h = h + relu(conv(block, h, 1, 1, block_mask))
        logits = conv(out, h)
        if levels == 2:
            return bce(logits, images).sum() / images.shape[0]
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    return training(loss, params, 1e-4, images, labels)


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
