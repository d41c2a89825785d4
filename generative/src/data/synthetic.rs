//! Black and white images whose entropy is known exactly: how far a likelihood is from the best
//! possible one can be told in nats.
use super::parts::numbered;
use super::{Dataset, Images, Parts, Shape};
use anyhow::Result;
use rand::Rng as _;
use std::f64::consts::LN_2;
use train::{BadValue, Rng, stream};

params::parameters! {
    /// Options of [`stripes`] and [`parity`].
    pub struct GridConfig {
        /// Rows of an image, and as many columns
        side: usize = 8;
        /// Samples of the training set
        n_train: usize = 50_000;
        /// Samples of the validation set, and as many of the test set
        n_test: usize = 5_000;
        /// Seed of the data set
        seed: u64 = 1;
    }
}

params::parameters! {
    /// Options of [`bars`].
    pub struct BarsConfig {
        /// Rows of an image, and as many columns
        side: usize = 8;
        /// Probability of each bar
        probability: f64 = 0.125;
        /// Samples of the training set
        n_train: usize = 50_000;
        /// Samples of the validation set, and as many of the test set
        n_test: usize = 5_000;
        /// Seed of the data set
        seed: u64 = 1;
    }
}

params::parameters! {
    /// Options of [`coins`].
    pub struct CoinsConfig {
        /// Rows of an image, and as many columns
        side: usize = 8;
        /// Probability that a pixel is white
        probability: f64 = 0.25;
        /// Samples of the training set
        n_train: usize = 50_000;
        /// Samples of the validation set, and as many of the test set
        n_test: usize = 5_000;
        /// Seed of the data set
        seed: u64 = 1;
    }
}

/// Each of `side` rows and `side` columns is white with probability p, the rest is black (Földiák 1990,
/// "Forming sparse representations by local anti-Hebbian learning", with p = 1/8).
///
/// # Errors
/// If an option is out of range.
pub fn bars(config: &BarsConfig) -> Result<Dataset> {
    let BarsConfig { side, probability, n_train, n_test, seed } = *config;
    let grid = GridConfig { side, n_train, n_test, seed };
    BadValue::outside("probability", probability, 0.0..=1.0)?;
    draw(&grid, "bars", bars_entropy(side, probability), |image, rng| {
        for line in 0..2 * side {
            if rng.random_bool(probability) {
                paint(image, side, line);
            }
        }
    })
}

/// Rows or columns, one as likely as the other, each white with probability ½ (MacKay 2003,
/// "Information theory, inference, and learning algorithms", section 43.3). Entropy
/// (side + 1 − 2^(1 − side))·log 2.
///
/// # Errors
/// If an option is out of range.
pub fn stripes(config: &GridConfig) -> Result<Dataset> {
    let side = config.side;
    // 2^(side + 1) equally likely choices, of which two give the white image and two the black one.
    let entropy = (side as f64 + 1.0 - 2f64.powf(1.0 - side as f64)) * LN_2;
    draw(config, "stripes", entropy, |image, rng| {
        let first = if rng.random() { side } else { 0 };
        for line in first..first + side {
            if rng.random() {
                paint(image, side, line);
            }
        }
    })
}

/// Pixels that know nothing of each other, each white with probability p. Entropy
/// −side²·(p·log p + (1 − p)·log(1 − p)): there is nothing to learn but p.
///
/// # Errors
/// If an option is out of range.
pub fn coins(config: &CoinsConfig) -> Result<Dataset> {
    let CoinsConfig { side, probability, n_train, n_test, seed } = *config;
    let grid = GridConfig { side, n_train, n_test, seed };
    BadValue::outside("probability", probability, 0.0..=1.0)?;
    let entropy = (side as f64).powi(2) * bit(probability);
    draw(&grid, "coins", entropy, |image, rng| {
        image.iter_mut().for_each(|pixel| *pixel = u8::from(rng.random_bool(probability)));
    })
}

/// Fair coins, but in each row the last pixel makes the number of white ones even. Entropy
/// side·(side − 1)·log 2; a model that sees fewer than all pixels of a row finds side²·log 2.
///
/// # Errors
/// If an option is out of range.
pub fn parity(config: &GridConfig) -> Result<Dataset> {
    let side = config.side;
    let entropy = side as f64 * (side as f64 - 1.0) * LN_2;
    draw(config, "parity", entropy, |image, rng| {
        for row in image.chunks_exact_mut(side) {
            let mut odd = 0;
            for pixel in &mut row[..side - 1] {
                *pixel = u8::from(rng.random::<bool>());
                odd ^= *pixel;
            }
            row[side - 1] = odd;
        }
    })
}

/// Whitens row `line`, or column `line − side`.
fn paint(image: &mut [u8], side: usize, line: usize) {
    match line.checked_sub(side) {
        None => image[line * side..][..side].fill(1),
        Some(column) => image[column..].iter_mut().step_by(side).for_each(|pixel| *pixel = 1),
    }
}

/// Entropy of a coin that falls on one side with probability p, in nats.
fn bit(p: f64) -> f64 {
    let term = |p: f64| if p > 0.0 { -p * p.ln() } else { 0.0 };
    term(p) + term(1.0 - p)
}

/// Entropy of an image of bars.
///
/// It is that of 2s coins, h(p) each, less what the image does not tell of them. It tells all, unless
/// it is white: a row that is not white shows which columns are, and a column which rows. White it is
/// where all rows are or all columns, with q = 2·p^s − p^(2s), so that
/// H = 2s·h(p) + Σ_white P·log P − q·log q.
fn bars_entropy(side: usize, p: f64) -> f64 {
    if p == 0.0 || p == 1.0 {
        return 0.0;
    }
    let s = side as f64;
    let (all, log_all) = (p.powf(s), s * p.ln());
    let white = 2.0 * all - all * all;
    let choices = 2.0 * all * (log_all - s * bit(p)) - all * all * 2.0 * log_all;
    2.0 * s * bit(p) + choices - white * white.ln()
}

fn draw(
    config: &GridConfig,
    name: &str,
    entropy: f64,
    paint: impl Fn(&mut [u8], &mut Rng),
) -> Result<Dataset> {
    let GridConfig { side, n_train, n_test, seed } = *config;
    BadValue::outside("side", side, 2..=64)?;
    BadValue::outside("n_train", n_train, 1..=1 << 24)?;
    BadValue::outside("n_test", n_test, 1..=1 << 24)?;
    let shape = Shape { channels: 1, height: side, width: side };
    let [train, validation, test] = numbered(n_train, n_test, |part, n| {
        let mut rng = stream(seed, &format!("{name}/{part}"));
        let mut pixels = vec![0; n * shape.len()];
        pixels.chunks_exact_mut(shape.len()).for_each(|image| paint(image, &mut rng));
        Images::new(shape, 2, pixels, None)
    });
    let (train, validation, test) = (train?, validation?, test?);
    Ok(Dataset::Images(Parts { train, validation, test, entropy: Some(entropy) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const SMALL: GridConfig = GridConfig { side: 3, n_train: 200_000, n_test: 10, seed: 1 };

    fn images(dataset: Result<Dataset>) -> Parts<Images> {
        dataset.unwrap().images().unwrap()
    }

    #[test]
    fn sides_that_nothing_can_have_are_refused() {
        for side in [0, 1, 65, usize::MAX] {
            let grid = GridConfig { side, ..SMALL };
            let all = [
                bars(&BarsConfig { side, ..BarsConfig::default() }),
                stripes(&grid),
                coins(&CoinsConfig { side, ..CoinsConfig::default() }),
                parity(&grid),
            ];
            for set in all {
                let told = set.err().unwrap().to_string();
                assert!(told.contains(&format!("--side {side}")), "{told}");
            }
        }
    }

    /// −Σ P·log P over the images of all choices, each with its probability.
    fn enumerated(choices: impl Iterator<Item = (Vec<u8>, f64)>) -> f64 {
        let mut of = BTreeMap::<Vec<u8>, f64>::new();
        choices.for_each(|(image, p)| *of.entry(image).or_default() += p);
        assert!((of.values().sum::<f64>() - 1.0).abs() < 1e-12);
        -of.values().map(|p| p * p.ln()).sum::<f64>()
    }

    /// The image in which the lines of a bit mask are white.
    fn lines(side: usize, mask: u32) -> Vec<u8> {
        let mut image = vec![0; side * side];
        (0..2 * side)
            .filter(|line| mask >> line & 1 == 1)
            .for_each(|line| paint(&mut image, side, line));
        image
    }

    #[test]
    fn entropies_are_those_of_all_images_enumerated() {
        for (side, p) in [(2, 0.5f64), (3, 0.125), (3, 0.8), (4, 0.25)] {
            let choices = (0..1u32 << (2 * side)).map(|mask| {
                let on = mask.count_ones() as i32;
                (lines(side, mask), p.powi(on) * (1.0 - p).powi(2 * side as i32 - on))
            });
            let stated = bars_entropy(side, p);
            assert!((stated - enumerated(choices)).abs() < 1e-12, "side {side}, p {p}: {stated}");
        }
        for side in [2, 3, 5] {
            let each = 1.0 / (2 << side) as f64;
            let rows = (0..1u32 << side).map(|mask| (lines(side, mask), each));
            let columns = (0..1u32 << side).map(|mask| (lines(side, mask << side), each));
            let stated =
                images(stripes(&GridConfig { side, n_train: 1, ..SMALL })).entropy.unwrap();
            assert!((stated - enumerated(rows.chain(columns))).abs() < 1e-12, "side {side}");
        }
        let fair =
            images(coins(&CoinsConfig { probability: 0.5, n_train: 1, ..CoinsConfig::default() }));
        assert!((fair.entropy.unwrap() - 64.0 * LN_2).abs() < 1e-12);
        let even = images(parity(&GridConfig { n_train: 1, ..SMALL })).entropy.unwrap();
        assert!((even - 6.0 * LN_2).abs() < 1e-12);
    }

    /// The entropy of how often images are drawn is the stated one, less a bias of about
    /// (images − 1) / 2n (Miller 1955), below 0.002 here.
    #[test]
    fn what_is_drawn_has_the_stated_entropy() {
        let GridConfig { side, n_train, n_test, seed } = SMALL;
        let sets = [
            images(bars(&BarsConfig { side, probability: 0.3, n_train, n_test, seed })),
            images(stripes(&SMALL)),
            images(coins(&CoinsConfig { side, probability: 0.3, n_train, n_test, seed })),
            images(parity(&SMALL)),
        ];
        for parts in sets {
            let of = &parts.train;
            assert_eq!((of.levels(), of.len()), (2, n_train));
            let counted =
                enumerated((0..of.len()).map(|i| (of.image(i).to_vec(), 1.0 / of.len() as f64)));
            let stated = parts.entropy.unwrap();
            // Four standard errors, of at most 1.5 nats an image.
            assert!(
                (counted - stated).abs() < 4.0 * 1.5 / 200_000f64.sqrt() + 0.002,
                "{counted} {stated}"
            );
        }
    }

    #[test]
    fn every_row_is_even() {
        let parts = images(parity(&GridConfig { n_train: 50, ..SMALL }));
        assert!(parts.train.pixels().chunks(3).all(|row| row.iter().sum::<u8>() % 2 == 0));
        let error = bars(&BarsConfig { probability: 1.5, ..BarsConfig::default() }).unwrap_err();
        assert_eq!(error.to_string(), "--probability 1.5: must lie between 0 and 1");
    }
}
