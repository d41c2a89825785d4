//! Layers with the parameters they learn.
mod batch_norm;
mod conv;
mod dueling;
mod elementwise;
mod functions;
mod implicit;
mod input_gradient;
mod layer;
mod layer_norm;
mod linear;
mod masked;
mod nodes;
mod noisy;
mod pass;
mod pixels;
mod pool;
mod reshape;
mod spectral;
#[cfg(test)]
mod tests;
mod weight;

pub use batch_norm::BatchNorm2d;
pub use conv::{Conv2d, Conv2dConfig, ConvTranspose2d, Residual};
pub use dueling::Dueling;
pub use elementwise::Elementwise;
pub use functions::{causal_attention, gate, gate_rows};
pub use implicit::ImplicitQuantiles;
pub use layer::{Layer, Skip};
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use masked::{Mask, MaskedConfig};
pub use noisy::Noisy;
pub use pass::Pass;
pub use pixels::Pixels;
pub use pool::MaxPool2d;
pub use reshape::{Flatten, Unflatten};
