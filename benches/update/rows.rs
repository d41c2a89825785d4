//! The rows: networks, data and steps. `benches/peers` has the same ones.
//!
//! Data is drawn once, noise at every step, everything is `f32`. In architectures `16@3×3/2` are 16
//! filters of 3×3 with stride 2, and `↑` marks a transposed convolution.
use candle_core::{D, DType, Device, Module as _, Result, Tensor};
use lab::agents::td_target;
use lab::nn::{
    Activation, BatchNorm2d, Conv2d, Conv2dConfig, ConvTranspose2d, Flatten, HostTensor, Layer,
    Linear, Mask, MaskedConfig, Optimizer, OptimizerConfig, Params, Residual, Sequential,
    Unflatten, loss, reparameterise, select,
};
use lab::train::{Rng, stream};
use rand::Rng as _;
use rand_distr::{Distribution as _, StandardNormal};

/// One timed step of a row.
pub(crate) type TimedStep = Box<dyn FnMut() -> Result<()>>;

/// Constructor of a row's step on a device.
pub(crate) type Setup = fn(&Device) -> Result<TimedStep>;

/// A name, what it is, and how it is set up.
pub(crate) type Row = (&'static str, &'static str, Setup);

pub(crate) const ROWS: &[Row] = &[
    ("dqn-mlp", "DQN, dense 4-128-128-2, batch 128", |device| dqn(&MLP, 128, device)),
    ("act-mlp", "the same network choosing one action", |device| act(&MLP, 1, device)),
    ("dqn-minatar", "DQN, conv 16@3×3 on 4×10×10, dense 128-3, batch 32", |device| {
        dqn(&MINATAR, 32, device)
    }),
    (
        "dqn-nature",
        "DQN, conv 32@8×8/4, 64@4×4/2, 64@3×3 on 4×84×84, dense 512-4, batch 32",
        |device| dqn(&NATURE, 32, device),
    ),
    ("act-nature-1", "the same network choosing one action", |device| act(&NATURE, 1, device)),
    ("act-nature-8", "the same network choosing eight actions", |device| act(&NATURE, 8, device)),
    ("vae-mlp", "VAE, dense 784-400-20-400-784, batch 128", vae_mlp),
    (
        "vae-conv",
        "VAE, conv 32@4×4/2, 64@4×4/2 on 1×28×28, 32 latents, the mirror image ↑, batch 128",
        vae_conv,
    ),
    ("dcgan", "DCGAN 1×32×32, 128-64-32 channels, batch norm, both networks, batch 64", dcgan),
    (
        "pixelcnn-2",
        "PixelCNN, conv 64@7×7, 8 residual 64@3×3 on 1×28×28, 2 levels, batch 32",
        |device| pixelcnn(2, device),
    ),
    ("pixelcnn-256", "the same with 256 levels", |device| pixelcnn(256, device)),
];

/// A Q-network and what it sees.
struct QNetwork {
    obs: &'static [usize],
    actions: usize,
    layers: fn(&Params) -> Result<Vec<Layer>>,
}

const MLP: QNetwork = QNetwork {
    obs: &[4],
    actions: 2,
    layers: |params| {
        Ok(vec![
            dense(params, "hidden1", 4, 128, Activation::Relu)?,
            dense(params, "hidden2", 128, 128, Activation::Relu)?,
            dense(params, "out", 128, 2, Activation::Linear)?,
        ])
    },
};

const MINATAR: QNetwork = QNetwork {
    obs: &[4, 10, 10],
    actions: 3,
    layers: |params| {
        let filters = Conv2dConfig::new(4, 16, 3);
        Ok(vec![
            Conv2d::new(params, "conv", filters, Activation::Relu)?.into(), // [B, 16, 8, 8]
            Flatten.into(),
            dense(params, "hidden", 1024, 128, Activation::Relu)?,
            dense(params, "out", 128, 3, Activation::Linear)?,
        ])
    },
};

const NATURE: QNetwork = QNetwork {
    obs: &[4, 84, 84],
    actions: 4,
    layers: |params| {
        let conv1 = Conv2dConfig { stride: 4, ..Conv2dConfig::new(4, 32, 8) };
        let conv2 = Conv2dConfig { stride: 2, ..Conv2dConfig::new(32, 64, 4) };
        let conv3 = Conv2dConfig::new(64, 64, 3);
        Ok(vec![
            Conv2d::new(params, "conv1", conv1, Activation::Relu)?.into(), // [B, 32, 20, 20]
            Conv2d::new(params, "conv2", conv2, Activation::Relu)?.into(), // [B, 64, 9, 9]
            Conv2d::new(params, "conv3", conv3, Activation::Relu)?.into(), // [B, 64, 7, 7]
            Flatten.into(),
            dense(params, "hidden", 3136, 512, Activation::Relu)?,
            dense(params, "out", 512, 4, Activation::Linear)?,
        ])
    },
};

/// One update of DQN: y = r + γ·max_a' Q̄(s', a'), Huber loss of Q(s, a) − y.
fn dqn(network: &QNetwork, batch: usize, device: &Device) -> Result<TimedStep> {
    let (params, target_params) = (Params::new(1, device), Params::new(1, device));
    let online = Sequential::new((network.layers)(&params)?);
    let target = Sequential::new((network.layers)(&target_params)?).frozen();
    let mut optimizer = Optimizer::new(&params, OptimizerConfig::adam(1e-4))?;
    let mut data = stream(1, "data");
    let shape: Vec<usize> = [batch].iter().chain(network.obs).copied().collect();
    let obs = uniform(&shape, &mut data, device)?;
    let next_obs = uniform(&shape, &mut data, device)?;
    let rewards = uniform(&[batch], &mut data, device)?;
    let discounts = (rewards.ones_like()? * 0.99)?; // [B]
    let actions: Vec<u32> = (0..network.actions as u32).cycle().take(batch).collect();
    let actions = Tensor::new(actions, device)?; // [B]
    Ok(Box::new(move || {
        let best = target.forward(&next_obs)?.max(D::Minus1)?; // [B]
        let y = td_target(&rewards, &discounts, &best)?; // [B]
        let q = select(&online.forward(&obs)?, &actions)?; // [B]
        optimizer.step(&loss::huber(&q, &y, 1.0)?)?;
        Ok(())
    }))
}

/// Greedy actions for `batch` observations that lie in the host's memory.
fn act(network: &QNetwork, batch: usize, device: &Device) -> Result<TimedStep> {
    let device = device.clone();
    let params = Params::new(1, &device);
    let acting = Sequential::new((network.layers)(&params)?).frozen();
    let shape: Vec<usize> = [batch].iter().chain(network.obs).copied().collect();
    let obs: Vec<f32> =
        uniform(&shape, &mut stream(1, "data"), &Device::Cpu)?.flatten_all()?.to_vec1()?;
    Ok(Box::new(move || {
        let q = acting.forward(&Tensor::from_slice(&obs, shape.as_slice(), &device)?)?;
        std::hint::black_box(q.argmax(D::Minus1)?.to_vec1::<u32>()?); // [B]
        Ok(())
    }))
}

/// The variational auto-encoder of Kingma & Welling 2014 with Bernoulli pixels.
fn vae_mlp(device: &Device) -> Result<TimedStep> {
    let params = Params::new(1, device);
    let encoder = vec![dense(&params, "encoder", 784, 400, Activation::Relu)?];
    let decoder = vec![
        dense(&params, "decoder", 20, 400, Activation::Relu)?,
        dense(&params, "out", 400, 784, Activation::Linear)?,
    ];
    vae((&params, device), encoder, [400, 20], decoder, &[128, 784])
}

/// One VAE step with the convolutional networks.
fn vae_conv(device: &Device) -> Result<TimedStep> {
    let params = Params::new(1, device);
    let encoder = vec![
        conv(&params, "conv1", 1, 32, Activation::Relu)?, // [B, 32, 14, 14]
        conv(&params, "conv2", 32, 64, Activation::Relu)?, // [B, 64, 7, 7]
        Flatten.into(),                                   // [B, 3136]
    ];
    let decoder = vec![
        dense(&params, "decoder", 32, 3136, Activation::Relu)?,
        Unflatten { channels: 64, height: 7, width: 7 }.into(), // [B, 64, 7, 7]
        up(&params, "up1", 64, 32, Activation::Relu)?,          // [B, 32, 14, 14]
        up(&params, "up2", 32, 1, Activation::Linear)?,         // [B, 1, 28, 28]
    ];
    vae((&params, device), encoder, [3136, 32], decoder, &[128, 1, 28, 28])
}

/// A step on the negative evidence lower bound. Between encoder and decoder there are two linear
/// layers of the sizes `between`, to the mean and the logarithm of the variance.
fn vae(
    (params, device): (&Params, &Device),
    encoder: Vec<Layer>,
    between: [usize; 2],
    decoder: Vec<Layer>,
    images: &[usize],
) -> Result<TimedStep> {
    let [features, latents] = between;
    let (encoder, decoder) = (Sequential::new(encoder), Sequential::new(decoder));
    let to_mu = dense(params, "mu", features, latents, Activation::Linear)?;
    let to_log_var = dense(params, "log_var", features, latents, Activation::Linear)?;
    let mut optimizer = Optimizer::new(params, OptimizerConfig::adam(1e-4))?;
    let mut noise = Noise::new(&[images[0], latents], device)?;
    let images = uniform(images, &mut stream(1, "data"), device)?;
    Ok(Box::new(move || {
        let h = encoder.forward(&images)?; // [B, features]
        let (mu, log_var) = (to_mu.forward(&h)?, to_log_var.forward(&h)?); // [B, latents]
        let logits = decoder.forward(&reparameterise(&mu, &log_var, noise.draw()?)?)?;
        let nll = loss::bernoulli_nll(&logits, &images)?;
        optimizer.step(&(nll + loss::kl_standard_normal(&mu, &log_var)?)?)?;
        Ok(())
    }))
}

/// A step of the discriminator and one of the generator (Goodfellow et al. 2014, with the
/// non-saturating loss; networks after Radford et al. 2016).
fn dcgan(device: &Device) -> Result<TimedStep> {
    let (batch, leaky) = (64, Activation::LeakyRelu(0.2));
    let (g_params, d_params) = (Params::new(1, device), Params::new(2, device));
    let norm = |params, name, channels, activation| {
        Ok::<Layer, candle_core::Error>(
            BatchNorm2d::new(params, name, channels, activation)?.into(),
        )
    };
    let generator = Sequential::new(vec![
        dense(&g_params, "in", 64, 2048, Activation::Linear)?,
        Unflatten { channels: 128, height: 4, width: 4 }.into(), // [B, 128, 4, 4]
        norm(&g_params, "norm1", 128, Activation::Relu)?,
        up(&g_params, "up1", 128, 64, Activation::Linear)?, // [B, 64, 8, 8]
        norm(&g_params, "norm2", 64, Activation::Relu)?,
        up(&g_params, "up2", 64, 32, Activation::Linear)?, // [B, 32, 16, 16]
        norm(&g_params, "norm3", 32, Activation::Relu)?,
        up(&g_params, "up3", 32, 1, Activation::Tanh)?, // [B, 1, 32, 32]
    ]);
    let discriminator = Sequential::new(vec![
        conv(&d_params, "conv1", 1, 32, leaky)?, // [B, 32, 16, 16]
        conv(&d_params, "conv2", 32, 64, Activation::Linear)?, // [B, 64, 8, 8]
        norm(&d_params, "norm1", 64, leaky)?,
        conv(&d_params, "conv3", 64, 128, Activation::Linear)?, // [B, 128, 4, 4]
        norm(&d_params, "norm2", 128, leaky)?,
        Flatten.into(),
        dense(&d_params, "out", 2048, 1, Activation::Linear)?,
    ]);
    let judge = discriminator.detached();
    let mut g_optimizer = Optimizer::new(&g_params, OptimizerConfig::adam(2e-4))?;
    let mut d_optimizer = Optimizer::new(&d_params, OptimizerConfig::adam(2e-4))?;
    let images = uniform(&[batch, 1, 32, 32], &mut stream(1, "data"), device)?;
    let ones = Tensor::ones((batch, 1), DType::F32, device)?;
    let zeros = ones.zeros_like()?;
    let mut noise = Noise::new(&[batch, 64], device)?;
    Ok(Box::new(move || {
        let fakes = generator.forward(noise.draw()?)?; // [B, 1, 32, 32]
        let real = loss::bernoulli_nll(&discriminator.forward(&images)?, &ones)?;
        let fake = loss::bernoulli_nll(&discriminator.forward(&fakes.detach())?, &zeros)?;
        d_optimizer.step(&(real + fake)?)?;
        g_optimizer.step(&loss::bernoulli_nll(&judge.forward(&fakes)?, &ones)?)?;
        Ok(())
    }))
}

/// The PixelCNN of van den Oord et al. 2016 with plain residual blocks, on `levels` grey values.
fn pixelcnn(levels: usize, device: &Device) -> Result<TimedStep> {
    let batch = 32;
    let params = Params::new(1, device);
    let masked = |name: &str, inputs, kernel, mask| {
        let config = MaskedConfig { inputs, outputs: 64, kernel: [kernel; 2], mask, colours: 1 };
        Conv2d::masked(&params, name, config, Activation::Relu)
    };
    let mut layers: Vec<Layer> = vec![masked("first", 1, 7, Mask::A)?.into()]; // [B, 64, 28, 28]
    for block in 1..=8 {
        layers.push(Residual::new(masked(&format!("block{block}"), 64, 3, Mask::B)?).into());
    }
    let out = Conv2dConfig::new(64, if levels == 2 { 1 } else { levels }, 1);
    layers.push(Conv2d::new(&params, "out", out, Activation::Linear)?.into());
    let network = Sequential::new(layers);
    let mut optimizer = Optimizer::new(&params, OptimizerConfig::adam(1e-4))?;
    let images = uniform(&[batch, 1, 28, 28], &mut stream(1, "data"), device)?;
    if levels == 2 {
        let images = images.round()?;
        return Ok(Box::new(move || {
            optimizer.step(&loss::bernoulli_nll(&network.forward(&images)?, &images)?)?;
            Ok(())
        }));
    }
    let labels = (&images * levels as f64)?.to_dtype(DType::U32)?.squeeze(1)?; // [B, 28, 28]
    Ok(Box::new(move || {
        optimizer.step(&loss::softmax_cross_entropy(&network.forward(&images)?, &labels)?)?;
        Ok(())
    }))
}

/// A dense layer.
fn dense(
    params: &Params,
    name: &str,
    inputs: usize,
    outputs: usize,
    activation: Activation,
) -> Result<Layer> {
    Ok(Linear::new(params, name, inputs, outputs, activation)?.into())
}

/// A convolution of 4×4/2 with padding 1, which halves height and width.
fn conv(
    params: &Params,
    name: &str,
    inputs: usize,
    outputs: usize,
    activation: Activation,
) -> Result<Layer> {
    Ok(Conv2d::new(params, name, halving(inputs, outputs), activation)?.into())
}

/// Its transpose, which doubles them.
fn up(
    params: &Params,
    name: &str,
    inputs: usize,
    outputs: usize,
    activation: Activation,
) -> Result<Layer> {
    Ok(ConvTranspose2d::new(params, name, halving(inputs, outputs), activation)?.into())
}

fn halving(inputs: usize, outputs: usize) -> Conv2dConfig {
    Conv2dConfig { stride: 2, padding: 1, ..Conv2dConfig::new(inputs, outputs, 4) }
}

/// Numbers of U(0, 1).
fn uniform(shape: &[usize], rng: &mut Rng, device: &Device) -> Result<Tensor> {
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random()).collect();
    Tensor::from_vec(values, shape, device)
}

/// Numbers of N(0, 1), new ones at every draw.
struct Noise {
    rng: Rng,
    values: HostTensor<f32>,
}

impl Noise {
    fn new(shape: &[usize], device: &Device) -> Result<Self> {
        Ok(Self { rng: stream(1, "noise"), values: HostTensor::new(shape, device)? })
    }

    fn draw(&mut self) -> Result<&Tensor> {
        self.values.fill(|values| {
            values.iter_mut().zip(StandardNormal.sample_iter(&mut self.rng)).for_each(
                |(value, drawn): (&mut f32, f32)| {
                    *value = drawn;
                },
            );
        })?;
        Ok(self.values.tensor())
    }
}
