//! Rollouts: transitions of the current policy, kept until the update.
use super::returns::{Steps, discounted_return, rewards_to_go};
use crate::masks;
use anyhow::{Result, ensure};
use bytemuck::{Pod, Zeroable, cast_slice_mut};
use envs::{Action, End, Spec, Transition};
use train::Checkpoint;

/// Transitions in the order they were made. Memory for a rollout is allocated once.
pub struct Rollout {
    obs_len: usize,
    width: usize,
    /// Observations acted on, `[len, obs_len]`.
    pub obs: Vec<f32>,
    /// Actions taken, `[len, W]`: the number of each alone in its row, or its vector.
    pub actions: Vec<f32>,
    /// Rewards received, `[len]`.
    pub rewards: Vec<f32>,
    /// End of each transition: none, termination or truncation, `[len]`.
    pub ends: Vec<End>,
    /// Copy of the environment, `[len]`.
    pub copies: Vec<u32>,
    /// Truncated final observations, in order, `[K, obs_len]`: returns bootstrap from V of them.
    pub truncated_obs: Vec<f32>,
    /// Actions A that not every state has; 0 where all do.
    masked: usize,
    /// 1 for each action that was allowed where another was taken, else 0: `[len, A]`, empty where all always are. To be
    /// extended with the transitions that are added.
    pub allowed: Vec<u8>,
    /// Masks of the truncated final states, `[K, A]`.
    pub truncated_allowed: Vec<u8>,
}

impl Rollout {
    /// Room for `len` transitions with observations of `obs_len` and actions of `width` numbers; more
    /// may come.
    pub fn new(len: usize, obs_len: usize, width: usize) -> Self {
        Self {
            obs_len,
            width,
            obs: Vec::with_capacity(len * obs_len),
            actions: Vec::with_capacity(len * width),
            rewards: Vec::with_capacity(len),
            ends: Vec::with_capacity(len),
            copies: Vec::with_capacity(len),
            truncated_obs: Vec::new(),
            masked: 0,
            allowed: Vec::new(),
            truncated_allowed: Vec::new(),
        }
    }

    /// This rollout for states that may lack some of `actions` actions.
    pub fn masked(self, actions: usize) -> Self {
        Self { masked: actions, ..self }
    }

    /// Transitions held.
    pub fn len(&self) -> usize {
        self.rewards.len()
    }

    /// Returns `true` if there are none.
    pub fn is_empty(&self) -> bool {
        self.rewards.is_empty()
    }

    /// Adds a transition of copy `copy`.
    pub fn push(&mut self, transition: &Transition<'_>, copy: usize) {
        self.obs.extend_from_slice(transition.obs);
        match transition.action {
            Action::Discrete(number) => self.actions.push(number as f32),
            Action::Continuous(vector) => self.actions.extend_from_slice(vector),
        }
        self.rewards.push(transition.reward);
        self.ends.push(transition.end);
        self.copies.push(copy as u32);
        if transition.end == End::Truncated {
            self.truncated_obs.extend_from_slice(transition.next_obs);
            let allowed = masks::allowed(transition.env, self.masked);
            self.truncated_allowed.extend(allowed.map(u8::from));
        }
    }

    /// Forgets all transitions.
    pub fn clear(&mut self) {
        self.obs.clear();
        self.actions.clear();
        self.rewards.clear();
        self.ends.clear();
        self.copies.clear();
        self.truncated_obs.clear();
        self.allowed.clear();
        self.truncated_allowed.clear();
    }

    /// Puts V of the states that [`Steps::next_values`] asks for in their places, for a rollout of
    /// `T` steps of each of `N` copies: `truncated` is V of [`truncated_obs`](Self::truncated_obs), `[K]`, `current` V
    /// of the states the copies are in now, `[N]`.
    pub fn next_values(&self, truncated: &[f32], current: &[f32], next_values: &mut [f32]) {
        next_values.fill(0.0);
        let last = self.len().saturating_sub(current.len());
        next_values[last..].copy_from_slice(current);
        let ends = self.ends.iter().zip(next_values).filter(|(end, _)| **end == End::Truncated);
        ends.zip(truncated).for_each(|((_, next), value)| *next = *value);
    }

    /// The rollout as `T` steps of each of `n` copies, with V of the states.
    pub fn steps<'a>(&'a self, n: usize, values: &'a [f32], next_values: &'a [f32]) -> Steps<'a> {
        Steps { n, rewards: &self.rewards, ends: &self.ends, values, next_values }
    }

    /// The rows of each finished episode, first step first.
    pub fn episodes(&self) -> Vec<Vec<usize>> {
        let mut finished = Vec::new();
        let copies = self.copies.iter().max().map_or(0, |&last| last as usize + 1);
        let mut open = vec![Vec::new(); copies];
        for (row, (&copy, end)) in self.copies.iter().zip(&self.ends).enumerate() {
            let episode = &mut open[copy as usize];
            episode.push(row);
            if *end != End::Not {
                finished.push(std::mem::take(episode));
            }
        }
        finished
    }

    /// For each step the return of its whole episode and the one from then on, `[len]` each; `bootstrap` is
    /// V of the state an episode was cut off in, at its last step, and 0 elsewhere, `[len]`.
    pub fn episode_returns(&self, gamma: f64, bootstrap: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let (mut whole, mut to_go) = (vec![0.0; self.len()], vec![0.0; self.len()]);
        for episode in self.episodes() {
            let after = episode.last().map_or(0.0, |&last| f64::from(bootstrap[last]));
            let rewards: Vec<f32> = episode.iter().map(|&row| self.rewards[row]).collect();
            let mut returns = vec![0.0; rewards.len()];
            rewards_to_go(&rewards, gamma, after, &mut returns);
            let ret = discounted_return(&rewards, gamma, after) as f32;
            for (&row, ret_to_go) in episode.iter().zip(returns) {
                (whole[row], to_go[row]) = (ret, ret_to_go);
            }
        }
        (whole, to_go)
    }

    /// Saves or loads the transitions held, of `copies` copies of an environment like `spec`.
    ///
    /// # Errors
    /// Names the file.
    pub fn state(
        &mut self,
        name: &str,
        (spec, copies): (&Spec, usize),
        checkpoint: &mut Checkpoint,
    ) -> Result<()> {
        let mut held = (self.len(), self.truncated_obs.len());
        checkpoint.value(&format!("{name}-len"), &mut held)?;
        let (len, truncated) = held;
        let rows = |width: usize| len.saturating_mul(width);
        checkpoint.check_len(&format!("{name}-obs"), rows(self.obs_len), size_of::<f32>())?;
        checkpoint.check_len(&format!("{name}-actions"), rows(self.width), size_of::<f32>())?;
        checkpoint.check_len(&format!("{name}-rewards"), len, size_of::<f32>())?;
        checkpoint.check_len(&format!("{name}-ends"), len, 1)?;
        checkpoint.check_len(&format!("{name}-copies"), len, size_of::<u32>())?;
        checkpoint.check_len(&format!("{name}-finals"), truncated, size_of::<f32>())?;
        let mut ends: Vec<u8> = self.ends.iter().map(|end| *end as u8).collect();
        part(checkpoint, &format!("{name}-obs"), &mut self.obs, len * self.obs_len)?;
        part(checkpoint, &format!("{name}-actions"), &mut self.actions, len * self.width)?;
        part(checkpoint, &format!("{name}-rewards"), &mut self.rewards, len)?;
        part(checkpoint, &format!("{name}-ends"), &mut ends, len)?;
        part(checkpoint, &format!("{name}-copies"), &mut self.copies, len)?;
        part(checkpoint, &format!("{name}-finals"), &mut self.truncated_obs, truncated)?;
        if self.masked > 0 {
            self.masks_state(name, [len, truncated / self.obs_len.max(1)], checkpoint)?;
        }
        const ENDS: [End; 3] = [End::Not, End::Terminated, End::Truncated];
        let known = ends.iter().map_while(|end| ENDS.iter().find(|known| **known as u8 == *end));
        let known: Vec<End> = known.copied().collect();
        ensure!(known.len() == len, "{name}-ends.bin: 0, 1 and 2 are expected");
        self.ends.clone_from(&known);
        let known = |copy: &u32| (*copy as usize) < copies;
        let expected = format!("copies below {copies} are expected");
        checkpoint.check(&format!("{name}-copies"), &expected, || self.copies.iter().all(known))?;
        let n = spec.n_actions();
        let numbered = |action: &f32| spec.action_len() > 0 || (0..n).any(|i| i as f32 == *action);
        let actions = || self.actions.iter().all(|action| action.is_finite() && numbered(action));
        checkpoint.check(&format!("{name}-actions"), "actions there are, are expected", actions)?;
        let numbers = self.obs.iter().chain(&self.rewards).chain(&self.truncated_obs);
        checkpoint.check(name, "finite rewards and observations are expected", || {
            numbers.clone().all(|number| number.is_finite())
        })?;
        let cut = self.ends.iter().filter(|end| **end == End::Truncated).count();
        checkpoint.check(&format!("{name}-finals"), "one of each truncated episode", || {
            Some(self.truncated_obs.len()) == cut.checked_mul(self.obs_len)
        })
    }
}

impl Rollout {
    /// Saves or loads the masks of so many transitions, and of so many truncated final states.
    fn masks_state(
        &mut self,
        name: &str,
        [len, truncated]: [usize; 2],
        checkpoint: &mut Checkpoint,
    ) -> Result<()> {
        let (name, finals) = (format!("{name}-masks"), format!("{name}-final-masks"));
        let rows = |rows: usize| rows.saturating_mul(self.masked);
        let [len, truncated] = [rows(len), rows(truncated)];
        checkpoint.check_len(&name, len, 1)?;
        checkpoint.check_len(&finals, truncated, 1)?;
        part(checkpoint, &name, &mut self.allowed, len)?;
        part(checkpoint, &finals, &mut self.truncated_allowed, truncated)?;
        let expected = "0 and 1 are expected, and an action in each row";
        let sound = |masks: &[u8]| {
            masks.iter().all(|mask| *mask < 2)
                && masks.chunks_exact(self.masked).all(|row| row.contains(&1))
        };
        checkpoint.check(&name, expected, || sound(&self.allowed))?;
        checkpoint.check(&finals, expected, || sound(&self.truncated_allowed))
    }
}

/// Saves or loads one list.
fn part<T: Pod + Zeroable>(
    checkpoint: &mut Checkpoint,
    name: &str,
    values: &mut Vec<T>,
    len: usize,
) -> Result<()> {
    values.resize(len, T::zeroed());
    checkpoint.bytes(name, cast_slice_mut(values))
}

#[cfg(test)]
mod tests {
    use super::*;
    use envs::{Catch, Element, Env};

    fn push(rollout: &mut Rollout, i: usize, end: End) {
        let env: &dyn Env = &Catch::default();
        let (obs, next_obs) = ([i as f32; 2], [10.0 + i as f32; 2]);
        let transition = Transition {
            index: 0,
            obs: &obs,
            action: Action::Discrete(i + 3),
            reward: i as f32,
            next_obs: &next_obs,
            end,
            episode: None,
            env,
        };
        rollout.push(&transition, i % 2);
    }

    fn rollout() -> Rollout {
        let mut rollout = Rollout::new(6, 2, 1);
        let ends = [End::Not, End::Truncated, End::Not, End::Terminated, End::Not, End::Truncated];
        ends.into_iter().enumerate().for_each(|(i, end)| push(&mut rollout, i, end));
        rollout
    }

    #[test]
    fn values_of_what_follows_find_their_places() {
        let rollout = rollout();
        assert_eq!(rollout.truncated_obs, [11.0, 11.0, 15.0, 15.0]);
        assert_eq!(rollout.actions, [3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        let mut next_values = [9.0; 6];
        rollout.next_values(&[1.5, 2.5], &[7.0, 8.0], &mut next_values);
        // The last row is the copies' present states, but a truncated episode's final one goes first.
        assert_eq!(next_values, [0.0, 1.5, 0.0, 0.0, 7.0, 2.5]);
    }

    /// The masks of what was acted on, and of the final state of the second of three episodes, which was truncated.
    #[test]
    fn masks_come_back_from_a_checkpoint() {
        let dir = tempfile::tempdir().unwrap();
        let save = |name: &str, rollout: &mut Rollout| {
            let path = dir.path().join(name);
            let mut checkpoint = Checkpoint::create(&path).unwrap();
            rollout.state("rollout", (&spec(), 2), &mut checkpoint).unwrap();
            checkpoint.commit().unwrap();
            path
        };
        let load = |path: &std::path::Path| {
            let mut rollout = Rollout::new(0, 2, 1).masked(3);
            let mut checkpoint = Checkpoint::open(path, train::Scope::All).unwrap();
            rollout.state("rollout", (&spec(), 2), &mut checkpoint)?;
            Ok::<_, anyhow::Error>(rollout)
        };
        let mut rollout = Rollout::new(3, 2, 1).masked(3);
        rollout.allowed.extend([1, 0, 0, 0, 1, 1, 1, 1, 1]);
        for (i, end) in [End::Terminated, End::Truncated, End::Not].into_iter().enumerate() {
            push(&mut rollout, i, end);
        }
        assert_eq!(rollout.truncated_allowed, [1; 3], "each action of catch");
        rollout.truncated_allowed[1] = 0;
        let loaded = load(&save("step-1", &mut rollout)).unwrap();
        assert_eq!(loaded.allowed, rollout.allowed);
        assert_eq!(loaded.truncated_allowed, [1, 0, 1]);
        rollout.allowed[0] = 0;
        let error = format!("{:#}", load(&save("step-2", &mut rollout)).err().unwrap());
        assert!(error.contains("rollout-masks"), "{error}");
        rollout.clear();
        assert!(rollout.allowed.is_empty() && rollout.truncated_allowed.is_empty());
    }

    fn spec() -> Spec {
        Spec {
            obs_shape: vec![2],
            element: Element::Float,
            actions: Spec::names(&["a"; 12]),
            time_limit: None,
            two_returns: None,
        }
    }

    #[test]
    fn comes_back_from_a_checkpoint() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("step-1");
        let mut rollout = rollout();
        let mut checkpoint = Checkpoint::create(&path).unwrap();
        rollout.state("rollout", (&spec(), 2), &mut checkpoint).unwrap();
        checkpoint.commit().unwrap();
        let mut other = Rollout::new(0, 2, 1);
        (0..9).for_each(|i| push(&mut other, i, End::Truncated));
        let mut checkpoint = Checkpoint::open(&path, train::Scope::All).unwrap();
        other.state("rollout", (&spec(), 2), &mut checkpoint).unwrap();
        assert_eq!((&other.obs, &other.truncated_obs), (&rollout.obs, &rollout.truncated_obs));
        assert_eq!((&other.actions, &other.copies), (&rollout.actions, &rollout.copies));
        assert_eq!((&other.rewards, &other.ends), (&rollout.rewards, &rollout.ends));
    }
}
