//! 95 % intervals of means and of shares.
use std::f64::consts::{FRAC_2_PI, PI};

/// 97.5 % of a normal distribution lie below so many standard deviations.
const NORMAL: f64 = 1.959_963_984_540_054;

/// Degrees of freedom from which the expansion in their inverse is exact to ten digits.
const MANY: usize = 200;

/// Half-width of the 95 % interval of a mean in standard errors, by Student's t with so many degrees of
/// freedom: one less than there are samples. Infinite for 0, where nothing is known.
pub(crate) fn student_t(freedom: usize) -> f64 {
    match freedom {
        0 => f64::INFINITY,
        1..MANY => bisected(freedom),
        _ => expanded(freedom as f64),
    }
}

/// The t within ∓ which 95 % of the distribution lie. With ϑ between 0 and π/2, t = √ν·tan ϑ.
fn bisected(freedom: usize) -> f64 {
    let (mut low, mut high) = (0.0, PI / 2.0);
    // An interval of π/2 halved so often is as narrow as numbers are.
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if within(freedom, middle) < 0.95 { low = middle } else { high = middle }
    }
    (freedom as f64).sqrt() * low.tan()
}

/// The part of Student's distribution between ∓ √ν·tan ϑ (Abramowitz & Stegun, 26.7.3 and 26.7.4).
fn within(freedom: usize, theta: f64) -> f64 {
    let (sin, cos) = theta.sin_cos();
    let odd = freedom % 2;
    let (mut term, mut sum) = (if odd == 1 { cos } else { 1.0 }, 0.0);
    for i in (1 + odd..freedom).step_by(2) {
        // i is 2, 4, 6 … where ν is odd, 1, 3, 5 … where it is even.
        sum += term;
        term *= cos * cos * i as f64 / (i + 1) as f64;
    }
    match odd {
        1 => FRAC_2_PI * (theta + sin * sum),
        _ => sin * sum,
    }
}

/// The expansion about the normal distribution (Abramowitz & Stegun, 26.7.5).
fn expanded(freedom: f64) -> f64 {
    let z = NORMAL;
    let terms = [
        (z.powi(3) + z) / 4.0,
        (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0,
        (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0,
        (79.0 * z.powi(9) + 776.0 * z.powi(7) + 1482.0 * z.powi(5)
            - 1920.0 * z.powi(3)
            - 945.0 * z)
            / 92_160.0,
    ];
    terms.iter().rev().fold(0.0, |sum, term| (sum + term) / freedom) + z
}

/// Wilson's interval of a share of `n` independent samples, which lies within 0 and 1 (Wilson 1927,
/// "Probable inference, the law of succession, and statistical inference").
pub(crate) fn wilson(share: f64, n: usize) -> [f64; 2] {
    let n = n as f64;
    let part = NORMAL * NORMAL / n;
    let centre = (share + part / 2.0) / (1.0 + part);
    let half = (part * share * (1.0 - share) + part * part / 4.0).sqrt() / (1.0 + part);
    // Rounding must not leave a share outside its interval.
    [(centre - half).max(0.0).min(share), (centre + half).min(1.0).max(share)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        // Every table of Student's t, in the column for 0.975.
        let printed = [
            (1, 12.706),
            (2, 4.303),
            (3, 3.182),
            (4, 2.776),
            (5, 2.571),
            (9, 2.262),
            (10, 2.228),
            (29, 2.045),
            (30, 2.042),
            (60, 2.000),
            (99, 1.984),
            (120, 1.980),
            (999, 1.962),
        ];
        for (freedom, t) in printed {
            assert!((student_t(freedom) - t).abs() < 6e-4, "{freedom}: {}", student_t(freedom));
        }
        assert!(student_t(0).is_infinite());
        assert!((student_t(1_000_000_000) - NORMAL).abs() < 1e-8);
    }

    #[test]
    fn the_two_ways_to_a_quantile_agree() {
        for freedom in [MANY - 1, MANY, 3 * MANY] {
            let (one, other) = (bisected(freedom), expanded(freedom as f64));
            assert!((one - other).abs() < 1e-9, "{freedom}: {one} {other}");
        }
        let falls = |pair: &[f64]| pair[0] > pair[1];
        assert!((1..300).map(student_t).collect::<Vec<_>>().windows(2).all(falls));
    }

    #[test]
    fn shares_by_hand() {
        // Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
        for (hits, n, printed) in [
            (81, 263, [0.2553, 0.3662]),
            (15, 148, [0.0624, 0.1605]),
            (0, 20, [0.0, 0.1611]),
            (1, 29, [0.0061, 0.1718]),
        ] {
            let found = wilson(f64::from(hits) / n as f64, n);
            let near = found.iter().zip(printed).all(|(a, b)| (a - b).abs() < 6e-5);
            assert!(near, "{hits} of {n}: {found:?}");
        }
        let ([low, high], [none, most]) = (wilson(1.0, 20), wilson(0.0, 20));
        assert!((1.0 - low - most).abs() < 1e-12 && high == 1.0 && none == 0.0);
    }

    #[test]
    fn a_share_lies_in_its_interval_and_that_within_0_and_1() {
        for n in 1..300 {
            for hits in 0..=n {
                let share = hits as f64 / n as f64;
                let [low, high] = wilson(share, n);
                assert!(0.0 <= low && low <= share && share <= high && high <= 1.0, "{hits} {n}");
            }
        }
    }
}
