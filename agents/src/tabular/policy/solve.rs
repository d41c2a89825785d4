//! The values of a policy, by its linear equations.
use crate::tabular::model::{Model, ROUNDING, larger};
use anyhow::{Result, anyhow, bail};
use faer::linalg::solvers::Solve as _;
use faer::sparse::{SparseColMat, Triplet};
use std::fmt;
use train::pulse;

/// v = (I − γ·P_π)⁻¹·r_π, `[S]`, with π(a | s) by pair, `[P]`; 0 where π never earns anything.
///
/// By a sparse LU decomposition, which is as exact as the largest values are, and then what the
/// equations still lack solved for again, until each of them holds as well as its own numbers allow
/// (Skeel 1980): a value may be 10⁻¹³ beside one of 1.
pub(crate) fn solve(model: &Model, gamma: f64, probs: &[f64]) -> Result<Vec<f64>> {
    let n = model.n_states();
    let unpaid = model.unpaid(|pair| probs[pair] > 0.0);
    let probs: Vec<f64> = (0..n)
        .flat_map(|state| model.pairs(state).map(move |pair| (state, pair)))
        .map(|(state, pair)| if unpaid[state] { 0.0 } else { probs[pair] })
        .collect();
    let taken = |state: usize| model.pairs(state).filter(|&pair| probs[pair] > 0.0);
    let mut entries = Vec::with_capacity(2 * n);
    for state in 0..n {
        entries.push(Triplet::new(state, state, 1.0));
        for pair in taken(state) {
            let to = model.entries(pair);
            entries
                .extend(to.map(|(next, p)| Triplet::new(state, next, -gamma * (probs[pair] * p))));
        }
    }
    let failed = |error: &dyn fmt::Debug| anyhow!("evaluating the policy: {error:?}");
    // It may take minutes, and can't ask whether to go on.
    let lu = pulse::apart(move || -> Result<_> {
        let matrix = SparseColMat::<usize, f64>::try_new_from_triplets(n, n, &entries);
        matrix.map_err(|error| failed(&error))?.sp_lu().map_err(|error| failed(&error))
    })??;
    let (mut values, mut lacks) = (vec![0.0; n], f64::INFINITY);
    for _ in 0..CORRECTIONS {
        let mut missing = faer::Mat::zeros(n, 1);
        let mut worst = 0.0;
        for state in 0..n {
            let (mut backup, mut magnitude) = (0.0, 0.0);
            for pair in taken(state) {
                let worth = model.worth(pair, &values, gamma);
                backup += probs[pair] * worth.q;
                magnitude += probs[pair] * worth.magnitude;
            }
            let lack: f64 = backup - values[state];
            missing[(state, 0)] = lack;
            worst = larger(worst, lack.abs() / magnitude.max(f64::MIN_POSITIVE));
        }
        // The last bits come and go.
        if worst <= ROUNDING / 16.0 || worst >= lacks {
            break;
        }
        let more = lu.solve(&missing);
        values.iter_mut().enumerate().for_each(|(state, value)| *value += more[(state, 0)]);
        lacks = if worst < 1.0 { worst } else { f64::INFINITY };
    }
    if values.iter().all(|value| value.is_finite()) {
        return Ok(values);
    }
    bail!(
        "evaluating the policy: its values are not finite numbers; give smaller rewards, or a --gamma \
           further below 1"
    )
}

/// Maximum number of corrections by iterative refinement: a decomposition is good for some 15 digits,
/// of the 300 below 1 that numbers have.
const CORRECTIONS: usize = 32;

#[cfg(test)]
mod tests {
    use crate::tabular::{Discount, DiscountedMdp, Policy};
    use envs::Mdp;

    /// State 0 goes round three times in four and earns little, state 1 earns much and goes to it as often
    /// as round.
    struct Unequal;

    impl Mdp for Unequal {
        fn n_states(&self) -> usize {
            2
        }

        fn n_actions(&self) -> usize {
            1
        }

        fn outcomes(&self, state: usize, _: usize, visit: &mut dyn FnMut(envs::Outcome)) {
            let outcome =
                |prob, next, reward, terminated| envs::Outcome { prob, next, reward, terminated };
            match state {
                0 => [(0.75, false), (0.25, true)]
                    .into_iter()
                    .for_each(|(prob, ends)| visit(outcome(prob, 0, 1e-100, ends))),
                _ => [0, 1].into_iter().for_each(|next| visit(outcome(0.5, next, 1.0, false))),
            }
        }

        fn starts(&self) -> Vec<(usize, f64)> {
            vec![(1, 1.0)]
        }

        fn state_name(&self, state: usize) -> String {
            state.to_string()
        }

        fn action_name(&self, action: usize) -> String {
            action.to_string()
        }

        fn discount(&self) -> f64 {
            0.9
        }
    }

    #[test]
    fn a_small_value_is_as_exact_as_a_large_one() {
        let problem = DiscountedMdp::new(&Unequal, Discount::Own).unwrap();
        let values = Policy::uniform(&problem.model).values(&problem).unwrap();
        // v(0) = 10⁻¹⁰⁰ / (1 − 0.9·0.75), v(1) = 1 / (1 − 0.9·0.5).
        let right = [1e-100 / 0.325, 1.0 / 0.55];
        for (value, right) in values.iter().zip(right) {
            assert!((value / right - 1.0).abs() < 1e-12, "{values:?}, not {right}");
        }
    }
}
