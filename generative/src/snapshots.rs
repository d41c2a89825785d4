//! Snapshots of samples during training.
use crate::Generative;
use crate::data::{Images, Shape};
use crate::work::TRAINED;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use train::{Checkpoint, Due, Observation, Observe, Observed, Timeline, stream};

/// Images in a row of a frame, and rows of it.
pub const COLUMNS: usize = 6;

const IMAGES: usize = COLUMNS * COLUMNS;

/// A model observed by its samples.
pub type ObservedModel = Observed<SampleSnapshots>;

/// Samples of a model, of the same noise, before its first step and at each evaluation that
/// chooses; where sampling takes long, as often as that is a small part of training.
pub struct SampleSnapshots {
    seed: u64,
}

/// The samples of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Units trained so far.
    pub step: u64,
    /// As many in each, by the same noise.
    pub images: Images,
}

/// Observes `model`, which was made with this seed.
pub fn observed(model: Box<dyn Generative>, seed: u64) -> ObservedModel {
    Observed::new(model, SampleSnapshots { seed })
}

/// All snapshots and one of now, each after more steps than the one before; none of a model without samples.
///
/// # Errors
/// Errors of the network.
pub fn frames(observed: &ObservedModel) -> Result<Vec<Frame>> {
    let (snapshots, step) = (&observed.timeline().snapshots, observed.trained());
    if snapshots.is_empty() {
        return Ok(Vec::new());
    }
    let mut frames: Vec<_> = snapshots.iter().filter(|frame| frame.step < step).cloned().collect();
    let last = observed.observer().samples(observed.learner())?;
    frames.extend(last.map(|images| Frame { step, images }));
    Ok(frames)
}

impl SampleSnapshots {
    /// Image samples, or the plane of points as one image.
    fn samples(&self, model: &dyn Generative) -> Result<Option<Images>> {
        if let Some(model) = model.image_sampler() {
            return Ok(Some(model.sample_images(IMAGES, None, &mut stream(self.seed, "film"))?));
        }
        model.point_sampler().map(|model| model.plane()?.image()).transpose()
    }
}

/// Returns `true` if one more snapshot after `trained` units is a small part of training.
fn is_affordable(model: &dyn Generative, trained: u64, timeline: &Timeline<Frame>) -> bool {
    let work = model.work();
    let frame = work.sampling.saturating_mul(IMAGES as u64);
    let frames = timeline.snapshots.len() as u64 * timeline.stride.max(1) + 1;
    frames.saturating_mul(frame) <= work.affordable(TRAINED * trained)
}

impl Observe for SampleSnapshots {
    type Learner = dyn Generative;
    type Snapshot = Frame;

    fn due(&self) -> Due {
        Due::Evaluations
    }

    fn observe(
        &self,
        model: &dyn Generative,
        trained: u64,
        timeline: &Timeline<Frame>,
    ) -> Result<Observation<Frame>> {
        let sampled = timeline.is_due() && is_affordable(model, trained, timeline);
        let images = if sampled { self.samples(model)? } else { None };
        let snapshot = images.map(|images| Frame { step: trained, images });
        Ok(Observation { scalars: Vec::new(), snapshot })
    }

    fn state(
        &self,
        trained: &mut u64,
        timeline: &mut Timeline<Frame>,
        checkpoint: &mut Checkpoint,
    ) -> Result<()> {
        let mut film = Film::of(timeline);
        let images = timeline.snapshots.iter().map(|frame| frame.images.pixels());
        let mut pixels = images.collect::<Vec<_>>().concat();
        checkpoint.count("filmed", trained)?;
        checkpoint.value("film", &mut film)?;
        checkpoint.blob("frames", &mut pixels)?;
        film.check(&pixels, checkpoint)?;
        *timeline = film.timeline(&pixels)?;
        Ok(())
    }
}

/// The timeline as it is saved, without its pixels.
#[derive(Debug, Serialize, Deserialize)]
struct Film {
    /// Evaluations from one frame to the next.
    stride: u64,
    looks: u64,
    /// Units trained before each frame.
    steps: Vec<u64>,
    /// Channels, height and width of an image, and its levels.
    form: Option<([usize; 3], u16)>,
    /// Images in a frame.
    each: usize,
}

impl Film {
    fn of(timeline: &Timeline<Frame>) -> Self {
        let last = timeline.snapshots.last().map(|frame| &frame.images);
        let form = last.map(|images| {
            let Shape { channels, height, width } = images.shape();
            ([channels, height, width], images.levels())
        });
        Self {
            stride: timeline.stride,
            looks: timeline.observations,
            steps: timeline.snapshots.iter().map(|frame| frame.step).collect(),
            form,
            each: last.map_or(0, Images::len),
        }
    }

    /// Checks what was loaded, with the pixels of all frames.
    fn check(&self, pixels: &[u8], checkpoint: &Checkpoint) -> Result<()> {
        let Self { stride, looks, steps, form, each } = self;
        checkpoint
            .check("film", "how often to look is expected", || stride.max(looks) < &(1 << 62))?;
        let expected = form.map_or(0, |([channels, height, width], _)| {
            let sizes = [channels, height, width, *each, steps.len()];
            sizes.into_iter().fold(1, usize::saturating_mul)
        });
        let held = pixels.len();
        checkpoint.check(
            "frames",
            &format!("{expected} bytes are expected, not {held}"),
            || held == expected && (held > 0 || steps.is_empty()),
        )?;
        let levels = form.map_or(256, |(_, levels)| levels);
        checkpoint.check("frames", &format!("numbers below {levels} are expected"), || {
            (2..=256).contains(&levels) && pixels.iter().all(|pixel| u16::from(*pixel) < levels)
        })
    }

    /// The timeline with the pixels of all frames.
    fn timeline(&self, pixels: &[u8]) -> Result<Timeline<Frame>> {
        let mut snapshots = Vec::with_capacity(self.steps.len());
        if let Some(([channels, height, width], levels)) = self.form {
            let shape = Shape { channels, height, width };
            let frames = pixels.chunks(self.each.saturating_mul(shape.len()).max(1));
            for (&step, pixels) in self.steps.iter().zip(frames) {
                let images = Images::new(shape, levels, pixels.to_vec(), None)?;
                snapshots.push(Frame { step, images });
            }
        }
        Ok(Timeline { stride: self.stride, observations: self.looks, snapshots })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latents::LatentSpace;
    use crate::{
        AncestralSampling, Codebook, ExactLikelihood, ImageGrid, ImageSampler, ImportanceWeighted,
        LatentMap, PointSampler, Work,
    };
    use rand::Rng as _;
    use train::testing::{Behaviour, Counter, resume_changes_nothing};
    use train::{Evaluation, Learner, Log, Progress, Rng, Scope, Split};

    /// Draws images of one pixel: noise, and the step on top of it.
    struct Drawer(Counter, usize);

    impl Learner for Drawer {
        fn step(&mut self, log: &mut Log) -> Result<Progress> {
            self.0.step(log)
        }

        fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
            self.0.evaluate(split)
        }

        fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
            self.0.state(checkpoint)
        }
    }

    impl ImageSampler for Drawer {
        fn sample_images(&self, n: usize, _: Option<u32>, rng: &mut Rng) -> Result<Images> {
            let shape = Shape { channels: 1, height: 1, width: 2 };
            let pixels = (0..n).flat_map(|_| [rng.random_range(0..200), self.0.count as u8]);
            Images::new(shape, 256, pixels.collect(), None)
        }
    }

    impl Generative for Drawer {
        fn work(&self) -> Work {
            Work::by_passes(1_000_000, self.1)
        }

        fn image_grids(&self) -> Result<Vec<ImageGrid>> {
            Ok(Vec::new())
        }

        fn classes(&self) -> &[String] {
            &[]
        }

        fn image_sampler(&self) -> Option<&dyn ImageSampler> {
            Some(self)
        }

        fn point_sampler(&self) -> Option<&dyn PointSampler> {
            None
        }

        fn importance_weighted(&self) -> Option<&dyn ImportanceWeighted> {
            None
        }

        fn latent_map(&self) -> Option<&dyn LatentMap> {
            None
        }

        fn autoregressive(&self) -> Option<&dyn AncestralSampling> {
            None
        }

        fn takes(&self) -> Option<(Shape, u16)> {
            None
        }

        fn latent_space(&self) -> Option<&dyn LatentSpace> {
            None
        }

        fn codebook(&self) -> Option<&dyn Codebook> {
            None
        }

        fn exact_likelihood(&self) -> Option<&dyn ExactLikelihood> {
            None
        }

        fn exports(&self) -> Vec<nn::onnx::Export<'_>> {
            Vec::new()
        }
    }

    fn filmed() -> ObservedModel {
        drawing_by(1)
    }

    /// As `filmed`, where drawing an image takes so many passes.
    fn drawing_by(passes: usize) -> ObservedModel {
        let behaviour = Behaviour { stride: 5, ..Behaviour::default() };
        observed(Box::new(Drawer(Counter::new(1, behaviour).unwrap(), passes)), 1)
    }

    fn steps(frames: &[Frame]) -> Vec<u64> {
        frames.iter().map(|frame| frame.step).collect()
    }

    #[test]
    fn a_frame_before_the_first_step_at_each_evaluation_and_at_the_end() {
        let mut filmed = filmed();
        let mut log = Log::default();
        for step in 1..=7 {
            filmed.step(&mut log).unwrap();
            if step % 3 == 0 {
                filmed.evaluate(Split::Validation).unwrap();
            }
        }
        filmed.evaluate(Split::Test).unwrap();
        let found = frames(&filmed).unwrap();
        assert_eq!(steps(&found), [0, 15, 30, 35]);
        let noise =
            |frame: &Frame| -> Vec<u8> { frame.images.pixels().chunks(2).map(|p| p[0]).collect() };
        for frame in &found {
            assert_eq!(frame.images.len(), IMAGES);
            assert_eq!(noise(frame), noise(&found[0]));
            assert!(frame.images.pixels().chunks(2).all(|p| u64::from(p[1]) == frame.step));
        }
        assert!(noise(&found[0]).windows(2).any(|pair| pair[0] != pair[1]));
        // The last evaluation is the end: one frame, not two.
        filmed.evaluate(Split::Validation).unwrap();
        assert_eq!(steps(&frames(&filmed).unwrap()), [0, 15, 30, 35]);
    }

    #[test]
    fn frames_that_take_long_wait_until_as_much_was_trained() {
        let mut filmed = drawing_by(300);
        for _ in 0..4000 {
            filmed.step(&mut Log::default()).unwrap();
            filmed.evaluate(Split::Validation).unwrap();
        }
        // 36 · 300 passes a frame, 8,000 at once and 3 a unit over 20: the first with 18,667 units, which is
        // 18,670 in steps of 5; the last one is drawn at the end.
        assert_eq!(steps(&frames(&filmed).unwrap()), [18_670, 20_000]);
        assert!(frames(&drawing_by(300)).unwrap().is_empty());
    }

    #[test]
    fn every_other_frame_is_forgotten() {
        let mut filmed = filmed();
        for _ in 0..130 {
            filmed.step(&mut Log::default()).unwrap();
            filmed.evaluate(Split::Validation).unwrap();
        }
        let found = frames(&filmed).unwrap();
        let expected: Vec<u64> = (0..=32).map(|i| 20 * i).chain([650]).collect();
        assert_eq!(steps(&found), expected);
        assert!(found.iter().all(|frame| frame.images.image(0)[1] == frame.step as u8));
    }

    #[test]
    fn a_resumed_film_is_the_whole_one() {
        let dir = tempfile::tempdir().unwrap();
        let make = || -> Result<Box<dyn Learner>> { Ok(Box::new(filmed())) };
        resume_changes_nothing(&make, 40, 80, dir.path()).unwrap();
        let mut whole = filmed();
        for step in 1..=16 {
            whole.step(&mut Log::default()).unwrap();
            if step % 4 == 0 {
                whole.evaluate(Split::Validation).unwrap();
            }
        }
        let mut saved = filmed();
        let newest = train::Checkpoints::of(dir.path()).newest().unwrap();
        saved.state(&mut Checkpoint::open(&newest, Scope::All).unwrap()).unwrap();
        assert_eq!(frames(&saved).unwrap(), frames(&whole).unwrap());
        assert_eq!(steps(&frames(&saved).unwrap()), [0, 20, 40, 60, 80]);
    }
}
