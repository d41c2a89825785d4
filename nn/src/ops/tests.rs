//! Kernels against Candle's own operations in `f64`, against differences, and against themselves
//! on other numbers of threads. All of it on the CPU, which alone has kernels.
use super::{ConvForm, Moments, Order, Reader, Window, batch_norm_by, on_cpu_f32};
use crate::gradcheck::gradcheck;
use crate::{Activation, Init};
use candle_core::{DType, Device, Result, Tensor, Var};
use rand::Rng as _;
use train::stream;
use train::testing::kernels_are_on;

const ACTIVATIONS: [Activation; 5] = [
    Activation::Linear,
    Activation::Relu,
    Activation::LeakyRelu(0.2),
    Activation::Tanh,
    Activation::Sigmoid,
];

/// Normal deviates; `name` picks them.
fn normal(name: &str, shape: &[usize]) -> Tensor {
    let count = shape.iter().product();
    let values = Init::HeNormal { fan_in: 2 }.draw(count, &mut stream(1, name)).unwrap();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn linear(x: &Tensor, w: &Tensor, b: &Tensor, activation: Activation) -> Result<Tensor> {
    super::linear(&x.into(), w, b, activation, Reader::Anybody)?.into_tensor()
}

fn conv2d(
    x: &Tensor,
    w: &Tensor,
    b: &Tensor,
    window: Window,
    form: impl Into<ConvForm>,
) -> Result<Tensor> {
    super::conv2d(&x.into(), w, b, window, form.into(), Reader::Anybody)?.into_tensor()
}

fn conv_transpose2d(
    x: &Tensor,
    w: &Tensor,
    b: &Tensor,
    window: Window,
    activation: Activation,
) -> Result<Tensor> {
    super::conv_transpose2d(&x.into(), w, b, window, activation, Reader::Anybody)?.into_tensor()
}

fn batch_norm(
    x: &Tensor,
    w: &Tensor,
    b: &Tensor,
    activation: Activation,
) -> Result<(Tensor, Moments)> {
    let (y, moments) = super::batch_norm(&x.into(), w, b, activation, Reader::Anybody)?;
    Ok((y.into_tensor()?, moments))
}

/// A layer as a function of its input, weight and bias.
type Layer = dyn Fn(&[Tensor; 3]) -> Result<Tensor> + Sync;

/// One layer under test: what it is given, and how it is called.
struct Case {
    name: String,
    inputs: [Var; 3],
    layer: Box<Layer>,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for activation in ACTIVATIONS {
        // [B, K, N]: every way the forward pass goes, blocks that are whole and that are not.
        for [batch, k, n] in
            [[1, 1, 1], [1, 5, 3], [8, 20, 9], [9, 33, 17], [33, 40, 2], [24, 16, 48], [11, 18, 10]]
        {
            let shapes: [&[usize]; 3] = [&[batch, k], &[n, k], &[n]];
            cases.push(Case::new(
                format!("linear {activation:?} {batch} {k} {n}"),
                shapes,
                move |[x, w, b]| linear(x, w, b, activation),
            ));
        }
        for shape in [vec![2, 1], vec![7, 3], vec![1, 2, 5, 3], vec![3, 4, 1, 2], vec![6, 2, 9, 8]]
        {
            let channels = shape[1];
            cases.push(Case::new(
                format!("batch_norm {activation:?} {shape:?}"),
                [&shape, &[channels], &[channels]],
                move |[x, w, b]| Ok(batch_norm(x, w, b, activation)?.0),
            ));
        }
        for residual in [false, true] {
            // What is seen before the centre and with it, and all rows up to one.
            for (taps, [h, w]) in
                [(4, [3, 3]), (5, [3, 3]), (24, [7, 7]), (1, [1, 1]), (6, [3, 3]), (2, [1, 5])]
            {
                let form = ConvForm { activation, taps: Some(taps), residual, ..activation.into() };
                let window = Window { stride: 1, padding: [h / 2, w / 2], dilation: 1 };
                let shapes: [&[usize]; 3] = [&[2, 3, 5, 4], &[3, 3, h, w], &[3]];
                let name = format!("conv2d {form:?} {h}×{w}");
                cases.push(Case::new(name, shapes, move |[x, w, b]| conv2d(x, w, b, window, form)));
            }
            // Channels last: steps, dilation, few channels and many, a kernel in parts.
            for (channels, taps, window) in [
                (3, None, Window { stride: 1, padding: [1, 1], dilation: 1 }),
                (9, Some(5), Window { stride: 1, padding: [1, 1], dilation: 1 }),
                (2, None, Window { stride: 2, padding: [1, 0], dilation: 1 }),
                (9, None, Window { stride: 2, padding: [2, 1], dilation: 2 }),
            ] {
                if residual && window.stride == 2 {
                    continue;
                }
                let form = ConvForm { taps, residual, order: Order::Pixels, ..activation.into() };
                let outputs = if residual { channels } else { 17 };
                let shapes: [&[usize]; 3] =
                    [&[2, 6, 5, channels], &[outputs, channels, 3, 3], &[outputs]];
                let name = format!("conv2d {form:?} {window:?}");
                cases.push(Case::new(name, shapes, move |[x, w, b]| conv2d(x, w, b, window, form)));
            }
        }
    }
    for conv in [
        // The shapes that networks are made of: rows that are copied whole, in steps of 2 and 4.
        Conv::new([2, 4, 5, 6], [3, 3, 3], [1, 0, 1]),
        Conv::new([2, 3, 6, 6], [2, 5, 5], [1, 2, 1]),
        Conv::new([2, 3, 8, 8], [2, 4, 4], [2, 1, 1]),
        Conv::new([1, 2, 20, 20], [3, 8, 8], [4, 0, 1]),
        Conv::new([3, 5, 4, 4], [2, 1, 1], [1, 0, 1]),
        Conv::new([1, 1, 1, 1], [1, 1, 1], [1, 0, 1]),
        // Enough channels to fill a vector, taps that fall on each phase of a step evenly and not.
        Conv::new([2, 9, 5, 6], [8, 3, 3], [1, 1, 1]),
        Conv::new([2, 8, 6, 6], [9, 4, 4], [2, 1, 1]),
        Conv::new([1, 8, 7, 6], [17, 3, 3], [2, 1, 1]),
        Conv::new([1, 9, 6, 5], [8, 2, 2], [3, 2, 2]),
        // Kernels that lie in the padding alone, and steps over the edge.
        Conv::new([1, 1, 3, 3], [2, 2, 2], [1, 3, 1]),
        Conv::new([2, 2, 5, 5], [2, 1, 1], [2, 0, 1]),
        Conv::new([1, 2, 5, 3], [2, 3, 3], [1, 4, 2]),
    ] {
        let forms = [false, true].into_iter().filter(|transposed| conv.fits(*transposed));
        cases.extend(forms.map(|transposed| conv.case(transposed)));
    }
    let mut rng = stream(1, "shapes");
    while cases.len() < 200 {
        let mut below = |n: usize| rng.random_range(0..n);
        let transposed = below(2) == 0;
        let padding = below(4);
        let conv = Conv {
            activation: ACTIVATIONS[below(5)],
            x: [1 + below(3), [1, 2, 4, 9][below(4)], 1 + below(9), 1 + below(9)],
            kernel: [[1, 2, 3, 8][below(4)], 1 + below(4), 1 + below(4)],
            window: Window {
                stride: 1 + below(4),
                // Candle's transposed convolution knows one for both axes.
                padding: [padding, if transposed { padding } else { below(4) }],
                dilation: 1 + below(3),
            },
        };
        if conv.fits(transposed) {
            cases.push(conv.case(transposed));
        }
    }
    cases
}

/// A convolution or a transposed one.
#[derive(Debug, Clone, Copy)]
struct Conv {
    activation: Activation,
    /// `[B, C, H, W]`
    x: [usize; 4],
    /// `[O, k_h, k_w]`
    kernel: [usize; 3],
    window: Window,
}

impl Conv {
    fn new(x: [usize; 4], kernel: [usize; 3], [stride, padding, dilation]: [usize; 3]) -> Self {
        let window = Window { stride, padding: [padding; 2], dilation };
        Self { activation: Activation::Tanh, x, kernel, window }
    }

    fn fits(&self, transposed: bool) -> bool {
        let ([_, _, h, w], [_, kh, kw]) = (self.x, self.kernel);
        let Window { stride, padding, dilation } = self.window;
        [(h, kh, padding[0]), (w, kw, padding[1])].into_iter().all(|(size, kernel, padding)| {
            match transposed {
                true => (size - 1) * stride + dilation * (kernel - 1) + 1 > 2 * padding,
                false => size + 2 * padding > dilation * (kernel - 1),
            }
        })
    }

    fn case(self, transposed: bool) -> Case {
        let ([_, c, ..], [o, kh, kw], activation) = (self.x, self.kernel, self.activation);
        let weight = if transposed { [c, o, kh, kw] } else { [o, c, kh, kw] };
        let name = format!("{self:?} transposed: {transposed}");
        Case::new(name, [&self.x, &weight, &[o]], move |[x, w, b]| match transposed {
            true => conv_transpose2d(x, w, b, self.window, activation),
            false => conv2d(x, w, b, self.window, activation),
        })
    }
}

impl Case {
    fn new(
        name: String,
        shapes: [&[usize]; 3],
        layer: impl Fn(&[Tensor; 3]) -> Result<Tensor> + Sync + 'static,
    ) -> Self {
        let mut index = 0;
        let inputs = shapes.map(|shape| {
            index += 1;
            Var::from_tensor(&normal(&format!("{name} {index}"), shape)).unwrap()
        });
        Self { name, inputs, layer: Box::new(layer) }
    }

    /// A scalar that depends on every output differently.
    fn scalar(&self, inputs: &[Tensor; 3]) -> Result<Tensor> {
        // The sum is not what is tested: in single precision it would round more than a layer does.
        let y = (self.layer)(inputs)?.to_dtype(DType::F64)?;
        (&y * normal("weights of the outputs", y.dims()).to_dtype(DType::F64)?)?.sum_all()
    }

    /// The output and the three gradients, computed in `dtype`.
    fn results(&self, dtype: DType) -> Result<Vec<Tensor>> {
        let vars =
            [0, 1, 2].map(|i| Var::from_tensor(&self.inputs[i].to_dtype(dtype).unwrap()).unwrap());
        let inputs = vars.clone().map(Var::into_inner);
        let gradients = self.scalar(&inputs)?.backward()?;
        let mut results = vec![(self.layer)(&inputs)?.detach()];
        results.extend(vars.iter().map(|var| gradients.get(var).unwrap().clone()));
        Ok(results)
    }
}

fn largest_difference(left: &Tensor, right: &Tensor) -> f64 {
    assert_eq!(left.shape(), right.shape());
    let difference =
        (left.to_dtype(DType::F64).unwrap() - right.to_dtype(DType::F64).unwrap()).unwrap();
    difference.abs().unwrap().max_all().unwrap().to_scalar().unwrap()
}

#[test]
fn agree_with_candle_in_double_precision() {
    if !kernels_are_on() {
        return;
    }
    let mut compared = 0;
    for case in cases() {
        assert!(on_cpu_f32(&[&case.inputs[0]]));
        let kernel = case.results(DType::F32).unwrap();
        let oracle = case.results(DType::F64).unwrap_or_else(|e| panic!("{}: {e}", case.name));
        compared += oracle.len();
        for (what, (kernel, oracle)) in
            ["y", "dx", "dw", "db"].iter().zip(kernel.iter().zip(&oracle))
        {
            let size = oracle.abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap();
            let difference = largest_difference(kernel, oracle) / size.max(1.0);
            assert!(difference < 1e-5, "{}: {what} differs by {difference}", case.name);
        }
    }
    assert!(compared > 700, "{compared}");
}

/// Independent of Candle's derivatives. ReLU is left out: differences straddle its corner.
#[test]
fn gradients_agree_with_differences() {
    for case in cases().into_iter().filter(|case| !case.name.contains("Relu")) {
        let inputs = case.inputs.clone().map(Var::into_inner);
        let error = gradcheck(&case.inputs, 1e-2, || case.scalar(&inputs)).unwrap();
        assert!(error < 3e-3, "{}: {error}", case.name);
    }
}

#[test]
fn strided_inputs_are_read_by_their_strides() {
    let (weight, bias) = (normal("w", &[3, 4]), normal("b", &[3]));
    let x = normal("x", &[4, 12]).t().unwrap(); // [12, 4], column-major
    assert!(!x.is_contiguous());
    let strided = linear(&x, &weight, &bias, Activation::Tanh).unwrap();
    let copied = linear(&x.contiguous().unwrap(), &weight, &bias, Activation::Tanh).unwrap();
    assert_eq!(largest_difference(&strided, &copied), 0.0);

    let (weight, bias) = (normal("w", &[3, 2, 3, 3]), normal("b", &[3]));
    let x = normal("x", &[2, 5, 6, 2]).permute((0, 3, 1, 2)).unwrap(); // [2, 2, 5, 6]
    let window = Window { stride: 1, padding: [1; 2], dilation: 1 };
    let strided = conv2d(&x, &weight, &bias, window, Activation::Relu).unwrap();
    let copied = x.contiguous().unwrap();
    let copied = conv2d(&copied, &weight, &bias, window, Activation::Relu).unwrap();
    assert_eq!(largest_difference(&strided, &copied), 0.0);

    let weight = normal("w", &[2, 3, 3, 3]);
    let strided = conv_transpose2d(&x, &weight, &bias, window, Activation::Relu).unwrap();
    let copied = x.contiguous().unwrap();
    let copied = conv_transpose2d(&copied, &weight, &bias, window, Activation::Relu).unwrap();
    assert_eq!(largest_difference(&strided, &copied), 0.0);

    let (weight, bias) = (normal("w", &[2]), normal("b", &[2]));
    let strided = batch_norm(&x, &weight, &bias, Activation::Relu).unwrap().0;
    let copied = x.contiguous().unwrap();
    let copied = batch_norm(&copied, &weight, &bias, Activation::Relu).unwrap().0;
    assert_eq!(largest_difference(&strided, &copied), 0.0);

    // A narrowed tensor starts in the middle of its storage; its gradient goes back through it.
    let whole = Var::from_tensor(&normal("x", &[12, 6])).unwrap();
    let (weight, bias) = (normal("w", &[3, 4]), normal("b", &[3]));
    let f = || linear(&whole.narrow(1, 1, 4)?, &weight, &bias, Activation::Tanh)?.sum_all();
    assert!(gradcheck(std::slice::from_ref(&whole), 1e-2, f).unwrap() < 3e-3);
}

#[test]
fn same_bits_on_any_number_of_threads_and_the_right_ones() {
    let window = |stride, padding| Window { stride, padding: [padding; 2], dilation: 1 };
    let activation = Activation::Tanh;
    let masked = ConvForm { taps: Some(5), residual: true, ..activation.into() };
    let few: [&[usize]; 3] = [&[7, 2100], &[900, 2100], &[900]];
    let cases = [
        Case::new("linear".into(), [&[128, 400], &[200, 400], &[200]], move |[x, w, b]| {
            linear(x, w, b, activation)
        }),
        Case::new("linear, few rows".into(), few, move |[x, w, b]| linear(x, w, b, activation)),
        Case::new("conv2d".into(), [&[40, 8, 14, 14], &[24, 8, 3, 3], &[24]], move |[x, w, b]| {
            conv2d(x, w, b, window(1, 1), activation)
        }),
        Case::new(
            "masked".into(),
            [&[37, 16, 12, 12], &[16, 16, 3, 3], &[16]],
            move |[x, w, b]| conv2d(x, w, b, window(1, 1), masked),
        ),
        // Samples in groups that do not divide the batch.
        Case::new("small".into(), [&[61, 24, 8, 8], &[32, 24, 4, 4], &[32]], move |[x, w, b]| {
            conv2d(x, w, b, window(2, 1), activation)
        }),
        Case::new(
            "transposed".into(),
            [&[61, 32, 4, 4], &[32, 24, 4, 4], &[24]],
            move |[x, w, b]| conv_transpose2d(x, w, b, window(2, 1), activation),
        ),
        Case::new("batch_norm".into(), [&[33, 12, 16, 16], &[12], &[12]], move |[x, w, b]| {
            Ok(batch_norm(x, w, b, activation)?.0)
        }),
    ];
    for case in cases {
        let bits = |threads: usize| -> Vec<u32> {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let results = pool.install(|| case.results(DType::F32)).unwrap();
            let values =
                results.iter().flat_map(|t| t.flatten_all().unwrap().to_vec1::<f32>().unwrap());
            values.map(f32::to_bits).collect()
        };
        let one = bits(1);
        assert!(one == bits(2) && one == bits(3), "{}", case.name);

        // Several tiles are only made by cases of this size.
        let kernel = case.results(DType::F32).unwrap();
        for (kernel, oracle) in kernel.iter().zip(case.results(DType::F64).unwrap()) {
            let size = oracle.abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap();
            let difference = largest_difference(kernel, &oracle) / size;
            assert!(difference < 1e-4, "{}: {difference}", case.name);
        }
    }
}

#[test]
fn batch_norm_returns_the_moments_and_takes_given_ones() {
    if !kernels_are_on() {
        return;
    }
    // Far from 0, where the difference of two large sums would have lost the variance.
    let x = (normal("x", &[16, 3, 7, 5]) + 300.0).unwrap();
    let (weight, bias) = (normal("w", &[3]), normal("b", &[3]));
    let (y, moments) = batch_norm(&x, &weight, &bias, Activation::Relu).unwrap();
    let flat = x.to_dtype(DType::F64).unwrap().transpose(0, 1).unwrap().flatten_from(1).unwrap();
    let mean = flat.mean(1).unwrap();
    assert!(largest_difference(&moments.mean, &mean) < 1e-4);
    // Candle's is the unbiased one.
    let variance = (flat.var(1).unwrap() * (559.0 / 560.0)).unwrap();
    assert!(largest_difference(&moments.variance, &variance) < 1e-4);

    let given = batch_norm_by(&x, &weight, &bias, &moments, Activation::Relu).unwrap();
    assert!(largest_difference(&given, &y) < 1e-3);
    let doubles = [&x, &weight, &bias].map(|tensor| tensor.to_dtype(DType::F64).unwrap());
    let [x, weight, bias] = &doubles;
    let exact = batch_norm_by(x, weight, bias, &moments, Activation::Relu).unwrap();
    assert!(largest_difference(&given, &exact) < 1e-3);

    let one = normal("one", &[1, 3]);
    let error = batch_norm(&one, &normal("w", &[3]), &normal("b", &[3]), Activation::Relu);
    assert!(error.err().unwrap().to_string().contains("one value per channel"));
}

#[test]
fn losses_have_the_same_bits_on_any_number_of_threads() {
    let logits = Var::from_tensor(&normal("logits", &[7, 50, 31, 17])).unwrap();
    let targets = normal("targets", &[7, 50, 31, 17]);
    let labels: Vec<u32> = (0..7 * 31 * 17).map(|i| i % 50).collect();
    let labels = Tensor::from_vec(labels, (7, 31, 17), &Device::Cpu).unwrap();
    let losses: [&(dyn Fn() -> Result<Tensor> + Sync); 2] =
        [&|| crate::loss::bernoulli_nll(&logits, &targets), &|| {
            crate::loss::softmax_cross_entropy(&logits, &labels)
        }];
    for loss in losses {
        let bits = |threads: usize| -> Vec<u32> {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let loss = loss().unwrap();
                let gradient = loss.backward().unwrap().remove(&logits).unwrap();
                let mut values = gradient.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                values.push(loss.to_scalar().unwrap());
                values.into_iter().map(f32::to_bits).collect()
            })
        };
        let one = bits(1);
        assert!(one == bits(2) && one == bits(3));
    }
}

#[test]
fn no_graph_without_a_variable_and_no_gradient_for_data() {
    if !kernels_are_on() {
        return;
    }
    let (x, weight, bias) = (normal("x", &[2, 4]), normal("w", &[3, 4]), normal("b", &[3]));
    assert!(!linear(&x, &weight, &bias, Activation::Relu).unwrap().track_op());

    let weight = Var::from_tensor(&weight).unwrap();
    let y = linear(&x, &weight, &bias, Activation::Relu).unwrap();
    let gradients = y.sum_all().unwrap().backward().unwrap();
    assert!(gradients.get(&weight).is_some() && gradients.get(&x).is_none());
    assert!(gradients.get(&bias).is_none());
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    let error = |x: &[usize], w: &[usize], b: &[usize]| {
        let tensors = (normal("x", x), normal("w", w), normal("b", b));
        linear(&tensors.0, &tensors.1, &tensors.2, Activation::Relu).unwrap_err().to_string()
    };
    assert!(error(&[2, 5], &[3, 4], &[3]).contains("[2, 5] does not fit weight [3, 4]"));
    assert!(error(&[2, 4], &[3, 4], &[4]).contains("bias [4]"));

    let (x, bias) = (normal("x", &[1, 2, 3, 3]), normal("b", &[1]));
    let window = Window { stride: 1, padding: [0; 2], dilation: 1 };
    for weight in [[1, 3, 3, 3], [1, 2, 4, 4]] {
        let error = conv2d(&x, &normal("w", &weight), &bias, window, Activation::Relu).unwrap_err();
        assert!(error.to_string().contains(&format!("{weight:?}")), "{error}");
    }
    let weight = normal("w", &[2, 3, 2, 2]);
    let cut = Window { stride: 1, padding: [3; 2], dilation: 1 };
    for (window, bias) in [(cut, normal("b", &[3])), (window, normal("b", &[2]))] {
        let error = conv_transpose2d(&x, &weight, &bias, window, Activation::Relu).unwrap_err();
        assert!(error.to_string().contains("[2, 3, 2, 2]"), "{error}");
    }
    let residual = ConvForm { residual: true, ..Activation::Relu.into() };
    let (weight, bias) = (normal("w", &[2, 2, 2, 2]), normal("b", &[2]));
    let error = conv2d(&x, &weight, &bias, window, residual).unwrap_err().to_string();
    assert!(error.contains("[1, 2, 3, 3] cannot be added to the result [1, 2, 2, 2]"), "{error}");
    let falling = Activation::LeakyRelu(-0.5);
    let error = conv2d(&x, &weight, &bias, window, falling).unwrap_err().to_string();
    assert!(error.contains("must not be negative, got -0.5"), "{error}");
}
