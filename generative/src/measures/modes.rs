//! Coverage of the components of a known mixture by samples (Lin et al. 2018, "PacGAN: the power of two
//! samples in generative adversarial networks", <https://arxiv.org/abs/1712.04086>, section 4.1, after
//! Srivastava et al. 2017, "VEEGAN", <https://arxiv.org/abs/1705.07761>).
use crate::data::Mixture;
use train::Measure;

/// Standard deviations within which a sample is good. Of the mixture itself 1 − exp(−9/2) = 98.9 % are.
const WITHIN: f64 = 3.0;

/// Coverage of a mixture with M components by samples in the plane.
#[derive(Debug, Clone, PartialEq)]
pub struct Modes {
    /// Good samples that are nearest to each component, `[M]`.
    pub good: Vec<usize>,
    /// All samples that are, `[M]`.
    pub all: Vec<usize>,
}

/// Counts `samples` by the component whose centre is nearest, of several the first; a sample is good where
/// that centre is less than 3σ away.
pub fn modes(samples: &[[f32; 2]], mixture: &Mixture) -> Modes {
    let Mixture { centres, sigma } = mixture;
    let mut found = Modes { good: vec![0; centres.len()], all: vec![0; centres.len()] };
    for sample in samples {
        let [x, y] = sample.map(f64::from);
        let distance = centres.iter().map(|[cx, cy]| (x - cx).hypot(y - cy));
        let Some((nearest, distance)) = distance.enumerate().min_by(|a, b| a.1.total_cmp(&b.1))
        else {
            continue;
        };
        found.all[nearest] += 1;
        found.good[nearest] += usize::from(distance < WITHIN * sigma);
    }
    found
}

impl Modes {
    /// Components that have a good sample.
    pub fn covered(&self) -> usize {
        self.good.iter().filter(|n| **n > 0).count()
    }

    /// The share of good samples.
    pub fn good_share(&self) -> Measure {
        let (good, all) = (self.good.iter().sum::<usize>(), self.all.iter().sum::<usize>());
        Measure::share(good, all)
    }

    /// KL(q ‖ u) = Σ qᵢ·log(M·qᵢ) in nats, q being the share of samples that is nearest to each component
    /// and u = 1/M: 0 where all are met equally often, log M where there is but one. The "reverse KL" of the
    /// paper, which counts samples that are not good with the others.
    pub fn kl(&self) -> f64 {
        let all = self.all.iter().sum::<usize>() as f64;
        let each = self.all.iter().filter(|n| **n > 0).map(|n| *n as f64 / all);
        each.map(|q| q * (q * self.all.len() as f64).ln()).sum()
    }

    /// All of it by name.
    pub fn measures(&self) -> Vec<(String, Measure)> {
        vec![
            ("modes_covered".to_owned(), Measure::single(self.covered() as f64)),
            ("good_samples".to_owned(), self.good_share()),
            ("modes_kl_nats".to_owned(), Measure::single(self.kl())),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{PlanarConfig, gaussians_8, gaussians_25};

    /// Centres 0, 10 and 20 on a line, σ = 1: a sample at a distance of 2.9 is good and one of 3 is not;
    /// 10 has bad ones only; 20 has none.
    #[test]
    fn good_samples_and_covered_modes_by_hand() {
        let centres = vec![[0.0, 0.0], [10.0, 0.0], [20.0, 0.0]];
        let mixture = Mixture { centres, sigma: 1.0 };
        let found = modes(&[[0.0, 2.9], [0.0, 3.0], [-2.0, -2.0], [10.0, 4.0]], &mixture);
        assert_eq!(found, Modes { good: vec![2, 0, 0], all: vec![3, 1, 0] });
        assert_eq!((found.covered(), found.good_share().mean), (1, 0.5));
        // ¾·log(3·¾) + ¼·log(3·¼)
        let kl = 0.75 * 2.25f64.ln() + 0.25 * 0.75f64.ln();
        assert!((found.kl() - kl).abs() < 1e-15, "{}", found.kl());
        let all = found.measures();
        let message: Vec<_> = all.iter().map(|(name, measure)| (&name[..], measure.mean)).collect();
        let kl = found.kl();
        assert_eq!(message, [("modes_covered", 1.0), ("good_samples", 0.5), ("modes_kl_nats", kl)]);
        assert_eq!(all[1].1.n, 4);
    }

    #[test]
    fn one_mode_alone_and_all_of_them_are_the_ends_of_the_kl() {
        let mixture = Mixture { centres: vec![[0.0, 0.0], [1.0, 0.0]], sigma: 0.1 };
        let one = modes(&[[0.0, 0.0]; 5], &mixture);
        assert!((one.kl() - 2f64.ln()).abs() < 1e-15);
        let both = modes(&[[0.0, 0.0], [1.0, 0.0]], &mixture);
        assert_eq!((both.kl(), both.covered(), both.good_share().mean), (0.0, 2, 1.0));
        let none = modes(&[], &mixture);
        assert_eq!((none.covered(), none.kl(), none.good_share().n), (0, 0.0, 0));
    }

    /// 1 − exp(−9/2) of a Gaussian in the plane lies within 3σ.
    #[test]
    fn a_mixture_covers_itself() {
        let config = PlanarConfig { n_train: 20_000, n_test: 10, seed: 1 };
        for set in [gaussians_8(&config), gaussians_25(&config)] {
            let train = set.unwrap().points().unwrap().train;
            let mixture = train.mixture().unwrap();
            let found = modes(&train.at, mixture);
            assert_eq!(found.covered(), mixture.centres.len());
            let (share, expected) = (found.good_share().mean, 1.0 - (-4.5f64).exp());
            let sd = (expected * (1.0 - expected) / 20_000.0).sqrt();
            assert!((share - expected).abs() < 4.0 * sd, "{share}");
            // 2n·KL is χ² with M − 1 degrees of freedom.
            let free = (mixture.centres.len() - 1) as f64;
            let chi = 2.0 * 20_000.0 * found.kl();
            assert!((chi - free).abs() < 4.0 * (2.0 * free).sqrt(), "{chi}");
        }
    }
}
