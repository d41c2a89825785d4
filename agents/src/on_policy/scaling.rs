//! Normalisation and clipping of observations and rewards.
use anyhow::Result;
use envs::{End, ObsNorm, RewardNorm, Transition};
use nn::onnx::{Graph, Value};
use train::{Checkpoint, MODEL};

/// Normalisation and clipping of observations and rewards.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scaling {
    pub(crate) normalize_obs: bool,
    /// The largest size of a number of an observation; 0 for any.
    pub(crate) clip_obs: f64,
    pub(crate) normalize_reward: bool,
    /// The largest size of a reward; 0 for any.
    pub(crate) clip_reward: f64,
    /// Discount of the returns by whose deviation rewards are divided.
    pub(crate) gamma: f64,
}

impl Scaling {
    /// Observations and rewards as they are.
    pub(crate) fn none() -> Self {
        let (normalize_obs, normalize_reward) = (false, false);
        Self { normalize_obs, clip_obs: 0.0, normalize_reward, clip_reward: 0.0, gamma: 0.0 }
    }
}

/// Normalises by the statistics so far, and clips.
pub(crate) struct Scaler {
    obs: Option<ObsNorm>,
    reward: Option<RewardNorm>,
    clip_obs: f32,
    clip_reward: f32,
    /// Scaled final observation of a truncated episode, `[obs_len]`.
    last: Vec<f32>,
}

impl Scaler {
    /// For `n` copies of an environment with observations of `obs_len` numbers.
    pub(crate) fn new(scaling: Scaling, obs_len: usize, n: usize) -> Self {
        let most = |clip: f64| if clip > 0.0 { (clip as f32).min(f32::MAX) } else { f32::MAX };
        let (clip_obs, clip_reward) = (most(scaling.clip_obs), most(scaling.clip_reward));
        Self {
            obs: scaling.normalize_obs.then(|| ObsNorm::new(obs_len, clip_obs)),
            reward: scaling
                .normalize_reward
                .then(|| RewardNorm::new(n, scaling.gamma, clip_reward)),
            clip_obs,
            clip_reward,
            last: vec![0.0; obs_len],
        }
    }

    /// Updates the statistics by observations that are about to be acted on, `[rows, obs_len]`.
    pub(crate) fn update(&mut self, obs: &[f32]) {
        if let Some(norm) = &mut self.obs {
            norm.update(obs);
        }
    }

    /// Scales `obs` into `observed`, both `[rows, obs_len]`.
    pub(crate) fn obs(&self, obs: &[f32], observed: &mut [f32]) {
        match &self.obs {
            Some(norm) => norm.apply(obs, observed),
            None => {
                let clip = self.clip_obs;
                observed
                    .iter_mut()
                    .zip(obs)
                    .for_each(|(observed, obs)| *observed = obs.clamp(-clip, clip));
            }
        }
    }

    /// Adds to an ONNX graph what [`obs`](Self::obs) does, for observations `[B, …]`.
    pub(crate) fn nodes(&self, graph: &mut Graph, mut obs: Value) -> Result<Value> {
        if let Some(norm) = &self.obs {
            obs = graph.normalised(&obs, &norm.means(), &norm.deviations())?;
        }
        let clip = self.clip_obs;
        Ok(if clip < f32::MAX { graph.clipped(&obs, -clip, clip) } else { obs })
    }

    /// Scales the transition of copy `copy`, whose observation was scaled to `observed`, `[obs_len]`; its reward
    /// updates the statistics.
    pub(crate) fn transition<'a>(
        &'a mut self,
        transition: Transition<'a>,
        copy: usize,
        observed: &'a [f32],
    ) -> Transition<'a> {
        let reward = match &mut self.reward {
            Some(norm) => {
                norm.update(copy, transition.reward, transition.end);
                norm.apply(transition.reward)
            }
            None => transition.reward.clamp(-self.clip_reward, self.clip_reward),
        };
        // Only truncated transitions bootstrap from `next_obs`.
        if transition.end == End::Truncated {
            let mut last = std::mem::take(&mut self.last);
            self.obs(transition.next_obs, &mut last);
            self.last = last;
        }
        Transition { obs: observed, reward, next_obs: &self.last, ..transition }
    }

    /// Saves or loads the statistics. A policy can't act without those of observations, so they are part of
    /// the model.
    pub(crate) fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        if let Some(norm) = &mut self.obs {
            let (now, name) = (norm.clone(), format!("{MODEL}.obs-norm"));
            checkpoint.value(&name, norm)?;
            let fits = norm.fits(&now);
            if !fits {
                // What the checkpoint before is compared with.
                *norm = now;
            }
            checkpoint.check(&name, "those of this environment are expected", || fits)?;
        }
        if let Some(norm) = &mut self.reward {
            let now = norm.clone();
            checkpoint.value("reward-norm", norm)?;
            let fits = norm.fits(&now);
            if !fits {
                *norm = now;
            }
            checkpoint.check("reward-norm", "those of this environment are expected", || fits)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use envs::{Action, Catch, Env};

    const RAW: Scaling = Scaling {
        normalize_obs: false,
        clip_obs: 0.0,
        normalize_reward: false,
        clip_reward: 0.0,
        gamma: 0.5,
    };

    fn observed(scaler: &Scaler, obs: &[f32]) -> Vec<f32> {
        let mut observed = vec![f32::NAN; obs.len()];
        scaler.obs(obs, &mut observed);
        observed
    }

    /// First number, reward and last number of a scaled transition to `next_obs`.
    fn learned(scaler: &mut Scaler, reward: f32, next_obs: f32, end: End) -> [f32; 3] {
        let env: &dyn Env = &Catch::default();
        let (obs, next_obs, action) = ([99.0], [next_obs], Action::Discrete(1));
        let (index, episode) = (0, None);
        let transition =
            Transition { index, obs: &obs, action, reward, next_obs: &next_obs, end, episode, env };
        let learned = scaler.transition(transition, 0, &[7.0]);
        assert_eq!((learned.end, learned.action), (end, action));
        [learned.obs[0], learned.reward, learned.next_obs[0]]
    }

    #[test]
    fn nothing_is_done_unasked() {
        let mut scaler = Scaler::new(RAW, 1, 1);
        scaler.update(&[5.0, 9.0]);
        assert_eq!(observed(&scaler, &[-3.0, 1e30]), [-3.0, 1e30]);
        assert_eq!(learned(&mut scaler, -1e30, 4.0, End::Truncated), [7.0, -1e30, 4.0]);
    }

    #[test]
    fn clipped_without_being_normalised() {
        let mut scaler = Scaler::new(Scaling { clip_obs: 2.0, clip_reward: 1.0, ..RAW }, 1, 1);
        assert_eq!(observed(&scaler, &[-3.0, 1.5]), [-2.0, 1.5]);
        assert_eq!(learned(&mut scaler, -4.0, 5.0, End::Truncated), [7.0, -1.0, 2.0]);
    }

    /// The normalisations themselves are tested beside them.
    #[test]
    fn normalised_by_what_was_collected() {
        let scaling = Scaling { normalize_obs: true, clip_obs: 1.5, normalize_reward: true, ..RAW };
        let mut scaler = Scaler::new(Scaling { clip_reward: 0.5, ..scaling }, 1, 1);
        let (mut obs, mut reward) = (ObsNorm::new(1, 1.5), RewardNorm::new(1, 0.5, 0.5));
        scaler.update(&[1.0, 3.0]);
        obs.update(&[1.0, 3.0]);
        let expected = |obs: &ObsNorm, x: f32| {
            let mut normed = [0.0];
            obs.apply(&[x], &mut normed);
            normed[0]
        };
        for (r, next_obs) in [(1.0, 2.5), (-2.0, 60.0), (0.1, -60.0)] {
            reward.update(0, r, End::Truncated);
            let learned = learned(&mut scaler, r, next_obs, End::Truncated);
            assert_eq!(learned, [7.0, reward.apply(r), expected(&obs, next_obs)]);
        }
        assert_eq!(observed(&scaler, &[2.5, 60.0]), [expected(&obs, 2.5), 1.5]);
    }
}
