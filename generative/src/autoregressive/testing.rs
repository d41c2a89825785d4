//! Properties that every autoregressive network must have, as functions that its tests call. Sampling, and with it
//! incremental passes, is on the CPU wherever a network is trained, and so are the tests of it.
use super::Subject;
use super::sampling::Sampling;
use super::{
    Autoregressive, AutoregressiveNetwork, FullForward, IncrementalForward, Output, Place, order,
    places,
};
use crate::data::{Images, Parts, Shape};
use candle_core::{Device, Result, Tensor, Var};
use nn::Params;
use rand_distr::{Distribution as _, StandardNormal};
use train::stream;
use train::testing::{device, rounding};

/// A network that samples by full forward passes.
struct Slow(Box<dyn AutoregressiveNetwork>, Subject);

impl AutoregressiveNetwork for Slow {
    fn forward(&self, x: &Tensor, classes: Option<&Tensor>) -> Result<Tensor> {
        self.0.forward(x, classes)
    }

    fn detached(&self) -> Box<dyn AutoregressiveNetwork> {
        Box::new(Self(self.0.detached(), self.1))
    }

    fn incremental(
        &self,
        n: usize,
        classes: Option<&[u32]>,
    ) -> Result<Box<dyn IncrementalForward + '_>> {
        Ok(Box::new(FullForward::new(&*self.0, self.1, n, classes)?))
    }

    fn passes(&self, shape: Shape) -> usize {
        shape.len()
    }

    fn uses(&self, _: Shape) -> usize {
        1
    }
}

/// Makes a network of some kind.
pub(crate) type Make<'a> = &'a dyn Fn(&Params, &Subject) -> Result<Box<dyn AutoregressiveNetwork>>;

/// Images of `shape` with `levels`, and the first `classes` of them in a class each.
pub(crate) fn subject(shape: [usize; 3], levels: u16, classes: usize) -> Subject {
    let [channels, height, width] = shape;
    Subject { shape: Shape { channels, height, width }, output: Output::of(levels, 0), classes }
}

/// A network whose parameters are far from 0, so that what it says of a number depends on those before.
pub(crate) fn rough(
    make: Make<'_>,
    subject: &Subject,
    device: &Device,
) -> Box<dyn AutoregressiveNetwork> {
    let params = Params::new(1, device);
    let network = make(&params, subject).unwrap();
    for (name, var) in params.named() {
        let rng = &mut stream(1, &format!("rough/{name}"));
        let inputs = (var.elem_count() / var.dims()[0]) as f32;
        let scale = if var.rank() > 1 { 1.6 / inputs.sqrt() } else { 0.3 };
        let sampled = || -> f32 { StandardNormal.sample(&mut *rng) };
        let values: Vec<f32> = std::iter::repeat_with(sampled).take(var.elem_count()).collect();
        // Where a mask has zeros they stay.
        let retained = var.ne(0.0).unwrap().to_dtype(candle_core::DType::F32).unwrap();
        let retained = if var.rank() > 2 { retained } else { retained.ones_like().unwrap() };
        let values = Tensor::from_vec(values, var.shape(), device).unwrap();
        // What features are multiplied by is about 1.
        let about = if name.ends_with(".scale") { 1.0 } else { 0.0 };
        let values = (values * retained).unwrap().affine(f64::from(scale), about).unwrap();
        var.set(&values).unwrap();
    }
    network
}

/// ∂ what is said of one number / ∂ a number is 0 unless the latter comes before the former, and is not 0 for
/// all that `sees` says: the Jacobian is strictly lower triangular in the order of places.
pub(crate) fn jacobian_is_strictly_lower_triangular(
    make: Make<'_>,
    subject: &Subject,
    sees: &dyn Fn(Place, Place) -> bool,
) {
    let network = rough(make, subject, device());
    order::check(&*network, subject.shape, subject.classes, device(), &mut stream(1, "order"))
        .unwrap();
    let rng = &mut stream(1, "receptive");
    for (i, to) in places(subject.shape).enumerate() {
        let gradient =
            super::receptive_field::gradient(&*network, subject, to, device(), rng).unwrap();
        for (j, from) in places(subject.shape).enumerate() {
            let slope = gradient[from.index(subject.shape)];
            assert!(j < i || slope == 0.0, "{to:?} sees {from:?}: {slope}");
            assert_eq!(j < i && sees(to, from), slope != 0.0, "{to:?} and {from:?}: {slope}");
        }
    }
}

/// The gradient that training follows is that of differences over 2h, for every parameter: nothing is cut off.
pub(crate) fn gradients_agree_with_differences(make: Make<'_>, subject: &Subject, h: f64) {
    // A seed with which no difference of 2·10⁻³ reaches across the kink of a ReLU.
    let params = Params::new(1, device());
    let network = make(&params, subject).unwrap();
    let n = 2;
    let levels = subject.output.levels();
    let images: Vec<u8> = (0..n * subject.shape.len()).map(|i| (i * 7 % levels) as u8).collect();
    let x = x_of(&images, subject);
    let classes = Tensor::new(&[0u32, 1], device()).unwrap();
    let classes = (subject.classes > 0).then_some(&classes);
    let loss = || subject.output.loss(&network.forward(&x.affine(2.0, -1.0)?, classes)?, &x);
    let vars: Vec<Var> = params.named().into_iter().map(|(_, var)| var).collect();
    let error = nn::gradcheck::gradcheck(&vars, h, loss).unwrap();
    assert!(error < 1e-2, "{error}");
}

/// All images of 3×3 in black and white.
fn all_images() -> Vec<u8> {
    (0..512u32).flat_map(|mask| (0..9).map(move |i| (mask >> i & 1) as u8)).collect()
}

fn x_of(images: &[u8], subject: &Subject) -> Tensor {
    let highest = (subject.output.levels() - 1) as f32;
    let values: Vec<f32> = images.iter().map(|level| f32::from(*level) / highest).collect();
    let Shape { channels, height, width } = subject.shape;
    Tensor::from_vec(values, ((), channels, height, width), device()).unwrap()
}

fn probabilities(
    network: &dyn AutoregressiveNetwork,
    subject: &Subject,
    class: Option<u32>,
) -> Vec<f64> {
    let x = x_of(&all_images(), subject);
    let classes = class.map(|class| Tensor::full(class, 512, device()).unwrap());
    let logits = network.forward(&x.affine(2.0, -1.0).unwrap(), classes.as_ref()).unwrap();
    subject.output.nll(&logits, &x).unwrap().into_iter().map(|nll| (-nll).exp()).collect()
}

/// The probabilities of all 512 black and white images of 3×3 sum to 1, and as often they are drawn:
/// by a χ² test, seen once in a thousand times where all is right.
pub(crate) fn probabilities_sum_to_1_and_are_sampled(make: Make<'_>, classes: usize) {
    let subject = subject([1, 3, 3], 2, classes);
    let class = (classes as u32).checked_sub(1);
    let probabilities = probabilities(&*rough(make, &subject, device()), &subject, class);
    let sum: f64 = probabilities.iter().sum();
    assert!((sum - 1.0).abs() < 1e-5, "{sum}");
    // It is not the uniform distribution that is tested.
    let most = probabilities.iter().copied().fold(0.0, f64::max);
    assert!(most > 4.0 / 512.0, "{most}");

    let n = 20_000;
    let of = class.map(|class| vec![class; n]);
    let drawing = Sampling {
        shape: subject.shape,
        output: subject.output,
        temperature: 1.0,
        classes: of.as_deref(),
        given: 0,
    };
    let mut pixels = vec![0; 9 * n];
    let network = rough(make, &subject, &Device::Cpu);
    drawing.sample(&*network, &mut pixels, &mut stream(1, "draws")).unwrap();
    let mut counts = vec![0.0; 512];
    for image in pixels.chunks_exact(9) {
        counts[image.iter().rev().fold(0, |mask, &x| 2 * mask + usize::from(x))] += 1.0;
    }
    // Images that are expected less than five times count together.
    let (mut chi, mut bins, mut rare) = (0.0, 0, [0.0, 0.0]);
    for (count, p) in counts.iter().zip(&probabilities) {
        let expected = p * n as f64;
        if expected < 5.0 {
            rare = [rare[0] + count, rare[1] + expected];
            continue;
        }
        chi += (count - expected).powi(2) / expected;
        bins += 1;
    }
    if rare[1] >= 5.0 {
        chi += (rare[0] - rare[1]).powi(2) / rare[1];
        bins += 1;
    }
    // Wilson and Hilferty's approximation of the quantile at 0.999.
    let k = f64::from(bins - 1);
    let most = k * (1.0 - 2.0 / (9.0 * k) + 3.09 * (2.0 / (9.0 * k)).sqrt()).powi(3);
    assert!(bins > 50 && chi < most, "χ² {chi} over {bins} bins, at most {most}");
}

/// A walk says the bits that the whole network says, so that the same is drawn.
pub(crate) fn incremental_passes_have_the_bits_of_full_ones(make: Make<'_>, subject: &Subject) {
    // Without kernels full passes are Candle's, and incremental ones are not.
    let most = if train::is_host(&Device::Cpu) { 0.0 } else { rounding() };
    incremental_passes_agree_with_full_ones(make, subject, most);
}

/// Asserts that incremental passes agree with full forward passes up to `most`, and that both draw
/// equal samples.
pub(crate) fn incremental_passes_agree_with_full_ones(
    make: Make<'_>,
    subject: &Subject,
    most: f32,
) {
    let network = rough(make, subject, &Device::Cpu);
    let n = 11;
    let classes: Vec<u32> = (0..n as u32).map(|i| i % subject.classes.max(1) as u32).collect();
    let classes = (subject.classes > 0).then_some(&classes[..]);
    let rng = &mut stream(1, "numbers");
    let mut whole = FullForward::new(&*network, *subject, n, classes).unwrap();
    let mut walk = network.incremental(n, classes).unwrap();
    let params = n * subject.output.params();
    let (mut logits, mut expected) = (vec![f32::NAN; params], vec![f32::NAN; params]);
    for place in places(subject.shape) {
        walk.logits(place, &mut logits).unwrap();
        whole.logits(place, &mut expected).unwrap();
        let agrees =
            logits.iter().zip(&expected).all(|(logits, whole)| (logits - whole).abs() <= most);
        assert!(agrees, "{place:?}: {logits:?} {expected:?}");
        let numbers: Vec<f32> = (0..n).map(|_| rand::Rng::random_range(rng, -1.0..1.0)).collect();
        walk.observe(place, &numbers).unwrap();
        whole.observe(place, &numbers).unwrap();
    }
    drop(walk);

    // As many as make several groups, the last one smaller; half of each image is given.
    let shape = subject.shape;
    let given = shape.len() / 2;
    let start: Vec<u8> = (0..n * shape.len()).map(|i| (i % 2) as u8).collect();
    let drawing = Sampling { shape, output: subject.output, temperature: 0.8, classes, given };
    let sampled = |network: &dyn AutoregressiveNetwork| {
        let mut pixels = start.clone();
        drawing.sample(network, &mut pixels, &mut stream(1, "draws")).unwrap();
        pixels
    };
    let fast = sampled(&*network);
    assert_eq!(fast, sampled(&Slow(network, *subject)));
    let mut known = vec![false; shape.len()];
    places(shape).take(given).for_each(|place| known[place.index(shape)] = true);
    for (i, (sampled, start)) in fast.iter().zip(&start).enumerate() {
        assert!(!known[i % shape.len()] || sampled == start, "a number that was given was drawn");
    }
    assert_ne!(fast, start);
}

/// Negative log-likelihood of the test images, in nats per image, beside the entropy of the data.
pub(crate) fn nll_and_entropy(model: &Autoregressive, data: &Parts<Images>) -> (f64, f64) {
    let log_likelihoods = model.log_likelihoods(&data.test).unwrap();
    let mean = log_likelihoods.iter().sum::<f64>() / log_likelihoods.len() as f64;
    (-mean, data.entropy.unwrap())
}

/// A network that is given away by [`order::check`]: it sees the number that it speaks of.
pub(crate) struct SeesItself(pub(crate) Var);

impl AutoregressiveNetwork for SeesItself {
    fn forward(&self, x: &Tensor, _: Option<&Tensor>) -> Result<Tensor> {
        x.broadcast_mul(&self.0)
    }

    fn detached(&self) -> Box<dyn AutoregressiveNetwork> {
        Box::new(Self(self.0.clone()))
    }

    fn incremental(&self, _: usize, _: Option<&[u32]>) -> Result<Box<dyn IncrementalForward + '_>> {
        candle_core::bail!("not drawn from")
    }

    fn passes(&self, shape: Shape) -> usize {
        shape.len()
    }

    fn uses(&self, _: Shape) -> usize {
        1
    }
}
