//! Networks as ONNX graphs, for programs that run them without lab.
//!
//! A [`Graph`] is written down node by node: an input, what is done to it, named outputs. A network adds its own
//! nodes by [`Sequential::nodes`](crate::Sequential::nodes). [`Graph::encode`] gives the file.
//!
//! ```
//! use candle_core::Device;
//! use nn::onnx::Graph;
//! use nn::{Activation, Linear, Params, Sequential};
//! # fn main() -> anyhow::Result<()> {
//! let params = Params::new(1, &Device::Cpu);
//! let network = Sequential::new(vec![Linear::new(&params, "out", 4, 2, Activation::Tanh)?.into()]);
//! let mut graph = Graph::default();
//! let x = graph.input("observation", &[4]); // [B, 4]
//! let y = network.nodes(&mut graph, x)?; // [B, 2]
//! graph.output("mean", y);
//! let file = graph.encode("policy")?;
//! assert!(file.len() > 4 * (4 * 2 + 2));
//! # Ok(())
//! # }
//! ```
mod export;
mod file;
mod graph;
mod proto;
pub mod testing;

pub use export::Export;
pub(crate) use graph::Attribute;
pub use graph::{Graph, Value};

#[cfg(test)]
mod tests;
