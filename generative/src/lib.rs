//! Generative models, one file each, and the data they learn from.
//!
//! Letters used for shapes: `B` batch, `C` channels, `H`, `W` height and width, `D` = C·H·W values of
//! an image, `Z` latent ones, `K` samples of z for an image.
mod assignment;
pub mod autoregressive;
pub mod data;
pub mod diffusion;
mod ema;
mod export;
pub mod flow;
pub mod flow_matching;
mod form;
pub mod gan;
mod image_grid;
pub mod image_transformer;
pub mod latents;
mod likelihood;
pub mod made;
pub mod measures;
mod memory;
mod model;
mod ode;
pub mod pixelcnn;
pub mod plane;
mod process;
mod reconstruction;
pub mod snapshots;
mod source;
mod standard;
mod time_config;
mod time_network;
pub mod vae;
pub mod vq_vae;
mod work;

pub use autoregressive::Autoregressive;
pub use diffusion::{
    Diffusion, DiffusionConfig, DiffusionSampler, Prediction, ScheduleName, Variance,
};
pub use flow::{Flow, FlowConfig, FlowNetwork};
pub use flow_matching::{Coupling, FlowMatching, FlowMatchingConfig, FlowSampler};
pub use gan::{Gan, GanConfig};
pub use image_grid::ImageGrid;
pub use image_transformer::{ImageTransformerConfig, image_transformer};
pub use likelihood::{Likelihood, LikelihoodName};
pub use made::{MadeConfig, made};
pub use model::{
    AncestralSampling, Codebook, ExactLikelihood, Generative, ImageSampler, ImportanceWeighted,
    LatentMap, PointSampler,
};
pub use pixelcnn::{PixelCnnConfig, pixelcnn};
pub use plane::Plane;
pub use snapshots::{Frame, ObservedModel, SampleSnapshots};
pub use time_network::TimeEmbedding;
pub use vae::{Objective, Vae, VaeConfig, VaeNetwork};
pub use vq_vae::{CodebookRule, VqVae, VqVaeConfig};
pub use work::Work;
