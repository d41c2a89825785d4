//! An MDP that ends after so many steps.
use envs::{Mdp, Outcome};

/// An MDP that ends after `steps` steps: their number so far is a part of the state, and the last one
/// leads to the end. A time limit would truncate episodes instead, and a learned value then stand in
/// for the rest.
pub(super) struct Ended<M> {
    pub(super) mdp: M,
    pub(super) steps: usize,
}

impl<M: Mdp> Ended<M> {
    fn end(&self) -> usize {
        self.steps * self.mdp.n_states()
    }
}

impl<M: Mdp> Mdp for Ended<M> {
    fn n_states(&self) -> usize {
        self.end() + 1
    }

    fn n_actions(&self) -> usize {
        self.mdp.n_actions()
    }

    fn outcomes(&self, state: usize, action: usize, visit: &mut dyn FnMut(Outcome)) {
        if state == self.end() {
            return;
        }
        let (states, end) = (self.mdp.n_states(), self.end());
        let (behind, place) = (state / states + 1, state % states);
        self.mdp.outcomes(place, action, &mut |outcome| {
            let terminated = outcome.terminated || behind == self.steps;
            let next = if terminated { end } else { behind * states + outcome.next };
            visit(Outcome { next, terminated, ..outcome });
        });
    }

    fn starts(&self) -> Vec<(usize, f64)> {
        self.mdp.starts()
    }

    fn state_name(&self, state: usize) -> String {
        if state == self.end() {
            return "end".to_owned();
        }
        let states = self.mdp.n_states();
        format!("{}@{}", self.mdp.state_name(state % states), state / states)
    }

    fn action_name(&self, action: usize) -> String {
        self.mdp.action_name(action)
    }

    fn discount(&self) -> f64 {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use envs::{ShortCorridor, check_mdp};

    #[test]
    fn the_last_step_leads_to_the_end() {
        let mdp = Ended { mdp: ShortCorridor {}, steps: 3 };
        assert_eq!(check_mdp(&mdp), Ok(()));
        let next = |state, action| {
            let mut seen = None;
            mdp.outcomes(state, action, &mut |outcome| {
                seen = Some((mdp.state_name(outcome.next), outcome.terminated));
            });
            seen
        };
        assert_eq!(next(0, 1), Some(("(2,1)@1".to_owned(), false)));
        assert_eq!(next(2 * 4, 0), Some(("end".to_owned(), true)), "the time is over");
        assert_eq!(next(4 + 2, 1), Some(("end".to_owned(), true)), "the goal");
        assert_eq!(next(12, 0), None);
    }
}
