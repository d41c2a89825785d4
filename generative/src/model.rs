//! The interface of generative models.
use crate::ImageGrid;
use crate::Work;
use crate::data::{Images, Shape};
use crate::latents::{LatentSpace, Map};
use crate::plane::Plane;
use anyhow::{Result, ensure};
use nn::onnx::Export;
use train::{Learner, Measure, Rng, Split};

/// A learner of a distribution of images, or of points in the plane.
///
/// No method has a default body: a model says of every capability that it has it, or `None`.
pub trait Generative: Learner {
    /// The cost of a pass over an image, and of sampling one.
    fn work(&self) -> Work;

    /// Figures of the model, a function of its parameters and seed.
    ///
    /// # Errors
    /// Errors of the network.
    fn image_grids(&self) -> Result<Vec<ImageGrid>>;

    /// Names of the classes of a conditional model; none of an unconditional one.
    fn classes(&self) -> &[String];

    /// The model as a distribution of images.
    fn image_sampler(&self) -> Option<&dyn ImageSampler>;

    /// The model as a distribution of points in the plane.
    fn point_sampler(&self) -> Option<&dyn PointSampler>;

    /// The model with a bound on its likelihood by several samples of z.
    fn importance_weighted(&self) -> Option<&dyn ImportanceWeighted>;

    /// The model with a latent space that can be plotted in the plane.
    fn latent_map(&self) -> Option<&dyn LatentMap>;

    /// The model as an autoregressive one.
    fn autoregressive(&self) -> Option<&dyn AncestralSampling>;

    /// Shape and grey levels of the images that it can be given; `None` where it takes none.
    fn takes(&self) -> Option<(Shape, u16)>;

    /// The model as an encoder to vectors and a decoder of them.
    fn latent_space(&self) -> Option<&dyn LatentSpace>;

    /// The model as an encoder to codes and a decoder of them.
    fn codebook(&self) -> Option<&dyn Codebook>;

    /// The model as a distribution whose probabilities are known.
    fn exact_likelihood(&self) -> Option<&dyn ExactLikelihood>;

    /// Networks that can be exported; none of a model that is no function of a vector or of an image.
    fn exports(&self) -> Vec<Export<'_>>;
}

/// Samples as images.
pub trait ImageSampler {
    /// Samples `n` images: of a conditional model of `class`, an index of [`Generative::classes`], or of all
    /// classes.
    ///
    /// # Errors
    /// If there is no such class; errors of the network.
    fn sample_images(&self, n: usize, class: Option<u32>, rng: &mut Rng) -> Result<Images>;
}

/// Samples as points in the plane.
pub trait PointSampler {
    /// Samples `n` points, `[n, 2]`: of a conditional model of `class`, an index of [`Generative::classes`], or of
    /// all classes.
    ///
    /// # Errors
    /// If there is no such class; errors of the network.
    fn sample_points(&self, n: usize, class: Option<u32>, rng: &mut Rng) -> Result<Vec<[f32; 2]>>;

    /// Held-out points, samples and the model's field around them, with the same noise each time.
    ///
    /// # Errors
    /// Errors of the network.
    fn plane(&self) -> Result<Plane>;
}

/// Images as grids of codes.
pub trait Codebook {
    /// The shape of a grid of codes, and how many codes there are.
    fn grid(&self) -> (Shape, u16);

    /// The codes of each of `images`, `[n, 1, h, w]`.
    ///
    /// # Errors
    /// Images of another shape than it learned from; errors of the network.
    fn encode(&self, images: &Images) -> Result<Images>;

    /// An image for each of `codes`, `[n, 1, h, w]`.
    ///
    /// # Errors
    /// Codes in another grid; errors of the network.
    fn decode(&self, codes: &Images) -> Result<Images>;
}

/// Probabilities of images.
pub trait ExactLikelihood {
    /// log p(x) of each of `images`, in nats, given its label where the model is conditional.
    ///
    /// # Errors
    /// Errors of the network.
    fn log_probs(&self, images: &Images) -> Result<Vec<f64>>;
}

/// The importance-weighted bound on log p(x) (Burda et al. 2016).
pub trait ImportanceWeighted {
    /// The bound in nats over the first `n` test images, with `k` samples of z for each: the mean over them, with
    /// its error.
    ///
    /// # Errors
    /// Errors of the network.
    fn bound(&self, k: usize, n: usize) -> Result<Measure>;
}

/// Held-out images in the latent space.
pub trait LatentMap {
    /// Their places in the plane; `None` where there are too few latent numbers for one, or too many.
    ///
    /// # Errors
    /// Errors of the network.
    fn map(&self) -> Result<Option<Map>>;
}

/// Sampling one number after the other, from log p(x) = Σ_i log p(x_i | x_1 … x_(i−1)).
pub trait AncestralSampling {
    /// Samples `n` images, all of `class` or, where there are classes and none is given, of any. Logits are
    /// divided by `temperature`: below 1 it makes likely numbers likelier, and 0 takes the likeliest.
    ///
    /// # Errors
    /// If there is no such class; errors of the network.
    fn sample_at(
        &self,
        n: usize,
        temperature: f64,
        class: Option<u32>,
        rng: &mut Rng,
    ) -> Result<Images>;

    /// The first `rows` images of a split, each in a row: itself, its upper half, and eight completions of
    /// that. `None` where there is no image, or no half.
    ///
    /// # Errors
    /// Errors of the network.
    fn completions(
        &self,
        split: Split,
        rows: usize,
        temperature: f64,
        rng: &mut Rng,
    ) -> Result<Option<ImageGrid>>;
}

/// Labels of `n` samples, `[n]`: all of `class`, or the `classes` in turn; none of an unconditional model.
///
/// # Errors
/// If there is no such class.
pub(crate) fn labels(n: usize, class: Option<u32>, classes: &[String]) -> Result<Vec<u32>> {
    check_class(class, classes)?;
    Ok(match class {
        Some(class) => vec![class; n],
        None => (0..classes.len() as u32).cycle().take(n).collect(),
    })
}

/// # Errors
/// If `classes` has no such class.
pub(crate) fn check_class(class: Option<u32>, classes: &[String]) -> Result<()> {
    let (index, known) = (class.unwrap_or(0), classes.len());
    ensure!(class.is_none() || (index as usize) < known, "class {index}: the model knows {known}");
    Ok(())
}
