//! Functions of one number that run on vectors: branches become selections, and the bits are the
//! same on every machine, unlike those of the C library.

/// max(0, x), but NaN stays: `f32::max` would turn a network that diverged into a silent one.
#[inline(always)]
pub(super) fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

/// x, or slope·x where x is negative.
#[inline(always)]
pub(super) fn leaky_relu(x: f32, slope: f32) -> f32 {
    if x < 0.0 { slope * x } else { x }
}

/// e^x within 2 units in the last place; 0 below −87.3, infinite above 88.3, NaN for NaN.
///
/// x = n·ln 2 + r with |r| ≤ ½·ln 2; e^r by the polynomial of Cephes' `expf`
/// (<https://www.netlib.org/cephes/>, `single.tgz`).
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    const P: [f32; 6] =
        [1.987_569_2e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];
    // Adding this leaves the nearest whole number in the last bits of a float.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts: whole multiples of the first have no rounding error.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let clamped = if x > 88.3 { 88.3 } else { x };
    let clamped = if clamped < -87.3 { -87.3 } else { clamped };
    let shifted = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = clamped - n * LN_2_HIGH - n * LN_2_LOW;
    let p = P[1..].iter().fold(P[0], |sum, coefficient| sum * r + coefficient);
    // 2ⁿ by its exponent bits, which are n + 127; n is in the last bits of `shifted`.
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    let e = (p * r * r + r + 1.0) * power;
    let e = if x < -87.3 { 0.0 } else { e };
    if x > 88.3 { f32::INFINITY } else { e }
}

/// log(1 + e^−x) for x ≥ 0, within 1.5e-7; NaN for NaN.
///
/// With s = e/(2 + e) and e = e^−x, log(1 + e) = 2·artanh(s): its series in s² ≤ 1/9.
#[inline(always)]
pub(super) fn log_1p_exp_neg(x: f32) -> f32 {
    let e = exp(-x);
    let s = e / (2.0 + e);
    let square = s * s;
    let series = [1.0 / 13.0, 1.0 / 11.0, 1.0 / 9.0, 1.0 / 7.0, 0.2, 1.0 / 3.0, 1.0];
    2.0 * s * series[1..].iter().fold(series[0], |sum, term| sum * square + term)
}

/// √x within 3 units in the last place for normal numbers up to a quarter of the largest, something
/// from 0 to 1.1e-19 for those closer to 0, NaN for NaN: in a third of the time of the exact root.
///
/// x·y, where y tends to 1/√x by Newton's method from the estimate that halves the exponent (Lomont
/// 2003, "Fast inverse square root").
#[inline(always)]
pub(crate) fn sqrt(x: f32) -> f32 {
    let half = 0.5 * x;
    let mut y = f32::from_bits(0x5f37_5a86_u32.wrapping_sub(x.to_bits() >> 1));
    for _ in 0..3 {
        y *= 1.5 - half * y * y;
    }
    x * y
}

/// σ(x) = 1 / (1 + e^−x).
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// tanh as a quotient of polynomials, within 5e-7 of it.
///
/// Coefficients from Eigen's `generic_fast_tanh_float` (`MathFunctionsImpl.h`), which TensorFlow
/// and JAX use.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    const P: [f32; 7] = [
        -2.760_768_5e-16,
        2.000_188e-13,
        -8.604_672e-11,
        5.122_297_1e-8,
        1.485_722_4e-5,
        6.372_619_3e-4,
        4.893_524_6e-3,
    ];
    const Q: [f32; 4] = [1.198_258_4e-6, 1.185_347_1e-4, 2.268_434_6e-3, 4.893_525e-3];
    let small = x.abs() < 4e-4;
    // At the bound the quotient rounds to 1. `clamp` would keep NaN too, but does not vectorise.
    let clamped = if x > 7.905_311 { 7.905_311 } else { x };
    let clamped = if clamped < -7.905_311 { -7.905_311 } else { clamped };
    let square = clamped * clamped;
    let p = P[1..].iter().fold(P[0], |sum, coefficient| sum * square + coefficient);
    let q = Q[1..].iter().fold(Q[0], |sum, coefficient| sum * square + coefficient);
    if small { x } else { clamped * p / q }
}

/// The sum, in several sums side by side so that it runs on vectors.
#[inline(always)]
pub(super) fn sum(values: &[f32]) -> f32 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut sums = [0f32; LANES];
    for chunk in chunks {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *sum += value;
        }
    }
    for (sum, value) in sums.iter_mut().zip(rest) {
        *sum += value;
    }
    fold(sums)
}

/// Number of partial sums side by side.
pub(super) const LANES: usize = 32;

/// The sum of the lanes, by halves.
#[inline(always)]
pub(super) fn fold(mut sums: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tanh_is_close_odd_and_bounded() {
        for step in -100_000..=100_000 {
            let x = step as f32 * 1e-4;
            let exact = f64::from(x).tanh();
            assert!((f64::from(tanh(x)) - exact).abs() < 5e-7, "{x}: {} {exact}", tanh(x));
            assert_eq!(tanh(-x), -tanh(x));
            assert!(tanh(x).abs() <= 1.0, "{x}: {}", tanh(x));
        }
        assert_eq!(tanh(f32::INFINITY), tanh(100.0));
        assert!(tanh(f32::NAN).is_nan());
    }

    #[test]
    fn roots_are_close_at_any_size() {
        for step in 0..200_000 {
            let x = (f64::from(step) * 8.7e-4 - 87.3).exp() as f32;
            let exact = f64::from(x).sqrt();
            assert!((f64::from(sqrt(x)) / exact - 1.0).abs() < 2.5e-7, "{x}: {} {exact}", sqrt(x));
        }
        assert_eq!(sqrt(0.0), 0.0);
        for subnormal in [f32::from_bits(1), 1e-40, 1.1e-38] {
            assert!((0.0..1.1e-19).contains(&sqrt(subnormal)), "{}", sqrt(subnormal));
        }
        assert!(sqrt(f32::NAN).is_nan());
    }

    #[test]
    fn exp_and_its_relatives_are_close() {
        for step in -873_000..=883_000 {
            let x = step as f32 * 1e-4;
            let exact = f64::from(x).exp();
            assert!((f64::from(exp(x)) / exact - 1.0).abs() < 2.5e-7, "{x}: {} {exact}", exp(x));
            let exact = 1.0 / (1.0 + (-f64::from(x)).exp());
            assert!((f64::from(sigmoid(x)) - exact).abs() < 2e-7, "{x}");
            let exact = (-f64::from(x.abs())).exp().ln_1p();
            assert!((f64::from(log_1p_exp_neg(x.abs())) - exact).abs() < 1.5e-7, "{x}");
        }
        assert_eq!([exp(0.0), exp(-1000.0), exp(f32::NEG_INFINITY)], [1.0, 0.0, 0.0]);
        assert_eq!([sigmoid(1000.0), sigmoid(-1000.0)], [1.0, 0.0]);
        assert_eq!(log_1p_exp_neg(1000.0), 0.0);
        for function in [exp, sigmoid, log_1p_exp_neg] {
            assert!(function(f32::NAN).is_nan());
        }
        assert_eq!(exp(1000.0), f32::INFINITY);
    }

    #[test]
    fn sums_take_every_element() {
        for n in 0..100 {
            let values: Vec<f32> = (1..=n).map(|value| value as f32).collect();
            assert_eq!(sum(&values), (n * (n + 1) / 2) as f32);
        }
    }
}
