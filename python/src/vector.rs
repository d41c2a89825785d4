//! Copies of an environment that one call steps, as `gymnasium.vector.VectorEnv` wants them.
use crate::actions::{are_masked, described, mask, nearest, read};
use crate::arrays::Form;
use crate::env::Spaces;
use crate::{errors, options};
use lab::agents::ActionBatch;
use lab::envs::{End, EnvError, Episode, Spec, Transition, VecEnv};
use lab::train::{Memory, stream};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDict};
use std::sync::{Mutex, PoisonError};

/// Copies of an environment, reset in the step in which their episodes end.
#[pyclass(module = "lab_native._lab")]
pub(crate) struct VectorEnv {
    // Environments may move between threads, and are used by one at a time.
    inner: Mutex<Inner>,
    spec: Spec,
    form: Form,
    masked: bool,
    n: usize,
}

struct Inner {
    env: VecEnv,
    /// Was reset by the user.
    begun: bool,
    /// Results of the last step, `[n]`.
    rewards: Vec<f64>,
    terminated: Vec<bool>,
    truncated: Vec<bool>,
    /// Copies whose episodes the last step ended, with these; and their final observations, `[ended, obs_len]`.
    ended: Vec<(usize, Episode)>,
    finals: Vec<f32>,
}

impl Inner {
    /// Steps all copies.
    fn step(&mut self, actions: &ActionBatch) -> Result<(), EnvError> {
        let Self { env, rewards, terminated, truncated, ended, finals, .. } = self;
        ended.clear();
        finals.clear();
        let visit = |transition: Transition<'_>| {
            let i = transition.index;
            rewards[i] = f64::from(transition.reward);
            terminated[i] = transition.end == End::Terminated;
            truncated[i] = transition.end == End::Truncated;
            if let Some(episode) = transition.episode {
                ended.push((i, episode));
                finals.extend(transition.next_obs);
            }
        };
        match actions {
            ActionBatch::Discrete(actions) | ActionBatch::Masked { actions, .. } => {
                env.step(actions, visit)
            }
            ActionBatch::Continuous { actions, .. } => env.step_continuous(actions, visit),
        }
    }
}

impl VectorEnv {
    fn inner(&mut self) -> &mut Inner {
        self.inner.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Numbers of the copies whose episodes ended; and in the same bytes returns (`float64`) and lengths (`int64`) of all copies, 0
/// where none ended, the final observations of those where one did, and a byte for each copy, 1 there.
type Finals<'py> = (Vec<usize>, Bound<'py, PyByteArray>);

fn finals<'py>(py: Python<'py>, form: &Form, n: usize, inner: &Inner) -> PyResult<Finals<'py>> {
    let Inner { ended, finals, .. } = inner;
    let (numbers, size) = (n * size_of::<u64>(), ended.len() * form.size());
    let bytes = PyByteArray::new_with(py, 2 * numbers + size + n, |to| {
        let (returns, to) = to.split_at_mut(numbers);
        let (lengths, to) = to.split_at_mut(numbers);
        let (obs, ends) = to.split_at_mut(size);
        let (returns, lengths) = (returns.as_chunks_mut().0, lengths.as_chunks_mut().0);
        for (i, Episode { ret, len }) in ended {
            returns[*i] = ret.to_ne_bytes();
            lengths[*i] = i64::from(*len).to_ne_bytes();
            ends[*i] = 1;
        }
        form.write(finals, obs);
        Ok(())
    })?;
    Ok((ended.iter().map(|(i, _)| *i).collect(), bytes))
}

#[pymethods]
impl VectorEnv {
    #[new]
    fn new(py: Python<'_>, name: &str, n: usize, given: &Bound<'_, PyDict>) -> PyResult<Self> {
        if n == 0 {
            return Err(PyValueError::new_err("num_envs=0: at least 1 is expected"));
        }
        let entry = options::entry(name)?;
        let options = options::read(entry, given)?;
        let make = entry.make(&options).map_err(|error| errors::raised(py, error))?;
        let mdp = entry.mdp(&options).map_err(|error| errors::raised(py, error))?;
        let spec = make().spec();
        // Observations, final ones and those that Python gets; an environment and its generator.
        let mut memory = Memory::default();
        memory.part("num_envs", n, [n, 16 * spec.obs_len() + 1024]);
        memory.check().map_err(|error| errors::raised(py, error.into()))?;
        let env = VecEnv::new((0..n).map(|i| stream(0, &format!("env/{i}"))).collect(), &make);
        Ok(Self {
            form: Form::of(&spec, options::has_states(entry)),
            masked: are_masked(mdp.as_deref()),
            n,
            inner: Mutex::new(Inner {
                env,
                begun: false,
                rewards: vec![0.0; n],
                terminated: vec![false; n],
                truncated: vec![false; n],
                ended: Vec::new(),
                finals: Vec::new(),
            }),
            spec,
        })
    }

    fn spaces(&self) -> Spaces {
        (self.form.described(), described(&self.spec), self.masked)
    }

    /// Starts an episode in every copy: the first observations. Of one seed, copy i draws from lab's stream `env/i`; of
    /// several, from stream `env/0` of its own; without, generators go on.
    #[pyo3(signature = (seeds=None))]
    fn reset<'py>(
        &mut self,
        py: Python<'py>,
        seeds: Option<Vec<u64>>,
    ) -> PyResult<Bound<'py, PyByteArray>> {
        let (n, form) = (self.n, self.form.clone());
        let inner = self.inner();
        let rngs = match seeds.as_deref() {
            Some([seed]) => Some((0..n).map(|i| stream(*seed, &format!("env/{i}"))).collect()),
            Some(seeds) if seeds.len() == n => {
                Some(seeds.iter().map(|seed| stream(*seed, "env/0")).collect())
            }
            Some(seeds) => {
                let sentence = format!("{} seeds for {n} environments", seeds.len());
                return Err(PyValueError::new_err(sentence));
            }
            None if inner.begun => None,
            None => return Err(PyRuntimeError::new_err("the first reset needs a seed")),
        };
        let begun = match rngs {
            Some(rngs) => inner.env.restart(rngs),
            None => inner.env.begin(),
        };
        begun.map_err(|error| errors::raised(py, error.into()))?;
        inner.begun = true;
        PyByteArray::new_with(py, n * form.size(), |to| {
            form.write(inner.env.obs(), to);
            Ok(())
        })
    }

    /// Rewards (`float64`), observations, terminated and truncated (a byte each), one after the other in the same bytes;
    /// and, where an episode ended, the [`Finals`].
    fn step<'py>(
        &mut self,
        py: Python<'py>,
        actions: &Bound<'py, PyBytes>,
    ) -> PyResult<(Bound<'py, PyByteArray>, Option<Finals<'py>>)> {
        let (n, masked, n_actions) = (self.n, self.masked, self.spec.n_actions());
        let mut actions = read(&self.spec, n, actions.as_bytes())?;
        let Self { inner, form, .. } = self;
        let inner = inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !inner.begun {
            return Err(PyRuntimeError::new_err("no episode is under way"));
        }
        if let (true, ActionBatch::Discrete(actions)) = (masked, &mut actions) {
            for (i, action) in actions.iter_mut().enumerate() {
                *action = nearest(inner.env.env(i), *action, n_actions);
            }
        }
        let stepped = py.detach(|| inner.step(&actions));
        stepped.map_err(|error| errors::raised(py, error.into()))?;
        let (rewards, size) = (n * size_of::<f64>(), n * form.size());
        let results = PyByteArray::new_with(py, rewards + size + 2 * n, |to| {
            let (to_rewards, to) = to.split_at_mut(rewards);
            let (to_obs, to_ends) = to.split_at_mut(size);
            let rows = to_rewards.as_chunks_mut().0.iter_mut().zip(&inner.rewards);
            rows.for_each(|(to, reward)| *to = reward.to_ne_bytes());
            form.write(inner.env.obs(), to_obs);
            let ends = inner.terminated.iter().chain(&inner.truncated);
            to_ends.iter_mut().zip(ends).for_each(|(to, end)| *to = u8::from(*end));
            Ok(())
        })?;
        let finals = (!inner.ended.is_empty()).then(|| finals(py, form, n, inner)).transpose()?;
        Ok((results, finals))
    }

    /// A byte for each action of each copy, `[n, A]`, 1 where its present state has it.
    fn action_mask<'py>(&mut self, py: Python<'py>) -> Bound<'py, PyByteArray> {
        let (n, n_actions) = (self.n, self.spec.n_actions());
        let env = &self.inner().env;
        let all: Vec<u8> = (0..n).flat_map(|i| mask(env.env(i), n_actions)).collect();
        PyByteArray::new(py, &all)
    }

    /// Pixels of a copy, `[height, width, 3]`, height and width.
    fn frame<'py>(&mut self, py: Python<'py>, i: usize) -> (Bound<'py, PyByteArray>, usize, usize) {
        let frame = self.inner().env.env(i).render();
        (PyByteArray::new(py, &frame.pixels), frame.height, frame.width)
    }
}
