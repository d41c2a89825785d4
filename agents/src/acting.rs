//! Networks that act on the CPU while they learn on a GPU.
//!
//! There an action costs an upload, a kernel for every layer, and a wait for the answer, however few environments ask. A
//! small network answers sooner on the CPU, for one copy of its parameters after each update.
use anyhow::Result;
use candle_core::Device;
use nn::Params;
use serde::{Deserialize, Serialize};
use train::is_host;

/// Device on which actions are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActDevice {
    /// The one that learns, `--device`.
    Same,
    /// The CPU.
    Cpu,
}

/// Devices of a learner.
pub(crate) struct Devices {
    /// Device of the networks that learn.
    pub(crate) learning: Device,
    /// Device of those that act.
    pub(crate) acting: Device,
}

/// The networks that act: those that learn, or copies of them on another device.
pub(crate) struct Acting<N> {
    pub(crate) net: N,
    /// The parameters of the copies.
    copied: Option<Params>,
}

impl ActDevice {
    /// Devices of networks that learn on `learning`.
    pub(crate) fn beside(self, learning: &Device) -> Devices {
        let learning = learning.clone();
        let acting = if self == Self::Same { learning.clone() } else { Device::Cpu };
        Devices { learning, acting }
    }

    /// Networks that act for `own`, which `make` has made in `learning`, and makes again for a copy.
    pub(crate) fn networks<N: Clone>(
        self,
        learning: &Params,
        own: &N,
        make: impl FnOnce(&Params) -> Result<N>,
    ) -> Result<Acting<N>> {
        if self == Self::Same || is_host(learning.device()) {
            return Ok(Acting { net: own.clone(), copied: None });
        }
        let params = Params::new(0, &Device::Cpu);
        let acting = Acting { net: make(&params)?, copied: Some(params) };
        acting.follow(learning)?;
        Ok(acting)
    }
}

impl<N> Acting<N> {
    /// Takes over the parameters of the networks that learn: to be called when these have changed.
    pub(crate) fn follow(&self, learning: &Params) -> Result<()> {
        match &self.copied {
            Some(params) => Ok(params.copy_from(learning)?),
            None => Ok(()),
        }
    }
}
