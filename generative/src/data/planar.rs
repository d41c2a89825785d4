//! Synthetic sets of points in the plane, in which a model can be plotted.
use super::parts::numbered;
use super::{Dataset, Density, Ellipse, Labels, Mixture, Parts, Points};
use anyhow::Result;
use rand::Rng as _;
use rand_distr::{Distribution as _, StandardNormal};
use std::f64::consts::PI;
use train::{BadValue, Rng, stream};

params::parameters! {
    /// Options of the sets in the plane.
    pub struct PlanarConfig {
        /// Samples of the training set
        n_train: usize = 50_000;
        /// Samples of the validation set, and as many of the test set
        n_test: usize = 10_000;
        /// Seed of the data set
        seed: u64 = 1;
    }
}

/// Eight Gaussians of standard deviation 0.02 on a circle of radius 2 (Metz et al. 2017, "Unrolled
/// generative adversarial networks", appendix A). They are so far apart that the entropy is
/// log 8 + log 2πeσ² to the last bit.
///
/// # Errors
/// If an option is out of range.
pub fn gaussians_8(config: &PlanarConfig) -> Result<Dataset> {
    let centres: Vec<[f64; 2]> = (0..8)
        .map(|i| f64::from(i) * PI / 4.0)
        .map(|angle| [2.0 * angle.cos(), 2.0 * angle.sin()])
        .collect();
    mixture(config, "gaussians-8", Mixture { centres, sigma: 0.02 })
}

/// 25 Gaussians of standard deviation 0.05 on the grid {−4, −2, 0, 2, 4}² (Lin et al. 2018, "PacGAN",
/// section 4.1). Entropy log 25 + log 2πeσ².
///
/// # Errors
/// If an option is out of range.
pub fn gaussians_25(config: &PlanarConfig) -> Result<Dataset> {
    let centres: Vec<[f64; 2]> =
        (0..25).map(|i| [f64::from(i % 5) * 2.0 - 4.0, f64::from(i / 5) * 2.0 - 4.0]).collect();
    mixture(config, "gaussians-25", Mixture { centres, sigma: 0.05 })
}

/// Two half circles of radius 1 around (0, 0) and (1, ½), one open below, the other above, with noise
/// of standard deviation 0.1 (scikit-learn's `make_moons`).
///
/// # Errors
/// If an option is out of range.
pub fn two_moons(config: &PlanarConfig) -> Result<Dataset> {
    let parts = draw(config, "two-moons", &["upper", "lower"].map(str::to_owned), |moon, rng| {
        let angle = rng.random::<f64>() * PI;
        let centre = match moon {
            0 => [angle.cos(), angle.sin()],
            _ => [1.0 - angle.cos(), 0.5 - angle.sin()],
        };
        around(centre, 0.1, rng)
    })?;
    Ok(Dataset::Points(parts))
}

/// A roll of noise 0.5: (t·cos t, t·sin t) for t uniform from 3π/2 to 9π/2 (scikit-learn's `make_swiss_roll` without its second
/// axis, as in Berkeley's CS294-158).
///
/// # Errors
/// If an option is out of range.
pub fn swiss_roll(config: &PlanarConfig) -> Result<Dataset> {
    let parts = draw(config, "swiss-roll", &["roll".to_owned()], |_, rng| {
        let t = 1.5 * PI * (1.0 + 2.0 * rng.random::<f64>());
        around([t * t.cos(), t * t.sin()], 0.5, rng)
    })?;
    Ok(Dataset::Points(parts))
}

/// Four circles of radius ¾, 1½, 2¼ and 3 around the origin, equally likely, with noise of standard deviation 0.08 (as in
/// Grathwohl et al. 2019, "FFJORD").
///
/// # Errors
/// If an option is out of range.
pub fn rings(config: &PlanarConfig) -> Result<Dataset> {
    let names: Vec<String> = (1..=4).map(|ring| format!("{}", 0.75 * f64::from(ring))).collect();
    let parts = draw(config, "rings", &names, |ring, rng| {
        let (radius, angle) = (0.75 * (ring + 1) as f64, rng.random::<f64>() * 2.0 * PI);
        around([radius * angle.cos(), radius * angle.sin()], 0.08, rng)
    })?;
    Ok(Dataset::Points(parts))
}

/// Uniform on eight squares of 2×2 of a board from −4 to 4, that of the lower left corner among them (as in Grathwohl et al. 2019,
/// "FFJORD"). Entropy log 32.
///
/// # Errors
/// If an option is out of range.
pub fn checkerboard(config: &PlanarConfig) -> Result<Dataset> {
    let (side, width) = (4, 2.0);
    let squares: Vec<[usize; 2]> = (0..side * side)
        .map(|i| [i % side, i / side])
        .filter(|[column, row]| (column + row) % 2 == 0)
        .collect();
    let names: Vec<String> =
        squares.iter().map(|[column, row]| format!("({},{})", column + 1, row + 1)).collect();
    let parts = draw(config, "checkerboard", &names, |square, rng| {
        squares[square].map(|place| {
            let within = place as f64 + rng.random::<f64>() - side as f64 / 2.0;
            (within * width) as f32
        })
    })?;
    known(parts, Density::Checkerboard { side, width })
}

/// A Gaussian of standard deviations 5 and 1 around (1, 2), along the axes (Berkeley's CS294-158, homework 2). Entropy
/// log 2πe + log 5.
///
/// # Errors
/// If an option is out of range.
pub fn gaussian(config: &PlanarConfig) -> Result<Dataset> {
    one(config, "gaussian", 0.0)
}

/// The Gaussian of [`gaussian`] turned by 45°.
///
/// # Errors
/// If an option is out of range.
pub fn gaussian_turned(config: &PlanarConfig) -> Result<Dataset> {
    one(config, "gaussian-turned", PI / 4.0)
}

fn one(config: &PlanarConfig, name: &str, angle: f64) -> Result<Dataset> {
    let ellipse = Ellipse { mean: [1.0, 2.0], sigma: [5.0, 1.0], angle };
    let parts = draw(config, name, &["gaussian".to_owned()], |_, rng| {
        ellipse.at([0; 2].map(|_| StandardNormal.sample(rng))).map(|x| x as f32)
    })?;
    known(parts, Density::Gaussian(ellipse))
}

fn mixture(config: &PlanarConfig, name: &str, of: Mixture) -> Result<Dataset> {
    let Mixture { centres, sigma } = &of;
    // Not −0.00, and without a space, for command lines.
    let round = |x: f64| (100.0 * x).round() / 100.0 + 0.0;
    let label = |[x, y]: &[f64; 2]| format!("({:.2},{:.2})", round(*x), round(*y));
    let names: Vec<_> = centres.iter().map(label).collect();
    let parts =
        draw(config, name, &names, |component, rng| around(centres[component], *sigma, rng))?;
    known(parts, Density::Mixture(of))
}

/// Points whose density is known.
fn known(mut parts: Parts<Points>, density: Density) -> Result<Dataset> {
    parts.entropy = Some(density.entropy());
    for part in [&mut parts.train, &mut parts.validation, &mut parts.test] {
        part.density = Some(density.clone());
    }
    Ok(Dataset::Points(parts))
}

fn around(centre: [f64; 2], sigma: f64, rng: &mut Rng) -> [f32; 2] {
    centre.map(|centre| {
        let noise: f64 = StandardNormal.sample(rng);
        (centre + sigma * noise) as f32
    })
}

/// Components are equally likely.
fn draw(
    config: &PlanarConfig,
    name: &str,
    names: &[String],
    point: impl Fn(usize, &mut Rng) -> [f32; 2],
) -> Result<Parts<Points>> {
    BadValue::outside("n_train", config.n_train, 1..=1 << 28)?;
    BadValue::outside("n_test", config.n_test, 1..=1 << 28)?;
    let [train, validation, test] = numbered(config.n_train, config.n_test, |part, n| {
        let mut rng = stream(config.seed, &format!("{name}/{part}"));
        let mut at = Vec::with_capacity(n);
        let of = (0..n).map(|_| {
            let component = rng.random_range(0..names.len());
            at.push(point(component, &mut rng));
            component as u32
        });
        let of = of.collect();
        Points { at, labels: Labels { of, names: names.to_vec() }, density: None }
    });
    Ok(Parts { train, validation, test, entropy: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::E;

    fn points(dataset: Result<Dataset>) -> Parts<Points> {
        dataset.unwrap().points().unwrap()
    }

    #[test]
    fn components_are_named_after_their_centres() {
        let names = points(gaussians_8(&PlanarConfig::default())).train.labels.names;
        assert_eq!(
            [&names[0], &names[5], &names[6]],
            ["(2.00,0.00)", "(-1.41,-1.41)", "(0.00,-2.00)"]
        );
    }

    #[test]
    fn components_lie_where_they_should_and_are_equally_likely() {
        let config = PlanarConfig { n_train: 20_000, n_test: 10, seed: 1 };
        for (parts, sigma) in
            [(points(gaussians_8(&config)), 0.02), (points(gaussians_25(&config)), 0.05)]
        {
            let Points { at, labels, .. } = &parts.train;
            let mixture = parts.train.mixture().unwrap();
            assert_eq!((mixture.sigma, parts.test.mixture()), (sigma, Some(mixture)));
            for (component, name) in labels.names.iter().enumerate() {
                let own = at.iter().zip(&labels.of).filter(|(_, of)| **of as usize == component);
                let own: Vec<_> = own.map(|(at, _)| at.map(f64::from)).collect();
                let (n, classes) = (own.len() as f64, labels.names.len() as f64);
                // Six standard deviations of a count.
                let expected = 20_000.0 / classes;
                assert!((n - expected).abs() < 6.0 * expected.sqrt(), "{name}: {n}");
                let mean = |axis: usize| own.iter().map(|at| at[axis]).sum::<f64>() / n;
                let m = [mean(0), mean(1)];
                let centre = match classes as usize {
                    8 => {
                        let angle = component as f64 * PI / 4.0;
                        [2.0 * angle.cos(), 2.0 * angle.sin()]
                    }
                    _ => [(component % 5) as f64 * 2.0 - 4.0, (component / 5) as f64 * 2.0 - 4.0],
                };
                let offset = [0, 1].map(|axis| mixture.centres[component][axis] - centre[axis]);
                assert_eq!(offset, [0.0; 2], "{name}");
                let off = (m[0] - centre[0]).hypot(m[1] - centre[1]);
                assert!(off < 6.0 * sigma / n.sqrt(), "{name}: off by {off}");
                let square = |at: &[f64; 2]| (at[0] - m[0]).powi(2) + (at[1] - m[1]).powi(2);
                let variance = own.iter().map(square).sum::<f64>() / n / 2.0;
                assert!((variance.sqrt() / sigma - 1.0).abs() < 0.1, "{name}: {variance}");
            }
        }
    }

    /// −mean log p of the points themselves, by the density of the mixture.
    #[test]
    fn the_stated_entropy_is_that_of_the_density() {
        let config = PlanarConfig { n_train: 20_000, n_test: 10, seed: 2 };
        let parts = points(gaussians_25(&config));
        let log_p = |at: &[f32; 2]| {
            let [x, y] = at.map(f64::from);
            let density = (0..25).map(|i| {
                let (cx, cy) = (f64::from(i % 5) * 2.0 - 4.0, f64::from(i / 5) * 2.0 - 4.0);
                (-((x - cx).powi(2) + (y - cy).powi(2)) / (2.0 * 0.0025)).exp()
            });
            (density.sum::<f64>() / (25.0 * 2.0 * PI * 0.0025)).ln()
        };
        let nll = -parts.train.at.iter().map(log_p).sum::<f64>() / 20_000.0;
        // Half a squared normal in each of two directions: standard deviation 1 per point.
        assert!((nll - parts.entropy.unwrap()).abs() < 4.0 / 20_000f64.sqrt(), "{nll}");
        let eight = points(gaussians_8(&config)).entropy.unwrap();
        assert!((eight - (8f64.ln() + (2.0 * PI * E * 0.0004).ln())).abs() < 1e-12);
    }

    #[test]
    fn the_seed_fixes_the_set_and_parts_differ() {
        let config = PlanarConfig { n_train: 100, n_test: 50, seed: 3 };
        let parts = points(two_moons(&config));
        assert_eq!(parts, points(two_moons(&config)));
        assert_eq!(parts.train.density, None);
        assert_ne!(parts, points(two_moons(&PlanarConfig { seed: 4, ..config.clone() })));
        assert_ne!(parts.validation.at, parts.test.at);
        assert_ne!(parts.validation.at, parts.train.at[..50]);
        let longer = points(two_moons(&PlanarConfig { n_train: 200, ..config }));
        assert_eq!(longer.train.at[..100], parts.train.at);
    }

    /// −mean log p of the points, by the density, is the entropy.
    #[test]
    fn entropies_are_those_of_the_points() {
        let config = PlanarConfig { n_train: 20_000, n_test: 10, seed: 3 };
        for set in [gaussian, gaussian_turned, checkerboard] {
            let parts = points(set(&config));
            let density = parts.train.density.as_ref().unwrap();
            let nll =
                -parts.train.at.iter().map(|at| density.log_density(*at)).sum::<f64>() / 20_000.0;
            // Half a squared normal in each of two directions.
            assert!((nll - parts.entropy.unwrap()).abs() < 4.0 / 20_000f64.sqrt(), "{nll}");
        }
        // Correlated along the diagonal as (25 − 1)/2 of (25 + 1)/2.
        let turned = points(gaussian_turned(&config)).train.at;
        let off = turned.iter().map(|at| (f64::from(at[0]) - 1.0) * (f64::from(at[1]) - 2.0));
        let covariance = off.sum::<f64>() / 20_000.0;
        assert!((covariance - 12.0).abs() < 0.8, "{covariance}");
    }

    #[test]
    fn rolls_rings_and_boards_lie_where_they_should() {
        let config = PlanarConfig { n_train: 20_000, n_test: 10, seed: 4 };
        let radius = |at: &[f32; 2]| f64::from(at[0]).hypot(f64::from(at[1]));
        let roll = points(swiss_roll(&config)).train;
        let all: Vec<f64> = roll.at.iter().map(radius).collect();
        assert!(all.iter().all(|r| (1.5 * PI - 2.5..4.5 * PI + 2.5).contains(r)));
        // Uniform in t: the mean of the radius is 3π, and a little noise.
        let mean = all.iter().sum::<f64>() / 20_000.0;
        assert!((mean - 3.0 * PI).abs() < 0.1, "{mean}");
        // On the curve the angle is the radius, but for whole turns.
        let off = roll.at.iter().map(|at| {
            let turn = (f64::from(at[1]).atan2(f64::from(at[0])) - radius(at)) / (2.0 * PI);
            (turn - turn.round()).abs() * 2.0 * PI
        });
        let off = off.sum::<f64>() / 20_000.0;
        assert!((0.3..0.5).contains(&off), "{off}");
        let rings = points(rings(&config)).train;
        for (label, expected) in [0.75, 1.5, 2.25, 3.0].into_iter().enumerate() {
            let own = rings.at.iter().zip(&rings.labels.of);
            let own: Vec<f64> =
                own.filter(|(_, of)| **of as usize == label).map(|(at, _)| radius(at)).collect();
            let mean = own.iter().sum::<f64>() / own.len() as f64;
            assert!((mean - expected).abs() < 0.02, "{label}: {mean}");
        }
        assert_eq!(rings.labels.names, ["0.75", "1.5", "2.25", "3"]);
        let board = points(checkerboard(&config)).train;
        assert_eq!((board.labels.names.len(), &board.labels.names[0][..]), (8, "(1,1)"));
        assert!(board.at.as_flattened().iter().all(|x| (-4.0..=4.0).contains(x)));
    }
}
