//! Arithmetic that the physical systems share.

/// x² as the C library's `pow` rounds it, which is what Python's `x**2` is: its last bit is not
/// always that of x·x, which is what the compiler makes of a power it can see.
pub(super) fn squared(x: f64) -> f64 {
    x.powf(std::hint::black_box(2.0))
}

/// Returns `true` if all numbers of a state are small enough to compute with.
pub(super) fn is_possible(state: &[f64]) -> bool {
    state.iter().all(|number| number.abs() < 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_are_pythons_to_the_last_bit() {
        let x: f64 = 8.080616013789205;
        assert_eq!(squared(x), 65.29635516230655);
        assert_ne!(squared(x), x * x);
    }
}
