//! Everything that has a kernel and a path by Candle's own operations, on both: values and gradients, of `f32` on the
//! device of the tests and of `f64` on the CPU, which has no kernels for it.
//!
//! A table, and a search of the source for what is not in it. Inputs are whole multiples of an eighth, so
//! that sums come to exactly 0 where a ReLU has its corner, and numbers tie; beside them are extreme ones.
use super::{ConvForm, Moments, Order, Reader, Signal, Window};
use crate::{Activation, Elementwise, MaxPool2d, Sequential, loss};
use candle_core::{DType, Device, Result, Tensor, Var};
use std::collections::BTreeSet;
use std::path::Path;
use train::testing::device;

type Function = Box<dyn Fn(&[Tensor]) -> Result<Tensor>>;

/// One function, and what it is given.
struct Case {
    /// The function of the source in which the path is chosen.
    of: &'static str,
    what: String,
    inputs: Vec<Tensor>,
    /// Number of inputs that have a gradient: the first ones.
    learned: usize,
    f: Function,
}

impl Case {
    fn new(
        of: &'static str,
        what: impl Into<String>,
        inputs: impl Into<Vec<Tensor>>,
        f: impl Fn(&[Tensor]) -> Result<Tensor> + 'static,
    ) -> Self {
        let inputs = inputs.into();
        Self { of, what: what.into(), learned: inputs.len(), inputs, f: Box::new(f) }
    }

    fn learned(self, learned: usize) -> Self {
        Self { learned, ..self }
    }

    /// The result, and the gradients of a sum that weighs each of its elements differently.
    fn results(&self, dtype: DType, device: &Device) -> Result<Vec<Vec<f64>>> {
        let placed = |x: &Tensor| x.to_device(device)?.to_dtype(dtype);
        let vars = self.inputs[..self.learned].iter();
        let vars = vars.map(|x| Var::from_tensor(&placed(x)?)).collect::<Result<Vec<_>>>()?;
        let given = self.inputs[self.learned..].iter().map(placed);
        let mut inputs: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
        inputs.extend(given.collect::<Result<Vec<_>>>()?);
        let y = (self.f)(&inputs)?;
        let mut results = vec![values(&y)?];
        if self.learned > 0 {
            let y = y.to_dtype(DType::F64)?;
            let weights = eighths(y.dims(), 3).to_device(device)?.to_dtype(DType::F64)?;
            let gradients = (y * weights)?.sum_all()?.backward()?;
            for var in &vars {
                results.push(values(gradients.get(var).unwrap_or(&var.zeros_like()?))?);
            }
        }
        Ok(results)
    }
}

fn values(tensor: &Tensor) -> Result<Vec<f64>> {
    tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1()
}

fn tensor(values: Vec<f32>, shape: &[usize]) -> Tensor {
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// Multiples of an eighth from −1 to 1, none of them often.
fn eighths(shape: &[usize], seed: usize) -> Tensor {
    let n: usize = shape.iter().product();
    tensor((0..n).map(|i| ((i * 7 + i / 5 + seed) % 17) as f32 / 8.0 - 1.0).collect(), shape)
}

/// Tensor of whole numbers from −2 to 2.
fn few(shape: &[usize], seed: usize) -> Tensor {
    let n: usize = shape.iter().product();
    tensor((0..n).map(|i| ((i * 7 + i / 3 + seed) % 5) as f32 - 2.0).collect(), shape)
}

/// Labels beside `x`.
fn whole(x: &Tensor, values: &[u32], shape: &[usize]) -> Result<Tensor> {
    Tensor::from_slice(values, shape, x.device())
}

const ACTIVATIONS: [Activation; 5] = [
    Activation::Linear,
    Activation::Relu,
    Activation::LeakyRelu(0.25),
    Activation::Tanh,
    Activation::Sigmoid,
];

/// Numbers at which likelihoods saturate, and 0.
const EXTREME: [f32; 10] = [0.0, -0.0, 1000.0, -1000.0, 88.0, -88.0, 17.5, -17.5, 200.0, 0.5];

fn layers() -> Vec<Case> {
    let mut cases = Vec::new();
    for activation in ACTIVATIONS {
        let what = format!("{activation:?}");
        for [batch, k, n] in [[1, 4, 3], [3, 4, 20], [20, 5, 12], [9, 3, 2]] {
            let inputs = [few(&[batch, k], 0), few(&[n, k], 1), few(&[n], 2)];
            cases.push(Case::new("linear", what.clone(), inputs, move |x| {
                let anybody = Reader::Anybody;
                super::linear(&(&x[0]).into(), &x[1], &x[2], activation, anybody)?.into_tensor()
            }));
        }
        let inputs = [few(&[4, 6], 0), few(&[5, 4], 1), few(&[5], 2)];
        cases.push(Case::new("linear", format!("{what} turned"), inputs, move |x| {
            let (turned, anybody) = (x[0].t()?, Reader::Anybody);
            super::linear(&(&turned).into(), &x[1], &x[2], activation, anybody)?.into_tensor()
        }));
        for order in [Order::Planes, Order::Pixels] {
            // Remainders of the stride on one axis, on both and on none; a mask; a residual.
            for (stride, padding, dilation, kernel, taps, residual) in [
                (1, [1, 1], 1, [3, 3], None, false),
                (1, [1, 1], 1, [3, 3], Some(5), true),
                (2, [0, 0], 1, [2, 2], None, false),
                (2, [1, 1], 1, [3, 2], None, false),
                (3, [1, 0], 2, [2, 3], None, false),
                (7, [3, 3], 1, [1, 1], None, false),
            ] {
                let x = match order {
                    Order::Planes => [2, 3, 5, 6],
                    Order::Pixels => [2, 5, 6, 3],
                };
                let window = Window { stride, padding, dilation };
                let form = ConvForm { activation, taps, residual, order };
                let inputs = [few(&x, 0), few(&[3, 3, kernel[0], kernel[1]], 1), few(&[3], 2)];
                cases.push(Case::new("conv2d", format!("{form:?} {window:?}"), inputs, move |x| {
                    let anybody = Reader::Anybody;
                    super::conv2d(&(&x[0]).into(), &x[1], &x[2], window, form, anybody)?
                        .into_tensor()
                }));
            }
        }
        for (stride, padding, dilation) in
            [(1, [0, 0], 1), (2, [1, 1], 1), (2, [1, 0], 2), (3, [0, 1], 1)]
        {
            let window = Window { stride, padding, dilation };
            let inputs = [few(&[2, 3, 3, 4], 0), few(&[3, 2, 3, 2], 1), few(&[2], 2)];
            let what = format!("{what} {window:?}");
            cases.push(Case::new("conv_transpose2d", what, inputs, move |x| {
                let (signal, anybody) = (Signal::from(&x[0]), Reader::Anybody);
                super::conv_transpose2d(&signal, &x[1], &x[2], window, activation, anybody)?
                    .into_tensor()
            }));
        }
        for shape in [vec![6, 3], vec![2, 3, 4, 5]] {
            // One channel is multiplied by 0, and one shifted by it.
            let affine = [tensor(vec![0.0, 1.0, -0.5], &[3]), tensor(vec![0.0, 0.0, 0.25], &[3])];
            let [weight, bias] = affine;
            let inputs = [eighths(&shape, 0), weight, bias];
            cases.push(Case::new("batch_norm", what.clone(), inputs.clone(), move |x| {
                let (signal, anybody) = (Signal::from(&x[0]), Reader::Anybody);
                super::batch_norm(&signal, &x[1], &x[2], activation, anybody)?.0.into_tensor()
            }));
            let given = move |x: &[Tensor]| {
                let mean = tensor(vec![0.0, 0.25, -1.0], &[3]);
                let moments = Moments { mean, variance: tensor(vec![0.0, 1.0, 4.0], &[3]) };
                super::batch_norm_by(&x[0], &x[1], &x[2], &moments, activation)
            };
            cases.push(Case::new("batch_norm_by", what.clone(), inputs.clone(), given));
            cases.push(Case::new("batch_norm_by", what.clone(), inputs, given).learned(0));
        }
    }
    for side in 1..=5 {
        for height in [5, 6] {
            let inputs = [few(&[2, 2, height, 7], 0)];
            let what = format!("{side} of {height}×7");
            cases.push(Case::new("max_pool2d", what.clone(), inputs.clone(), move |x| {
                let pool = super::Pool { size: side, stride: side, padding: 0 };
                super::max_pool2d(&x[0], pool)
            }));
            let input_gradient = move |x: &[Tensor]| {
                let network = Sequential::new(vec![MaxPool2d::new(side)?.into()]);
                Ok(network.input_gradient(&x[0])?.1)
            };
            cases.push(Case::new("max_pool2d", what + ", back", inputs, input_gradient).learned(0));
        }
    }
    for (size, stride, padding) in [(3, 2, 1), (3, 2, 0), (2, 1, 1), (2, 3, 0)] {
        let pool = super::Pool { size, stride, padding };
        let inputs = [few(&[2, 2, 6, 7], 0)];
        cases.push(Case::new("max_pool2d", format!("{pool:?}"), inputs, move |x| {
            super::max_pool2d(&x[0], pool)
        }));
    }
    for f in [
        Elementwise::Silu,
        Elementwise::Activation(Activation::Relu),
        Elementwise::Activation(Activation::Tanh),
    ] {
        let inputs = [eighths(&[2, 3, 8], 0)];
        cases.push(Case::new("elementwise", format!("{f:?}"), inputs, move |x| {
            super::elementwise(f, &Signal::from(&x[0]), Reader::Anybody)?.into_tensor()
        }));
    }
    let inputs = [eighths(&[2, 3, 8], 0), eighths(&[2, 3, 8], 1), eighths(&[2, 8], 2)];
    cases.push(Case::new("gate", "all", inputs, |x| {
        let y = Signal::from(&x[1]);
        super::gate(&(&x[0]).into(), Some(&y), Some(&x[2]), 2, Reader::Anybody)?.into_tensor()
    }));
    let saturated = (eighths(&[2, 3, 8], 0) * 200.0).unwrap();
    cases.push(Case::new("gate", "saturated", [saturated], |x| {
        super::gate(&(&x[0]).into(), None, None, 1, Reader::Anybody)?.into_tensor()
    }));
    for scale in [1.0, 30.0] {
        let inputs = [(few(&[2 * 35, 3 * 8], 0) * scale).unwrap()];
        cases.push(Case::new("causal_attention", format!("{scale}"), inputs, |x| {
            super::causal_attention(&(&x[0]).into(), 35, 2, Reader::Anybody)?.into_tensor()
        }));
    }
    cases.push(Case::new("plus", "both", [eighths(&[3, 4], 0), eighths(&[3, 4], 5)], |x| {
        Signal::from(&x[0]).plus(&(&x[1]).into(), Reader::Anybody)?.into_tensor()
    }));
    cases
}

fn losses() -> Vec<Case> {
    let extreme = || tensor(EXTREME.to_vec(), &[5, 2]);
    let grey = || tensor((0..10).map(|i| [0.0, 1.0, 0.25][i % 3]).collect(), &[5, 2]);
    let mut cases = vec![
        Case::new("bernoulli_nll", "extreme", [extreme(), grey()], |x| {
            loss::bernoulli_nll(&x[0], &x[1])
        })
        .learned(1),
        Case::new("bernoulli_nll_each", "extreme", [extreme(), grey()], |x| {
            loss::bernoulli_nll_each(&x[0], &x[1])
        })
        .learned(1),
        Case::new("log_softmax", "extreme", [extreme()], |x| loss::log_softmax(&x[0])),
        Case::new("log_softmax", "ties", [few(&[6, 4], 0)], |x| loss::log_softmax(&x[0])),
        Case::new("softmax_cross_entropy", "extreme", [extreme()], |x| {
            loss::softmax_cross_entropy(&x[0], &whole(&x[0], &[0, 1, 1, 0, 1], &[5])?)
        }),
        Case::new("softmax_cross_entropy", "positions", [few(&[2, 3, 4], 0)], |x| {
            loss::softmax_cross_entropy(&x[0], &whole(&x[0], &[0, 1, 2, 0, 1, 2, 0, 1], &[2, 4])?)
        }),
        Case::new("softmax_nll_each", "positions", [few(&[2, 3, 4], 0)], |x| {
            loss::softmax_nll_each(&x[0], &whole(&x[0], &[0, 1, 2, 0, 1, 2, 0, 1], &[2, 4])?)
        })
        .learned(0),
        Case::new("softmax_nll_each", "extreme", [extreme()], |x| {
            loss::softmax_nll_each(&x[0], &whole(&x[0], &[0, 1, 1, 0, 1], &[5])?)
        })
        .learned(0),
        Case::new(
            "kl_standard_normal",
            "wide",
            [few(&[3, 4], 0), (few(&[3, 4], 1) * 4.0).unwrap()],
            |x| loss::kl_standard_normal(&x[0], &x[1]),
        ),
        Case::new(
            "reparameterise",
            "wide",
            [few(&[3, 4], 0), (few(&[3, 4], 1) * 5.0).unwrap(), eighths(&[3, 4], 2)],
            |x| loss::reparameterise(&x[0], &x[1], &x[2]),
        )
        .learned(2),
        Case::new("select", "rows", [few(&[3, 4], 0)], |x| {
            loss::select(&x[0], &whole(&x[0], &[3, 0, 2], &[3])?)
        }),
        // Neither lies in rows.
        Case::new("select", "turned", [few(&[4, 3], 0)], |x| {
            let actions = whole(&x[0], &[3, 9, 0, 9, 2, 9], &[3, 2])?.t()?.get(0)?;
            loss::select(&x[0].t()?, &actions)
        }),
        Case::new("nearest", "ties", [few(&[9, 3], 0), few(&[5, 3], 1)], |x| {
            crate::nearest(&x[0], &x[1])
        })
        .learned(0),
    ];
    // Scales from far below the least one to far beyond all levels; the lowest level, the highest, one between.
    for (what, scales) in [("narrow", [-9.0, -6.5]), ("middle", [-1.0, 0.0]), ("wide", [2.0, 5.0])]
    {
        let levels = |x: &[Tensor]| whole(&x[0], &[0, 7, 3, 4, 1, 7], &[2, 3]);
        let said = || {
            let part = |i: usize| eighths(&[2, 2, 3], 5 * i);
            let [low, high] = scales;
            let scales = (part(2) * ((high - low) / 2.0)).unwrap();
            let scales = (scales + (high + low) / 2.0).unwrap();
            [Tensor::cat(&[part(0), part(1), scales], 1).unwrap()]
        };
        cases.push(Case::new("logistic_nll", what, said(), move |x| {
            loss::logistic_mixture_nll(&x[0], &levels(x)?, 8)
        }));
        let each = Case::new("logistic_nll_each", what, said(), move |x| {
            loss::logistic_mixture_nll_each(&x[0], &levels(x)?, 8)
        });
        cases.push(each.learned(0));
    }
    // Errors of 0 and of exactly δ, and of more than its square could be told.
    let pred = || tensor(vec![0.0, 1.0, -1.0, 0.5, 2.0, -3.0], &[6]);
    let huge = || tensor(vec![1e30, -1e30, 0.0], &[3]);
    for (what, pred) in [("by hand", pred()), ("huge", huge())] {
        let target = || pred.zeros_like().unwrap();
        cases.push(
            Case::new("regression", format!("huber {what}"), [pred.clone(), target()], |x| {
                loss::huber(&x[0], &x[1], 1.0)
            })
            .learned(1),
        );
    }
    cases.push(
        Case::new("regression", "mse", [pred(), few(&[6], 0)], |x| loss::mse(&x[0], &x[1]))
            .learned(1),
    );
    cases
}

#[test]
fn both_paths_have_the_same_values_and_gradients() {
    for case in layers().into_iter().chain(losses()) {
        let name = format!("{} {}", case.of, case.what);
        let results = |dtype, device| -> Vec<Vec<f64>> {
            case.results(dtype, device).unwrap_or_else(|e| panic!("{name}: {e}"))
        };
        let (kernel, candle) = (results(DType::F32, device()), results(DType::F64, &Device::Cpu));
        for (which, (kernel, candle)) in kernel.iter().zip(&candle).enumerate() {
            assert_eq!(kernel.len(), candle.len(), "{name}");
            let size = candle.iter().fold(1f64, |most, x| most.max(x.abs()));
            for (k, c) in kernel.iter().zip(candle) {
                let same = (k - c).abs() <= 2e-5 * size;
                assert!(same, "{name}: of result and gradients number {which} is {k} and {c}");
            }
        }
    }
}

/// Labels that a kernel refuses are refused by Candle's path too: a label of 2³² − 1 would count as
/// none there.
#[test]
fn both_paths_refuse_the_same_labels() {
    for dtype in [DType::F32, DType::F64] {
        let logits = few(&[2, 3], 0).to_device(device()).unwrap().to_dtype(dtype).unwrap();
        for wrong in [3, u32::MAX] {
            let labels = whole(&logits, &[0, wrong], &[2]).unwrap();
            for result in [
                loss::select(&logits, &labels),
                loss::softmax_cross_entropy(&logits, &labels),
                loss::softmax_nll_each(&logits, &labels),
            ] {
                // A device is not waited for: there the loss is NaN.
                if !train::is_host(device()) {
                    assert!(values(&result.unwrap()).unwrap().iter().any(|x| x.is_nan()));
                    continue;
                }
                let error = result.unwrap_err().to_string();
                assert!(
                    error.contains(&wrong.to_string()) && error.contains("there are 3"),
                    "{dtype:?}: {error}"
                );
            }
        }
    }
}

/// Paths that are chosen elsewhere, or have one side.
const ELSEWHERE: [(&str, &str); 4] = [
    ("new", "an optimiser's buffers; tests of optim"),
    ("step", "rules of an optimiser by kernel and by Candle; tests of optim"),
    ("squares", "a norm; tests of optim"),
    ("blend", "a sum of two parameters; tests of params"),
];

/// A function that asks whether a kernel can take its tensors is in the table, or stands above.
#[test]
fn nothing_with_two_paths_is_left_out() {
    let mut found = BTreeSet::new();
    search(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    let tested = layers().into_iter().chain(losses()).map(|case| case.of);
    let named: BTreeSet<String> =
        tested.chain(ELSEWHERE.map(|(name, _)| name)).map(str::to_owned).collect();
    assert_eq!(found, named, "left: in the source; right: in the table");
}

/// Names of the functions that call `on_cpu_f32`.
fn search(path: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path, found);
            continue;
        }
        if path.ends_with("ops/paths.rs") || path.ends_with("tests.rs") {
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let mut function = "";
        for line in source.lines() {
            if let Some((_, rest)) = line.split_once("fn ")
                && !line.trim_start().starts_with("//")
            {
                function = rest.split(['(', '<']).next().unwrap();
            }
            if line.contains("on_cpu_f32(") && function != "on_cpu_f32" {
                found.insert(function.to_owned());
            }
        }
    }
}
