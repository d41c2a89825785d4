//! One environment of Gymnasium.
use super::pool::{Pool, Then};
use crate::shades;
use crate::{Action, Cell, CellShape, Cells, Env, EnvError, Rgb, Snapshot, Spec, Step};
use rand::RngCore;
use serde::{Deserialize, Serialize, de::Error as _};
use serde_json::Value;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Columns of a drawing for a terminal.
const COLUMNS: usize = 60;

/// One environment, in the process of a worker.
pub(super) struct GymEnv {
    pool: Arc<Mutex<Pool>>,
    slot: usize,
    /// Seed of the first reset, once there was one.
    seed: Option<u32>,
    /// Episodes begun.
    episodes: u32,
    truncated: bool,
    anew: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Saved {
    /// Pickled, in base64.
    Pickle { text: String, seed: u32, episodes: u32 },
    /// The seed of a new episode, for an environment that can't be saved.
    Anew { seed: u32, why: String },
}

impl GymEnv {
    pub(super) fn new(pool: Arc<Mutex<Pool>>) -> Self {
        let slot = lock(&pool).open();
        Self { pool, slot, seed: None, episodes: 0, truncated: false, anew: false }
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        lock(&self.pool)
    }
}

fn lock(pool: &Mutex<Pool>) -> MutexGuard<'_, Pool> {
    pool.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for GymEnv {
    fn drop(&mut self) {
        self.pool().close(self.slot);
    }
}

impl Env for GymEnv {
    fn spec(&self) -> Spec {
        self.pool().spec().clone()
    }

    fn begin_reset(&mut self, rng: &mut dyn RngCore) {
        if self.pool().is_begun(self.slot) {
            return;
        }
        // The first reset seeds the environment's own generator, which goes on from there. Some take 31 bits.
        let seed = self.seed.is_none().then(|| rng.next_u32() >> 1);
        self.seed = self.seed.or(seed);
        self.episodes = self.episodes.wrapping_add(1);
        self.pool().begin_reset(self.slot, seed);
    }

    fn reset(&mut self, rng: &mut dyn RngCore) {
        self.begin_reset(rng);
        self.pool().finish(self.slot);
        self.truncated = false;
        self.anew = false;
    }

    fn begin_step(&mut self, action: Action<'_>) {
        self.pool().begin_step(self.slot, action, Then::Wait);
    }

    fn begin_step_and_reset(&mut self, action: Action<'_>) {
        self.pool().begin_step(self.slot, action, Then::Reset);
    }

    fn step(&mut self, action: Action<'_>, _: &mut dyn RngCore) -> Step {
        let mut pool = lock(&self.pool);
        pool.begin_step(self.slot, action, Then::Wait);
        pool.finish(self.slot);
        let (step, truncated) = pool.result(self.slot);
        self.truncated = truncated;
        step
    }

    fn is_truncated(&self) -> bool {
        self.truncated
    }

    fn failure(&self) -> Option<EnvError> {
        self.pool().failure()
    }

    fn is_begun_anew(&self) -> bool {
        self.anew
    }

    fn observe(&self, obs: &mut [f32]) {
        obs.copy_from_slice(self.pool().obs(self.slot));
    }

    fn render(&self) -> Rgb {
        let drawn = self.pool().draw(self.slot);
        drawn.unwrap_or_else(|| {
            let Spec { obs_shape, element, .. } = self.spec();
            shades::render(&obs_shape, element, |obs| self.observe(obs))
        })
    }

    fn cells(&self) -> Cells {
        let drawn = self.pool().draw(self.slot);
        drawn.map_or_else(
            || {
                let Spec { obs_shape, element, .. } = self.spec();
                shades::cells(&obs_shape, element, |obs| self.observe(obs))
            },
            |image| mosaic(&image),
        )
    }
}

impl Snapshot for GymEnv {
    fn snapshot(&self) -> serde_json::Result<Value> {
        let saved = self.pool().save(self.slot).map_err(serde_json::Error::custom)?;
        let (seed, episodes) = (self.seed.unwrap_or_default(), self.episodes);
        serde_json::to_value(match saved {
            Ok(text) => Saved::Pickle { text, seed, episodes },
            // Another seed for every episode, so that none is played twice.
            Err(why) => {
                let seed = seed.wrapping_add(episodes.wrapping_mul(0x9e37_79b9)) >> 1;
                Saved::Anew { seed, why }
            }
        })
    }

    fn restore(&mut self, saved: Value) -> serde_json::Result<()> {
        let mut pool = lock(&self.pool);
        let anew = match serde_json::from_value(saved)? {
            Saved::Pickle { text, seed, episodes } => {
                pool.load(self.slot, &text).map_err(serde_json::Error::custom)?;
                (self.seed, self.episodes) = (Some(seed), episodes);
                false
            }
            Saved::Anew { seed, why } => {
                pool.tell_anew(&why);
                let seed = seed & (u32::MAX >> 1);
                pool.begin_reset(self.slot, Some(seed));
                pool.finish(self.slot);
                if let Some(error) = pool.failure() {
                    return Err(serde_json::Error::custom(error));
                }
                (self.seed, self.episodes) = (Some(seed), 1);
                true
            }
        };
        (self.anew, self.truncated) = (anew, false);
        Ok(())
    }
}

/// An image in squares for a terminal, each of the mean colour of its pixels.
fn mosaic(image: &Rgb) -> Cells {
    let width = image.width.min(COLUMNS);
    let height = (image.height * width).div_ceil(image.width).min(image.height);
    let empty = Cell { glyph: ' ', color: [0; 3] };
    let mut cells = Cells::filled(width, height, empty, CellShape::Square);
    for row in 0..height {
        let rows = row * image.height / height..(row + 1) * image.height / height;
        for column in 0..width {
            let columns = column * image.width / width..(column + 1) * image.width / width;
            let pixels = rows.clone().flat_map(|y| columns.clone().map(move |x| (y, x)));
            let (mut sum, mut n) = ([0; 3], 0);
            for (y, x) in pixels {
                let pixel = &image.pixels[3 * (y * image.width + x)..][..3];
                sum.iter_mut().zip(pixel).for_each(|(sum, part)| *sum += usize::from(*part));
                n += 1;
            }
            let color = sum.map(|sum| (sum / n) as u8);
            let light = color.iter().map(|part| usize::from(*part)).sum::<usize>() / 3;
            let glyph = [' ', '.', ':', 'o', '#'][light * 4 / 255];
            cells.put(row, column, Cell { glyph, color });
        }
    }
    cells
}
