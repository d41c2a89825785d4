//! Neural networks on Candle: what it lacks, and what it does slowly on a CPU.
//!
//! Candle draws initial weights from a generator that cannot be seeded, lists them in hash order and
//! keeps its optimisers' moments to itself. [`Params`] is seeded and ordered, [`Optimizer`] can be
//! saved. Layers are ordinary [`candle_core::Module`]s; on the CPU in `f32` they run on the kernels
//! of `ops`, elsewhere on Candle's own operations, by the same formulas.
//!
//! Letters used for shapes: `B` batch, `A` actions or classes, `C` channels, `H`, `W` height and width.
//!
//! ```
//! use candle_core::{Device, Module, Tensor};
//! use nn::{Activation, Linear, Optimizer, OptimizerConfig, Params, Sequential, loss, select};
//!
//! # fn main() -> candle_core::Result<()> {
//! let params = Params::new(1, &Device::Cpu);
//! let network = Sequential::new(vec![
//!     Linear::new(&params, "hidden", 4, 128, Activation::Relu)?.into(),
//!     Linear::new(&params, "out", 128, 2, Activation::Linear)?.into(),
//! ]);
//! let mut optimizer = Optimizer::new(&params, OptimizerConfig::adam(1e-3))?;
//!
//! let obs = Tensor::zeros((3, 4), candle_core::DType::F32, &Device::Cpu)?; // [B, 4]
//! let actions = Tensor::new(&[0u32, 1, 0], &Device::Cpu)?; // [B]
//! let values = select(&network.forward(&obs)?, &actions)?; // [B]
//! let targets = Tensor::new(&[1f32, 0.5, 1.0], &Device::Cpu)?; // [B]
//! optimizer.step(&loss::huber(&values, &targets, 1.0)?)?;
//!
//! let acting = network.frozen(); // shares the weights, builds no graph
//! acting.forward(&obs)?; // [B, 2]
//! # Ok(())
//! # }
//! ```
mod activation;
mod activation_name;
pub mod gradcheck;
mod host;
mod init;
mod layers;
pub mod loss;
mod nearest;
mod network;
pub mod onnx;
mod ops;
mod optim;
mod params;
mod process;
mod var_builder;

pub use activation::Activation;
pub use activation_name::ActivationName;
pub use host::HostTensor;
pub use init::Init;
pub use layers::{
    BatchNorm2d, Conv2d, Conv2dConfig, ConvTranspose2d, Dueling, Elementwise, Flatten,
    ImplicitQuantiles, Layer, LayerNorm, Linear, Mask, MaskedConfig, MaxPool2d, Noisy, Pass,
    Pixels, Residual, Skip, Unflatten, causal_attention, gate, gate_rows,
};
pub use loss::{log_softmax, reparameterise, select};
pub use nearest::nearest;
pub use network::{Frozen, Sequential};
pub use ops::{Element, Reader, Signal};
pub use optim::{Optimizer, OptimizerConfig, RmsForm, Rule, Stats};
pub use params::Params;
pub use process::prepare_process;
