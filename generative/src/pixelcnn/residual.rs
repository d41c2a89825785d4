//! The residual PixelCNN.
use super::PixelCnnConfig;
use crate::autoregressive::{Network, Place, Subject, Walk};
use crate::data::Shape;
use candle_core::{Module as _, Result, Tensor};
use nn::{Activation, Conv2d, Layer, Mask, MaskedConfig, Params, Pixels, Sequential};
use std::ops::Range;

/// F features of a pixel, in a group for each of C colours.
#[derive(Clone)]
pub(super) struct Residual {
    shape: Shape,
    /// `[B, C, H, W]` to `[B, F, H, W]`.
    first: Conv2d,
    blocks: Vec<Block>,
    /// `[B, F, H, W]` to `[B, hidden, H, W]`.
    hidden: Conv2d,
    /// `[B, hidden, H, W]` to `[B, C·P, H, W]`.
    out: Conv2d,
}

/// x + W₃·relu(W₂ ⋆ relu(W₁·x)), F features to F/2, F/2 and F.
#[derive(Clone)]
struct Block {
    layers: [Conv2d; 3],
    /// The same layers: what passes between them is not in Candle's graph.
    chain: Sequential,
}

impl Block {
    fn new(layers: [Conv2d; 3]) -> Self {
        Self { chain: Sequential::new(layers.iter().cloned().map(Layer::from).collect()), layers }
    }
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
            Ok(Block::new([
                conv(&name("down"), [features, half], 1, b, relu)?,
                conv(&name("conv"), [half, half], kernel, b, relu)?,
                conv(&name("up"), [half, features], 1, b, linear)?,
            ]))
        };
        let numbers = colours * subject.output.params();
        Ok(Self {
            shape,
            first: conv("first", [colours, features], first_kernel, Mask::A, linear)?,
            blocks: (0..blocks).map(block).collect::<Result<_>>()?,
            hidden: conv("hidden", [features, hidden], 1, b, relu)?,
            out: conv("out", [hidden, numbers], 1, b, linear)?,
        })
    }
}

impl Network for Residual {
    fn forward(&self, x: &Tensor, _: Option<&Tensor>) -> Result<Tensor> {
        let mut x = self.first.forward(x)?; // [B, F, H, W]
        for block in &self.blocks {
            x = (&x + block.chain.forward(&x)?)?; // [B, F, H, W]
        }
        self.out.forward(&self.hidden.forward(&x)?) // [B, C·P, H, W]
    }

    fn fixed(&self) -> Box<dyn Network> {
        let block = |block: &Block| Block::new(block.layers.each_ref().map(Conv2d::fixed));
        Box::new(Self {
            shape: self.shape,
            first: self.first.fixed(),
            blocks: self.blocks.iter().map(block).collect(),
            hidden: self.hidden.fixed(),
            out: self.out.fixed(),
        })
    }

    fn walk(&self, n: usize, _: Option<&[u32]>) -> Result<Box<dyn Walk + '_>> {
        let size = [self.shape.height, self.shape.width];
        let layer = |conv: &Conv2d| -> Result<Step> {
            Ok((conv.pixels(n, size)?, conv.outputs() / self.shape.channels))
        };
        let layers = |block: &Block| -> Result<_> {
            let [down, conv, up] = &block.layers;
            Ok([layer(down)?, layer(conv)?, layer(up)?])
        };
        Ok(Box::new(Steps {
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
}

/// A layer, and its outputs for a colour.
type Step = (Pixels, usize);

/// The network number by number: the features of a colour are computed once, when they are asked for.
struct Steps {
    first: Step,
    blocks: Vec<[Step; 3]>,
    hidden: Step,
    out: Step,
    n: usize,
    /// Features of the colour, `[n, F/C]`, and what blocks make of them.
    x: Vec<f32>,
    h: Vec<f32>,
    next: Vec<f32>,
}

fn group(colour: usize, each: usize) -> Range<usize> {
    colour * each..(colour + 1) * each
}

/// Tells a layer its inputs at a place, and puts its outputs there into `y`.
fn step(
    (pixels, outputs): &mut Step,
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

impl Walk for Steps {
    fn ask(&mut self, place: Place, said: &mut [f32]) -> Result<()> {
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
        said.copy_from_slice(next);
        Ok(())
    }

    fn tell(&mut self, Place { row, column, channel }: Place, numbers: &[f32]) -> Result<()> {
        self.first.0.put(row, column..column + 1, channel..channel + 1, numbers)
    }
}
