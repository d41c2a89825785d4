//! Snapshots of samples during training.
use crate::Generative;
use crate::data::{Images, Shape};
use crate::work::TRAINED;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use train::{Checkpoint, Evaluation, FirstUpdate, Learner, Log, Progress, Split, stream};

/// Images in a row of a frame, and rows of it.
pub const COLUMNS: usize = 6;

const IMAGES: usize = COLUMNS * COLUMNS;

/// Frames remembered at most; beyond that every other one is forgotten.
const FRAMES: usize = 64;

/// A model with snapshots of its samples, of the same noise, before its first step and at each evaluation that
/// chooses; where sampling takes long, as often as that is a small part of training. A checkpoint holds all
/// of it.
pub struct Filmed {
    model: Box<dyn Generative>,
    seed: u64,
    seen: u64,
    film: Film,
    pixels: Vec<u8>,
}

/// The frames, without their pixels.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
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

/// The samples of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Units trained so far.
    pub step: u64,
    /// As many in each, by the same noise.
    pub images: Images,
}

impl Filmed {
    /// Watches `model`, which was made with this seed.
    pub fn new(model: Box<dyn Generative>, seed: u64) -> Self {
        Self { model, seed, seen: 0, film: Film::default(), pixels: Vec::new() }
    }

    /// The model.
    pub fn model(&self) -> &dyn Generative {
        &*self.model
    }

    /// All snapshots and one of now, each after more steps than the one before; none of a model
    /// without samples.
    ///
    /// # Errors
    /// Errors of the network.
    pub fn frames(&self) -> Result<Vec<Frame>> {
        let Some((form, levels)) = self.film.form else { return Ok(Vec::new()) };
        let shape = Shape { channels: form[0], height: form[1], width: form[2] };
        let each =
            self.film.steps.iter().zip(self.pixels.chunks_exact(self.film.each * shape.len()));
        let mut frames = Vec::with_capacity(self.film.steps.len() + 1);
        for (&step, pixels) in each.filter(|(step, _)| **step < self.seen) {
            let images = Images::new(shape, levels, pixels.to_vec(), None)?;
            frames.push(Frame { step, images });
        }
        if let Some(images) = self.samples()? {
            frames.push(Frame { step: self.seen, images });
        }
        Ok(frames)
    }

    /// Whether one more snapshot is a small part of training.
    fn is_affordable(&self) -> bool {
        let work = self.model.work();
        let frame = work.sampling.saturating_mul(IMAGES as u64);
        let frames = self.film.steps.len() as u64 * self.film.stride.max(1) + 1;
        frames.saturating_mul(frame) <= work.affordable(TRAINED * self.seen)
    }

    /// Image samples, or the plane of points as one image.
    fn samples(&self) -> Result<Option<Images>> {
        if let Some(model) = self.model.image_sampler() {
            return Ok(Some(model.sample_images(IMAGES, None, &mut stream(self.seed, "film"))?));
        }
        self.model.point_sampler().map(|model| model.plane()?.picture()).transpose()
    }

    fn snapshot(&mut self) -> Result<()> {
        let due = self.film.looks.is_multiple_of(self.film.stride.max(1));
        // Nothing is changed before: sampling may be interrupted.
        let drawn = if due && self.is_affordable() { self.samples()? } else { None };
        self.film.looks += 1;
        let Some(images) = drawn else { return Ok(()) };
        let Shape { channels, height, width } = images.shape();
        self.film.form = Some(([channels, height, width], images.levels()));
        self.film.each = images.len();
        self.film.steps.push(self.seen);
        self.pixels.extend_from_slice(images.pixels());
        if self.film.steps.len() > FRAMES {
            self.film.stride = self.film.stride.max(1) * 2;
            let frames = self.pixels.chunks_exact(images.pixels().len());
            self.pixels = frames.step_by(2).flatten().copied().collect();
            self.film.steps = self.film.steps.iter().copied().step_by(2).collect();
        }
        Ok(())
    }
}

impl Learner for Filmed {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        if self.film.looks == 0 {
            self.snapshot()?;
        }
        let progress = self.model.step(log)?;
        self.seen += progress.units();
        Ok(progress)
    }

    fn first_update(&self) -> FirstUpdate {
        self.model.first_update()
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        let evaluation = self.model.evaluate(split)?;
        if split == Split::Validation {
            self.snapshot()?;
        }
        Ok(evaluation)
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.model.state(checkpoint)?;
        checkpoint.count("filmed", &mut self.seen)?;
        checkpoint.value("film", &mut self.film)?;
        checkpoint.blob("frames", &mut self.pixels)?;
        let Film { stride, looks, steps, form, each } = &self.film;
        checkpoint
            .check("film", "how often to look is expected", || stride.max(looks) < &(1 << 62))?;
        let expected = form.map_or(0, |([channels, height, width], _)| {
            let sizes = [channels, height, width, *each, steps.len()];
            sizes.into_iter().fold(1, usize::saturating_mul)
        });
        let held = self.pixels.len();
        checkpoint.check(
            "frames",
            &format!("{expected} bytes are expected, not {held}"),
            || held == expected && (held > 0 || steps.is_empty()),
        )?;
        let levels = form.map_or(256, |(_, levels)| levels);
        checkpoint.check("frames", &format!("numbers below {levels} are expected"), || {
            (2..=256).contains(&levels)
                && self.pixels.iter().all(|pixel| u16::from(*pixel) < levels)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        AncestralSampling, ImageGrid, ImageSampler, ImportanceWeighted, LatentMap, PointSampler,
        Work,
    };
    use rand::Rng as _;
    use train::testing::{Behaviour, Counter, resume_changes_nothing};
    use train::{Rng, Scope};

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
    }

    fn filmed() -> Filmed {
        drawing_by(1)
    }

    /// As `filmed`, where drawing an image takes so many passes.
    fn drawing_by(passes: usize) -> Filmed {
        let behaviour = Behaviour { stride: 5, ..Behaviour::default() };
        Filmed::new(Box::new(Drawer(Counter::new(1, behaviour).unwrap(), passes)), 1)
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
        let frames = filmed.frames().unwrap();
        assert_eq!(steps(&frames), [0, 15, 30, 35]);
        let noise =
            |frame: &Frame| -> Vec<u8> { frame.images.pixels().chunks(2).map(|p| p[0]).collect() };
        for frame in &frames {
            assert_eq!(frame.images.len(), IMAGES);
            assert_eq!(noise(frame), noise(&frames[0]));
            assert!(frame.images.pixels().chunks(2).all(|p| u64::from(p[1]) == frame.step));
        }
        assert!(noise(&frames[0]).windows(2).any(|pair| pair[0] != pair[1]));
        // The last evaluation is the end: one frame, not two.
        filmed.evaluate(Split::Validation).unwrap();
        assert_eq!(steps(&filmed.frames().unwrap()), [0, 15, 30, 35]);
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
        assert_eq!(steps(&filmed.frames().unwrap()), [18_670, 20_000]);
        assert!(drawing_by(300).frames().unwrap().is_empty());
    }

    #[test]
    fn every_other_frame_is_forgotten() {
        let mut filmed = filmed();
        for _ in 0..130 {
            filmed.step(&mut Log::default()).unwrap();
            filmed.evaluate(Split::Validation).unwrap();
        }
        let frames = filmed.frames().unwrap();
        let expected: Vec<u64> = (0..=32).map(|i| 20 * i).chain([650]).collect();
        assert_eq!(steps(&frames), expected);
        assert!(frames.iter().all(|frame| frame.images.image(0)[1] == frame.step as u8));
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
        assert_eq!(saved.frames().unwrap(), whole.frames().unwrap());
        assert_eq!(steps(&saved.frames().unwrap()), [0, 20, 40, 60, 80]);
    }
}
