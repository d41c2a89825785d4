//! Checks: published exercises, with lab's results and the printed ones.
//!
//! A check runs the very command that it shows. What it compares with is published, with the rounding
//! it is printed with; where nothing is published, it was derived in a second way, by `exact` or by
//! what docs/checks.md shows. Where something else is printed than what is right, the line says so.
//!
//! To add a check is to add its entry to the list of its book.
mod aima;
mod check;
mod cs188;
mod cs7643;
mod exact;
mod gymnasium;
mod sutton_barto;

pub use check::{Check, CheckResult, Speed};

/// Every check: by book, and in it by place.
pub fn all() -> Vec<&'static Check> {
    let sutton_barto =
        [sutton_barto::CHECKS, sutton_barto::prediction::CHECKS, sutton_barto::control::CHECKS];
    let mut examples: Vec<_> = sutton_barto.into_iter().flatten().collect();
    examples.sort_by_key(|check| example(check.name));
    let others = [aima::CHECKS, cs188::CHECKS, cs7643::CHECKS, gymnasium::CHECKS];
    others.into_iter().flatten().chain(examples).collect()
}

/// Chapter and number of an example, from a name such as `sutton-6.5-sarsa`.
fn example(name: &str) -> Vec<u32> {
    let parts = name.split(|char: char| !char.is_ascii_digit());
    parts.filter_map(|part| part.parse().ok()).collect()
}
