//! Buffers into which kernels add the gradients of parameters.
//!
//! Candle's backward pass adds every gradient it is given to a new tensor of zeros: two passes over
//! memory and two allocations per parameter and step. While an optimiser [`collect`](Gradients::collect)s,
//! kernels write the gradients of its parameters straight into buffers that it keeps. Outside, and
//! for tensors that are not its parameters, they return gradients to Candle as usual.
use super::vectorised;
use candle_core::{Result, Tensor, TensorId};
use std::cell::RefCell;

/// The gradient of one parameter.
#[derive(Debug)]
struct Slot {
    id: TensorId,
    values: Vec<f32>,
    content: Content,
}

/// Contents of a gradient buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Nothing of this step: to be written over.
    Stale,
    /// A sum to be added to.
    Sum,
}

/// Gradients of the parameters of one optimiser, in its order.
#[derive(Debug, Default)]
pub(crate) struct Gradients(Vec<Slot>);

thread_local! {
    static SINK: RefCell<Gradients> = const { RefCell::new(Gradients(Vec::new())) };
}

impl Gradients {
    /// Buffers for parameters on the CPU.
    pub(crate) fn new<'a>(parameters: impl IntoIterator<Item = &'a Tensor>) -> Self {
        let slot = |parameter: &Tensor| Slot {
            id: parameter.id(),
            values: vec![0.0; parameter.elem_count()],
            content: Content::Stale,
        };
        Self(parameters.into_iter().map(slot).collect())
    }

    /// Runs `backward` with the kernels of this thread writing here.
    pub(crate) fn collect<R>(&mut self, backward: impl FnOnce() -> R) -> R {
        for slot in &mut self.0 {
            slot.content = Content::Stale;
        }
        // What was there before comes back, should one collection run inside another.
        let outer = SINK.replace(std::mem::take(self));
        let result = backward();
        *self = SINK.replace(outer);
        result
    }

    /// The gradient of `parameter`, if a kernel has written one.
    pub(crate) fn get(&self, parameter: &Tensor) -> Option<&[f32]> {
        let slot = self.0.iter().find(|slot| slot.id == parameter.id())?;
        (slot.content == Content::Sum).then_some(&slot.values)
    }
}

/// Lets `write` compute the gradient of `parameter`: into the buffer of the optimiser that
/// collects, or else into zeros that are returned as a tensor. Not at all if not needed.
pub(super) fn emit(
    parameter: &Tensor,
    write: impl FnOnce(&mut [f32], Content) -> Result<()>,
) -> Result<Option<Tensor>> {
    if !parameter.track_op() {
        return Ok(None);
    }
    let id = parameter.id();
    // The buffer is taken out, since `write` may run other work of this thread.
    let taken = SINK.with_borrow_mut(|sink| {
        let slot = sink.0.iter_mut().find(|slot| slot.id == id)?;
        Some((std::mem::take(&mut slot.values), slot.content))
    });
    let Some((mut values, content)) = taken else {
        let mut values = vec![0.0; parameter.elem_count()];
        write(&mut values, Content::Stale)?;
        return Ok(Some(Tensor::from_vec(values, parameter.shape(), parameter.device())?));
    };
    let written = write(&mut values, content);
    SINK.with_borrow_mut(|sink| {
        if let Some(slot) = sink.0.iter_mut().find(|slot| slot.id == id) {
            (slot.values, slot.content) = (values, Content::Sum);
        }
    });
    written.map(|()| None)
}

/// Sums `shares`, in their order, into a gradient.
pub(super) fn add_shares<'a>(
    gradient: &mut [f32],
    content: Content,
    shares: impl Iterator<Item = &'a [f32]>,
) {
    if content == Content::Stale {
        gradient.fill(0.0);
    }
    vectorised(
        #[inline(always)]
        || {
            for share in shares {
                gradient.iter_mut().zip(share).for_each(|(sum, share)| *sum += share);
            }
        },
    );
}
