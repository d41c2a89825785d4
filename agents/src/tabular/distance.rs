//! Distance of estimates from the exact answer, over the states that an episode can visit.
use super::model::{Model, larger};

/// States an MDP may have at most to be solved on the side.
pub(crate) const LARGEST: usize = 2_000;

/// The states with actions that an episode can visit by the pairs `allowed`.
pub(crate) fn visited(model: &Model, allowed: impl Fn(usize) -> bool) -> Vec<usize> {
    let mut found = vec![false; model.n_states()];
    let mut open: Vec<usize> = model.starts().collect();
    while let Some(state) = open.pop() {
        if !std::mem::replace(&mut found[state], true) {
            let pairs = model.pairs(state).filter(|&pair| allowed(pair));
            open.extend(pairs.flat_map(|pair| model.entries(pair)).map(|(next, _)| next));
        }
    }
    (0..model.n_states()).filter(|&state| found[state] && !model.pairs(state).is_empty()).collect()
}

/// The root mean square of `off(s)` over `states`; 0 where there are none. Squares of numbers beyond
/// 10¹⁵⁴ would not be finite, those below 10⁻¹⁵⁴ not be there.
pub(crate) fn root_mean_square(states: &[usize], off: impl Fn(usize) -> f64) -> f64 {
    let largest = states.iter().map(|&state| off(state).abs()).fold(0.0, larger);
    // A power of two, by which a quotient is not rounded.
    let unit = if largest.is_normal() { largest.log2().floor().exp2() } else { 1.0 };
    let squares: f64 = states.iter().map(|&state| (off(state) / unit).powi(2)).sum();
    unit * (squares / states.len().max(1) as f64).sqrt()
}
