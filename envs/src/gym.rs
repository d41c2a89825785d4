//! Environments of Gymnasium, in worker processes of Python.
//!
//! A [`Gym`] starts the workers, whose program `worker.py` is part of this crate, and makes environments that are
//! divided among them. Each of these is an [`Env`](crate::Env) like any other; where several are stepped by a
//! [`VecEnv`](crate::VecEnv), their actions are announced first and go to each worker in one frame.
//!
//! # Frames
//!
//! Over the worker's standard input and output, little-endian. A request is `u32 length, u8 op, length bytes`, its
//! reply `u32 length, u8 status, length bytes`; with status 1 the bytes are an error for the user, in UTF-8. A worker
//! has one request at a time.
//!
//! | op | request | reply |
//! |---|---|---|
//! | 0, init | JSON: id, arguments and wrappers | JSON: shapes, actions, time limit |
//! | 1, run | `u32` × 3: closed, reset, stepped; their ids; a seed for each reset (`u32::MAX` for none), after the ids of resets; actions | rewards, `f32`; ends, `u8`: bits 1 terminated, 2 truncated, 4 reset since; observations of resets, of steps, and of resets since |
//! | 2, save | id | `+` and the pickled environment in base64, or `-` and why there is none |
//! | 3, load | id, such a text | observation |
//! | 4, draw | id | `u32` height, `u32` width, pixels |
//!
//! Ids are `u32`. An action is `u32` where it is numbered, else `f32` × its length; an observation is `f32`, or `u8`
//! where it is made of bits or bytes. The last observation of an episode is what `step` returned. The worker resets nothing by
//! itself, but the id of a step may have its highest bit set: if that step ends the episode, the environment is reset once all
//! steps of the frame are taken, unless it is drawn.

mod env;
mod layout;
mod options;
mod pool;
mod worker;

pub use options::{GymId, GymOptions};

use crate::{Env, EnvError};
use env::GymEnv;
use pool::Pool;
use serde_json::{Map, Value};
use std::sync::{Arc, Mutex};

/// An environment of Gymnasium, ready to be made any number of times.
pub struct Gym {
    pool: Arc<Mutex<Pool>>,
}

impl Gym {
    /// Starts the workers and makes the environment once; `arguments` are those of `gymnasium.make`.
    ///
    /// # Errors
    /// If there is no Python, or no Gymnasium in it; exceptions of `gymnasium.make`; if the spaces of the
    /// environment are none that agents know.
    pub fn start(
        id: &GymId,
        arguments: &Map<String, Value>,
        options: &GymOptions,
    ) -> Result<Self, EnvError> {
        let pool = Pool::start(id, arguments, options)?;
        Ok(Self { pool: Arc::new(Mutex::new(pool)) })
    }

    /// One more copy.
    pub fn make(&self) -> Box<dyn Env> {
        Box::new(GymEnv::new(Arc::clone(&self.pool)))
    }
}
