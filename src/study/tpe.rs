//! Tree-structured Parzen estimator (Bergstra et al. 2011, "Algorithms for hyper-parameter optimization"): a proposal is the
//! point, of a few drawn near the good ones, where l(x)/g(x) is greatest, with densities l of the good quarter and g of the rest.
use super::space::{Dimension, Range};
use rand::Rng as _;
use serde_json::Value;
use std::f64::consts::TAU;
use train::Rng;

/// Scored configurations below which proposals are drawn evenly.
pub(crate) const LEAST: usize = 10;

/// Part of the configurations that counts as good.
const GOOD: f64 = 0.25;

/// Points that a proposal is the best of.
const CANDIDATES: usize = 24;

/// A configuration proposed after `scored` ones, the best first: a value for each dimension.
pub(crate) fn propose(space: &[Dimension], scored: &[Vec<Value>], rng: &mut Rng) -> Vec<Value> {
    if scored.len() < LEAST {
        return space.iter().map(|dimension| dimension.range.draw(rng)).collect();
    }
    let good = (GOOD * scored.len() as f64).ceil() as usize;
    let of = |at: usize, range: &Range| {
        let places = |part: &[Vec<Value>]| {
            part.iter().map(|values| range.place(&values[at])).collect::<Vec<_>>()
        };
        [places(&scored[..good]), places(&scored[good..])].map(|places| Density::new(range, places))
    };
    let propose = |(at, dimension): (usize, &Dimension)| {
        let range = &dimension.range;
        let [good, rest] = of(at, range);
        let mut best = (f64::NEG_INFINITY, 0.0);
        for _ in 0..CANDIDATES {
            let place = good.draw(rng);
            let worth = good.at(place).ln() - rest.at(place).ln();
            if worth > best.0 {
                best = (worth, place);
            }
        }
        range.at(best.1)
    };
    space.iter().enumerate().map(propose).collect()
}

/// A density on the unit interval.
enum Density {
    /// Weights of as many equal parts.
    Parts(Vec<f64>),
    /// Normal distributions, (mean, standard deviation), cut to the interval; each as likely as the others.
    Bells(Vec<(f64, f64)>),
}

impl Density {
    /// The density of values at `places`, and of one more that may lie anywhere.
    fn new(range: &Range, mut places: Vec<f64>) -> Self {
        if let Range::List(values) = range {
            let n = values.len();
            let mut weights = vec![1.0; n];
            for place in &places {
                weights[((place * n as f64) as usize).min(n - 1)] += 1.0;
            }
            let sum: f64 = weights.iter().sum();
            return Self::Parts(weights.iter().map(|weight| weight / sum).collect());
        }
        places.push(0.5);
        places.sort_by(f64::total_cmp);
        let least = 1.0 / (places.len() as f64 + 1.0).min(100.0);
        let width = |i: usize| {
            let left = places[i] - if i == 0 { 0.0 } else { places[i - 1] };
            let right = places.get(i + 1).unwrap_or(&1.0) - places[i];
            left.max(right).clamp(least, 1.0)
        };
        // The one that may lie anywhere is as wide as the interval.
        let prior = places.iter().position(|place| *place == 0.5);
        let bells = places.iter().enumerate();
        Self::Bells(
            bells
                .map(|(i, place)| (*place, if Some(i) == prior { 1.0 } else { width(i) }))
                .collect(),
        )
    }

    fn draw(&self, rng: &mut Rng) -> f64 {
        match self {
            Self::Parts(weights) => {
                let mut left: f64 = rng.random_range(0.0..1.0);
                let drawn = weights.iter().position(|weight| {
                    left -= weight;
                    left < 0.0
                });
                (drawn.unwrap_or(weights.len() - 1) as f64 + 0.5) / weights.len() as f64
            }
            Self::Bells(bells) => {
                let (mean, deviation) = bells[rng.random_range(0..bells.len())];
                // Some of it lies inside: at least a sixth.
                loop {
                    let place = mean + deviation * normal(rng);
                    if (0.0..=1.0).contains(&place) {
                        return place;
                    }
                }
            }
        }
    }

    fn at(&self, place: f64) -> f64 {
        match self {
            Self::Parts(weights) => {
                let n = weights.len();
                weights[((place * n as f64) as usize).min(n - 1)] * n as f64
            }
            Self::Bells(bells) => {
                let bell = |(mean, deviation): &(f64, f64)| {
                    let z = (place - mean) / deviation;
                    let inside = below((1.0 - mean) / deviation) - below(-mean / deviation);
                    (-0.5 * z * z).exp() / (TAU.sqrt() * deviation * inside)
                };
                bells.iter().map(bell).sum::<f64>() / bells.len() as f64
            }
        }
    }
}

/// A draw of the standard normal distribution (Box and Muller 1958).
fn normal(rng: &mut Rng) -> f64 {
    let radius = (-2.0 * rng.random_range(f64::MIN_POSITIVE..1.0).ln()).sqrt();
    radius * (TAU * rng.random_range(0.0..1.0_f64)).cos()
}

/// The normal distribution function, to 1e-7 (Abramowitz & Stegun, 26.2.17).
fn below(z: f64) -> f64 {
    const B: [f64; 5] =
        [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let sum = B.iter().rev().fold(0.0, |sum, b| (sum + b) * t);
    let above = (-0.5 * z * z).exp() / TAU.sqrt() * sum;
    if z > 0.0 { 1.0 - above } else { above }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use train::stream;

    #[test]
    fn normal_probabilities_are_those_of_the_table() {
        for (z, printed) in [(0.0, 0.5), (1.0, 0.841_345), (1.96, 0.975_002), (-2.0, 0.022_750)] {
            assert!((below(z) - printed).abs() < 1e-6, "{z}");
        }
    }

    #[test]
    fn densities_have_one_as_their_sum() {
        let range = Range::read(&json!({"low": 0.0, "high": 1.0}), None).unwrap();
        for places in [vec![], vec![0.1], vec![0.9, 0.95, 0.2, 0.9]] {
            let density = Density::new(&range, places);
            let sum: f64 =
                (0..1000).map(|i| density.at((f64::from(i) + 0.5) / 1000.0) / 1000.0).sum();
            assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        }
        // By hand: one more in each of three parts, and two values in the first.
        let list = Range::read(&json!(["a", "b", "c"]), None).unwrap();
        let density = Density::new(&list, vec![0.1, 0.2]);
        assert!(
            (density.at(0.1) - 3.0 * 0.6).abs() < 1e-12
                && (density.at(0.9) - 3.0 * 0.2).abs() < 1e-12
        );
    }

    /// A search for the least of (x − 0.3)² + (is "b"): the best of 40 is nearer than that of 40 even draws, in the mean over
    /// twenty seeds.
    #[test]
    fn proposals_come_near_the_best() {
        let space = [
            Dimension {
                key: "x".into(),
                range: Range::read(&json!({"low": 0.0, "high": 1.0}), None).unwrap(),
            },
            Dimension {
                key: "y".into(),
                range: Range::read(&json!(["a", "b", "c", "d"]), None).unwrap(),
            },
        ];
        let loss = |values: &Vec<Value>| {
            (values[0].as_f64().unwrap() - 0.3).powi(2) + f64::from(u8::from(values[1] != "b"))
        };
        let best = |seed: u64, is_guided: bool| {
            let mut rng = stream(seed, "test");
            let mut scored: Vec<Vec<Value>> = Vec::new();
            for _ in 0..40 {
                let known = if is_guided { &scored[..] } else { &[] };
                let proposed = propose(&space, known, &mut rng);
                scored.push(proposed);
                scored.sort_by(|a, b| loss(a).total_cmp(&loss(b)));
            }
            loss(&scored[0]).ln()
        };
        let mean = |is_guided| (1..=20).map(|seed| best(seed, is_guided)).sum::<f64>() / 20.0;
        let (guided, even) = (mean(true), mean(false));
        // ln: a factor of three.
        assert!(guided < even - 1.1, "{guided} {even}");
    }
}
