//! Fast CPU kernels, and the choice between them and Candle's own operations.
//!
//! A kernel is taken where every operand is `f32` on the CPU; on other devices and types the same
//! formula runs on Candle. Results do not depend on the number of threads: work is cut into tiles
//! by its shape alone, and what tiles have in common is summed in their order.
mod activation;
mod attention;
mod batch_norm;
mod conv2d;
mod conv_gradients;
mod conv_transpose2d;
mod correlation;
mod elementwise;
mod fresh;
mod functions;
mod gate;
mod gaussian;
mod geometry;
mod likelihood;
mod linear;
mod logistics;
mod loss;
mod max_pool;
#[cfg(test)]
mod paths;
mod pixels;
mod product;
mod scatter;
mod signal;
mod sink;
mod spin_pool;
mod storage;
#[cfg(test)]
mod tests;
mod tiles;
mod transpose;
mod vectorised;

pub(crate) use attention::causal_attention;
pub(crate) use batch_norm::{EPS, Moments, batch_norm, batch_norm_by};
pub(crate) use conv_transpose2d::conv_transpose2d;
pub(crate) use conv2d::{ConvForm, Window, conv2d, first_taps};
pub(crate) use elementwise::elementwise;
pub(crate) use functions::sqrt;
pub(crate) use gate::{gate, gate_rows};
pub(crate) use gaussian::{kl_standard_normal, reparameterise};
pub(crate) use geometry::Order;
pub(crate) use likelihood::{
    bernoulli_nll, bernoulli_nll_each, log_softmax, softmax_cross_entropy, softmax_nll_each,
};
pub(crate) use linear::linear;
pub(crate) use logistics::{logistic_cdf, logistic_nll, logistic_nll_each, logistic_terms};
pub(crate) use loss::{Regression, regression, select};
pub(crate) use max_pool::{Pool, largest, max_pool2d};
pub(crate) use pixels::{PixelForm, PixelSums};
pub use signal::{Reader, Signal};
pub(crate) use sink::Gradients;
pub use storage::Element;
pub(crate) use storage::{on_cpu_f32, read, slice, write};
pub(crate) use tiles::{for_each_task, pieces, sum_tiles};
pub(crate) use vectorised::vectorised;
