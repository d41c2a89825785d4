//! Ancestral sampling: one value after the other.
use super::{AutoregressiveNetwork, IncrementalForward, Output, Place, Subject, places};
use crate::data::Shape;
use anyhow::Result;
use candle_core::{Device, Tensor};
use rand::{Rng as _, SeedableRng as _};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use train::{Download as _, Rng, pulse};

/// Images in an incremental pass: enough to share reads of the weights, few enough to occupy several threads.
const GROUP: usize = 8;

/// Options of sampling.
pub(crate) struct Sampling<'a> {
    pub(crate) shape: Shape,
    pub(crate) output: Output,
    /// Divides the logits; 0 takes the likeliest value.
    pub(crate) temperature: f64,
    /// The class of each image, `[n]`, of a conditional network.
    pub(crate) classes: Option<&'a [u32]>,
    /// The first values, in their order, that are given and stay.
    pub(crate) given: usize,
}

impl Sampling<'_> {
    /// Samples the values of `images` `[n, C, H, W]` that are not given. Every image has a generator of its own, so
    /// that neither their number nor threads matter.
    pub(crate) fn sample(
        &self,
        network: &dyn AutoregressiveNetwork,
        images: &mut [u8],
        rng: &mut Rng,
    ) -> Result<()> {
        let len = self.shape.len();
        let rngs = images.chunks_exact(len).map(|_| Rng::seed_from_u64(rng.random()));
        let mut rngs: Vec<Rng> = rngs.collect();
        let progress = Progress {
            done: AtomicUsize::new(0),
            all: images.len().div_ceil(GROUP * len) * len,
            listener: pulse::listener(),
        };
        let groups = images.par_chunks_mut(GROUP * len).zip(rngs.par_chunks_mut(GROUP));
        groups.enumerate().try_for_each(|(group, (images, rngs))| {
            let of = |classes: &'_ [u32]| classes[group * GROUP..][..rngs.len()].to_vec();
            self.group(network, images, rngs, self.classes.map(of).as_deref(), &progress)
        })
    }

    fn group(
        &self,
        network: &dyn AutoregressiveNetwork,
        images: &mut [u8],
        rngs: &mut [Rng],
        classes: Option<&[u32]>,
        progress: &Progress,
    ) -> Result<()> {
        let (n, params) = (rngs.len(), self.output.params());
        let highest = (self.output.levels() - 1) as f32;
        let mut pass = network.incremental(n, classes)?;
        let (mut logits, mut values) = (vec![0.0; n * params], vec![0.0; n]);
        for (i, place) in places(self.shape).enumerate() {
            progress.next()?;
            pass.logits(place, &mut logits)?;
            let each = images.chunks_exact_mut(self.shape.len()).zip(rngs.iter_mut());
            for ((image, rng), (logits, value)) in
                each.zip(logits.chunks_exact(params).zip(&mut values))
            {
                let level = &mut image[place.index(self.shape)];
                if i >= self.given {
                    *level = self.output.sample(logits, self.temperature, rng.random());
                }
                *value = 2.0 * (f32::from(*level) / highest) - 1.0;
            }
            pass.observe(place, &values)?;
        }
        Ok(())
    }
}

/// Progress of all threads together.
struct Progress {
    done: AtomicUsize,
    all: usize,
    listener: pulse::Listener,
}

impl Progress {
    fn next(&self) -> Result<()> {
        let done = self.done.fetch_add(1, Ordering::Relaxed);
        pulse::tell("drawing", done, self.all);
        Ok(self.listener.check()?)
    }
}

/// A full forward pass at every place: for networks without a faster incremental one, and the reference that
/// those are tested against.
pub(crate) struct FullForward<'a> {
    network: &'a dyn AutoregressiveNetwork,
    subject: Subject,
    x: Vec<f32>,
    classes: Option<Tensor>,
}

impl<'a> FullForward<'a> {
    pub(crate) fn new(
        network: &'a dyn AutoregressiveNetwork,
        subject: Subject,
        n: usize,
        classes: Option<&[u32]>,
    ) -> candle_core::Result<Self> {
        let classes = classes.map(|classes| Tensor::new(classes, &Device::Cpu)).transpose()?;
        Ok(Self { network, subject, x: vec![0.0; n * subject.shape.len()], classes })
    }
}

impl IncrementalForward for FullForward<'_> {
    fn logits(&mut self, place: Place, logits: &mut [f32]) -> candle_core::Result<()> {
        let Subject { shape, output, .. } = self.subject;
        let (n, params) = (self.x.len() / shape.len(), output.params());
        let dims = (n, shape.channels, shape.height, shape.width);
        let x = Tensor::from_slice(&self.x, dims, &Device::Cpu)?;
        let all = self.network.forward(&x, self.classes.as_ref())?; // [n, C·P, H, W]
        let here = all.narrow(1, place.channel * params, params)?;
        let here = here.narrow(2, place.row, 1)?.narrow(3, place.column, 1)?; // [n, P, 1, 1]
        logits.copy_from_slice(&here.download::<f32>()?);
        Ok(())
    }

    fn observe(&mut self, place: Place, values: &[f32]) -> candle_core::Result<()> {
        let shape = self.subject.shape;
        let images = self.x.chunks_exact_mut(shape.len());
        images.zip(values).for_each(|(x, value)| x[place.index(shape)] = *value);
        Ok(())
    }
}
