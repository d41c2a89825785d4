//! Environments of the crate gymnasium-rs (<https://docs.rs/gymnasium-rs>) as environments of lab, and lab's as its own.
//!
//! Behind the feature `gymnasium-rs`: that crate needs an installed Python to build, and its one environment is not the
//! one that it is named after. Its `CartPole` (0.1.1) weighs 1.0 in all, where Gymnasium's weighs 1.1; the acceleration
//! of its cart lacks the mass of the pole; its last step pays 0, where Gymnasium's pays 1; and it calculates in `f32`.
//! Returns of the two are not comparable: lab's own [`CartPole`](crate::CartPole) is Gymnasium's.
use crate::{Action, Actions, Element, Env, EnvError, Rng, Snapshot, Spec, Step};
use gymnasium_rs::core::{Env as TheirEnv, Info, Options, Reward, Space};
use ndarray::{Array1, Array3};
use rand::{RngCore, SeedableRng as _};
use serde::{Deserialize, Serialize, de::Error as _};
use serde_json::{Value, json};
use std::marker::PhantomData;

/// Vectors of observations and continuous actions.
type Vector = Array1<f32>;

/// An environment of gymnasium-rs as an [`Env`].
///
/// A snapshot holds the seed of the episode and its actions so far, which are repeated when it is restored: the
/// environment must be a function of them.
pub struct FromGymnasiumRs {
    env: Wrapped,
    spec: Spec,
    past: Past,
    obs: Vec<f32>,
    truncated: bool,
    failure: Option<EnvError>,
}

/// An environment by the kind of its actions.
enum Wrapped {
    Discrete(Box<dyn TheirEnv<Vector, i32> + Send>),
    Continuous(Box<dyn TheirEnv<Vector, Vector> + Send>),
}

/// The episode so far.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Past {
    seed: i32,
    actions: Vec<Taken>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Taken {
    Discrete(i32),
    Continuous(Vec<f32>),
}

impl FromGymnasiumRs {
    /// A constructor of environments with numbered actions, cut off after `time_limit` steps.
    ///
    /// # Errors
    /// Spaces of another kind.
    pub fn discrete<E: TheirEnv<Vector, i32> + Send + 'static>(
        make: impl Fn() -> E + 'static,
        time_limit: Option<u32>,
    ) -> Result<impl Fn() -> Box<dyn Env>, EnvError> {
        let env = make();
        let actions = match env.action_space() {
            Space::Discrete(n) if n > 0 => {
                Actions::Discrete((0..n).map(|action| action.to_string()).collect())
            }
            space => return Err(unfit("actions", "Discrete", &space)),
        };
        let spec = spec(&env.observation_space(), actions, time_limit)?;
        Ok(move || Self::boxed(Wrapped::Discrete(Box::new(make())), &spec))
    }

    /// A constructor of environments whose actions are vectors within finite bounds, cut off after `time_limit`
    /// steps.
    ///
    /// # Errors
    /// Spaces of another kind.
    pub fn continuous<E: TheirEnv<Vector, Vector> + Send + 'static>(
        make: impl Fn() -> E + 'static,
        time_limit: Option<u32>,
    ) -> Result<impl Fn() -> Box<dyn Env>, EnvError> {
        let env = make();
        let actions = match env.action_space() {
            Space::Box { low, high } if low.iter().chain(&high).all(|bound| is_bound(*bound)) => {
                Actions::Box { low: low.to_vec(), high: high.to_vec() }
            }
            space => return Err(unfit("actions", "Box with finite bounds", &space)),
        };
        let spec = spec(&env.observation_space(), actions, time_limit)?;
        Ok(move || Self::boxed(Wrapped::Continuous(Box::new(make())), &spec))
    }

    fn boxed(env: Wrapped, spec: &Spec) -> Box<dyn Env> {
        let mut made = Self {
            env,
            spec: spec.clone(),
            past: Past::default(),
            obs: vec![0.0; spec.obs_len()],
            truncated: false,
            failure: None,
        };
        made.begin(0);
        Box::new(made)
    }

    /// Starts the episode of `seed`.
    fn begin(&mut self, seed: i32) {
        let (obs, _) = match &mut self.env {
            Wrapped::Discrete(env) => env.reset_seed(seed),
            Wrapped::Continuous(env) => env.reset_seed(seed),
        };
        self.past = Past { seed, actions: Vec::new() };
        self.truncated = false;
        self.observed(&obs);
    }

    /// Takes an action, which is of the kind that the environment has.
    fn take(&mut self, action: Taken) -> Step {
        let (obs, reward, terminated, truncated, _) = match (&mut self.env, &action) {
            (Wrapped::Discrete(env), Taken::Discrete(action)) => env.step(*action),
            (Wrapped::Continuous(env), Taken::Continuous(action)) => {
                env.step(Array1::from_vec(action.clone()))
            }
            _ => {
                self.failure =
                    Some(EnvError::new(format!("{action:?} is no action of the environment")));
                return Step { reward: 0.0, terminated: false };
            }
        };
        self.past.actions.push(action);
        self.truncated = truncated;
        self.observed(&obs);
        Step { reward, terminated }
    }

    fn observed(&mut self, obs: &Vector) {
        let expected = self.obs.len();
        if obs.len() == expected && obs.iter().all(|value| value.is_finite()) {
            self.obs.iter_mut().zip(obs).for_each(|(to, value)| *to = *value);
        } else {
            let why = format!("an observation of {expected} finite numbers is expected, got {obs}");
            self.failure = Some(EnvError::new(why));
        }
    }
}

/// Stands for a bound in a space: beyond it are the numbers that mean none.
fn is_bound(bound: f32) -> bool {
    bound.abs() < f32::MAX
}

fn spec(obs: &Space, actions: Actions, time_limit: Option<u32>) -> Result<Spec, EnvError> {
    let obs_shape = match obs {
        Space::Box { low, .. } if !low.is_empty() => vec![low.len()],
        space => return Err(unfit("observations", "Box", space)),
    };
    Ok(Spec { obs_shape, element: Element::Float, actions, time_limit, two_returns: None })
}

fn unfit(kind: &str, expected: &str, space: &Space) -> EnvError {
    EnvError::new(format!("{kind} in a space {expected} are expected, got {space:?}"))
}

impl Env for FromGymnasiumRs {
    fn spec(&self) -> Spec {
        self.spec.clone()
    }

    fn reset(&mut self, rng: &mut dyn RngCore) {
        self.begin((rng.next_u32() >> 1) as i32);
    }

    fn step(&mut self, action: Action<'_>, _: &mut dyn RngCore) -> Step {
        self.take(match (action, &self.spec.actions) {
            (Action::Continuous(action), Actions::Box { low, high }) => {
                let bounds = low.iter().zip(high);
                let clipped =
                    action.iter().zip(bounds).map(|(x, (low, high))| x.clamp(*low, *high));
                Taken::Continuous(clipped.collect())
            }
            (action, _) => Taken::Discrete(action.discrete() as i32),
        })
    }

    fn is_truncated(&self) -> bool {
        self.truncated
    }

    fn failure(&self) -> Option<EnvError> {
        self.failure.clone()
    }

    fn observe(&self, obs: &mut [f32]) {
        obs.copy_from_slice(&self.obs);
    }
}

impl Snapshot for FromGymnasiumRs {
    fn snapshot(&self) -> serde_json::Result<Value> {
        serde_json::to_value(&self.past)
    }

    fn restore(&mut self, saved: Value) -> serde_json::Result<()> {
        let past: Past = serde_json::from_value(saved)?;
        let fits = |action: &Taken| match (action, &self.spec.actions) {
            (Taken::Discrete(action), Actions::Discrete(names)) => {
                usize::try_from(*action).is_ok_and(|action| action < names.len())
            }
            (Taken::Continuous(action), Actions::Box { low, .. }) => action.len() == low.len(),
            _ => false,
        };
        if !past.actions.iter().all(fits) {
            return Err(serde_json::Error::custom("the actions are not those of this environment"));
        }
        self.begin(past.seed);
        for action in past.actions {
            self.take(action);
        }
        Ok(())
    }
}

/// An environment of lab as one of gymnasium-rs, with numbered actions (`A` is `i32`) or vectors (`A` is
/// `Array1<f32>`). Observations are row-major; time limits truncate.
///
/// An action that is not there, or not allowed now, changes nothing, pays 0 and is told in the step's info under
/// `error`. Where not every action is allowed everywhere, `action_mask` in the info lists 1 for those that are.
pub struct ToGymnasiumRs<A> {
    env: Box<dyn Env>,
    spec: Spec,
    rng: Rng,
    steps: u32,
    action: PhantomData<fn(A)>,
}

impl ToGymnasiumRs<i32> {
    /// The environment `env`, whose actions are numbered.
    ///
    /// # Errors
    /// If they are vectors.
    pub fn discrete(env: Box<dyn Env>) -> Result<Self, EnvError> {
        match env.spec().actions {
            Actions::Discrete(_) => Ok(Self::new(env)),
            Actions::Box { .. } => Err(EnvError::new("the actions are vectors: use `continuous`")),
        }
    }
}

impl ToGymnasiumRs<Vector> {
    /// The environment `env`, whose actions are vectors.
    ///
    /// # Errors
    /// If they are numbered.
    pub fn continuous(env: Box<dyn Env>) -> Result<Self, EnvError> {
        match env.spec().actions {
            Actions::Box { .. } => Ok(Self::new(env)),
            Actions::Discrete(_) => Err(EnvError::new("the actions are numbered: use `discrete`")),
        }
    }
}

impl<A> ToGymnasiumRs<A> {
    fn new(env: Box<dyn Env>) -> Self {
        let spec = env.spec();
        Self { env, spec, rng: Rng::seed_from_u64(0), steps: 0, action: PhantomData }
    }

    fn obs(&self) -> Vector {
        let mut obs = vec![0.0; self.spec.obs_len()];
        self.env.observe(&mut obs);
        Array1::from_vec(obs)
    }

    fn info(&self) -> Info {
        let mut info = Info::new();
        let mask: Vec<_> =
            (0..self.spec.n_actions()).map(|a| u8::from(self.env.allows(a))).collect();
        if mask.contains(&0) {
            info.insert("action_mask".to_owned(), json!(mask));
        }
        info
    }

    fn begin(&mut self, seed: Option<i32>) -> (Vector, Info) {
        if let Some(seed) = seed {
            self.rng = Rng::seed_from_u64(seed as u64);
        }
        self.env.reset(&mut self.rng);
        self.steps = 0;
        (self.obs(), self.info())
    }

    fn take(&mut self, action: Result<Action<'_>, String>) -> (Vector, Reward, bool, bool, Info) {
        let error = match action {
            Ok(action) => {
                let Step { reward, terminated } = self.env.step(action, &mut self.rng);
                self.steps += 1;
                let limit = self.spec.time_limit.is_some_and(|limit| self.steps >= limit);
                let truncated = !terminated && (limit || self.env.is_truncated());
                match self.env.failure() {
                    None => return (self.obs(), reward, terminated, truncated, self.info()),
                    Some(failure) => failure.to_string(),
                }
            }
            Err(error) => error,
        };
        let mut info = self.info();
        info.insert("error".to_owned(), Value::from(error));
        (self.obs(), 0.0, false, false, info)
    }

    fn observation_space(&self) -> Space {
        let (low, high) = match self.spec.element {
            Element::Bit | Element::Byte => (0.0, 1.0),
            Element::Float => (f32::MIN, f32::MAX),
        };
        let bound = |bound| Array1::from_elem(self.spec.obs_len(), bound);
        Space::Box { low: bound(low), high: bound(high) }
    }

    /// `[height, width, 3]`, 8 bits a channel.
    fn image(&self) -> Option<Array3<u8>> {
        let image = self.env.render();
        Array3::from_shape_vec((image.height, image.width, 3), image.pixels).ok()
    }
}

impl TheirEnv<Vector, i32> for ToGymnasiumRs<i32> {
    fn observation_space(&self) -> Space {
        ToGymnasiumRs::observation_space(self)
    }

    fn action_space(&self) -> Space {
        Space::Discrete(self.spec.n_actions() as i32)
    }

    fn reset(&mut self, seed: Option<i32>, _: Options) -> (Vector, Info) {
        self.begin(seed)
    }

    fn step(&mut self, action: i32) -> (Vector, Reward, bool, bool, Info) {
        let n = self.spec.n_actions();
        let number = usize::try_from(action).ok().filter(|action| *action < n);
        self.take(match number {
            Some(number) if self.env.allows(number) => Ok(Action::Discrete(number)),
            Some(_) => Err(format!("action {action} is not allowed now")),
            None => Err(format!("an action from 0 to {} is expected, got {action}", n - 1)),
        })
    }

    fn render(&self) -> Option<Array3<u8>> {
        self.image()
    }

    fn close(&mut self) {}
}

impl TheirEnv<Vector, Vector> for ToGymnasiumRs<Vector> {
    fn observation_space(&self) -> Space {
        ToGymnasiumRs::observation_space(self)
    }

    fn action_space(&self) -> Space {
        match &self.spec.actions {
            Actions::Box { low, high } => {
                let [low, high] = [low, high].map(|bound| Array1::from_vec(bound.clone()));
                Space::Box { low, high }
            }
            Actions::Discrete(names) => Space::Discrete(names.len() as i32),
        }
    }

    fn reset(&mut self, seed: Option<i32>, _: Options) -> (Vector, Info) {
        self.begin(seed)
    }

    fn step(&mut self, action: Vector) -> (Vector, Reward, bool, bool, Info) {
        let n = self.spec.action_len();
        let action = action.to_vec();
        self.take(match action.len() == n && action.iter().all(|x| x.is_finite()) {
            true => Ok(Action::Continuous(&action)),
            false => Err(format!("an action of {n} finite numbers is expected, got {action:?}")),
        })
    }

    fn render(&self) -> Option<Array3<u8>> {
        self.image()
    }

    fn close(&mut self) {}
}

#[cfg(test)]
mod tests;
