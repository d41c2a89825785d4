//! Trained agents and models, asked for arrays.
use crate::actions::{described, read};
use crate::arrays::{Form, bytes, floats, one_hot};
use crate::env::Spaces;
use crate::errors;
use crate::worker::Worker;
use anyhow::{Context, Result, bail};
use lab::agents::{ActionBatch, Agent, Mode};
use lab::candle_core::{Device, Tensor};
use lab::envs::Spec;
use lab::generative::Generative;
use lab::generative::data::{Images, Labels, Shape};
use lab::generative::latents::Vectors;
use lab::loaded::{Elsewhere, Loaded, Part};
use lab::rand::{Rng as _, SeedableRng as _};
use lab::registry::env;
use lab::train::{Memory, Rng, Which, stream};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// A loaded run.
#[pyclass(module = "lab_native._lab", frozen)]
pub(crate) struct Model {
    worker: Worker,
    about: About,
    /// Draws actions, and among those that tie.
    rng: Mutex<Rng>,
}

/// Everything about a run that is known without asking its thread.
struct About {
    algorithm: &'static str,
    subject: String,
    seed: u64,
    offers: Vec<&'static str>,
    /// Of an agent.
    acts: Option<(Spec, Form)>,
    /// The agent has to be told which actions a state has: some lack some, and networks don't know it.
    needs_masks: bool,
    /// Of a model of data.
    classes: Vec<String>,
    takes: Option<(Shape, u16)>,
    codes: Option<(Shape, u16)>,
    latents: bool,
}

/// Pixels `[n, C, H, W]`, and their shape and levels; points `[n, 2]` have no levels.
type Drawn<'py> = (Bound<'py, PyByteArray>, (usize, usize, usize), u16);

impl About {
    fn of(loaded: &Loaded) -> Result<Self> {
        let mut about = Self {
            algorithm: loaded.algorithm(),
            subject: loaded.subject().to_owned(),
            seed: loaded.seed(),
            offers: Vec::new(),
            acts: None,
            needs_masks: false,
            classes: Vec::new(),
            takes: None,
            codes: None,
            latents: false,
        };
        match loaded.part() {
            Part::Agent(agent, make) => {
                let env = make();
                let spec = env.spec();
                let states = env_has_states(&about.subject);
                let mut obs = vec![0.0; spec.obs_len()];
                env.observe(&mut obs);
                about.offers.push("act");
                if agent.q_values(&obs)?.is_some() {
                    about.offers.push("q_values");
                }
                if agent.policy(&obs)?.is_some() {
                    about.offers.push("log_prob");
                }
                about.needs_masks = env.masks_actions() && !agent.exports().is_empty();
                let form = Form::of(&spec, states);
                about.acts = Some((spec, form));
            }
            Part::Model(model) => {
                about.classes = model.classes().to_vec();
                about.takes = model.takes();
                about.codes = model.codebook().map(|codes| codes.grid());
                about.latents = model.latent_space().is_some();
                let draws = model.image_sampler().is_some() || model.point_sampler().is_some();
                for (is, name) in [
                    (draws, "sample"),
                    (about.latents || about.codes.is_some(), "encode"),
                    (about.latents || about.codes.is_some(), "decode"),
                    (model.exact_likelihood().is_some(), "log_prob"),
                ] {
                    about.offers.extend(is.then_some(name));
                }
            }
        }
        Ok(about)
    }
}

/// Returns `true` if observations of the environment are numbers of states.
fn env_has_states(subject: &str) -> bool {
    // One of Gymnasium is none of lab's.
    env(subject).is_ok_and(crate::options::has_states)
}

/// The first row whose action its mask refuses, with that action.
fn refused(actions: &ActionBatch) -> Option<(usize, usize)> {
    let ActionBatch::Masked { actions, allowed, n_actions } = actions else { return None };
    let mut chosen = actions.iter().copied().enumerate();
    chosen.find(|(row, action)| !allowed[row * n_actions + action])
}

fn agent(loaded: &Loaded) -> Result<&dyn Agent> {
    match loaded.part() {
        Part::Agent(agent, _) => Ok(agent),
        Part::Model(_) => bail!("{} is a model of data, and no agent", loaded.algorithm()),
    }
}

fn generative(loaded: &Loaded) -> Result<&dyn Generative> {
    match loaded.part() {
        Part::Model(model) => Ok(model),
        Part::Agent(..) => bail!("{} is an agent, and no model of data", loaded.algorithm()),
    }
}

impl Model {
    /// The environment of an agent.
    fn acts(&self) -> PyResult<&(Spec, Form)> {
        self.about.acts.as_ref().ok_or_else(|| self.lacks("act"))
    }

    fn lacks(&self, method: &str) -> PyErr {
        let (name, offers) = (self.about.algorithm, self.about.offers.join(", "));
        PyValueError::new_err(format!("{method}: this {name} has none; it has {offers}"))
    }

    /// Observations `[n, obs_len]` from those of Python, and n.
    fn observations(&self, given: &[u8]) -> PyResult<(Vec<f32>, usize)> {
        let (spec, form) = self.acts()?;
        let obs = match form {
            Form::State(n_states) => one_hot(given, *n_states)?,
            Form::Array { .. } => floats(given).collect(),
        };
        let n = obs.len() / spec.obs_len();
        Ok((obs, n))
    }
}

#[pymethods]
impl Model {
    #[new]
    #[pyo3(signature = (run, best, data=None, python=None))]
    fn new(
        py: Python<'_>,
        run: PathBuf,
        best: bool,
        data: Option<String>,
        python: Option<String>,
    ) -> PyResult<Self> {
        let which = if best { Which::Best } else { Which::Latest };
        let worker = Worker::start(py, move || {
            let elsewhere = Elsewhere { data: data.as_deref(), python: python.as_deref() };
            Loaded::open(&run, which, elsewhere)
        })?;
        let about = worker.ask(py, About::of)?;
        let rng = Mutex::new(stream(about.seed, "act"));
        Ok(Self { worker, about, rng })
    }

    #[getter]
    fn algorithm(&self) -> &'static str {
        self.about.algorithm
    }

    #[getter]
    fn subject(&self) -> &str {
        &self.about.subject
    }

    #[getter]
    fn seed(&self) -> u64 {
        self.about.seed
    }

    #[getter]
    fn offers(&self) -> Vec<&'static str> {
        self.about.offers.clone()
    }

    #[getter]
    fn classes(&self) -> Vec<String> {
        self.about.classes.clone()
    }

    /// Spaces of an agent.
    fn spaces(&self) -> Option<Spaces> {
        let (spec, form) = self.about.acts.as_ref()?;
        Some((form.described(), described(spec), false))
    }

    /// Shape and levels of the images that a model takes.
    fn takes(&self) -> Option<([usize; 3], u16)> {
        let (Shape { channels, height, width }, levels) = self.about.takes?;
        Some(([channels, height, width], levels))
    }

    /// Shape of a grid of codes, and how many codes there are.
    fn codes(&self) -> Option<([usize; 2], u16)> {
        let (Shape { height, width, .. }, codes) = self.about.codes?;
        Some(([height, width], codes))
    }

    /// Seeds the draws of [`act`](Self::act).
    fn reseed(&self, seed: u64) {
        *self.rng.lock().unwrap_or_else(PoisonError::into_inner) = stream(seed, "act");
    }

    /// An action for each observation: numbers (`int64`), or vectors (`float32`). `mask` has a byte for each action of each
    /// observation, 1 where the agent may choose it.
    #[pyo3(signature = (obs, sampled, mask=None))]
    fn act<'py>(
        &self,
        py: Python<'py>,
        obs: &Bound<'py, PyBytes>,
        sampled: bool,
        mask: Option<&Bound<'py, PyBytes>>,
    ) -> PyResult<Bound<'py, PyByteArray>> {
        let (obs, n) = self.observations(obs.as_bytes())?;
        let (spec, _) = self.acts()?;
        let mut actions = match (spec.n_actions(), mask) {
            (0, _) => {
                let action_len = spec.action_len();
                ActionBatch::Continuous { actions: vec![0.0; n * action_len], action_len }
            }
            (_, None) if self.about.needs_masks => {
                return Err(PyValueError::new_err(
                    "mask: states of this environment lack some actions, which a network does not know; give \
                     mask=info[\"action_mask\"] of its reset or step",
                ));
            }
            (_, None) => ActionBatch::Discrete(vec![0; n]),
            (n_actions, Some(mask)) => {
                let allowed = mask.as_bytes().iter().map(|byte| *byte == 1).collect();
                ActionBatch::Masked { actions: vec![0; n], allowed, n_actions }
            }
        };
        let seeds: Vec<u64> = {
            let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
            (0..n).map(|_| rng.random()).collect()
        };
        let actions = self.worker.ask(py, move |loaded| {
            let agent = agent(loaded)?;
            let mode = if sampled { Mode::Sampled } else { Mode::of_evaluation(agent) };
            let mut rngs: Vec<_> = seeds.into_iter().map(Rng::seed_from_u64).collect();
            agent.act(&obs, mode, &mut rngs, &mut actions)?;
            Ok(actions)
        })?;
        if let Some((row, action)) = refused(&actions) {
            let name = self.about.algorithm;
            return Err(PyValueError::new_err(format!(
                "mask: row {row} refuses action {action}, which this {name} takes there; one without a network chooses \
                 among all actions that its states have"
            )));
        }
        match actions {
            ActionBatch::Discrete(actions) | ActionBatch::Masked { actions, .. } => {
                bytes(py, &actions, |x| (x as i64).to_ne_bytes())
            }
            ActionBatch::Continuous { actions, .. } => bytes(py, &actions, f32::to_ne_bytes),
        }
    }

    /// q(s, a) of each observation, `float64` `[n, A]`.
    fn q_values<'py>(
        &self,
        py: Python<'py>,
        obs: &Bound<'py, PyBytes>,
    ) -> PyResult<Bound<'py, PyByteArray>> {
        if !self.about.offers.contains(&"q_values") {
            return Err(self.lacks("q_values"));
        }
        let (obs, _) = self.observations(obs.as_bytes())?;
        let q = self.worker.ask(py, move |loaded| {
            agent(loaded)?.q_values(&obs)?.context("the agent has no values of actions")
        })?;
        bytes(py, &q, f64::to_ne_bytes)
    }

    /// log π(a|s) of an action for each observation, `float32` `[n]`.
    fn log_prob_of_actions<'py>(
        &self,
        py: Python<'py>,
        obs: &Bound<'py, PyBytes>,
        actions: &Bound<'py, PyBytes>,
    ) -> PyResult<Bound<'py, PyByteArray>> {
        if !self.about.offers.contains(&"log_prob") {
            return Err(self.lacks("log_prob"));
        }
        let (obs, n) = self.observations(obs.as_bytes())?;
        let (spec, _) = self.acts()?;
        let width = spec.action_width();
        let rows: Vec<f32> = match read(spec, n, actions.as_bytes())? {
            ActionBatch::Discrete(actions) | ActionBatch::Masked { actions, .. } => {
                actions.into_iter().map(|x| x as f32).collect()
            }
            ActionBatch::Continuous { actions, .. } => actions,
        };
        let log_probs: Vec<f32> = self.worker.ask(py, move |loaded| {
            let policy = agent(loaded)?.policy(&obs)?.context("the agent has no policy")?;
            let actions = Tensor::from_vec(rows, (n, width), &Device::Cpu)?;
            Ok(policy.log_prob(&actions)?.to_vec1()?)
        })?;
        bytes(py, &log_probs, f32::to_ne_bytes)
    }

    /// n samples: bytes of pixels, or `float32` of points.
    #[pyo3(signature = (n, class, seed, temperature))]
    fn sample<'py>(
        &self,
        py: Python<'py>,
        n: usize,
        class: Option<u32>,
        seed: Option<u64>,
        temperature: Option<f64>,
    ) -> PyResult<Drawn<'py>> {
        if !self.about.offers.contains(&"sample") {
            return Err(self.lacks("sample"));
        }
        // An image that is not known to be smaller counts as one of 64 × 64 in colour.
        let numbers = self.about.takes.map_or(3 * 64 * 64, |(shape, _)| shape.len());
        let mut memory = Memory::default();
        memory.part("n", n, [n, numbers, 8]);
        memory.check().map_err(|error| errors::raised(py, error.into()))?;
        let mut rng = stream(seed.unwrap_or(self.about.seed), "samples");
        let drawn = self.worker.ask(py, move |loaded| {
            let model = generative(loaded)?;
            if let Some(temperature) = temperature {
                let ancestral = model.autoregressive();
                let ancestral =
                    ancestral.context("temperature: this model does not draw number by number")?;
                return Ok(Samples::Images(ancestral.sample_at(
                    n,
                    temperature,
                    class,
                    &mut rng,
                )?));
            }
            if let Some(points) = model.point_sampler() {
                return Ok(Samples::Points(points.sample_points(n, class, &mut rng)?));
            }
            let images = model.image_sampler().context("the model draws no samples")?;
            Ok(Samples::Images(images.sample_images(n, class, &mut rng)?))
        })?;
        match drawn {
            Samples::Images(images) => Ok(pixels(py, &images)),
            Samples::Points(points) => {
                Ok((bytes(py, points.as_flattened(), f32::to_ne_bytes)?, (1, 1, 2), 0))
            }
        }
    }

    /// Codes of images (`uint8`), or their vectors (`float32`, `[n, Z]`), and Z, which is 0 of codes.
    fn encode<'py>(
        &self,
        py: Python<'py>,
        images: &Bound<'py, PyBytes>,
        levels: u16,
        labels: Option<Vec<u32>>,
    ) -> PyResult<(Bound<'py, PyByteArray>, usize)> {
        if !self.about.offers.contains(&"encode") {
            return Err(self.lacks("encode"));
        }
        let images = self.images(images.as_bytes(), levels, labels)?;
        let codes = self.about.codes.is_some();
        let encoded = self.worker.ask(py, move |loaded| {
            let model = generative(loaded)?;
            if codes {
                let codebook = model.codebook().context("the model has no codes")?;
                return Ok(Encoded::Codes(codebook.encode(&images)?));
            }
            let space = model.latent_space().context("the model has no latent vectors")?;
            Ok(Encoded::Vectors(space.encode(&images)?))
        })?;
        match encoded {
            Encoded::Codes(codes) => Ok((PyByteArray::new(py, codes.pixels()), 0)),
            Encoded::Vectors(vectors) => {
                let numbers: Vec<f32> = vectors.rows().flatten().copied().collect();
                Ok((bytes(py, &numbers, f32::to_ne_bytes)?, vectors.size()))
            }
        }
    }

    /// Images of codes (`uint8`), or of vectors of `size` numbers (`float32`).
    fn decode<'py>(
        &self,
        py: Python<'py>,
        latents: &Bound<'py, PyBytes>,
        size: usize,
    ) -> PyResult<Drawn<'py>> {
        if !self.about.offers.contains(&"decode") {
            return Err(self.lacks("decode"));
        }
        if !self.about.classes.is_empty() {
            let sentence =
                "decode: a conditional model decodes with a label, by sample(n, label=…)";
            return Err(PyValueError::new_err(sentence));
        }
        let given = latents.as_bytes().to_vec();
        let codes = self.about.codes;
        let images = self.worker.ask(py, move |loaded| {
            let model = generative(loaded)?;
            if let Some((grid, n_codes)) = codes {
                let codes = Images::new(grid, n_codes, given, None)?;
                return model.codebook().context("the model has no codes")?.decode(&codes);
            }
            let vectors = Vectors::new(size, floats(&given).collect())?;
            model.latent_space().context("the model has no latent vectors")?.decode(&vectors)
        })?;
        Ok(pixels(py, &images))
    }

    /// log p of each image, `float64` `[n]`.
    fn log_prob_of_images<'py>(
        &self,
        py: Python<'py>,
        images: &Bound<'py, PyBytes>,
        levels: u16,
        labels: Option<Vec<u32>>,
    ) -> PyResult<Bound<'py, PyByteArray>> {
        if !self.about.offers.contains(&"log_prob") {
            return Err(self.lacks("log_prob"));
        }
        let images = self.images(images.as_bytes(), levels, labels)?;
        let log_probs = self.worker.ask(py, move |loaded| {
            let model = generative(loaded)?.exact_likelihood();
            model.context("the model has no exact likelihood")?.log_probs(&images)
        })?;
        bytes(py, &log_probs, f64::to_ne_bytes)
    }
}

enum Samples {
    Images(Images),
    Points(Vec<[f32; 2]>),
}

enum Encoded {
    Codes(Images),
    Vectors(Vectors),
}

fn pixels<'py>(py: Python<'py>, images: &Images) -> Drawn<'py> {
    let Shape { channels, height, width } = images.shape();
    (PyByteArray::new(py, images.pixels()), (channels, height, width), images.levels())
}

impl Model {
    /// Images that Python gives, with their labels where the model is conditional.
    fn images(&self, pixels: &[u8], levels: u16, labels: Option<Vec<u32>>) -> PyResult<Images> {
        let Some((shape, _)) = self.about.takes else {
            return Err(PyValueError::new_err("this model takes no images"));
        };
        let labels = match (labels, self.about.classes.as_slice()) {
            (None, []) => None,
            (Some(of), [_, ..]) => Some(Labels { of, names: self.about.classes.clone() }),
            (Some(_), []) => {
                let sentence = "labels: this model was told no labels";
                return Err(PyValueError::new_err(sentence));
            }
            (None, classes) => {
                let sentence =
                    format!("labels: a class of each image is expected, of {}", classes.join(", "));
                return Err(PyValueError::new_err(sentence));
            }
        };
        Images::new(shape, levels, pixels.to_vec(), labels)
            .map_err(|error| PyValueError::new_err(format!("images: {error}")))
    }
}
