//! Environments divided among workers, whose resets and steps are sent together.
use super::layout::{InitReply, Layout, float};
use super::options::{GymId, GymOptions};
use super::worker::{Op, Worker};
use crate::{Action, EnvError, Rgb, Spec, Step};
use serde_json::{Map, Value};
use std::io::Write as _;

/// The seed of a reset that has none: the environment goes on with its own generator.
const NO_SEED: u32 = u32::MAX;

/// The bit of an id whose environment begins an episode with the frame that ends one.
const THEN_RESET: u32 = 1 << 31;

/// The bit of an end that was followed by a reset.
const WAS_RESET: u8 = 4;

/// Continuation after a step that ends an episode.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Wait,
    /// It begins the next episode; not where the environment is drawn, whose last frame may be asked for.
    Reset,
}

/// Workers, and a slot for each environment.
pub(super) struct Pool {
    name: String,
    layout: Layout,
    workers: Vec<Busy>,
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// The error after which nothing goes on.
    failure: Option<EnvError>,
    /// Set once it was said that environments begin new episodes.
    told_anew: bool,
    /// Set once it was said that environments can't be drawn.
    undrawn: bool,
}

/// A worker, the work that waits for it and the work it has.
struct Busy {
    worker: Worker,
    queue: Queue,
    /// Slots in the order in which the reply has them: those that are reset, and those that are stepped.
    sent: Option<[Vec<usize>; 2]>,
}

#[derive(Default)]
struct Queue {
    close: Vec<usize>,
    reset: Vec<usize>,
    seeds: Vec<u32>,
    step: Vec<usize>,
    /// [`THEN_RESET`] or 0 for each step.
    then: Vec<u32>,
    actions: Vec<u8>,
}

/// Last observation and result of an environment.
#[derive(Default, Clone)]
struct Slot {
    obs: Vec<f32>,
    /// First observation of the next episode, where the worker has begun it already.
    renewed: Option<Vec<f32>>,
    reward: f32,
    terminated: bool,
    truncated: bool,
    call: Call,
}

/// Progress of the reset or the step of an environment.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Call {
    /// None was announced since the last one was taken.
    #[default]
    None,
    /// It waits to be sent, or is under way.
    Begun,
    /// It is over, and waits to be taken.
    Over,
}

impl Pool {
    pub(super) fn start(
        id: &GymId,
        arguments: &Map<String, Value>,
        options: &GymOptions,
    ) -> Result<Self, EnvError> {
        let (name, settings) = (id.to_string(), options.settings(id, arguments)?);
        let start = |_| Worker::start(&name, options.python.as_deref(), &settings);
        let mut workers = (0..options.workers.max(1)).map(start).collect::<Result<Vec<_>, _>>()?;
        let mut layout = None;
        for worker in &mut workers {
            let reply = worker.receive()??;
            let reply = serde_json::from_slice::<InitReply>(&reply).ok().and_then(Layout::of);
            layout = Some(reply.ok_or_else(|| worker.error("its spaces have no elements"))?);
        }
        let layout = layout.ok_or_else(|| EnvError::new(format!("{name}: no worker")))?;
        let busy = |worker| Busy { worker, queue: Queue::default(), sent: None };
        Ok(Self {
            name,
            layout,
            workers: workers.into_iter().map(busy).collect(),
            slots: Vec::new(),
            free: Vec::new(),
            failure: None,
            told_anew: false,
            undrawn: false,
        })
    }

    pub(super) fn spec(&self) -> &Spec {
        &self.layout.spec
    }

    pub(super) fn failure(&self) -> Option<EnvError> {
        self.failure.clone()
    }

    /// A place for one more environment, which is made when it is first reset.
    pub(super) fn open(&mut self) -> usize {
        let slot = Slot { obs: vec![0.0; self.layout.spec.obs_len()], ..Slot::default() };
        match self.free.pop() {
            Some(place) => {
                self.slots[place] = slot;
                place
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        }
    }

    pub(super) fn close(&mut self, slot: usize) {
        self.finish(slot);
        let worker = self.worker_of(slot);
        self.workers[worker].queue.close.push(slot);
        self.free.push(slot);
    }

    /// Returns `true` if a reset or a step of `slot` was begun and not yet [finished](Self::finish).
    pub(super) fn is_begun(&self, slot: usize) -> bool {
        self.slots[slot].call != Call::None
    }

    /// Has the environment begin an episode with the next frame.
    pub(super) fn begin_reset(&mut self, slot: usize, seed: Option<u32>) {
        if self.is_begun(slot) {
            return;
        }
        if let Some(obs) = self.slots[slot].renewed.take() {
            self.slots[slot].obs = obs;
            self.slots[slot].call = Call::Over;
            return;
        }
        self.slots[slot].call = Call::Begun;
        let worker = self.worker_of(slot);
        let queue = &mut self.workers[worker].queue;
        queue.reset.push(slot);
        queue.seeds.push(seed.unwrap_or(NO_SEED));
    }

    /// Has the environment take an action with the next frame.
    pub(super) fn begin_step(&mut self, slot: usize, action: Action<'_>, then: Then) {
        if self.is_begun(slot) {
            return;
        }
        self.slots[slot].call = Call::Begun;
        self.slots[slot].renewed = None;
        let worker = self.worker_of(slot);
        let queue = &mut self.workers[worker].queue;
        queue.step.push(slot);
        queue.then.push(if then == Then::Reset { THEN_RESET } else { 0 });
        match action {
            Action::Discrete(action) => queue.actions.extend((action as u32).to_le_bytes()),
            Action::Continuous(action) => {
                queue.actions.extend(action.iter().flat_map(|x| x.to_le_bytes()));
            }
        }
    }

    /// Waits until the reset or step of `slot` is over, and takes it.
    pub(super) fn finish(&mut self, slot: usize) {
        let worker = self.worker_of(slot);
        while self.slots[slot].call == Call::Begun && self.failure.is_none() {
            if let Err(error) = self.flush().and_then(|()| self.settle(worker)) {
                self.failure = Some(error);
            }
        }
        self.slots[slot].call = Call::None;
    }

    pub(super) fn result(&self, slot: usize) -> (Step, bool) {
        let Slot { reward, terminated, truncated, .. } = self.slots[slot];
        (Step { reward, terminated }, truncated)
    }

    pub(super) fn obs(&self, slot: usize) -> &[f32] {
        &self.slots[slot].obs
    }

    /// The environment as text, or why it has none.
    pub(super) fn save(&mut self, slot: usize) -> Result<Result<String, String>, EnvError> {
        let saved = self.ask(slot, Op::Save, &[])?;
        let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(match saved.split_first() {
            Some((b'+', text)) => Ok(told(text)),
            Some((_, why)) => Err(told(why)),
            None => Err(String::new()),
        })
    }

    /// Puts such a text back.
    pub(super) fn load(&mut self, slot: usize, text: &str) -> Result<(), EnvError> {
        let obs = self.ask(slot, Op::Load, text.as_bytes())?;
        self.slots[slot].renewed = None;
        self.receive_obs(slot, &obs, "its pickle")
    }

    /// The image that the environment draws, where it draws one.
    pub(super) fn draw(&mut self, slot: usize) -> Option<Rgb> {
        if self.undrawn || self.failure.is_some() {
            return None;
        }
        let drawn = self.ask(slot, Op::Draw, &[]).and_then(|drawn| {
            rgb(&drawn)
                .ok_or_else(|| EnvError::new(format!("{}: an image without size", self.name)))
        });
        drawn
            .map_err(|why| {
                self.undrawn = true;
                let why = why.to_string();
                let why = why.lines().next().unwrap_or_default();
                note(&format!("{why}; its observation is shown instead"));
            })
            .ok()
    }

    /// Says, once, that resumed environments begin a new episode.
    pub(super) fn tell_anew(&mut self, why: &str) {
        if !std::mem::replace(&mut self.told_anew, true) {
            note(&format!(
                "{}: {why}; the environments of the resumed run begin a new episode",
                self.name
            ));
        }
    }

    fn worker_of(&self, slot: usize) -> usize {
        slot % self.workers.len()
    }

    /// Sends every worker that has no work what waits for it.
    fn flush(&mut self) -> Result<(), EnvError> {
        for Busy { worker, queue, sent } in &mut self.workers {
            if sent.is_some() || queue.reset.is_empty() && queue.step.is_empty() {
                continue;
            }
            worker.send(Op::Run, &queue.frame())?;
            let Queue { reset, step, .. } = std::mem::take(queue);
            *sent = Some([reset, step]);
        }
        Ok(())
    }

    /// Waits for the work that a worker has.
    fn settle(&mut self, worker: usize) -> Result<(), EnvError> {
        let Busy { worker, sent, .. } = &mut self.workers[worker];
        let Some([reset, step]) = sent.take() else { return Ok(()) };
        let reply = worker.receive()??;
        let (n, obs_len) = (step.len(), self.layout.obs_bytes());
        let ends = reply.get(4 * n..5 * n).unwrap_or_default();
        let renewed = ends.iter().zip(&step).filter(|(end, _)| *end & WAS_RESET != 0);
        let renewed: Vec<_> = renewed.map(|(_, slot)| *slot).collect();
        if reply.len() != 5 * n + (reset.len() + n + renewed.len()) * obs_len {
            return Err(worker.error(&format!("a reply of {} bytes", reply.len())));
        }
        let (rewards, rest) = reply.split_at(4 * n);
        let (ends, obs) = rest.split_at(n);
        for ((slot, reward), end) in step.iter().zip(rewards.chunks_exact(4)).zip(ends) {
            let slot = &mut self.slots[*slot];
            slot.reward = float(reward);
            if !slot.reward.is_finite() {
                let told = format!("{}: step returned the reward {}", self.name, slot.reward);
                return Err(EnvError::new(told));
            }
            (slot.terminated, slot.truncated) = (end & 1 != 0, end & 2 != 0);
        }
        let all = reset.iter().map(|slot| (slot, "reset"));
        let all = all.chain(step.iter().map(|slot| (slot, "step")));
        let mut rows = obs.chunks_exact(obs_len);
        for ((slot, from), obs) in all.zip(&mut rows) {
            self.receive_obs(*slot, obs, from)?;
            self.slots[*slot].call = Call::Over;
        }
        for (slot, obs) in renewed.into_iter().zip(rows) {
            let last = self.slots[slot].obs.clone();
            self.receive_obs(slot, obs, "reset")?;
            let first = std::mem::replace(&mut self.slots[slot].obs, last);
            self.slots[slot].renewed = Some(first);
        }
        Ok(())
    }

    /// Takes an observation that came `from` a call.
    fn receive_obs(&mut self, slot: usize, bytes: &[u8], from: &str) -> Result<(), EnvError> {
        let Self { layout, slots, name, .. } = self;
        if bytes.len() != layout.obs_bytes() {
            let told = format!("{name}: an observation of {} bytes from {from}", bytes.len());
            return Err(EnvError::new(told));
        }
        let obs = &mut slots[slot].obs;
        layout.read(bytes, obs);
        if let Some(i) = obs.iter().position(|number| !number.is_finite()) {
            let told =
                format!("{name}: {from} returned an observation with {} at place {i}", obs[i]);
            return Err(EnvError::new(told));
        }
        Ok(())
    }

    /// Asks the worker of `slot` something about it.
    fn ask(&mut self, slot: usize, op: Op, data: &[u8]) -> Result<Vec<u8>, EnvError> {
        self.finish(slot);
        if let Some(error) = &self.failure {
            return Err(error.clone());
        }
        let worker = self.worker_of(slot);
        self.settle(worker)?;
        let mut frame = (slot as u32).to_le_bytes().to_vec();
        frame.extend(data);
        let Busy { worker, .. } = &mut self.workers[worker];
        worker.send(op, &frame)?;
        let answer = worker.receive();
        answer.inspect_err(|error| self.failure = Some(error.clone()))?
    }
}

impl Queue {
    fn frame(&self) -> Vec<u8> {
        let Self { close, reset, seeds, step, then, actions } = self;
        let counts = [close.len(), reset.len(), step.len()].map(|n| n as u32);
        let slots = |slots: &[usize]| slots.iter().map(|slot| *slot as u32).collect::<Vec<_>>();
        let steps: Vec<_> = slots(step).iter().zip(then).map(|(slot, then)| slot | then).collect();
        let numbers = [&counts[..], &slots(close), &slots(reset), seeds, &steps].concat();
        let mut frame: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        frame.extend(actions);
        frame
    }
}

/// The image of a reply.
fn rgb(reply: &[u8]) -> Option<Rgb> {
    let (height, rest) = reply.split_first_chunk::<4>()?;
    let (width, pixels) = rest.split_first_chunk::<4>()?;
    let [height, width] = [height, width].map(|bytes| u32::from_le_bytes(*bytes) as usize);
    let fits = !pixels.is_empty() && height.checked_mul(width)?.checked_mul(3)? == pixels.len();
    fits.then(|| Rgb { width, height, pixels: pixels.to_vec() })
}

/// Tells on standard error; who does not read it does without.
fn note(sentence: &str) {
    let _ = writeln!(std::io::stderr(), "note: {sentence}");
}
