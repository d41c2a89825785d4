//! Frames in place of observations.

use rand::RngCore;
use serde::{Deserialize, Serialize};

use super::wrapped::Wrapper;
use crate::{Action, Element, Env, Rgb, Spec, Step};

/// Rows and columns of what is shown, as of Atari games (Mnih et al. 2015).
const SIDE: usize = 84;

/// Shows the frame that [`Env::render`] draws, in grey and with 84×84 pixels, whatever its own size and form are: the
/// luma of ITU-R BT.601, and of each pixel the mean of what it covers.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pixels {}

/// Pixels `[height, width]` of a frame as shades from 0 to 255.
fn grey(frame: &Rgb) -> Vec<f32> {
    let luma = |rgb: &[u8]| {
        let [red, green, blue] = [0, 1, 2].map(|channel| f32::from(rgb[channel]));
        0.299 * red + 0.587 * green + 0.114 * blue
    };
    frame.pixels.chunks_exact(3).map(luma).collect()
}

/// The pixels of `n` in a row that pixel `i` of 84 covers, each with the part of it that it does, in its own size.
fn covered(i: usize, n: usize) -> impl Iterator<Item = (usize, f32)> + Clone {
    // Whole numbers, in which the edges of both meet where they should.
    let (from, to) = (i * n, (i + 1) * n);
    (from / SIDE..to.div_ceil(SIDE)).map(move |at| {
        let part = to.min((at + 1) * SIDE) - from.max(at * SIDE);
        (at, part as f32 / n as f32)
    })
}

impl Wrapper for Pixels {
    const PASSES_ACTIONS: bool = true;

    fn spec(&self, inner: Spec) -> Spec {
        Spec { obs_shape: vec![1, SIDE, SIDE], element: Element::Byte, ..inner }
    }

    fn is_possible(&self, _: &Spec) -> bool {
        true
    }

    fn begin(&mut self, _: &dyn Env) {}

    fn step(&mut self, env: &mut dyn Env, action: Action<'_>, rng: &mut dyn RngCore) -> Step {
        env.step(action, rng)
    }

    fn observe(&self, env: &dyn Env, obs: &mut [f32]) {
        let frame = env.render();
        let shades = grey(&frame);
        for (row, obs) in obs.chunks_exact_mut(SIDE).enumerate() {
            let rows = covered(row, frame.height);
            for (column, pixel) in obs.iter_mut().enumerate() {
                let mut shade = 0.0;
                for (y, height) in rows.clone() {
                    let across = covered(column, frame.width)
                        .map(|(x, width)| width * shades[y * frame.width + x]);
                    shade += height * across.sum::<f32>();
                }
                *pixel = Element::part(shade.round() as u8);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pixel_covers_all_that_lies_in_it() {
        let all = |i, n| covered(i, n).collect::<Vec<_>>();
        assert_eq!(all(3, 168), [(6, 0.5), (7, 0.5)], "two in one");
        assert_eq!(all(3, 42), [(1, 1.0)], "half of one");
        assert_eq!(all(83, 84), [(83, 1.0)]);
        // 1½ pixels each: the first covers one and a half, the second the other half and one more.
        let near = |found: Vec<(usize, f32)>, expected: [(usize, f32); 2]| {
            assert_eq!(found.len(), 2, "{found:?}");
            for ((at, part), (place, whole)) in found.iter().zip(expected) {
                assert!(*at == place && (part - whole).abs() < 1e-6, "{found:?}");
            }
        };
        near(all(0, 126), [(0, 2.0 / 3.0), (1, 1.0 / 3.0)]);
        near(all(1, 126), [(1, 1.0 / 3.0), (2, 2.0 / 3.0)]);
        for n in [1, 7, 83, 85, 160, 1_000] {
            for i in 0..SIDE {
                let sum: f32 = covered(i, n).map(|(_, part)| part).sum();
                assert!((sum - 1.0).abs() < 1e-5, "{i} of {n}: {sum}");
            }
        }
    }

    #[test]
    fn shades_by_hand() {
        let pixels = vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 200, 200, 200];
        let shades = grey(&Rgb { width: 2, height: 2, pixels });
        let expected = [76.245, 149.685, 29.07, 200.0];
        assert!(shades.iter().zip(expected).all(|(s, e)| (s - e).abs() < 1e-3), "{shades:?}");
    }
}
