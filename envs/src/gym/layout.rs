//! Shapes of an environment of Gymnasium, as its worker tells them.
use crate::{Actions, Element, Spec};
use serde::Deserialize;

/// Shapes and actions.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) spec: Spec,
}

/// Shapes and actions in the worker's reply.
#[derive(Deserialize)]
pub(super) struct InitReply {
    obs_shape: Vec<usize>,
    element: Kind,
    names: Option<Vec<String>>,
    low: Option<Vec<f32>>,
    high: Option<Vec<f32>>,
    time_limit: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Bit,
    Byte,
    Float,
}

impl Layout {
    /// `None` where it makes no sense.
    pub(super) fn of(reply: InitReply) -> Option<Self> {
        let InitReply { obs_shape, element, names, low, high, time_limit } = reply;
        let element = match element {
            Kind::Bit => Element::Bit,
            Kind::Byte => Element::Byte,
            Kind::Float => Element::Float,
        };
        let actions = match (names, low, high) {
            (Some(names), None, None) if !names.is_empty() => Actions::Discrete(names),
            (None, Some(low), Some(high)) if low.len() == high.len() && !low.is_empty() => {
                Actions::Box { low, high }
            }
            _ => return None,
        };
        let time_limit = time_limit.filter(|limit| *limit > 0);
        let spec = Spec { obs_shape, element, actions, time_limit, two_returns: None };
        (spec.obs_len() > 0).then_some(Self { spec })
    }

    /// Bytes of an observation.
    pub(super) fn obs_bytes(&self) -> usize {
        let each = match self.spec.element {
            Element::Bit | Element::Byte => 1,
            Element::Float => size_of::<f32>(),
        };
        self.spec.obs_len() * each
    }

    /// Reads an observation.
    pub(super) fn read(&self, bytes: &[u8], obs: &mut [f32]) {
        let small = obs.iter_mut().zip(bytes);
        match self.spec.element {
            Element::Bit => small.for_each(|(to, bit)| *to = f32::from(*bit)),
            Element::Byte => small.for_each(|(to, byte)| *to = Element::part(*byte)),
            Element::Float => {
                let numbers = bytes.chunks_exact(size_of::<f32>());
                obs.iter_mut().zip(numbers).for_each(|(to, bytes)| *to = float(bytes));
            }
        }
    }
}

/// A number of four bytes.
pub(super) fn float(bytes: &[u8]) -> f32 {
    let mut four = [0; 4];
    four.copy_from_slice(bytes);
    f32::from_le_bytes(four)
}
