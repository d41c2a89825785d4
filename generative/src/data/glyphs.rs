//! Handwritten signs that need no file: pen strokes, bent and slanted as a hand does it.
//!
//! Each image is made from numbers of its own stream, in this order: which sign, which way to write
//! it, the elastic field, slant and turn, the pen. The strokes' points are moved by a smooth random
//! field (after Simard et al. 2003, "Best practices for convolutional neural networks", which moves
//! pixels), sheared, turned and scaled, fitted into 20×20 pixels and centred in 28×28 as in MNIST, and
//! drawn with a round pen whose pressure changes.
use super::strokes::{SIGNS, Stroke};
use super::{Dataset, Images, Labels, Parts, Shape};
use anyhow::Result;
use rand::Rng as _;
use rand_distr::{Distribution as _, StandardNormal};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::f32::consts::TAU;
use train::{BadValue, Rng, stream};

params::parameters! {
    /// Options of [`glyphs`].
    pub struct GlyphsConfig {
        /// Characters: digits, letters or all
        classes: Classes = Classes::All;
        /// Samples of the training set
        n_train: usize = 50_000;
        /// Samples of the validation set, and as many of the test set
        n_test: usize = 5_000;
        /// Seed of the data set
        seed: u64 = 1;
    }
}

/// Signs to be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Classes {
    /// 0 to 9.
    Digits,
    /// A to Z.
    Letters,
    /// Both.
    All,
}

/// Rows and columns of an image.
const SIDE: usize = 28;

/// Side of the square that a sign is fitted into, in pixels of 28.
const BOX: f32 = 20.0;

/// Grey images 28×28 of digits and capital letters, as many as one likes, labelled.
///
/// # Errors
/// If an option is out of range.
pub fn glyphs(config: &GlyphsConfig) -> Result<Dataset> {
    BadValue::outside("n_train", config.n_train, 1..=1 << 22)?;
    BadValue::outside("n_test", config.n_test, 1..=1 << 22)?;
    let part = |part: &str, n| drawn(config, &format!("glyphs/{part}"), n);
    Ok(Dataset::Images(Parts {
        train: part("train", config.n_train)?,
        validation: part("validation", config.n_test)?,
        test: part("test", config.n_test)?,
        entropy: None,
    }))
}

/// Image `i` comes from a stream of its own: it is the same whatever `n` is.
fn drawn(config: &GlyphsConfig, purpose: &str, n: usize) -> Result<Images> {
    let signs = match config.classes {
        Classes::Digits => &SIGNS[..10],
        Classes::Letters => &SIGNS[10..],
        Classes::All => &SIGNS,
    };
    let first = stream(config.seed, purpose);
    let shape = Shape { channels: 1, height: SIDE, width: SIDE };
    let (mut pixels, mut of) = (vec![0; n * shape.len()], vec![0; n]);
    let images = pixels.par_chunks_exact_mut(shape.len()).zip(&mut of).enumerate();
    images.with_min_len(64).for_each_init(Vec::new, |curves, (i, (image, label))| {
        let mut rng = first.clone();
        rng.set_word_pos(i as u128 * WORDS);
        let class = rng.random_range(0..signs.len());
        *label = class as u32;
        let ways = signs[class].1;
        let way = ways[rng.random_range(0..ways.len())];
        write(way, curves, image, &mut rng);
    });
    let names = signs.iter().map(|(sign, _)| sign.to_string()).collect();
    Images::new(shape, 256, pixels, Some(Labels { of, names }))
}

/// Words of the stream from one image to the next; none takes as many.
const WORDS: u128 = 4096;

/// Writes a sign into an image of zeros. `curves` is room to work in.
fn write(way: &[Stroke], curves: &mut Vec<Vec<Dot>>, image: &mut [u8], rng: &mut Rng) {
    curves.resize(curves.len().max(way.len()), Vec::new());
    let curves = &mut curves[..way.len()];
    let bend = Field::draw(rng);
    for (curve, stroke) in curves.iter_mut().zip(way) {
        let shaky = |&(x, y): &(i8, i8), rng: &mut Rng| {
            [f32::from(x) / 100.0 + 0.012 * normal(rng), f32::from(y) / 100.0 + 0.012 * normal(rng)]
        };
        let points: Vec<_> = stroke.iter().map(|point| shaky(point, rng)).collect();
        smooth(&points, curve);
        curve.iter_mut().for_each(|dot| dot.at = bend.moved(dot.at));
    }
    let (slant, turn) = (0.1 + 0.16 * normal(rng), 0.09 * normal(rng));
    let stretch = [(0.10 * normal(rng)).exp(), (0.04 * normal(rng)).exp()];
    let (sin, cos) = turn.sin_cos();
    for dot in curves.iter_mut().flatten() {
        let [x, y] = dot.at;
        let (x, y) = ((x - slant * (y - 0.5)) * stretch[0], y * stretch[1]);
        dot.at = [cos * x - sin * y, sin * x + cos * y];
    }
    fit(curves, (0.06 * normal(rng)).exp().min(1.25), [0.6 * normal(rng), 0.6 * normal(rng)]);
    let pen = Pen {
        radius: (1.15 * (0.2 * normal(rng)).exp()).clamp(0.75, 1.9),
        pressure: 0.18 * rng.random::<f32>(),
        phase: TAU * rng.random::<f32>(),
        ink: 1.0 - 0.12 * rng.random::<f32>().powi(2),
    };
    curves.iter().for_each(|curve| pen.draw(curve, image));
}

/// A point of a curve, and how far along the curve it lies, 0 to 1.
#[derive(Debug, Clone, Copy)]
struct Dot {
    at: [f32; 2],
    along: f32,
}

/// Pieces between two points of a stroke.
const PIECES: usize = 8;

/// The curve of Catmull and Rom through the points.
fn smooth(points: &[[f32; 2]], curve: &mut Vec<Dot>) {
    curve.clear();
    let last = points.len() - 1;
    for i in 0..last {
        let [before, from, to, after] =
            [points[i.saturating_sub(1)], points[i], points[i + 1], points[(i + 2).min(last)]];
        for piece in 0..PIECES {
            let t = piece as f32 / PIECES as f32;
            let at = [0, 1].map(|axis| {
                let (b, f, g, a) = (before[axis], from[axis], to[axis], after[axis]);
                f + 0.5
                    * t
                    * (g - b + t * (2.0 * b - 5.0 * f + 4.0 * g - a + t * (3.0 * (f - g) + a - b)))
            });
            curve.push(Dot { at, along: (i as f32 + t) / last as f32 });
        }
    }
    curve.push(Dot { at: points[last], along: 1.0 });
}

/// A smooth random field of displacements: a few waves.
struct Field {
    waves: [Wave; 6],
}

#[derive(Clone, Copy)]
struct Wave {
    /// Radians per unit in x and y.
    vector: [f32; 2],
    phase: f32,
    /// Displacement in x and y at the crest.
    crest: [f32; 2],
}

impl Field {
    /// Long waves are high and short ones low.
    fn draw(rng: &mut Rng) -> Self {
        let mut waves = [Wave { vector: [0.0; 2], phase: 0.0, crest: [0.0; 2] }; 6];
        for (i, wave) in waves.iter_mut().enumerate() {
            let (frequency, height) = if i < 4 { (3.2, 0.032) } else { (7.5, 0.011) };
            *wave = Wave {
                vector: [frequency * normal(rng), frequency * normal(rng)],
                phase: TAU * rng.random::<f32>(),
                crest: [height * normal(rng), height * normal(rng)],
            };
        }
        Self { waves }
    }

    fn moved(&self, at: [f32; 2]) -> [f32; 2] {
        self.waves.iter().fold(at, |[x, y], wave| {
            let sin = (wave.vector[0] * at[0] + wave.vector[1] * at[1] + wave.phase).sin();
            [x + wave.crest[0] * sin, y + wave.crest[1] * sin]
        })
    }
}

/// Scales curves into the box, times `scale`, and moves their middle to that of the image and on by
/// `shift` pixels.
fn fit(curves: &mut [Vec<Dot>], scale: f32, shift: [f32; 2]) {
    let (mut low, mut high) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
    for dot in curves.iter().flatten() {
        for axis in 0..2 {
            (low[axis], high[axis]) = (low[axis].min(dot.at[axis]), high[axis].max(dot.at[axis]));
        }
    }
    let scale = scale * BOX / (high[0] - low[0]).max(high[1] - low[1]);
    let middle = SIDE as f32 / 2.0;
    for dot in curves.iter_mut().flatten() {
        for axis in 0..2 {
            dot.at[axis] =
                (dot.at[axis] - (low[axis] + high[axis]) / 2.0) * scale + middle + shift[axis];
        }
    }
}

/// A round pen.
struct Pen {
    /// Pixels.
    radius: f32,
    /// Change of the radius along a stroke, as a part of it.
    pressure: f32,
    phase: f32,
    /// Darkness at the middle of the stroke.
    ink: f32,
}

impl Pen {
    /// Darkens each pixel by how near its centre is to the curve.
    fn draw(&self, curve: &[Dot], image: &mut [u8]) {
        for pair in curve.windows(2) {
            let ([x0, y0], [x1, y1]) = (pair[0].at, pair[1].at);
            let radius =
                self.radius * (1.0 + self.pressure * (5.0 * pair[0].along + self.phase).sin());
            let reach = radius + 0.7;
            let span = |a: f32, b: f32| {
                let low = (a.min(b) - reach).floor().max(0.0) as usize;
                low..((a.max(b) + reach).ceil().max(0.0) as usize).min(SIDE)
            };
            let ([dx, dy], columns) = ([x1 - x0, y1 - y0], span(x0, x1));
            let per_length = 1.0 / (dx * dx + dy * dy).max(1e-9);
            for row in span(y0, y1) {
                let y = row as f32 + 0.5 - y0;
                for column in columns.clone() {
                    let x = column as f32 + 0.5 - x0;
                    let along = ((x * dx + y * dy) * per_length).clamp(0.0, 1.0);
                    let distance = ((x - along * dx).powi(2) + (y - along * dy).powi(2)).sqrt();
                    let dark = ((radius - distance) / 1.3 + 0.5).clamp(0.0, 1.0);
                    let dark = (255.0 * self.ink * dark * dark * (3.0 - 2.0 * dark)) as u8;
                    let pixel = &mut image[row * SIDE + column];
                    *pixel = (*pixel).max(dark);
                }
            }
        }
    }
}

fn normal(rng: &mut Rng) -> f32 {
    StandardNormal.sample(rng)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(config: &GlyphsConfig) -> Parts<Images> {
        glyphs(config).unwrap().images().unwrap()
    }

    #[test]
    fn any_number_is_drawn_and_the_seed_fixes_each() {
        let config = GlyphsConfig { n_train: 300, n_test: 100, ..GlyphsConfig::default() };
        let few = parts(&config);
        let more = parts(&GlyphsConfig { n_train: 400, n_test: 50, ..config.clone() });
        assert_eq!(more.train.take(0..300), few.train);
        assert_eq!(few.test.take(0..50), more.test);
        assert_ne!(few.test, few.validation);
        assert_ne!(parts(&GlyphsConfig { seed: 2, ..config }).train, few.train);
    }

    #[test]
    fn bits_do_not_depend_on_threads() {
        let config = GlyphsConfig { n_train: 300, n_test: 1, ..GlyphsConfig::default() };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(pool.install(|| parts(&config)), parts(&config));
    }

    #[test]
    fn signs_fill_their_box_and_are_ink_on_black() {
        for classes in [Classes::Digits, Classes::Letters] {
            let config = GlyphsConfig { classes, n_train: 2_000, n_test: 1, seed: 1 };
            let train = parts(&config).train;
            let labels = train.labels().unwrap();
            assert_eq!(labels.names.len(), if classes == Classes::Digits { 10 } else { 26 });
            let mut counts = vec![0; labels.names.len()];
            for i in 0..train.len() {
                counts[labels.of[i] as usize] += 1;
                let (image, name) = (train.image(i), &labels.names[labels.of[i] as usize]);
                let inked = |at: &&usize| image[**at] > 60;
                let all: Vec<_> = (0..784).collect();
                let rows = || all.iter().filter(inked).map(|at| at / SIDE);
                let columns = || all.iter().filter(inked).map(|at| at % SIDE);
                let height = rows().max().unwrap() - rows().min().unwrap() + 1;
                let width = columns().max().unwrap() - columns().min().unwrap() + 1;
                assert!((16..=28).contains(&height.max(width)), "{name}: {width}×{height}");
                let mean = image.iter().map(|&pixel| f64::from(pixel)).sum::<f64>() / 784.0;
                assert!((10.0..100.0).contains(&mean), "{name}: mean {mean}");
            }
            // Equally likely: six standard deviations of a count.
            let expected = 2_000.0 / counts.len() as f64;
            assert!(
                counts.iter().all(|&n| (f64::from(n) - expected).abs() < 6.0 * expected.sqrt())
            );
        }
    }

    /// A straight stroke of radius 2 through pixel centres, away from its ends: full ink within 1.35
    /// pixels of the middle line, none beyond 2.65, half at 2.
    #[test]
    fn a_line_by_hand() {
        let mut image = vec![0; SIDE * SIDE];
        let pen = Pen { radius: 2.0, pressure: 0.0, phase: 0.0, ink: 1.0 };
        let dot = |x| Dot { at: [x, 10.5], along: 0.0 };
        pen.draw(&[dot(5.0), dot(20.0)], &mut image);
        let column: Vec<_> = (7..=13).map(|row| image[row * SIDE + 12]).collect();
        assert_eq!(column, [0, 127, 255, 255, 255, 127, 0]);
    }

    #[test]
    fn a_curve_passes_through_its_points() {
        let points = [[0.0, 0.0], [1.0, 2.0], [3.0, 1.0]];
        let mut curve = Vec::new();
        smooth(&points, &mut curve);
        assert_eq!(curve.len(), 2 * PIECES + 1);
        for (i, point) in points.iter().enumerate() {
            assert_eq!(curve[i * PIECES].at, *point);
        }
        // Halfway: (−before + 9·from + 9·to − after) / 16.
        let halfway = [(9.0 + -3.0) / 16.0, (18.0 - 1.0) / 16.0];
        let [x, y] = curve[PIECES / 2].at;
        assert!((x - halfway[0]).abs() < 1e-6 && (y - halfway[1]).abs() < 1e-6, "{x} {y}");
    }
}
