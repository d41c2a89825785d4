//! Activations between layers; gradients go straight to the producer, bypassing Candle's tape.
//!
//! Candle's backward pass adds the gradient of every result to a new tensor of zeros, since any result
//! may have several readers. One that is read by layers only is kept out of Candle's graph: a single
//! number stands for it there, so that layers are visited in their order, and the gradient itself is
//! handed from reader to writer; where there are several readers, what they hand over is summed.
use super::fresh::compute;
use super::{on_cpu_f32, read, vectorised};
use candle_core::{CpuStorage, CustomOp3, DType, Layout, Result, Shape, Storage, Tensor, bail};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Gradients of x, weight and bias, those that are needed.
pub(super) type Gradients3 = (Option<Tensor>, Option<Tensor>, Option<Tensor>);

/// The readers of an activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Other layers only.
    Layer,
    /// Any operation, any number of times.
    Anybody,
}

/// An activation inside a network, for the layers that read it: see [`Reader`].
#[derive(Debug, Clone)]
pub struct Signal {
    /// Outside the graph where there is a link.
    value: Tensor,
    link: Option<Link>,
}

/// The way back to the layer that an activation comes from.
#[derive(Debug, Clone)]
struct Link {
    /// `[1]`, in the graph in place of the result.
    stand_in: Tensor,
    gradient: Slot,
}

/// The upstream gradient of an activation: readers add to it, the producer takes it.
#[derive(Debug, Clone, Default)]
struct Slot(Arc<Mutex<Option<Tensor>>>);

impl Slot {
    fn add(&self, gradient: Option<Tensor>) -> Result<()> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = match (slot.take(), gradient) {
            (Some(sum), Some(gradient)) => Some(sum_of(&sum, &gradient)?),
            (sum, gradient) => sum.or(gradient),
        };
        Ok(())
    }

    fn take(&self) -> Option<Tensor> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The saved activation that an argument stands for, and the slot of its gradient.
type Input = Option<(Tensor, Slot)>;

/// The saved activation that an output stands for, and the slot of its upstream gradient.
type Output = Option<(Arc<OnceLock<Tensor>>, Slot)>;

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

    /// As a tensor for any reader.
    pub fn into_tensor(self) -> Result<Tensor> {
        match self.link {
            None => Ok(self.value),
            Some(_) => bail!("a result of shape {:?} was left for a layer", self.value.shape()),
        }
    }

    /// Its stand-in in the graph, and the saved activation.
    fn node(&self) -> Result<(Tensor, Input)> {
        let value = self.value.contiguous()?;
        Ok(match &self.link {
            None => (value, None),
            Some(link) => (link.stand_in.clone(), Some((value, link.gradient.clone()))),
        })
    }

    /// The sum of two of one shape.
    pub fn plus(&self, other: &Self, reader: Reader) -> Result<Self> {
        if self.value.shape() != other.value.shape() {
            bail!("{:?} cannot be added to {:?}", other.value.dims(), self.value.dims())
        }
        let linked = self.link.is_some() || other.link.is_some();
        if !linked && (reader == Reader::Anybody || !on_cpu_f32(&[&self.value, &other.value])) {
            return Ok(Self::from(&(&self.value + &other.value)?));
        }
        let sum = read(&self.value, |a| read(&other.value, |b| sums(a, b)))?;
        let sum = Tensor::from_vec(sum, self.value.shape(), self.value.device())?;
        computed(sum, [Some(self), Some(other), None], reader, |g| {
            Ok([Some(g.clone()), Some(g.clone()), None])
        })
    }

    /// These numbers in the same order, in the shape that `f` gives them.
    pub(crate) fn reshaped(self, f: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Self> {
        Ok(Self { value: f(&self.value)?, link: self.link })
    }
}

/// The operation of a layer, with gradients that know whether x needs one.
pub(super) trait LayerOp: CustomOp3 + Send + Sync + 'static {
    /// Those of x, if `asked`, weight and bias, for the output y and its upstream gradient g.
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
    let (node, input) = x.node()?;
    let output = Pending::for_reader(reader);
    let linked = Linked { op, input, output: output.output() };
    output.signal(node.apply_op3(&weight, &bias, linked)?)
}

/// An output before it is computed.
struct Pending(Output);

impl Pending {
    fn for_reader(reader: Reader) -> Self {
        Self((reader == Reader::Layer).then(Default::default))
    }

    fn output(&self) -> Output {
        self.0.clone()
    }

    /// The result, when `node` is in the graph.
    fn signal(self, node: Tensor) -> Result<Signal> {
        let Some((result, gradient)) = self.0 else { return Ok(Signal::from(&node)) };
        let Some(value) = result.get() else { bail!("a layer left no result") };
        Ok(Signal { value: value.clone(), link: Some(Link { stand_in: node, gradient }) })
    }
}

/// Saves an activation outside the graph and returns its stand-in; without `output`, returns it.
fn save_activation(output: &Output, y: CpuStorage, shape: Shape) -> Result<(CpuStorage, Shape)> {
    let Some((result, _)) = output else { return Ok((y, shape)) };
    let CpuStorage::F32(y) = y else { bail!("layers compute with f32") };
    let y = Tensor::from_vec(y, shape, &candle_core::Device::Cpu)?;
    result.get_or_init(|| y);
    Ok((CpuStorage::F32(vec![0.0]), Shape::from(1)))
}

/// The saved activation and its upstream gradient; without `output`, those of the graph.
fn upstream(name: &str, output: &Output, y: &Tensor, g: &Tensor) -> Result<(Tensor, Tensor)> {
    let Some((result, gradient)) = output else { return Ok((y.clone(), g.clone())) };
    match (result.get(), gradient.take()) {
        (Some(y), Some(g)) => Ok((y.clone(), g.reshape(y.shape())?)),
        _ => bail!("{name}: backward before the layer that reads the result"),
    }
}

/// An operation whose input or output is not in the graph.
struct Linked<O> {
    op: O,
    input: Input,
    output: Output,
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
        save_activation(&self.output, y, shape)
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        y: &Tensor,
        g: &Tensor,
    ) -> Result<Gradients3> {
        let (y, g) = upstream(self.name(), &self.output, y, g)?;
        let given = |x| Given { x, weight, bias, y: &y, g: &g };
        let Some((value, gradient)) = &self.input else {
            return self.op.gradients(given(x), x.track_op());
        };
        let (dx, d_weight, d_bias) = self.op.gradients(given(value), true)?;
        gradient.add(dx)?;
        Ok((Some(Tensor::zeros(1, DType::F32, x.device())?), d_weight, d_bias))
    }
}

/// Cost of an addition in multiply-adds of a product, roughly.
const SUM_WORK: usize = 8;

/// Numbers that are added in a tile.
const SUM_TILE: usize = 1 << 15;

fn sums(a: &[f32], b: &[f32]) -> Result<Vec<f32>> {
    compute(a.len(), SUM_TILE, SUM_WORK * a.len(), |tile, sums| {
        let first = tile * SUM_TILE;
        let terms = a[first..].iter().zip(&b[first..]);
        vectorised(
            #[inline(always)]
            || sums.iter_mut().zip(terms).for_each(|(sum, (a, b))| *sum = a + b),
        );
        Ok(())
    })
}

/// a + b, outside the graph.
fn sum_of(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let sums = read(a, |a| read(b, |b| sums(a, b)))?;
    Tensor::from_vec(sums, a.shape(), a.device())
}

/// A result that was computed from `inputs`, all on the CPU in `f32`; `gradients` takes its gradient to theirs.
pub(super) fn computed(
    result: Tensor,
    inputs: [Option<&Signal>; 3],
    reader: Reader,
    gradients: impl Fn(&Tensor) -> Result<[Option<Tensor>; 3]> + Send + Sync + 'static,
) -> Result<Signal> {
    let absent = Signal::from(&Tensor::zeros(1, DType::F32, result.device())?);
    let [a, b, c] = inputs.map(|input| input.unwrap_or(&absent).node());
    let ((a, first), (b, second), (c, third)) = (a?, b?, c?);
    if ![&a, &b, &c].iter().any(|node| node.track_op()) {
        return Ok(Signal::from(&result));
    }
    let pending = Pending::for_reader(reader);
    let (inputs, output) = ([first, second, third], pending.output());
    pending.signal(a.apply_op3(&b, &c, Computed { result, inputs, output, gradients })?)
}

/// An operation whose output is computed already, from inputs that need not be in the graph.
struct Computed<F> {
    result: Tensor,
    inputs: [Input; 3],
    output: Output,
    gradients: F,
}

impl<F: Fn(&Tensor) -> Result<[Option<Tensor>; 3]> + Send + Sync> CustomOp3 for Computed<F> {
    fn name(&self) -> &'static str {
        "computed"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let Some((result, _)) = &self.output else {
            let values = read(&self.result, |values: &[f32]| Ok(values.to_vec()))?;
            return Ok((CpuStorage::F32(values), self.result.shape().clone()));
        };
        result.get_or_init(|| self.result.clone());
        Ok((CpuStorage::F32(vec![0.0]), Shape::from(1)))
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        c: &Tensor,
        y: &Tensor,
        g: &Tensor,
    ) -> Result<Gradients3> {
        let (_, g) = upstream(self.name(), &self.output, y, g)?;
        let mut gradients = (self.gradients)(&g)?;
        for ((gradient, input), node) in gradients.iter_mut().zip(&self.inputs).zip([a, b, c]) {
            if let Some((_, slot)) = input {
                slot.add(gradient.take())?;
                *gradient = Some(Tensor::zeros(1, DType::F32, g.device())?);
            } else if !node.track_op() {
                *gradient = None;
            }
        }
        let [a, b, c] = gradients;
        Ok((a, b, c))
    }
}
