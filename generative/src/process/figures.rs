//! Figures of a model whose samples form out of noise.
use super::{Process, sample_images};
use crate::ImageGrid;
use crate::data::Images;
use crate::form::{Form, images};
use crate::model::labels;
use crate::plane::{Field, Plane};
use crate::source::Source;
use anyhow::Result;
use train::{Split, stream};

/// Samples in a row, and rows of them.
const COLUMNS: usize = 10;

/// Rows of images that form, and moments of it.
const ROWS: usize = 10;
const TIMES: usize = 8;

/// Data points and samples in the plane.
const POINTS: usize = 1_000;

/// Places along a side of the field, and of the coarser one that is computed: every third of them.
const SIDE: usize = 160;
const COARSE: usize = 54;

/// Nats below the largest density at which the field is 0.
const DEPTH: f64 = 10.0;

/// Image samples, and how they form, from noise on the left to the right; of points, panels of that.
pub(crate) fn image_grids(
    process: &dyn Process,
    name: &'static str,
    source: &Source,
    seed: u64,
) -> Result<Vec<ImageGrid>> {
    let rng = &mut stream(seed, "process");
    let Form::Image(shape) = process.subject().form else {
        let data = points(source);
        let chosen = source.sample_labels(POINTS, rng);
        let flat = |at: &[[f32; 2]]| Ok(vec![0.0; at.len()]);
        let field = Field::around("time", &data, SIDE, flat)?;
        let panel = |samples: Vec<f32>| {
            let samples = samples.as_chunks().0.to_vec();
            Plane { data: data.clone(), samples, field: field.clone() }.image()
        };
        let states = process.states(POINTS, &chosen, TIMES, rng)?;
        let panels = states.into_iter().map(panel).collect::<Result<Vec<_>>>()?;
        let pixels = panels.iter().flat_map(Images::pixels).copied().collect();
        let images = Images::new(panels[0].shape(), 256, pixels, None)?;
        return Ok(vec![ImageGrid { name, images, columns: TIMES }]);
    };
    let chosen = labels(ROWS, None, &process.subject().classes)?;
    let columns = process.states(ROWS, &chosen, TIMES, rng)?;
    let d = shape.len();
    let rows = (0..ROWS).flat_map(|row| columns.iter().flat_map(move |all| &all[row * d..][..d]));
    let forming = images(shape, &rows.copied().collect::<Vec<_>>())?;
    let samples = sample_images(process, COLUMNS * COLUMNS, None, &mut stream(seed, "samples"))?;
    Ok(vec![
        ImageGrid { name: "samples", images: samples, columns: COLUMNS },
        ImageGrid { name, images: forming, columns: TIMES },
    ])
}

fn points(source: &Source) -> Vec<[f32; 2]> {
    source.held_out(Split::Validation, POINTS).as_chunks().0.to_vec()
}

/// Held-out points, samples, and the field of `log_densities` around them, 1 where the density is largest.
pub(crate) fn plane(
    process: &dyn Process,
    source: &Source,
    seed: u64,
    log_densities: impl FnOnce(&[f32]) -> Result<Vec<f64>>,
) -> Result<Plane> {
    let data = points(source);
    let rng = &mut stream(seed, "plane");
    let chosen = source.sample_labels(POINTS, rng);
    let samples = process.generate(POINTS, &chosen, rng)?.as_chunks().0.to_vec();
    let field = Field::around("log-density", &data, COARSE, |at| {
        let all = log_densities(at.as_flattened())?;
        let most = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Ok(all.iter().map(|x| (1.0 + (x - most) / DEPTH).max(0.0) as f32).collect())
    })?;
    Ok(Plane { data, samples, field: field.refined(SIDE) })
}
