//! Requirements on every environment.

use rand::{Rng as _, SeedableRng};

use crate::{Action, Actions, Env, Rng, Spec, Step};

/// Plays `steps` random steps of the environment and says what is wrong, if anything:
///
/// - the spec is sensible and never changes;
/// - some action is allowed until the episode ends, and all are, unless it says otherwise; a vector beyond the box does what the nearest in
///   it does;
/// - an observation is written whole, has the promised kind of values and is the same when looked
///   at again;
/// - the same seed gives the same episodes;
/// - a snapshot restored into a fresh environment, by way of JSON text, goes on identically;
/// - frames keep their size and are as large as they say.
pub fn check_env(make: &dyn Fn() -> Box<dyn Env>, steps: usize) -> Result<(), String> {
    let spec = make().spec();
    check_spec(&spec)?;
    let mut walk = Walk::new(make(), &spec);
    let mut twin = Walk::new(make(), &spec);
    let mut clipped = Walk { clips: true, ..Walk::new(make(), &spec) };
    let mut resumed = walk.resume(make())?;
    let sizes = frame_sizes(&*walk.env)?;
    for step in 0..steps {
        let at = |what: &str| format!("step {step}: {what}");
        if walk.is_stuck() {
            return Err(at("the episode goes on, but no action is allowed"));
        }
        if !walk.ended && walk.lacks_an_action() && !walk.env.masks_actions() {
            return Err(at("an action is not allowed, and masks_actions says that all are"));
        }
        let observed = walk.step();
        let reward = observed.0.reward;
        if !reward.is_finite() {
            return Err(at(&format!("the reward is {reward}")));
        }
        check_obs(&*walk.env, &spec).map_err(|error| at(&error))?;
        if twin.step() != observed {
            return Err(at("a second run with the same seed differs"));
        }
        if clipped.step() != observed {
            return Err(at("an action beyond the box differs from the nearest in it"));
        }
        if resumed.step() != observed {
            return Err(at("a run resumed from a snapshot differs"));
        }
        if let Some(two) = spec.two_returns
            && walk.ended
            && !two.contains(&walk.ret)
        {
            let ret = walk.ret;
            return Err(at(&format!("the episode returned {ret}, which is none of {two:?}")));
        }
        if walk.env.spec() != spec {
            return Err(at("the spec has changed"));
        }
        if frame_sizes(&*walk.env)? != sizes {
            return Err(at("the size of the frames has changed"));
        }
        // Seven is prime to most episode lengths: snapshots fall everywhere within episodes.
        if step % 7 == 0 {
            resumed = walk.resume(make())?;
        }
    }
    Ok(())
}

/// A run with random actions.
struct Walk {
    env: Box<dyn Env>,
    rng: Rng,
    spec: Spec,
    /// Steps of the episode under way.
    len: u32,
    /// Return so far.
    ret: f64,
    /// The next step begins an episode: the last state of one is looked at too.
    ended: bool,
    /// Vectors are clipped to the box before they are taken.
    clips: bool,
}

impl Walk {
    fn new(mut env: Box<dyn Env>, spec: &Spec) -> Self {
        let mut rng = Rng::seed_from_u64(1);
        env.reset(&mut rng);
        Self { env, rng, spec: spec.clone(), len: 0, ret: 0.0, ended: false, clips: false }
    }

    /// A copy that was saved and restored into `env`.
    fn resume(&self, mut env: Box<dyn Env>) -> Result<Self, String> {
        let text = self.env.snapshot().map_err(|error| format!("snapshot: {error}"))?.to_string();
        let saved = serde_json::from_str(&text).map_err(|error| format!("snapshot: {error}"))?;
        env.restore(saved).map_err(|error| format!("restore: {error}"))?;
        let (rng, spec) = (self.rng.clone(), self.spec.clone());
        Ok(Self { env, rng, spec, ..*self })
    }

    /// The numbered actions that may be taken now.
    fn allowed(&self) -> Vec<usize> {
        (0..self.spec.n_actions()).filter(|action| self.env.allows(*action)).collect()
    }

    fn lacks_an_action(&self) -> bool {
        self.allowed().len() < self.spec.n_actions()
    }

    fn is_stuck(&self) -> bool {
        !self.ended && self.spec.action_len() == 0 && self.allowed().is_empty()
    }

    /// Takes a random action that is allowed, or a vector from a box of twice the size; returns what
    /// came of it and what is seen then, as bits.
    fn step(&mut self) -> (Step, Vec<u32>) {
        if self.ended {
            self.env.reset(&mut self.rng);
            (self.len, self.ret) = (0, 0.0);
        }
        let step = match &self.spec.actions {
            Actions::Discrete(_) => {
                let allowed = self.allowed();
                let action = allowed[self.rng.random_range(0..allowed.len())];
                self.env.step(Action::Discrete(action), &mut self.rng)
            }
            Actions::Box { low, high } => {
                let mut action = Vec::with_capacity(low.len());
                for (low, high) in low.iter().zip(high) {
                    let sampled = low + (high - low) * self.rng.random_range(-0.5..1.5);
                    action.push(if self.clips { sampled.clamp(*low, *high) } else { sampled });
                }
                self.env.step(Action::Continuous(&action), &mut self.rng)
            }
        };
        self.len += 1;
        self.ret += f64::from(step.reward);
        self.ended = step.terminated || self.spec.time_limit.is_some_and(|limit| self.len >= limit);
        let observed = observe(&*self.env, &self.spec, 0.0);
        (step, observed.into_iter().map(f32::to_bits).collect())
    }
}

/// The observation, written over a buffer full of `before`.
fn observe(env: &dyn Env, spec: &Spec, before: f32) -> Vec<f32> {
    let mut obs = vec![before; spec.obs_len()];
    env.observe(&mut obs);
    obs
}

fn check_spec(spec: &Spec) -> Result<(), String> {
    let actions = match &spec.actions {
        Actions::Discrete(names) => !names.is_empty(),
        Actions::Box { low, high } => {
            let real = |(low, high): (&f32, &f32)| low < high && (high - low).is_finite();
            !low.is_empty() && low.len() == high.len() && low.iter().zip(high).all(real)
        }
    };
    let sensible = spec.obs_len() > 0 && actions && spec.time_limit.is_none_or(|limit| limit > 0);
    if sensible { Ok(()) } else { Err(format!("nothing can be done with {spec:?}")) }
}

fn check_obs(env: &dyn Env, spec: &Spec) -> Result<(), String> {
    let obs = observe(env, spec, f32::NAN);
    if let Some(i) = obs.iter().position(|&value| !spec.element.contains(value)) {
        return Err(format!("obs[{i}] is {}, which is not a {:?}", obs[i], spec.element));
    }
    if obs != observe(env, spec, -1.0) {
        return Err("observing twice gives two observations".into());
    }
    Ok(())
}

/// Width and height of both frames.
fn frame_sizes(env: &dyn Env) -> Result<[usize; 4], String> {
    let (rgb, cells) = (env.render(), env.cells());
    if rgb.pixels.len() != 3 * rgb.width * rgb.height || rgb.pixels.is_empty() {
        let len = rgb.pixels.len();
        return Err(format!("a {} × {} frame has {len} bytes", rgb.width, rgb.height));
    }
    if cells.cells.len() != cells.width * cells.height || cells.cells.is_empty() {
        let len = cells.cells.len();
        return Err(format!("a {} × {} frame has {len} cells", cells.width, cells.height));
    }
    Ok([rgb.width, rgb.height, cells.width, cells.height])
}

#[cfg(test)]
mod tests;
