//! Inputs and outputs of models of data as ONNX graphs. An image is `[B, C, H, W]`, from 0 for black to 1 for white.
use crate::Likelihood;
use crate::data::Shape;
use nn::Activation;
use nn::onnx::{Graph, Value};

const IMAGE: &str = "[batch, channels, height, width], from 0 for black to 1 for white";

/// Images as an input.
pub(crate) fn image_input(graph: &mut Graph, shape: Shape) -> Value {
    let Shape { channels, height, width } = shape;
    graph.note("image", IMAGE);
    graph.input("image", &[channels, height, width])
}

/// Numbers from 0 to 1 as images.
pub(crate) fn image_output(graph: &mut Graph, x: Value, shape: Shape) {
    let Shape { channels, height, width } = shape;
    graph.note("image", IMAGE);
    let x = graph.reshaped(x, &[channels, height, width]);
    graph.output("image", x);
}

/// The labels that a model is conditioned on as an input, one-hot, `[B, L]`; none of an unconditional one.
pub(crate) fn label_input(graph: &mut Graph, classes: &[String]) -> Option<Value> {
    if classes.is_empty() {
        return None;
    }
    graph.note("label", "[batch, classes], 1 for the class and 0 for the others");
    graph.note("classes", classes.join(", "));
    Some(graph.input("label", &[classes.len()]))
}

/// x with its one-hot labels: columns after those of rows `[B, N]`, constant channels after those of images
/// `[B, C, H, W]`.
pub(crate) fn with_label(graph: &mut Graph, x: Value, label: Option<&Value>) -> Value {
    match (label, x.dims()) {
        (None, _) => x,
        (Some(label), &[_, height, width]) => {
            let planes = graph.planes(label, [height, width]); // [B, L, H, W]
            graph.joined(&x, &planes) // [B, C + L, H, W]
        }
        (Some(label), _) => graph.joined(&x, label), // [B, N + L]
    }
}

/// Names what a likelihood is made of, for outputs of a decoder `[B, outputs·D]` in any shape: `logits` of white
/// pixels, or `mean` (and `log_scale`), `[B, C, H, W]`; and, where a formula has it, the mean `image`.
pub(crate) fn likelihood_outputs(
    graph: &mut Graph,
    likelihood: Likelihood,
    output: Value,
    shape: Shape,
) {
    let Shape { channels, height, width } = shape;
    let image = [channels, height, width];
    match likelihood {
        Likelihood::Bernoulli => {
            let logits = graph.reshaped(output, &image);
            let white = graph.activated(logits.clone(), Activation::Sigmoid);
            graph.output("logits", logits);
            image_output(graph, white, shape);
            graph.note("likelihood", "bernoulli: white with probability sigmoid(logits)");
        }
        Likelihood::Gaussian { sigma } => {
            let mean = graph.reshaped(output, &image);
            let clipped = graph.clipped(&mean, 0.0, 1.0);
            graph.output("mean", mean);
            image_output(graph, clipped, shape);
            graph.note("likelihood", format!("gaussian: N(mean, {sigma}²)"));
        }
        Likelihood::Logistic { levels } => {
            let both = graph.reshaped(output, &[2 * channels, height, width]);
            let [mean, log_scale] = graph.halves(&both);
            graph.output("mean", mean);
            graph.output("log_scale", log_scale);
            let text = format!(
                "logistic: of mean and scale max(e^log_scale, e^-7), rounded to {levels} levels"
            );
            graph.note("likelihood", text);
        }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use candle_core::{Result, Tensor};
    use nn::onnx::Export;
    use nn::onnx::testing::{Case, same_outputs};
    use train::testing::device;

    /// Samples that are random numbers from 0 to 1, `[n, …]`.
    pub(crate) fn random(n: usize, dims: &[usize]) -> Tensor {
        let numbers = nn::onnx::testing::random("input", &[&[n], dims].concat()).unwrap();
        numbers.tanh().unwrap().affine(0.5, 0.5).unwrap()
    }

    /// n one-hot labels of so many classes.
    pub(crate) fn labels(n: usize, classes: usize) -> Tensor {
        let of: Vec<u32> = (0..n).map(|i| ((2 * i + 1) % classes) as u32).collect();
        crate::data::one_hot(&Tensor::from_vec(of, n, device()).unwrap(), classes).unwrap()
    }

    /// Named tensors.
    pub(crate) type Named = Vec<(&'static str, Tensor)>;

    /// Compares the part `name` with the model's own outputs for batches of 1 and 3.
    pub(crate) fn compare(
        parts: &[Export<'_>],
        name: &str,
        ours: impl Fn(usize) -> Result<(Named, Named)>,
    ) {
        let part = parts.iter().find(|part| part.name == name).unwrap();
        let case = |n: usize| {
            let (inputs, outputs) = ours(n).unwrap();
            Case { inputs, outputs }
        };
        same_outputs(part.graph().unwrap(), &[case(1), case(3)]);
    }
}
