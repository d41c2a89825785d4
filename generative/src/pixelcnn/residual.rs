//! The residual PixelCNN.
use super::config::PixelCnnConfig;
use super::layout::{channels_first, channels_last};
use crate::autoregressive::{AutoregressiveNetwork, IncrementalForward, Place, Subject};
use crate::data::Shape;
use candle_core::{Module as _, Result, Tensor};
use nn::{Activation, Conv2d, Layer, Mask, MaskedConfig, Params, Pixels, Sequential, Skip};
use std::ops::Range;

/// F features of a pixel, in a group for each of C colours.
#[derive(Clone)]
pub(super) struct Residual {
    shape: Shape,
    /// C to F.
    first: Conv2d,
    /// x + W₃·relu(W₂ ⋆ relu(W₁·x)), F features to F/2, F/2 and F.
    blocks: Vec<[Conv2d; 3]>,
    /// F to hidden.
    hidden: Conv2d,
    /// hidden to C·P.
    out: Conv2d,
    /// All of them, `[B, H, W, C]` to `[B, H, W, C·P]`.
    all: Sequential,
}

impl Residual {
    pub(super) fn new(params: &Params, subject: &Subject, config: &PixelCnnConfig) -> Result<Self> {
        let PixelCnnConfig { features, blocks, first_kernel, kernel, hidden, .. } = *config;
        let shape = subject.shape;
        let colours = shape.channels;
        let conv = |name: &str, [inputs, outputs]: [usize; 2], side: usize, mask, activation| {
            let config = MaskedConfig { inputs, outputs, kernel: [side; 2], mask, colours };
            Conv2d::masked(params, name, config, activation)
        };
        let (relu, linear, b) = (Activation::Relu, Activation::Linear, Mask::B);
        let block = |i: usize| {
            let (name, half) = (|part| format!("block{i:02}.{part}"), features / 2);
            Ok([
                conv(&name("down"), [features, half], 1, b, relu)?,
                conv(&name("conv"), [half, half], kernel, b, relu)?,
                conv(&name("up"), [half, features], 1, b, linear)?,
            ])
        };
        let numbers = colours * subject.output.params();
        Ok(Self::of(
            shape,
            conv("first", [colours, features], first_kernel, Mask::A, linear)?,
            (0..blocks).map(block).collect::<Result<_>>()?,
            [
                conv("hidden", [features, hidden], 1, b, relu)?,
                conv("out", [hidden, numbers], 1, b, linear)?,
            ],
        ))
    }

    fn of(shape: Shape, first: Conv2d, blocks: Vec<[Conv2d; 3]>, end: [Conv2d; 2]) -> Self {
        let last = |conv: &Conv2d| Layer::from(conv.clone().channels_last());
        let mut layers = vec![last(&first)];
        layers
            .extend(blocks.iter().map(|block| Skip::new(block.iter().map(last).collect()).into()));
        layers.extend(end.iter().map(last));
        let [hidden, out] = end;
        Self { shape, first, blocks, hidden, out, all: Sequential::new(layers) }
    }
}

impl AutoregressiveNetwork for Residual {
    fn forward(&self, x: &Tensor, _: Option<&Tensor>) -> Result<Tensor> {
        channels_first(&self.all.forward(&channels_last(x)?)?) // [B, C·P, H, W]
    }

    fn detached(&self) -> Box<dyn AutoregressiveNetwork> {
        let blocks =
            self.blocks.iter().map(|block| block.each_ref().map(Conv2d::detached)).collect();
        let end = [&self.hidden, &self.out].map(Conv2d::detached);
        Box::new(Self::of(self.shape, self.first.detached(), blocks, end))
    }

    fn incremental(&self, n: usize, _: Option<&[u32]>) -> Result<Box<dyn IncrementalForward + '_>> {
        let size = [self.shape.height, self.shape.width];
        let layer = |conv: &Conv2d| -> Result<ColourLayer> {
            Ok((conv.pixels(n, size)?, conv.outputs() / self.shape.channels))
        };
        let layers = |[down, conv, up]: &[Conv2d; 3]| -> Result<_> {
            Ok([layer(down)?, layer(conv)?, layer(up)?])
        };
        Ok(Box::new(Incremental {
            first: layer(&self.first)?,
            blocks: self.blocks.iter().map(layers).collect::<Result<_>>()?,
            hidden: layer(&self.hidden)?,
            out: layer(&self.out)?,
            n,
            x: Vec::new(),
            h: Vec::new(),
            next: Vec::new(),
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

/// A layer, and its outputs for a colour.
type ColourLayer = (Pixels, usize);

/// A forward pass value by value: the features of a colour are computed once.
struct Incremental {
    first: ColourLayer,
    blocks: Vec<[ColourLayer; 3]>,
    hidden: ColourLayer,
    out: ColourLayer,
    n: usize,
    /// Features of the colour, `[n, F/C]`, and what blocks make of them.
    x: Vec<f32>,
    h: Vec<f32>,
    next: Vec<f32>,
}

fn group(colour: usize, each: usize) -> Range<usize> {
    colour * each..(colour + 1) * each
}

/// Gives a layer its inputs at a place, and writes its outputs there to `y`.
fn step(
    (pixels, outputs): &mut ColourLayer,
    place: Place,
    x: &[f32],
    y: &mut Vec<f32>,
    n: usize,
) -> Result<()> {
    let Place { row, column, channel } = place;
    pixels.put(row, column..column + 1, group(channel, x.len() / n), x)?;
    y.resize(n * *outputs, 0.0);
    pixels.get(row, column..column + 1, group(channel, *outputs), y)
}

impl IncrementalForward for Incremental {
    fn logits(&mut self, place: Place, logits: &mut [f32]) -> Result<()> {
        let Place { row, column, channel } = place;
        let Self { first: (first, features), blocks, hidden, out, n, x, h, next } = self;
        x.resize(*n * *features, 0.0);
        first.get(row, column..column + 1, group(channel, *features), x)?;
        for [down, conv, up] in blocks {
            step(down, place, x, h, *n)?;
            step(conv, place, h, next, *n)?;
            step(up, place, next, h, *n)?;
            x.iter_mut().zip(&*h).for_each(|(x, h)| *x += h);
        }
        step(hidden, place, x, h, *n)?;
        step(out, place, h, next, *n)?;
        logits.copy_from_slice(next);
        Ok(())
    }

    fn observe(&mut self, Place { row, column, channel }: Place, numbers: &[f32]) -> Result<()> {
        self.first.0.put(row, column..column + 1, channel..channel + 1, numbers)
    }
}
