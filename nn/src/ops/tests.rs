//! Kernels against Candle's own operations in `f64`, against differences, and against themselves
//! on other numbers of threads.
use super::{Window, conv2d, linear, on_cpu_f32};
use crate::gradcheck::gradcheck;
use crate::{Activation, Init};
use candle_core::{DType, Device, Result, Tensor, Var};
use train::stream;

const ACTIVATIONS: [Activation; 3] = [Activation::Linear, Activation::Relu, Activation::Tanh];

/// Normal deviates; `name` picks them.
fn normal(name: &str, shape: &[usize]) -> Tensor {
    let count = shape.iter().product();
    let values = Init::HeNormal { fan_in: 2 }.draw(count, &mut stream(1, name)).unwrap();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
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
            [[1, 1, 1], [1, 5, 3], [8, 20, 9], [9, 33, 17], [33, 40, 2], [24, 16, 48]]
        {
            let shapes: [&[usize]; 3] = [&[batch, k], &[n, k], &[n]];
            cases.push(Case::new(
                format!("linear {activation:?} {batch} {k} {n}"),
                shapes,
                move |[x, w, b]| linear(x, w, b, activation),
            ));
        }
        // [B, C, H, W, O, k_h, k_w, stride, padding]
        for [batch, c, h, w, o, kh, kw, stride, padding] in [
            [1, 1, 1, 1, 1, 1, 1, 1, 0],
            [2, 4, 5, 6, 3, 3, 3, 1, 0],
            [3, 2, 6, 5, 4, 3, 2, 1, 1],
            [2, 3, 8, 8, 2, 4, 4, 2, 1],
            [1, 2, 9, 7, 3, 3, 3, 2, 0],
            [2, 1, 7, 9, 2, 3, 5, 3, 2],
            [1, 1, 3, 3, 2, 2, 2, 1, 3],
            [2, 2, 5, 5, 2, 1, 1, 2, 0],
        ] {
            let shapes: [&[usize]; 3] = [&[batch, c, h, w], &[o, c, kh, kw], &[o]];
            let name =
                format!("conv2d {activation:?} {shapes:?} stride {stride} padding {padding}");
            cases.push(Case::new(name, shapes, move |[x, w, b]| {
                conv2d(x, w, b, Window { stride, padding }, activation)
            }));
        }
    }
    cases
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
        let y = (self.layer)(inputs)?;
        (&y * normal("weights of the outputs", y.dims()).to_dtype(y.dtype())?)?.sum_all()
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
    for case in cases() {
        assert!(on_cpu_f32(&[&case.inputs[0]]));
        let kernel = case.results(DType::F32).unwrap();
        let oracle = case.results(DType::F64).unwrap();
        for (what, (kernel, oracle)) in
            ["y", "dx", "dw", "db"].iter().zip(kernel.iter().zip(&oracle))
        {
            let difference = largest_difference(kernel, oracle);
            assert!(difference < 2e-5, "{}: {what} differs by {difference}", case.name);
        }
    }
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
    let window = Window { stride: 1, padding: 1 };
    let strided = conv2d(&x, &weight, &bias, window, Activation::Relu).unwrap();
    let copied = x.contiguous().unwrap();
    let copied = conv2d(&copied, &weight, &bias, window, Activation::Relu).unwrap();
    assert_eq!(largest_difference(&strided, &copied), 0.0);

    // A narrowed tensor starts in the middle of its storage; its gradient goes back through it.
    let whole = Var::from_tensor(&normal("x", &[12, 6])).unwrap();
    let (weight, bias) = (normal("w", &[3, 4]), normal("b", &[3]));
    let f = || linear(&whole.narrow(1, 1, 4)?, &weight, &bias, Activation::Tanh)?.sum_all();
    assert!(gradcheck(std::slice::from_ref(&whole), 1e-2, f).unwrap() < 3e-3);
}

#[test]
fn same_bits_on_any_number_of_threads_and_the_right_ones() {
    let linear_shapes: [&[usize]; 3] = [&[128, 400], &[200, 400], &[200]];
    let conv_shapes: [&[usize]; 3] = [&[40, 8, 14, 14], &[24, 8, 3, 3], &[24]];
    let cases = [
        Case::new("large linear".into(), linear_shapes, |[x, w, b]| {
            linear(x, w, b, Activation::Tanh)
        }),
        Case::new("large conv2d".into(), conv_shapes, |[x, w, b]| {
            conv2d(x, w, b, Window { stride: 1, padding: 1 }, Activation::Relu)
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
            let difference = largest_difference(kernel, &oracle);
            assert!(difference < 1e-3, "{}: {difference}", case.name);
        }
    }
}

#[test]
fn no_graph_without_a_variable_and_no_gradient_for_data() {
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
    let window = Window { stride: 1, padding: 0 };
    for weight in [[1, 3, 3, 3], [1, 2, 4, 4]] {
        let error = conv2d(&x, &normal("w", &weight), &bias, window, Activation::Relu).unwrap_err();
        assert!(error.to_string().contains(&format!("{weight:?}")), "{error}");
    }
}
