//! Growth of an estimate's variance with the horizon, exactly: moments carried from step to step, where
//! the episodes are too many to be listed.
use super::exact::Scores;
use envs::Mdp;

/// Variances E|ĝ|² − |E ĝ|² of the estimate from one episode of H steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Variances {
    /// (Σ ∇log π)·G.
    pub(super) whole: f64,
    /// Σₜ ∇log π(aₜ|sₜ)·Gₜ.
    pub(super) to_go: f64,
}

/// Expectations over an episode that is in one state now, times the probability that it is. S is the
/// sum of its scores so far, G that of its rewards, X = Σₖ rₖ·Sₖ, which is the estimate by rewards to
/// go in another order. Vectors are kept as weights of the scores, `[S·A]`.
#[derive(Clone)]
struct Moments {
    /// E Gʲ, j = 0, 1, 2.
    g: [f64; 3],
    /// E S·Gʲ.
    s: [Vec<f64>; 3],
    /// E |S|²·Gʲ.
    ss: [f64; 3],
    /// E X.
    x: Vec<f64>,
    /// E S·X.
    sx: f64,
    /// E |X|².
    xx: f64,
}

impl Moments {
    fn zero(pairs: usize) -> Self {
        let vector = || vec![0.0; pairs];
        Self {
            g: [0.0; 3],
            s: [vector(), vector(), vector()],
            ss: [0.0; 3],
            x: vector(),
            sx: 0.0,
            xx: 0.0,
        }
    }

    /// Adds those of `before` after a step by `pair` that pays `reward` and has probability `prob`.
    fn add(&mut self, before: &Self, (pair, prob, reward): (usize, f64, f64), scores: &Scores) {
        let times = |weights: &[f64]| -> f64 {
            weights.iter().enumerate().map(|(b, weight)| weight * scores.product(pair, b)).sum()
        };
        let own = scores.product(pair, pair);
        // S' = S + ∇log π, with Gʲ still that of before.
        let ss = [0, 1, 2].map(|j| before.ss[j] + 2.0 * times(&before.s[j]) + own * before.g[j]);
        let s = |j: usize, i: usize| before.s[j][i] + if i == pair { before.g[j] } else { 0.0 };
        // X' = X + r·S'.
        let sx = before.sx + times(&before.x);
        self.sx += prob * (sx + reward * ss[0]);
        self.xx += prob * (before.xx + 2.0 * reward * sx + reward * reward * ss[0]);
        for i in 0..self.x.len() {
            self.x[i] += prob * (before.x[i] + reward * s(0, i));
        }
        // G' = G + r: G'² = G² + 2·r·G + r².
        let shifted = |moments: [f64; 3]| {
            let [zero, one, two] = moments;
            [zero, one + reward * zero, two + 2.0 * reward * one + reward * reward * zero]
        };
        for j in 0..3 {
            self.g[j] += prob * shifted(before.g)[j];
            self.ss[j] += prob * shifted(ss)[j];
        }
        for i in 0..self.x.len() {
            let shifted = shifted([0, 1, 2].map(|j| s(j, i)));
            (0..3).for_each(|j| self.s[j][i] += prob * shifted[j]);
        }
    }
}

/// The variances at each of `horizons`, which rise, for an MDP without an end.
pub(super) fn variances(mdp: &dyn Mdp, scores: &Scores, horizons: &[usize]) -> Vec<Variances> {
    let (pairs, actions) = (scores.log_probs.len(), mdp.n_actions());
    let mut now = vec![Moments::zero(pairs); mdp.n_states()];
    mdp.starts().into_iter().for_each(|(state, prob)| now[state].g[0] = prob);
    let mut found = Vec::new();
    for h in 1..=horizons.last().copied().unwrap_or(0) {
        let mut next = vec![Moments::zero(pairs); mdp.n_states()];
        for (state, before) in now.iter().enumerate() {
            for pair in state * actions..(state + 1) * actions {
                let taken = scores.log_probs[pair].exp();
                mdp.outcomes(state, pair % actions, &mut |outcome| {
                    let step = (pair, taken * outcome.prob, outcome.reward);
                    next[outcome.next].add(before, step, scores);
                });
            }
        }
        now = next;
        if horizons.contains(&h) {
            found.push(total(&now, scores));
        }
    }
    found
}

fn total(states: &[Moments], scores: &Scores) -> Variances {
    let length = |of: &dyn Fn(&Moments, usize) -> f64| -> f64 {
        let sums: Vec<f64> = (0..scores.log_probs.len())
            .map(|i| states.iter().map(|moments| of(moments, i)).sum())
            .collect();
        let row = |(a, weight): (usize, &f64)| -> f64 {
            let row = sums.iter().enumerate();
            row.map(|(b, other)| weight * other * scores.product(a, b)).sum()
        };
        sums.iter().enumerate().map(row).sum()
    };
    let sum = |of: &dyn Fn(&Moments) -> f64| -> f64 { states.iter().map(of).sum() };
    Variances {
        whole: sum(&|moments| moments.ss[2]) - length(&|moments, i| moments.s[1][i]),
        to_go: sum(&|moments| moments.xx) - length(&|moments, i| moments.x[i]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reproduce::policy_gradient::exact::{Episode, Exact};
    use crate::reproduce::policy_gradient::{agent, garnet};
    use agents::{Baseline, ReinforceConfig};
    use std::sync::Arc;

    #[test]
    fn carried_moments_are_those_of_all_episodes() {
        let mdp: Arc<dyn Mdp> = Arc::new(garnet().unwrap());
        let config = ReinforceConfig { baseline: Baseline::None, ..ReinforceConfig::default() };
        let agent = agent(&mdp, Some(4), 1, config).unwrap();
        let scores = Scores::new(&agent, &*mdp).unwrap();
        let carried = variances(&*mdp, &scores, &[1, 4]);
        for (horizon, carried) in [1, 4].into_iter().zip(carried) {
            let exact = Exact::new(&*mdp, horizon, &agent).unwrap();
            let whole = exact.moments(|e: &Episode| vec![e.ret(); e.steps.len()]).variance;
            let to_go = exact.moments(Episode::to_go).variance;
            assert!((carried.whole - whole).abs() < 1e-6 * whole, "{carried:?} {whole}");
            assert!((carried.to_go - to_go).abs() < 1e-6 * to_go, "{carried:?} {to_go}");
        }
    }
}
