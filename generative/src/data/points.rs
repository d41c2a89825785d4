//! Points in the plane with their distribution.
use super::Labels;
use std::f64::consts::{E, PI};

/// Points (x, y).
#[derive(Debug, Clone, PartialEq)]
pub struct Points {
    /// `[n, 2]`
    pub at: Vec<[f32; 2]>,
    /// The component each was drawn from, `[n]`.
    pub labels: Labels,
    /// Their distribution, where its density is known.
    pub density: Option<Density>,
}

impl Points {
    /// Their distribution, where it is a mixture of Gaussians.
    pub fn mixture(&self) -> Option<&Mixture> {
        match &self.density {
            Some(Density::Mixture(mixture)) => Some(mixture),
            _ => None,
        }
    }
}

/// A distribution in the plane whose density is known.
#[derive(Debug, Clone, PartialEq)]
pub enum Density {
    /// Equally likely Gaussians.
    Mixture(Mixture),
    /// One Gaussian.
    Gaussian(Ellipse),
    /// Uniform on every other square of a board of `side` by `side` squares of this `width` around the origin, that of the lower
    /// left corner among them.
    Checkerboard {
        /// Squares along a side, an even number.
        side: usize,
        /// Side of a square.
        width: f64,
    },
}

/// A Gaussian N(mean, R·diag(σ²)·Rᵀ) in the plane, with the rotation R by an angle.
#[derive(Debug, Clone, PartialEq)]
pub struct Ellipse {
    /// Its mean.
    pub mean: [f64; 2],
    /// Standard deviations σ along both axes, before they are turned.
    pub sigma: [f64; 2],
    /// Angle by which they are turned, counter-clockwise.
    pub angle: f64,
}

/// Equally likely Gaussians N(centre, σ²) in the plane.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixture {
    /// Their centres, `[M, 2]`.
    pub centres: Vec<[f64; 2]>,
    /// Their standard deviation σ in every direction.
    pub sigma: f64,
}

impl Density {
    /// log p at a place, in nats; −∞ where there is nothing.
    pub fn log_density(&self, at: [f32; 2]) -> f64 {
        match self {
            Self::Mixture(mixture) => mixture.log_density(at),
            Self::Gaussian(ellipse) => ellipse.log_density(at),
            Self::Checkerboard { side, width } => {
                let place = at.map(|x| (f64::from(x) / width + *side as f64 / 2.0).floor());
                let inside = place.iter().all(|x| (0.0..*side as f64).contains(x));
                if inside && (place[0] + place[1]) % 2.0 == 0.0 {
                    -((side * side / 2) as f64 * width * width).ln()
                } else {
                    f64::NEG_INFINITY
                }
            }
        }
    }

    /// −E log p, in nats, where it is known exactly: of a mixture as if its components did not overlap.
    pub fn entropy(&self) -> f64 {
        match self {
            Self::Mixture(Mixture { centres, sigma }) => {
                (centres.len() as f64).ln() + (2.0 * PI * E * sigma * sigma).ln()
            }
            Self::Gaussian(Ellipse { sigma: [a, b], .. }) => (2.0 * PI * E * a * b).ln(),
            Self::Checkerboard { side, width } => ((side * side / 2) as f64 * width * width).ln(),
        }
    }
}

impl Ellipse {
    /// The place of (a, b) standard deviations along both axes.
    pub fn at(&self, [a, b]: [f64; 2]) -> [f64; 2] {
        let (sin, cos) = self.angle.sin_cos();
        let (a, b) = (self.sigma[0] * a, self.sigma[1] * b);
        [self.mean[0] + cos * a - sin * b, self.mean[1] + sin * a + cos * b]
    }

    /// log p at a place, in nats.
    pub fn log_density(&self, at: [f32; 2]) -> f64 {
        let (sin, cos) = self.angle.sin_cos();
        let [x, y] = [0, 1].map(|axis| f64::from(at[axis]) - self.mean[axis]);
        let [a, b] = self.sigma;
        let (along, across) = ((cos * x + sin * y) / a, (cos * y - sin * x) / b);
        -0.5 * (along * along + across * across) - (2.0 * PI * a * b).ln()
    }
}

impl Mixture {
    /// log p at a place, in nats.
    pub fn log_density(&self, at: [f32; 2]) -> f64 {
        let Self { centres, sigma } = self;
        let [x, y] = at.map(f64::from);
        let exponent =
            |[cx, cy]: &[f64; 2]| -((x - cx).powi(2) + (y - cy).powi(2)) / (2.0 * sigma * sigma);
        let most = centres.iter().map(exponent).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = centres.iter().map(|centre| (exponent(centre) - most).exp()).sum();
        most + sum.ln() - (centres.len() as f64 * 2.0 * PI * sigma * sigma).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_densities_by_hand() {
        let mixture = Mixture { centres: vec![[0.0, 0.0], [3.0, 4.0]], sigma: 2.0 };
        // Distances 0 and 5: (1 + e^(−25/8)) / (2·2π·4).
        let expected = ((1.0 + (-3.125f64).exp()) / (16.0 * PI)).ln();
        assert!((mixture.log_density([0.0, 0.0]) - expected).abs() < 1e-12);
        // So far away that every exponential is 0.
        let far = mixture.log_density([1e3, 0.0]);
        let nearer = -(997f64.powi(2) + 16.0) / 8.0 - (16.0 * PI).ln();
        assert!((far - nearer).abs() < 1e-9, "{far} {nearer}");
    }

    /// σ = (5, 1) turned by 45°: (3, 3)·√½ lies 3/5 standard deviations along the first axis, and (−1, 1)·√½ one along the
    /// second.
    #[test]
    fn a_turned_gaussian_by_hand() {
        let ellipse = Ellipse { mean: [1.0, 2.0], sigma: [5.0, 1.0], angle: PI / 4.0 };
        let half = 0.5f64.sqrt();
        let place = ellipse.at([0.6, 1.0]);
        let expected = [1.0 + 3.0 * half - half, 2.0 + 3.0 * half + half];
        assert!(place.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{place:?}");
        let found = ellipse.log_density(place.map(|x| x as f32));
        assert!((found - (-0.5 * 1.36 - (10.0 * PI).ln())).abs() < 1e-6, "{found}");
        // log 2πe + log 5.
        let entropy = Density::Gaussian(ellipse).entropy();
        assert!((entropy - 4.4473).abs() < 5e-5, "{entropy}");
    }

    #[test]
    fn a_checkerboard_by_hand() {
        let board = Density::Checkerboard { side: 4, width: 2.0 };
        // Eight squares of 2×2; that of the lower left corner is one of them, its neighbours are not.
        for (at, inside) in [
            ([-3.9, -3.9], true),
            ([-1.9, -3.9], false),
            ([-3.9, -1.9], false),
            ([-1.9, -1.9], true),
            ([3.9, 3.9], true),
            ([4.1, 3.9], false),
            ([-4.1, -3.9], false),
        ] {
            let expected = if inside { -(32f64.ln()) } else { f64::NEG_INFINITY };
            assert_eq!(board.log_density(at), expected, "{at:?}");
        }
        assert_eq!(board.entropy(), 32f64.ln());
    }
}
