//! Several copies of an environment, stepped together and reset when their episodes end.

use serde::{Deserialize, Serialize, de::Error as _};
use serde_json::Value;

use crate::{Action, Actions, Element, Env, EnvError, Rng, Spec, Step};

/// End of a transition: inside its episode, by termination or by truncation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The episode goes on.
    Not,
    /// The new state is terminal: nothing follows it, so bootstrap with 0.
    Terminated,
    /// A time limit cut in: bootstrap from `next_obs`.
    Truncated,
}

/// Return and length of an episode.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Episode {
    /// Undiscounted sum of rewards.
    pub ret: f64,
    /// Number of steps.
    pub len: u32,
}

/// One transition of one copy.
pub struct Transition<'a> {
    /// Number of the copy.
    pub index: usize,
    /// Observation acted on, `[obs_len]`.
    pub obs: &'a [f32],
    /// Action taken.
    pub action: Action<'a>,
    /// Reward received.
    pub reward: f32,
    /// Observation arrived at, `[obs_len]`: at an end the final one, never that after the reset.
    pub next_obs: &'a [f32],
    /// End of the transition: none, termination or truncation.
    pub end: End,
    /// The finished episode, where one ended.
    pub episode: Option<Episode>,
    /// The environment as it stands after the step, before any reset: for rendering.
    pub env: &'a dyn Env,
}

/// `n` copies of an environment, each with a generator of its own.
pub struct VecEnv {
    spec: Spec,
    copies: Vec<Member>,
    /// Current observations, `[n, obs_len]`.
    obs: Vec<f32>,
    /// Buffer for the observation of a step before it takes its place in `obs`, `[obs_len]`.
    next_obs: Vec<f32>,
    /// Numbers of the copies whose episodes the step under way ended.
    ended: Vec<usize>,
}

/// One copy; `episode` is the one under way.
struct Member {
    env: Box<dyn Env>,
    rng: Rng,
    episode: Episode,
}

/// Observations are not saved: the restored environments show them again.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    obs_len: usize,
    copies: Vec<SavedMember>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedMember {
    env: Value,
    rng: Rng,
    episode: Episode,
}

impl VecEnv {
    /// One copy from `make` for each generator, all at the start of their first episode. Where one
    /// [fails](Env::failure) in this, the first step returns its error.
    pub fn new(rngs: Vec<Rng>, make: &dyn Fn() -> Box<dyn Env>) -> Self {
        let spec = make().spec();
        let mut copies: Vec<_> = rngs
            .into_iter()
            .map(|rng| Member { env: make(), rng, episode: Episode::default() })
            .collect();
        copies.iter_mut().for_each(|copy| copy.env.begin_reset(&mut copy.rng));
        copies.iter_mut().for_each(|copy| copy.env.reset(&mut copy.rng));
        let mut this = Self {
            obs: vec![0.0; copies.len() * spec.obs_len()],
            next_obs: vec![0.0; spec.obs_len()],
            ended: Vec::new(),
            spec,
            copies,
        };
        this.observe();
        this
    }

    /// Begins a new episode in every copy with a generator of its own, `[n]`, as [`new`](Self::new) does. Panics unless
    /// there is one for each copy.
    ///
    /// # Errors
    /// The error of a copy that [failed](Env::failure).
    pub fn restart(&mut self, rngs: Vec<Rng>) -> Result<(), EnvError> {
        assert_eq!(rngs.len(), self.n(), "one generator for each copy");
        self.copies.iter_mut().zip(rngs).for_each(|(copy, rng)| copy.rng = rng);
        self.begin()
    }

    /// Begins a new episode in every copy, with the generators as they are.
    ///
    /// # Errors
    /// The error of a copy that [failed](Env::failure).
    pub fn begin(&mut self) -> Result<(), EnvError> {
        self.copies.iter_mut().for_each(|copy| copy.env.begin_reset(&mut copy.rng));
        for copy in &mut self.copies {
            copy.env.reset(&mut copy.rng);
            sound(&*copy.env)?;
            copy.episode = Episode::default();
        }
        self.observe();
        Ok(())
    }

    /// The spec all copies share.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Number of copies.
    pub fn n(&self) -> usize {
        self.copies.len()
    }

    /// Current observations, `[n, obs_len]`, row-major.
    pub fn obs(&self) -> &[f32] {
        &self.obs
    }

    /// One copy's environment, for rendering.
    pub fn env(&self, index: usize) -> &dyn Env {
        &*self.copies[index].env
    }

    /// Steps every copy with its numbered action, `[n]`, in turn; shows each transition to `visit`,
    /// then resets the copy if its episode ended. Panics unless actions are numbered and there is one
    /// for each copy.
    ///
    /// # Errors
    /// The error of a copy that [failed](Env::failure): its transition, and those of the copies after it, are not
    /// visited.
    pub fn step(
        &mut self,
        actions: &[usize],
        visit: impl FnMut(Transition<'_>),
    ) -> Result<(), EnvError> {
        assert_eq!(self.spec.action_len(), 0, "these actions are vectors: use step_continuous");
        assert_eq!(actions.len(), self.n(), "one action for each copy");
        self.advance(actions.iter().map(|&action| Action::Discrete(action)), visit)
    }

    /// [`step`](Self::step) for actions that are vectors, `[n, action_len]`, row-major. Panics unless they are.
    ///
    /// # Errors
    /// As of [`step`](Self::step).
    pub fn step_continuous(
        &mut self,
        actions: &[f32],
        visit: impl FnMut(Transition<'_>),
    ) -> Result<(), EnvError> {
        let len = self.spec.action_len();
        assert_ne!(len, 0, "these actions are numbered: use step");
        assert_eq!(actions.len(), self.n() * len, "one action for each copy");
        self.advance(actions.chunks_exact(len).map(Action::Continuous), visit)
    }

    /// [`step`](Self::step) for actions of either kind as rows of numbers, `[n, action_width]`: a vector, or the
    /// number of an action alone in its row. Panics unless there is a row for each copy.
    ///
    /// # Errors
    /// As of [`step`](Self::step).
    pub fn step_rows(
        &mut self,
        rows: &[f32],
        visit: impl FnMut(Transition<'_>),
    ) -> Result<(), EnvError> {
        match self.spec.actions {
            Actions::Box { .. } => self.step_continuous(rows, visit),
            Actions::Discrete(_) => {
                assert_eq!(rows.len(), self.n(), "one action for each copy");
                self.advance(rows.iter().map(|&row| Action::Discrete(row as usize)), visit)
            }
        }
    }

    /// [Announces](Env::begin_step) the actions that [`step_rows`](Self::step_rows) takes next.
    pub fn begin_rows(&mut self, rows: &[f32]) {
        let width = self.spec.action_width();
        for (copy, row) in self.copies.iter_mut().zip(rows.chunks_exact(width)) {
            copy.env.begin_step_and_reset(match self.spec.actions {
                Actions::Box { .. } => Action::Continuous(row),
                Actions::Discrete(_) => Action::Discrete(row[0] as usize),
            });
        }
    }

    /// [Announces](Env::begin_step) the action that the next step takes in the copy `index`: where several
    /// `VecEnv` are stepped one after the other, their copies in other processes then step at once.
    pub fn begin_step(&mut self, index: usize, action: Action<'_>) {
        self.copies[index].env.begin_step_and_reset(action);
    }

    fn advance<'a>(
        &mut self,
        actions: impl Iterator<Item = Action<'a>> + Clone,
        mut visit: impl FnMut(Transition<'_>),
    ) -> Result<(), EnvError> {
        for (copy, action) in self.copies.iter_mut().zip(actions.clone()) {
            copy.env.begin_step_and_reset(action);
        }
        self.ended.clear();
        let rows = self.obs.chunks_exact_mut(self.spec.obs_len());
        for (index, ((copy, obs), action)) in
            self.copies.iter_mut().zip(rows).zip(actions).enumerate()
        {
            let step = copy.env.step(action, &mut copy.rng);
            sound(&*copy.env)?;
            copy.env.observe(&mut self.next_obs);
            check_finite(&step, &self.next_obs, &self.spec, copy.episode.len)?;
            copy.episode.ret += f64::from(step.reward);
            copy.episode.len += 1;
            let end = if step.terminated {
                End::Terminated
            } else if copy.env.is_truncated()
                || self.spec.time_limit.is_some_and(|limit| copy.episode.len >= limit)
            {
                End::Truncated
            } else {
                End::Not
            };
            let episode = (end != End::Not).then_some(copy.episode);
            visit(Transition {
                index,
                obs,
                action,
                reward: step.reward,
                next_obs: &self.next_obs,
                end,
                episode,
                env: &*copy.env,
            });
            if episode.is_some() {
                copy.env.begin_reset(&mut copy.rng);
                self.ended.push(index);
            }
            obs.copy_from_slice(&self.next_obs);
        }
        let obs_len = self.spec.obs_len();
        for &index in &self.ended {
            let copy = &mut self.copies[index];
            copy.env.reset(&mut copy.rng);
            sound(&*copy.env)?;
            copy.env.observe(&mut self.obs[index * obs_len..][..obs_len]);
            copy.episode = Episode::default();
        }
        Ok(())
    }

    /// Everything a resumed run needs.
    pub fn snapshot(&self) -> serde_json::Result<Value> {
        let copies = self
            .copies
            .iter()
            .map(|Member { env, rng, episode }| {
                Ok(SavedMember { env: env.snapshot()?, rng: rng.clone(), episode: *episode })
            })
            .collect::<serde_json::Result<_>>()?;
        serde_json::to_value(Saved { obs_len: self.spec.obs_len(), copies })
    }

    /// Puts a snapshot back, all of it or, with an error, nothing.
    pub fn restore(&mut self, saved: Value) -> serde_json::Result<()> {
        let saved: Saved = serde_json::from_value(saved)?;
        expect("copies", saved.copies.len(), self.n())?;
        expect("numbers in an observation", saved.obs_len, self.spec.obs_len())?;
        let limit = self.spec.time_limit.unwrap_or(u32::MAX / 2);
        for SavedMember { episode: Episode { ret, len }, .. } in &saved.copies {
            if !ret.is_finite() || *len >= limit {
                let error =
                    format!("an episode of {len} steps, of {limit} at most, with return {ret}");
                return Err(serde_json::Error::custom(error));
            }
        }
        let before: Vec<_> =
            self.copies.iter().map(|copy| copy.env.snapshot()).collect::<Result<_, _>>()?;
        let envs = saved.copies.iter().map(|copy| copy.env.clone()).collect();
        if let Err(error) = self.restore_envs(envs) {
            self.restore_envs(before)?;
            return Err(error);
        }
        for (copy, saved) in self.copies.iter_mut().zip(saved.copies) {
            copy.rng = saved.rng;
            copy.episode = match copy.env.is_begun_anew() {
                true => Episode::default(),
                false => saved.episode,
            };
        }
        self.observe();
        Ok(())
    }

    /// Restores every copy's environment; stops in the middle at an error.
    fn restore_envs(&mut self, saved: Vec<Value>) -> serde_json::Result<()> {
        for (copy, saved) in self.copies.iter_mut().zip(saved) {
            copy.env.restore(saved)?;
            if !copy.env.is_possible() {
                let error = "the snapshot is of a state that the environment can't be in";
                return Err(serde_json::Error::custom(error));
            }
            let spec = copy.env.spec();
            if spec != self.spec {
                return Err(serde_json::Error::custom(format!(
                    "the snapshot is of an environment with {spec:?}, this one has {:?}",
                    self.spec
                )));
            }
        }
        Ok(())
    }

    /// Writes every copy's observation into `obs`.
    fn observe(&mut self) {
        let rows = self.obs.chunks_exact_mut(self.spec.obs_len());
        for (copy, obs) in self.copies.iter().zip(rows) {
            copy.env.observe(obs);
        }
    }
}

/// The error of an environment that failed.
fn sound(env: &dyn Env) -> Result<(), EnvError> {
    env.failure().map_or(Ok(()), Err)
}

/// Refuses a reward or an observation that is no number, which learning would spread: of elements other than
/// [`Element::Float`], [`check_env`](crate::check_env) tests the values.
fn check_finite(step: &Step, obs: &[f32], spec: &Spec, before: u32) -> Result<(), EnvError> {
    let fault = |what: &str, value: f32| {
        let step = before + 1;
        EnvError::new(format!(
            "the environment gave the {what} {value} in step {step} of an episode: a finite number is expected"
        ))
    };
    if !step.reward.is_finite() {
        return Err(fault("reward", step.reward));
    }
    // A sum is one pass without branches.
    if spec.element == Element::Float
        && !obs.iter().map(|value| value * 0.0).sum::<f32>().is_finite()
    {
        let place = obs.iter().position(|value| !value.is_finite()).unwrap_or(0);
        return Err(fault(&format!("observation [{place}] ="), obs[place]));
    }
    Ok(())
}

/// An error unless the snapshot has as many of `what` as we do.
fn expect(what: &str, saved: usize, ours: usize) -> serde_json::Result<()> {
    if saved == ours {
        return Ok(());
    }
    Err(serde_json::Error::custom(format!("the snapshot has {saved} {what}, this has {ours}")))
}

#[cfg(test)]
mod tests;
