//! Generative models, one file each, and the data they learn from.
//!
//! Letters used for shapes: `B` batch, `C` channels, `H`, `W` height and width, `D` = C·H·W numbers in
//! a picture, `Z` latent ones, `K` draws for a picture.
pub mod autoregressive;
pub mod data;
pub mod film;
pub mod gan;
pub mod image_transformer;
pub mod latents;
pub mod made;
pub mod measures;
mod memory;
mod model;
pub mod pixelcnn;
pub mod plane;
mod reconstruction;
pub mod vae;
pub mod vq_vae;

pub use autoregressive::Autoregressive;
pub use film::{Filmed, Frame};
pub use gan::{Gan, GanConfig};
pub use image_transformer::{ImageTransformerConfig, image_transformer};
pub use made::{MadeConfig, made};
pub use model::{Generative, Sheet, Work};
pub use pixelcnn::{PixelCnnConfig, pixelcnn};
pub use plane::Plane;
pub use vae::{Likelihood, LikelihoodName, Network, Objective, Vae, VaeConfig};
pub use vq_vae::{CodebookRule, VqVae, VqVaeConfig};
