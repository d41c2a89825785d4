//! What flows between the layers of a network, and how its gradient gets back.
//!
//! Candle's backward pass adds the gradient of every result to a new tensor of zeros, since any result
//! may have several readers. One that is read by the next layer only is kept out of Candle's graph: a
//! single number stands for it there, so that layers are visited in their order, and the gradient
//! itself is handed from reader to writer.
use candle_core::{CpuStorage, CustomOp3, DType, Layout, Result, Shape, Storage, Tensor, bail};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Gradients of x, weight and bias, as far as somebody asks for them.
pub(super) type Gradients3 = (Option<Tensor>, Option<Tensor>, Option<Tensor>);

/// Who is going to read a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Nobody but the next layer, once.
    Layer,
    /// Anybody, any number of times.
    Anybody,
}

/// A result, for the layer that reads it next.
#[derive(Debug, Clone)]
pub(crate) struct Signal {
    /// Outside the graph where there is a link.
    value: Tensor,
    link: Option<Link>,
}

/// The way back to the layer that a result comes from.
#[derive(Debug, Clone)]
struct Link {
    /// `[1]`, in the graph in place of the result.
    stand_in: Tensor,
    gradient: Slot,
}

/// Where a gradient lies from when the reader has computed it until the writer takes it.
type Slot = Arc<Mutex<Option<Tensor>>>;

impl From<&Tensor> for Signal {
    fn from(value: &Tensor) -> Self {
        Self { value: value.clone(), link: None }
    }
}

impl Signal {
    /// The numbers, to compute with; a gradient is only taken by `apply`.
    pub(crate) fn value(&self) -> &Tensor {
        &self.value
    }

    /// As a tensor that anybody may read.
    pub(crate) fn into_tensor(self) -> Result<Tensor> {
        match self.link {
            None => Ok(self.value),
            Some(_) => bail!("a result of shape {:?} was left for a layer", self.value.shape()),
        }
    }

    /// The same numbers in the same order, in the shape that `f` gives them.
    pub(crate) fn reshaped(self, f: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Self> {
        Ok(Self { value: f(&self.value)?, link: self.link })
    }
}

/// The operation of a layer, with gradients that know whether x needs one.
pub(super) trait LayerOp: CustomOp3 + Send + Sync + 'static {
    /// Those of x, if `asked`, weight and bias, for the result y and its gradient g.
    fn gradients(&self, given: Given, asked: bool) -> Result<Gradients3>;
}

/// The tensors that a backward pass is given.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) x: &'a Tensor,
    pub(super) weight: &'a Tensor,
    pub(super) bias: &'a Tensor,
    pub(super) y: &'a Tensor,
    pub(super) g: &'a Tensor,
}

/// The result of `op` on contiguous CPU tensors of `f32`.
pub(super) fn apply(
    x: &Signal,
    weight: &Tensor,
    bias: &Tensor,
    op: impl LayerOp,
    reader: Reader,
) -> Result<Signal> {
    let (weight, bias) = (weight.contiguous()?, bias.contiguous()?);
    let Signal { value, link } = x;
    let value = value.contiguous()?;
    if link.is_none() {
        if ![&value, &weight, &bias].iter().any(|tensor| tensor.track_op()) {
            let y = value.apply_op3_no_bwd(&weight, &bias, &op)?;
            return Ok(Signal { value: y, link: None });
        }
        if reader == Reader::Anybody {
            return Ok(Signal { value: value.apply_op3(&weight, &bias, op)?, link: None });
        }
    }
    let node = link.as_ref().map_or(&value, |link| &link.stand_in).clone();
    let result: Arc<OnceLock<Tensor>> = Arc::default();
    let gradient = Slot::default();
    let linked = Linked {
        op,
        input: link.as_ref().map(|link| (value, link.gradient.clone())),
        output: (reader == Reader::Layer).then(|| (result.clone(), gradient.clone())),
    };
    let node = node.apply_op3(&weight, &bias, linked)?;
    match result.get() {
        Some(value) => {
            Ok(Signal { value: value.clone(), link: Some(Link { stand_in: node, gradient }) })
        }
        None => Ok(Signal { value: node, link: None }),
    }
}

/// An operation whose input or result is not in the graph.
struct Linked<O> {
    op: O,
    /// The numbers that the first argument stands for, and where their gradient goes.
    input: Option<(Tensor, Slot)>,
    /// The numbers that the result stands for, and where their gradient is found.
    output: Option<(Arc<OnceLock<Tensor>>, Slot)>,
}

impl<O: LayerOp> CustomOp3 for Linked<O> {
    fn name(&self) -> &'static str {
        self.op.name()
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let forward = |x: &CpuStorage, x_layout: &Layout| {
            self.op.cpu_fwd(x, x_layout, weight, weight_layout, bias, bias_layout)
        };
        let (y, shape) = match &self.input {
            None => forward(x, x_layout)?,
            Some((x, _)) => {
                let (storage, layout) = x.storage_and_layout();
                let Storage::Cpu(x) = &*storage else {
                    bail!("{} was given a tensor on another device", self.name())
                };
                forward(x, layout)?
            }
        };
        let Some((result, _)) = &self.output else { return Ok((y, shape)) };
        let CpuStorage::F32(y) = y else { bail!("{} computes with f32", self.name()) };
        let y = Tensor::from_vec(y, shape, &candle_core::Device::Cpu)?;
        result.get_or_init(|| y);
        Ok((CpuStorage::F32(vec![0.0]), Shape::from(1)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        y: &Tensor,
        g: &Tensor,
    ) -> Result<Gradients3> {
        let (y, g) = match &self.output {
            None => (y.clone(), g.clone()),
            Some((result, gradient)) => {
                let gradient = gradient.lock().unwrap_or_else(PoisonError::into_inner).take();
                match (result.get(), gradient) {
                    (Some(y), Some(g)) => (y.clone(), g.reshape(y.shape())?),
                    _ => bail!("{}: backward before the layer that reads the result", self.name()),
                }
            }
        };
        let given = |x| Given { x, weight, bias, y: &y, g: &g };
        let Some((value, gradient)) = &self.input else {
            return self.op.gradients(given(x), x.track_op());
        };
        let (dx, d_weight, d_bias) = self.op.gradients(given(value), true)?;
        *gradient.lock().unwrap_or_else(PoisonError::into_inner) = dx;
        Ok((Some(Tensor::zeros(1, DType::F32, x.device())?), d_weight, d_bias))
    }
}
