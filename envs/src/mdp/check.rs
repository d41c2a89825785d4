//! Requirements on every MDP.

use crate::{Mdp, Outcome};

/// Tolerance of the sum of a distribution, around 1.
const TOLERANCE: f64 = 1e-9;

/// Says what is wrong with an MDP, if anything:
///
/// - probabilities lie between 0 and 1, and those of an action, and of the starts, sum to 1;
/// - outcomes lead to states there are, and rewards are finite;
/// - an outcome is `terminated` exactly where the state it leads to has no action;
/// - episodes start in states that have one.
pub fn check_mdp(mdp: &dyn Mdp) -> Result<(), String> {
    let discount = mdp.discount();
    if !(0.0..=1.0).contains(&discount) {
        return Err(format!("the discount must lie between 0 and 1, not at {discount}"));
    }
    let live = live_states(mdp);
    for state in 0..mdp.n_states() {
        for action in 0..mdp.n_actions() {
            check_action(mdp, state, action, &live).map_err(|error| {
                let (state, action) = (mdp.state_name(state), mdp.action_name(action));
                format!("state {state}, action {action}: {error}")
            })?;
        }
    }
    check_starts(mdp, &live).map_err(|error| format!("starts: {error}"))
}

/// Marks the states with an action, `[n_states]`: the others are terminal.
fn live_states(mdp: &dyn Mdp) -> Vec<bool> {
    let live = |state| (0..mdp.n_actions()).any(|action| mdp.allows(state, action));
    (0..mdp.n_states()).map(live).collect()
}

fn check_action(mdp: &dyn Mdp, state: usize, action: usize, live: &[bool]) -> Result<(), String> {
    let mut probs = Vec::new();
    let mut result = Ok(());
    mdp.outcomes(state, action, &mut |outcome| {
        probs.push(outcome.prob);
        if result.is_ok() {
            result = check_outcome(mdp, outcome, live);
        }
    });
    result?;
    if probs.is_empty() { Ok(()) } else { check_distribution(&probs) }
}

fn check_outcome(mdp: &dyn Mdp, outcome: Outcome, live: &[bool]) -> Result<(), String> {
    let Some(&goes_on) = live.get(outcome.next) else {
        return Err(format!("leads to state {} of {}", outcome.next, live.len()));
    };
    if !outcome.reward.is_finite() {
        return Err(format!("the reward is {}", outcome.reward));
    }
    let next = || mdp.state_name(outcome.next);
    match (outcome.terminated, goes_on) {
        (true, true) => Err(format!("ends in state {}, which has actions", next())),
        (false, false) => Err(format!("goes on in state {}, which has no actions", next())),
        _ => Ok(()),
    }
}

fn check_starts(mdp: &dyn Mdp, live: &[bool]) -> Result<(), String> {
    let starts = mdp.starts();
    for &(state, _) in &starts {
        match live.get(state) {
            None => return Err(format!("there is no state {state} among {}", live.len())),
            Some(false) => return Err(format!("state {} has no action", mdp.state_name(state))),
            Some(true) => (),
        }
    }
    check_distribution(&starts.into_iter().map(|(_, prob)| prob).collect::<Vec<_>>())
}

fn check_distribution(probs: &[f64]) -> Result<(), String> {
    if let Some(prob) = probs.iter().find(|prob| !(0.0..=1.0).contains(*prob)) {
        return Err(format!("{prob} is not a probability"));
    }
    let sum: f64 = probs.iter().sum();
    if (sum - 1.0).abs() > TOLERANCE {
        return Err(format!("the probabilities sum to {sum}, not to 1"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two states: `go` leads from the first to the second, where all ends.
    struct Flawed {
        outcome: Outcome,
        prob_again: Option<f64>,
        start: (usize, f64),
        discount: f64,
    }

    const GO: Outcome = Outcome { prob: 1.0, next: 1, reward: 0.0, terminated: true };
    const SOUND: Flawed = Flawed { outcome: GO, prob_again: None, start: (0, 1.0), discount: 1.0 };

    impl Mdp for Flawed {
        fn n_states(&self) -> usize {
            2
        }

        fn n_actions(&self) -> usize {
            1
        }

        fn outcomes(&self, state: usize, _action: usize, visit: &mut dyn FnMut(Outcome)) {
            if state == 0 {
                visit(self.outcome);
                self.prob_again.into_iter().for_each(|prob| visit(Outcome { prob, ..GO }));
            }
        }

        fn starts(&self) -> Vec<(usize, f64)> {
            vec![self.start]
        }

        fn state_name(&self, state: usize) -> String {
            format!("s{state}")
        }

        fn action_name(&self, _action: usize) -> String {
            "go".into()
        }

        fn discount(&self) -> f64 {
            self.discount
        }
    }

    #[test]
    fn every_broken_promise_is_named() {
        let with = |outcome| Flawed { outcome, ..SOUND };
        for (mdp, complaint) in [
            (
                with(Outcome { prob: 0.9, ..GO }),
                "state s0, action go: the probabilities sum to 0.9, not to 1",
            ),
            (
                Flawed { prob_again: Some(0.1), ..SOUND },
                "state s0, action go: the probabilities sum to 1.1, not to 1",
            ),
            (
                Flawed { prob_again: Some(-0.5), outcome: Outcome { prob: 1.5, ..GO }, ..SOUND },
                "state s0, action go: 1.5 is not a probability",
            ),
            (with(Outcome { next: 2, ..GO }), "state s0, action go: leads to state 2 of 2"),
            (with(Outcome { reward: f64::NAN, ..GO }), "state s0, action go: the reward is NaN"),
            (
                with(Outcome { next: 0, ..GO }),
                "state s0, action go: ends in state s0, which has actions",
            ),
            (
                with(Outcome { terminated: false, ..GO }),
                "state s0, action go: goes on in state s1, which has no actions",
            ),
            (Flawed { start: (2, 1.0), ..SOUND }, "starts: there is no state 2 among 2"),
            (Flawed { start: (1, 1.0), ..SOUND }, "starts: state s1 has no action"),
            (Flawed { start: (0, 0.5), ..SOUND }, "starts: the probabilities sum to 0.5, not to 1"),
            (
                Flawed { discount: 1.5, ..SOUND },
                "the discount must lie between 0 and 1, not at 1.5",
            ),
        ] {
            assert_eq!(check_mdp(&mdp).unwrap_err(), complaint);
        }
        assert_eq!(check_mdp(&SOUND), Ok(()));
    }
}
