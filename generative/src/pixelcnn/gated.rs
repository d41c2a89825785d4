//! The gated PixelCNN (van den Oord et al. 2016, "Conditional image generation with PixelCNN decoders",
//! <https://arxiv.org/abs/1606.05328>, figure 2).
//!
//! The receptive field of the vertical stack is all rows above, that of the horizontal one the values before in
//! its own row and, through the vertical stack, the rows above: together there is no blind spot. The output of a
//! vertical layer at a row depends on the rows above alone, since its first kernel leaves out the row of its
//! centre; so it goes to the horizontal layer at its own place, and nothing has to be shifted.
use super::config::PixelCnnConfig;
use super::layout::{channels_first, channels_last};
use crate::autoregressive::{AutoregressiveNetwork, IncrementalForward, Subject};
use crate::data::Shape;
use candle_core::{Result, Tensor};
use nn::{Activation, Conv2d, Init, Mask, MaskedConfig, Params, Pass as _, Reader, Signal, gate};

mod incremental;
mod role;

use incremental::{Incremental, IncrementalLayer};
use role::Role;
use train::Download as _;

/// F features of a pixel in each stack; those of the horizontal one in a group for each of C colours.
#[derive(Clone)]
pub(super) struct Gated {
    shape: Shape,
    layers: Vec<Layer>,
    /// `[B, H, W, F]` to `[B, H, W, hidden]`.
    hidden: Conv2d,
    /// `[B, H, W, hidden]` to `[B, H, W, C·P]`.
    out: Conv2d,
}

/// v ← gate(V ⋆ v), h ← h + U·gate(W ⋆ h + L·(V ⋆ v)), each gate with a shift of its own for every class.
#[derive(Clone)]
struct Layer {
    /// V: F features, or the image, to 2F.
    vertical: Conv2d,
    /// L: 2F to 2F.
    link: Conv2d,
    /// W: F features, or the image, to 2F.
    horizontal: Conv2d,
    /// U: F to F.
    out: Conv2d,
    /// Class biases of the vertical and the horizontal stack, `[classes, 2F]` each.
    shifts: [Option<Tensor>; 2],
    role: Role,
}

impl Gated {
    pub(super) fn new(params: &Params, subject: &Subject, config: &PixelCnnConfig) -> Result<Self> {
        let PixelCnnConfig { features, blocks, first_kernel, kernel, hidden, .. } = *config;
        let (shape, classes) = (subject.shape, subject.classes);
        let channels = shape.channels;
        let conv = |name: &str, sizes: [usize; 2], kernel, mask, activation| {
            let [inputs, outputs] = sizes;
            let colours = match mask {
                Mask::A | Mask::B => channels,
                // Rows above are known in all colours.
                Mask::VerticalA | Mask::VerticalB => 1,
            };
            let config = MaskedConfig { inputs, outputs, kernel, mask, colours };
            Result::Ok(Conv2d::masked(params, name, config, activation)?.channels_last())
        };
        let (linear, relu) = (Activation::Linear, Activation::Relu);
        let layer = |i: usize| {
            let name = |part: &str| format!("layer{i:02}.{part}");
            let (inputs, side) = if i == 0 { (channels, first_kernel) } else { (features, kernel) };
            let (above, before) = match i {
                0 => (Mask::VerticalA, Mask::A),
                _ => (Mask::VerticalB, Mask::B),
            };
            let (two, point) = ([inputs, 2 * features], [1, 1]);
            let role = Role { first: i == 0, last: i == blocks };
            let shift = |stack: &str, wanted: bool| {
                let init = Init::FanInUniform { fan_in: classes };
                let shape = (classes, 2 * features);
                let wanted = wanted && classes > 0;
                wanted.then(|| params.var(&name(stack), shape, init)).transpose()
            };
            Ok(Layer {
                vertical: conv(&name("vertical"), two, [side, side], above, linear)?,
                link: conv(&name("link"), [2 * features; 2], point, Mask::VerticalB, linear)?,
                horizontal: conv(&name("horizontal"), two, [1, side], before, linear)?,
                out: conv(&name("out"), [features; 2], point, Mask::B, linear)?,
                shifts: [shift("vertical.shift", !role.last)?, shift("horizontal.shift", true)?],
                role,
            })
        };
        let numbers = channels * subject.output.params();
        Ok(Self {
            shape,
            layers: (0..=blocks).map(layer).collect::<Result<_>>()?,
            hidden: conv("hidden", [features, hidden], [1, 1], Mask::B, relu)?,
            out: conv("out", [hidden, numbers], [1, 1], Mask::B, linear)?,
        })
    }
}

impl Layer {
    /// The next v and h, `[B, H, W, F]`.
    fn forward(
        &self,
        [v, h]: [&Signal; 2],
        classes: Option<&Tensor>,
        colours: usize,
    ) -> Result<[Signal; 2]> {
        let shift = |stack: usize| match (&self.shifts[stack], classes) {
            (Some(shift), Some(classes)) => shift.index_select(classes, 0).map(Some), // [B, 2F]
            _ => Ok(None),
        };
        let layer = Reader::Layer;
        let above = self.vertical.pass(v, layer)?; // [B, H, W, 2F]
        let (link, before) = (self.link.pass(&above, layer)?, self.horizontal.pass(h, layer)?);
        let gated = gate(&before, Some(&link), shift(1)?.as_ref(), colours, layer)?; // [B, H, W, F]
        let out = self.out.pass(&gated, layer)?;
        let next_v = match self.role.last {
            true => v.clone(),
            false => gate(&above, None, shift(0)?.as_ref(), 1, layer)?,
        };
        Ok([next_v, if self.role.first { out } else { h.plus(&out, layer)? }])
    }

    fn detached(&self) -> Self {
        Self {
            vertical: self.vertical.detached(),
            link: self.link.detached(),
            horizontal: self.horizontal.detached(),
            out: self.out.detached(),
            shifts: self.shifts.each_ref().map(|shift| shift.as_ref().map(Tensor::detach)),
            role: self.role,
        }
    }
}

impl AutoregressiveNetwork for Gated {
    fn forward(&self, x: &Tensor, classes: Option<&Tensor>) -> Result<Tensor> {
        let x = Signal::from(&channels_last(x)?); // [B, H, W, C]
        let [mut v, mut h] = [x.clone(), x];
        for layer in &self.layers {
            [v, h] = layer.forward([&v, &h], classes, self.shape.channels)?; // [B, H, W, F]
        }
        let logits = self.out.pass(&self.hidden.pass(&h, Reader::Layer)?, Reader::Anybody)?;
        channels_first(&logits.into_tensor()?) // [B, C·P, H, W]
    }

    fn detached(&self) -> Box<dyn AutoregressiveNetwork> {
        Box::new(Self {
            shape: self.shape,
            layers: self.layers.iter().map(Layer::detached).collect(),
            hidden: self.hidden.detached(),
            out: self.out.detached(),
        })
    }

    fn incremental(
        &self,
        n: usize,
        classes: Option<&[u32]>,
    ) -> Result<Box<dyn IncrementalForward + '_>> {
        let size = [self.shape.height, self.shape.width];
        let layer = |layer: &Layer| -> Result<IncrementalLayer> {
            let rows = |shift: &Option<Tensor>| -> Result<Vec<f32>> {
                let (Some(shift), Some(classes)) = (shift, classes) else { return Ok(Vec::new()) };
                let classes = Tensor::new(classes, shift.device())?;
                shift.index_select(&classes, 0)?.download()
            };
            Ok(IncrementalLayer {
                vertical: layer.vertical.pixels(n, size)?,
                link: layer.link.pixels(n, size)?,
                horizontal: layer.horizontal.pixels(n, size)?,
                out: layer.out.pixels(n, size)?,
                shifts: [rows(&layer.shifts[0])?, rows(&layer.shifts[1])?],
                linked: Vec::new(),
                role: layer.role,
            })
        };
        Ok(Box::new(Incremental {
            n,
            shape: self.shape,
            features: self.hidden.inputs(),
            layers: self.layers.iter().map(layer).collect::<Result<_>>()?,
            hidden: (self.hidden.pixels(n, size)?, self.hidden.outputs()),
            out: self.out.pixels(n, size)?,
            h: Vec::new(),
            sums: Vec::new(),
            gated: Vec::new(),
        }))
    }

    /// Each pixel is computed once, but a few at a time: measured as 2 to 4 passes.
    fn passes(&self, _: Shape) -> usize {
        4
    }

    /// At each pixel.
    fn uses(&self, shape: Shape) -> usize {
        shape.height * shape.width
    }
}
