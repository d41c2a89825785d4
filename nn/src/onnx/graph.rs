//! Graphs of operators, and what they compute with.
use crate::Activation;
use anyhow::{Result, ensure};
use candle_core::{DType, Device, Tensor};
use std::collections::BTreeMap;

/// A tensor of a [`Graph`], `[B, …]`: its name, and its sizes after those of the batch.
#[derive(Debug, Clone)]
pub struct Value {
    pub(super) name: String,
    pub(super) dims: Vec<usize>,
    pub(super) element: Element,
}

impl Value {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Sizes after the batch.
    pub fn dims(&self) -> &[usize] {
        &self.dims
    }
}

/// Numbers that a tensor is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    F32,
    I64,
}

/// One operator with its inputs, by name, and the name of its result.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) operator: &'static str,
    pub(super) inputs: Vec<String>,
    pub(super) output: String,
    pub(super) attributes: Vec<(&'static str, Attribute)>,
}

/// An attribute of an operator.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Attribute {
    Float(f32),
    Int(i64),
    Ints(Vec<i64>),
}

/// A tensor that is part of the graph.
#[derive(Debug, Clone)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) dims: Vec<usize>,
    pub(super) element: Element,
    /// Row-major, little-endian.
    pub(super) bytes: Vec<u8>,
}

/// A function of tensors, written as ONNX operators of opset 17.
///
/// Every tensor begins with the batch, whose size is open; shapes here are those of one sample.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    pub(super) operations: Vec<Operation>,
    pub(super) parameters: Vec<Parameter>,
    pub(super) inputs: Vec<Value>,
    pub(super) outputs: Vec<(String, Value)>,
    pub(super) notes: BTreeMap<String, String>,
}

impl Graph {
    /// A further input of real numbers, `[B, …]`.
    pub fn input(&mut self, name: &str, dims: &[usize]) -> Value {
        self.add_input(name, dims, Element::F32)
    }

    /// A further input of whole numbers, `[B, …]`.
    pub fn index_input(&mut self, name: &str, dims: &[usize]) -> Value {
        self.add_input(name, dims, Element::I64)
    }

    fn add_input(&mut self, name: &str, dims: &[usize], element: Element) -> Value {
        let value = Value { name: name.to_owned(), dims: dims.to_vec(), element };
        self.inputs.push(value.clone());
        value
    }

    /// A further output, by its name in the file.
    pub fn output(&mut self, name: &str, value: Value) {
        self.outputs.push((name.to_owned(), value));
    }

    /// Metadata of the model, one text for each key.
    pub fn note(&mut self, key: &str, text: impl Into<String>) {
        self.notes.insert(key.to_owned(), text.into());
    }

    /// Its inputs and outputs in one line, such as `observation [batch, 4] -> q_values [batch, 2]`.
    pub fn signature(&self) -> String {
        let told = |name: &str, value: &Value| {
            let dims = value.dims.iter().map(|dim| format!(", {dim}")).collect::<String>();
            format!("{name} [batch{dims}]")
        };
        let inputs: Vec<_> = self.inputs.iter().map(|value| told(&value.name, value)).collect();
        let outputs: Vec<_> = self.outputs.iter().map(|(name, value)| told(name, value)).collect();
        format!("{} -> {}", inputs.join(", "), outputs.join(", "))
    }

    /// x under an activation.
    pub fn activated(&mut self, x: Value, activation: Activation) -> Value {
        let (operator, attributes) = match activation {
            Activation::Linear => return x,
            Activation::Relu => ("Relu", Vec::new()),
            Activation::LeakyRelu(slope) => ("LeakyRelu", vec![("alpha", Attribute::Float(slope))]),
            Activation::Tanh => ("Tanh", Vec::new()),
            Activation::Sigmoid => ("Sigmoid", Vec::new()),
        };
        let dims = x.dims.clone();
        self.operation(operator, &[&x.name], attributes, dims)
    }

    /// Reshaped numbers.
    pub fn reshaped(&mut self, x: Value, dims: &[usize]) -> Value {
        if x.dims == dims {
            return x;
        }
        // A 0 stands for the size that the batch has.
        let shape: Vec<i64> = [0].into_iter().chain(dims.iter().map(|&dim| dim as i64)).collect();
        let shape = self.whole_numbers("shape", &shape);
        self.operation("Reshape", &[&x.name, &shape], Vec::new(), dims.to_vec())
    }

    /// Numbers reshaped to samples of other sizes, as many as these fill.
    pub(crate) fn regrouped(&mut self, x: Value, dims: &[usize]) -> Value {
        // A −1 stands for what is left.
        let shape: Vec<i64> = [-1].into_iter().chain(dims.iter().map(|&dim| dim as i64)).collect();
        let shape = self.whole_numbers("shape", &shape);
        self.operation("Reshape", &[&x.name, &shape], Vec::new(), dims.to_vec())
    }

    /// The dimensions of x, the batch among them as 0, in another order.
    pub fn transposed(&mut self, x: &Value, order: &[usize]) -> Value {
        let dims = order[1..].iter().map(|&axis| x.dims[axis - 1]).collect();
        let order = Attribute::Ints(order.iter().map(|&axis| axis as i64).collect());
        self.operation("Transpose", &[&x.name], vec![("perm", order)], dims)
    }

    /// y after x along the first dimension of a sample: `[B, N]` and `[B, L]` give `[B, N + L]`.
    pub fn joined(&mut self, x: &Value, y: &Value) -> Value {
        let mut dims = x.dims.clone();
        dims[0] += y.dims[0];
        let axis = vec![("axis", Attribute::Int(1))];
        self.operation("Concat", &[&x.name, &y.name], axis, dims)
    }

    /// The first and the second half of x along the first dimension of a sample.
    pub fn halves(&mut self, x: &Value) -> [Value; 2] {
        let mut dims = x.dims.clone();
        dims[0] /= 2;
        let middle = dims[0] as i64;
        [[0, middle], [middle, 2 * middle]].map(|[from, to]| {
            let bounds = [("from", from), ("to", to), ("axis", 1)];
            let [from, to, axis] = bounds.map(|(name, at)| self.whole_numbers(name, &[at]));
            self.operation("Slice", &[&x.name, &from, &to, &axis], Vec::new(), dims.clone())
        })
    }

    /// Each number of x `[B, L]` as a plane, `[B, L, height, width]`.
    pub fn planes(&mut self, x: &Value, [height, width]: [usize; 2]) -> Value {
        let channels = x.dims[0];
        let x = self.reshaped(x.clone(), &[channels, 1, 1]);
        let ones = self.numbers("ones", &[1, 1, height, width], &vec![1.0; height * width]);
        self.operation("Mul", &[&x.name, &ones], Vec::new(), vec![channels, height, width])
    }

    /// x + y, of the same shape.
    pub fn sum(&mut self, x: &Value, y: &Value) -> Value {
        self.operation("Add", &[&x.name, &y.name], Vec::new(), x.dims.clone())
    }

    /// cos x, number by number.
    pub fn cosine(&mut self, x: &Value) -> Value {
        self.operation("Cos", &[&x.name], Vec::new(), x.dims.clone())
    }

    /// Softmax of x over its last dimension.
    pub fn softmax(&mut self, x: &Value) -> Value {
        let axis = vec![("axis", Attribute::Int(-1))];
        self.operation("Softmax", &[&x.name], axis, x.dims.clone())
    }

    /// x `[B, …, E]` times a matrix `[E, M]`: `[B, …, M]`.
    ///
    /// # Errors
    /// If `matrix` is none.
    pub fn product(&mut self, x: &Value, matrix: &Tensor) -> candle_core::Result<Value> {
        let columns = matrix.dim(1)?;
        let rows = x.dims.split_last().map_or(&[][..], |(_, rows)| rows);
        let dims = rows.iter().copied().chain([columns]).collect();
        let matrix = self.tensor("matrix", matrix)?;
        Ok(self.operation("MatMul", &[&x.name, &matrix], Vec::new(), dims))
    }

    /// scale·x + shift.
    pub fn affine(&mut self, x: &Value, scale: f32, shift: f32) -> Value {
        let scale = self.numbers("scale", &[], &[scale]);
        let x = self.operation("Mul", &[&x.name, &scale], Vec::new(), x.dims.clone());
        let shift = self.numbers("shift", &[], &[shift]);
        self.operation("Add", &[&x.name, &shift], Vec::new(), x.dims)
    }

    /// x within `low` and `high`.
    pub fn clipped(&mut self, x: &Value, low: f32, high: f32) -> Value {
        let [low, high] =
            [("low", low), ("high", high)].map(|(name, number)| self.numbers(name, &[], &[number]));
        self.operation("Clip", &[&x.name, &low, &high], Vec::new(), x.dims.clone())
    }

    /// (x − mean) / deviation, number by number of a sample.
    ///
    /// The mean is taken off in two parts, so that `f32` loses nothing where x is near a mean far from 0.
    ///
    /// # Errors
    /// If there are not as many means and deviations as numbers.
    pub fn normalised(&mut self, x: &Value, mean: &[f64], deviation: &[f64]) -> Result<Value> {
        let count: usize = x.dims.iter().product();
        ensure!(
            mean.len() == count && deviation.len() == count,
            "{} means and {} deviations for {count} numbers",
            mean.len(),
            deviation.len()
        );
        let shape: Vec<usize> = [1].iter().chain(&x.dims).copied().collect();
        let near: Vec<f32> = mean.iter().map(|&mean| mean as f32).collect();
        let rest = mean.iter().zip(&near).map(|(mean, &near)| (mean - f64::from(near)) as f32);
        let (rest, near) = (
            self.numbers("rest", &shape, &rest.collect::<Vec<_>>()),
            self.numbers("mean", &shape, &near),
        );
        let deviation: Vec<f32> = deviation.iter().map(|&deviation| deviation as f32).collect();
        let deviation = self.numbers("deviation", &shape, &deviation);
        let mut x = x.clone();
        for (operator, by) in [("Sub", near), ("Sub", rest), ("Div", deviation)] {
            x = self.operation(operator, &[&x.name, &by], Vec::new(), x.dims);
        }
        Ok(x)
    }

    /// The numbers of `tensor`, of the shape of a sample of `like`, for every sample: `[B, …]`.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn for_each_sample(&mut self, tensor: &Tensor, like: &Value) -> Result<Value> {
        let tensor = self.tensor("parameter", tensor)?;
        let shape = self.operation("Shape", &[&like.name], Vec::new(), Vec::new());
        Ok(self.operation("Expand", &[&tensor, &shape.name], Vec::new(), like.dims.clone()))
    }

    /// The rows of `table` `[M, E]` that whole numbers x `[B, …]` name: `[B, …, E]`.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn rows_of(&mut self, table: &Tensor, x: &Value) -> Result<Value> {
        let dims = x.dims.iter().copied().chain([table.dim(1)?]).collect();
        let table = self.tensor("table", table)?;
        Ok(self.operation("Gather", &[&table, &x.name], Vec::new(), dims))
    }

    /// The number of the point, of `points` `[M, E]`, that each row of x `[B, …, E]` is nearest to: whole numbers
    /// `[B, …]`, told apart as by [`nearest`](crate::nearest()).
    ///
    /// # Errors
    /// Errors of the device.
    pub fn nearest(&mut self, x: &Value, points: &Tensor) -> Result<Value> {
        let (rows, last) = (x.dims.split_last().map_or(&[][..], |(_, rows)| rows), x.dims.len());
        let shape: Vec<usize> = rows.iter().copied().chain([points.dim(0)?]).collect();
        let squares = self.tensor("squares", &points.sqr()?.sum(1)?)?; // [M]
        let factors = self.tensor("points", &(points.t()? * -2.0)?)?; // [E, M]
        let products = self.operation("MatMul", &[&x.name, &factors], Vec::new(), shape.clone());
        let apart = self.operation("Add", &[&products.name, &squares], Vec::new(), shape);
        let attributes =
            vec![("axis", Attribute::Int(last as i64)), ("keepdims", Attribute::Int(0))];
        let chosen = self.operation("ArgMin", &[&apart.name], attributes, rows.to_vec());
        Ok(Value { element: Element::I64, ..chosen })
    }

    /// An operator of real numbers whose result is `[B, …]` with these sizes of a sample.
    pub(crate) fn operation(
        &mut self,
        operator: &'static str,
        inputs: &[&str],
        attributes: Vec<(&'static str, Attribute)>,
        dims: Vec<usize>,
    ) -> Value {
        let output = self.numbered(&operator.to_lowercase());
        self.operations.push(Operation {
            operator,
            inputs: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: output.clone(),
            attributes,
        });
        Value { name: output, dims, element: Element::F32 }
    }

    /// Stores a tensor of real numbers, and returns its name.
    pub(crate) fn tensor(&mut self, name: &str, tensor: &Tensor) -> candle_core::Result<String> {
        let on_host = tensor.detach().to_device(&Device::Cpu)?.to_dtype(DType::F32)?;
        Ok(self.numbers(name, tensor.dims(), &on_host.flatten_all()?.to_vec1::<f32>()?))
    }

    fn numbers(&mut self, name: &str, dims: &[usize], numbers: &[f32]) -> String {
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.stored(name, dims, Element::F32, bytes)
    }

    fn whole_numbers(&mut self, name: &str, numbers: &[i64]) -> String {
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.stored(name, &[numbers.len()], Element::I64, bytes)
    }

    fn stored(&mut self, name: &str, dims: &[usize], element: Element, bytes: Vec<u8>) -> String {
        let name = format!("p{}_{name}", self.parameters.len() + 1);
        self.parameters.push(Parameter { name: name.clone(), dims: dims.to_vec(), element, bytes });
        name
    }

    /// A name that nothing else has: inputs and outputs are not numbered, and parameters have their number first. All
    /// are identifiers of C, as ONNX asks for.
    fn numbered(&self, name: &str) -> String {
        format!("{name}_{}", self.operations.len() + 1)
    }
}
