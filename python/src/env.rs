//! One environment, as `gymnasium.Env` steps it.
use crate::actions::{are_masked, described, mask, nearest, read};
use crate::arrays::Form;
use crate::{errors, options};
use lab::envs::{Action, Spec};
use lab::train::{Rng, stream};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDict};
use std::sync::{Mutex, PoisonError};

/// Shape and kind of observations and number of states; names, or bounds, of actions; whether states lack some.
pub(crate) type Spaces =
    ((Vec<usize>, &'static str, usize), (Vec<String>, Vec<f32>, Vec<f32>), bool);

/// An environment and its place in an episode.
#[pyclass(module = "lab_native._lab")]
pub(crate) struct Env {
    // Environments may move between threads, and are used by one at a time.
    inner: Mutex<Inner>,
    spec: Spec,
    form: Form,
    masked: bool,
}

struct Inner {
    env: Box<dyn lab::envs::Env>,
    rng: Option<Rng>,
    /// Steps of the episode under way; `None` where there is none.
    steps: Option<u32>,
    obs: Vec<f32>,
}

impl Env {
    fn inner(&mut self) -> &mut Inner {
        self.inner.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    fn observation<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyByteArray>> {
        let form = self.form.clone();
        let Inner { env, obs, .. } = self.inner();
        env.observe(obs);
        PyByteArray::new_with(py, form.size(), |to| {
            form.write(obs, to);
            Ok(())
        })
    }
}

#[pymethods]
impl Env {
    #[new]
    fn new(py: Python<'_>, name: &str, given: &Bound<'_, PyDict>) -> PyResult<Self> {
        let entry = options::entry(name)?;
        let options = options::read(entry, given)?;
        let make = entry.make(&options).map_err(|error| errors::raised(py, error))?;
        let mdp = entry.mdp(&options).map_err(|error| errors::raised(py, error))?;
        let env = make();
        let spec = env.spec();
        Ok(Self {
            form: Form::of(&spec, options::has_states(entry)),
            masked: are_masked(mdp.as_deref()),
            inner: Mutex::new(Inner {
                env,
                rng: None,
                steps: None,
                obs: vec![0.0; spec.obs_len()],
            }),
            spec,
        })
    }

    fn spaces(&self) -> Spaces {
        (self.form.described(), described(&self.spec), self.masked)
    }

    /// Starts an episode: its first observation. The generator goes on unless there is a seed.
    #[pyo3(signature = (seed=None))]
    fn reset<'py>(
        &mut self,
        py: Python<'py>,
        seed: Option<u64>,
    ) -> PyResult<Bound<'py, PyByteArray>> {
        let inner = self.inner();
        let fresh = seed.map(|seed| stream(seed, "env/0"));
        let Some(mut rng) = fresh.or_else(|| inner.rng.take()) else {
            return Err(PyRuntimeError::new_err("the first reset needs a seed"));
        };
        inner.env.reset(&mut rng);
        inner.rng = Some(rng);
        inner.steps = Some(0);
        self.observation(py)
    }

    /// Observation, reward, terminated and truncated.
    fn step<'py>(
        &mut self,
        py: Python<'py>,
        action: &Bound<'py, PyBytes>,
    ) -> PyResult<(Bound<'py, PyByteArray>, f64, bool, bool)> {
        let action = read(&self.spec, 1, action.as_bytes())?;
        let (limit, n_actions) = (self.spec.time_limit, self.spec.n_actions());
        let Inner { env, rng, steps, .. } = self.inner();
        let (Some(rng), Some(taken)) = (rng.as_mut(), *steps) else {
            return Err(PyRuntimeError::new_err("no episode is under way"));
        };
        let step = match action.action(0) {
            Action::Discrete(action) => {
                env.step(Action::Discrete(nearest(&**env, action, n_actions)), rng)
            }
            vector => env.step(vector, rng),
        };
        let taken = taken + 1;
        let cut = env.is_truncated() || limit.is_some_and(|limit| taken >= limit);
        let truncated = cut && !step.terminated;
        *steps = (!step.terminated && !truncated).then_some(taken);
        Ok((self.observation(py)?, f64::from(step.reward), step.terminated, truncated))
    }

    /// Returns `true` if an episode is under way.
    fn is_under_way(&mut self) -> bool {
        self.inner().steps.is_some()
    }

    /// A byte for each action, 1 where the present state has it.
    fn action_mask<'py>(&mut self, py: Python<'py>) -> Bound<'py, PyByteArray> {
        let n_actions = self.spec.n_actions();
        let mask: Vec<u8> = mask(&*self.inner().env, n_actions).collect();
        PyByteArray::new(py, &mask)
    }

    /// Pixels, `[height, width, 3]`, height and width.
    fn frame<'py>(&mut self, py: Python<'py>) -> (Bound<'py, PyByteArray>, usize, usize) {
        let frame = self.inner().env.render();
        (PyByteArray::new(py, &frame.pixels), frame.height, frame.width)
    }

    /// A frame as text.
    fn text(&mut self) -> String {
        self.inner().env.cells().to_string()
    }
}
