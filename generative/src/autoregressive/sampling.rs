//! Drawing pictures number by number.
use super::{Network, Output, Place, Subject, Walk, places};
use crate::data::Shape;
use anyhow::Result;
use candle_core::{Device, Tensor};
use rand::{Rng as _, SeedableRng as _};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use train::{Rng, pulse};

/// Pictures that are drawn together: enough to share what is read of the weights, and few enough to make
/// work for several threads.
const TOGETHER: usize = 8;

/// What is drawn.
pub(crate) struct Drawing<'a> {
    pub(crate) shape: Shape,
    pub(crate) output: Output,
    /// What logits are divided by; 0 draws the likeliest value.
    pub(crate) temperature: f64,
    /// The class of each picture, `[n]`, where the network was made for such.
    pub(crate) classes: Option<&'a [u32]>,
    /// How many of the first numbers, in their order, are given and stay.
    pub(crate) given: usize,
}

impl Drawing<'_> {
    /// Draws what is not given of `pictures`, `[n, C, H, W]`. Every picture has a generator of its own, so
    /// that neither their number nor threads matter.
    pub(crate) fn draw(
        &self,
        network: &dyn Network,
        pictures: &mut [u8],
        rng: &mut Rng,
    ) -> Result<()> {
        let len = self.shape.len();
        let rngs = pictures.chunks_exact(len).map(|_| Rng::seed_from_u64(rng.random()));
        let mut rngs: Vec<Rng> = rngs.collect();
        let steps = Steps {
            done: AtomicUsize::new(0),
            all: pictures.len().div_ceil(TOGETHER * len) * len,
            listener: pulse::listener(),
        };
        let groups = pictures.par_chunks_mut(TOGETHER * len).zip(rngs.par_chunks_mut(TOGETHER));
        groups.enumerate().try_for_each(|(group, (pictures, rngs))| {
            let of = |classes: &'_ [u32]| classes[group * TOGETHER..][..rngs.len()].to_vec();
            self.group(network, pictures, rngs, self.classes.map(of).as_deref(), &steps)
        })
    }

    fn group(
        &self,
        network: &dyn Network,
        pictures: &mut [u8],
        rngs: &mut [Rng],
        classes: Option<&[u32]>,
        steps: &Steps,
    ) -> Result<()> {
        let (n, params) = (rngs.len(), self.output.params());
        let highest = (self.output.levels() - 1) as f32;
        let mut walk = network.walk(n, classes)?;
        let (mut said, mut numbers) = (vec![0.0; n * params], vec![0.0; n]);
        for (i, place) in places(self.shape).enumerate() {
            steps.next()?;
            walk.ask(place, &mut said)?;
            let each = pictures.chunks_exact_mut(self.shape.len()).zip(rngs.iter_mut());
            for ((picture, rng), (said, number)) in
                each.zip(said.chunks_exact(params).zip(&mut numbers))
            {
                let level = &mut picture[place.index(self.shape)];
                if i >= self.given {
                    *level = self.output.draw(said, self.temperature, rng.random());
                }
                *number = 2.0 * (f32::from(*level) / highest) - 1.0;
            }
            walk.tell(place, &numbers)?;
        }
        Ok(())
    }
}

/// How far all threads together are.
struct Steps {
    done: AtomicUsize,
    all: usize,
    listener: pulse::Listener,
}

impl Steps {
    fn next(&self) -> Result<()> {
        let done = self.done.fetch_add(1, Ordering::Relaxed);
        pulse::tell("drawing", done, self.all);
        Ok(self.listener.check()?)
    }
}

/// A walk that passes the whole pictures through the network at every place: for networks that have no faster
/// one, and what faster ones are tested against.
pub(crate) struct Whole<'a> {
    network: &'a dyn Network,
    subject: Subject,
    x: Vec<f32>,
    classes: Option<Tensor>,
}

impl<'a> Whole<'a> {
    pub(crate) fn new(
        network: &'a dyn Network,
        subject: Subject,
        n: usize,
        classes: Option<&[u32]>,
    ) -> candle_core::Result<Self> {
        let classes = classes.map(|classes| Tensor::new(classes, &Device::Cpu)).transpose()?;
        Ok(Self { network, subject, x: vec![0.0; n * subject.shape.len()], classes })
    }
}

impl Walk for Whole<'_> {
    fn ask(&mut self, place: Place, said: &mut [f32]) -> candle_core::Result<()> {
        let Subject { shape, output, .. } = self.subject;
        let (n, params) = (self.x.len() / shape.len(), output.params());
        let dims = (n, shape.channels, shape.height, shape.width);
        let x = Tensor::from_slice(&self.x, dims, &Device::Cpu)?;
        let all = self.network.forward(&x, self.classes.as_ref())?; // [n, C·P, H, W]
        let here = all.narrow(1, place.channel * params, params)?;
        let here = here.narrow(2, place.row, 1)?.narrow(3, place.column, 1)?; // [n, P, 1, 1]
        said.copy_from_slice(&here.flatten_all()?.to_vec1::<f32>()?);
        Ok(())
    }

    fn tell(&mut self, place: Place, numbers: &[f32]) -> candle_core::Result<()> {
        let shape = self.subject.shape;
        let pictures = self.x.chunks_exact_mut(shape.len());
        pictures.zip(numbers).for_each(|(x, number)| x[place.index(shape)] = *number);
        Ok(())
    }
}
