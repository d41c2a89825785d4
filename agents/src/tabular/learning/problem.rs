//! An environment as tabular learners are given it.
use crate::tabular::discount::Discount;
use crate::tabular::discounted_mdp::DiscountedMdp;
use crate::{MakeEnv, discrete_actions};
use anyhow::{Result, ensure};
use envs::{Element, Env, Mdp, MdpEnv, Spec};
use std::fmt::Display;
use std::sync::Arc;
use train::BadValue;

/// γ where the problem does not say.
const DISCOUNT: f64 = 0.99;

/// An environment to learn in, and its outcomes where they are known: learners look at them for the
/// number of states, and for which actions a state has.
pub struct Problem {
    /// Makes copies of the environment.
    pub(super) make: MakeEnv,
    /// Its outcomes.
    pub(super) mdp: Option<Arc<dyn Mdp>>,
}

impl Problem {
    /// # Errors
    /// If observations are numbers without gaps: a table has no row for each.
    pub fn new(make: MakeEnv, mdp: Option<Arc<dyn Mdp>>) -> Result<Self> {
        check_countable(&make().spec())?;
        Ok(Self { make, mdp })
    }

    /// For learners without a table: observations may be real numbers.
    pub fn of_any_obs(make: MakeEnv, mdp: Option<Arc<dyn Mdp>>) -> Self {
        Self { make, mdp }
    }

    /// An MDP that is played for at most `time_limit` steps.
    pub fn of(mdp: Arc<dyn Mdp>, time_limit: u32) -> Self {
        let played = Arc::clone(&mdp);
        let make = move || -> Box<dyn Env> {
            Box::new(MdpEnv::new(Arc::clone(&played), Some(time_limit)))
        };
        Self { make: Box::new(make), mdp: Some(mdp) }
    }

    /// γ as it was chosen.
    ///
    /// # Errors
    /// If γ = 1 and some state is known to have no way to an end.
    pub(super) fn gamma(&self, discount: Discount) -> Result<f64> {
        let gamma = match (discount, &self.mdp) {
            (Discount::Of(gamma), _) => gamma,
            (Discount::Own, Some(mdp)) => mdp.discount(),
            (Discount::Own, None) => DISCOUNT,
        };
        if let (1.0, Some(mdp)) = (gamma, &self.mdp) {
            DiscountedMdp::new(mdp, discount)?;
        }
        Ok(gamma)
    }

    /// The outcomes, for learners that need them because of `flag` and its `value`.
    pub(super) fn known(&self, flag: &str, value: &dyn Display) -> Result<&Arc<dyn Mdp>> {
        let why = "this needs an environment whose outcomes are known, such as gridworld";
        Ok(self.mdp.as_ref().ok_or_else(|| BadValue::new(flag, value, why))?)
    }
}

pub(super) fn check_countable(spec: &Spec) -> Result<()> {
    discrete_actions(spec)?;
    ensure!(
        spec.element != Element::Float,
        "--env: a table needs states that can be told apart one by one, and the observations of this \
         environment are real numbers; use linear-q or dqn"
    );
    Ok(())
}
