//! A graph as the bytes of a file.
use super::graph::{Attribute, Element, Graph, Operation, Parameter, Value};
use super::proto;
use anyhow::{Result, ensure};
use prost::Message as _;

/// Version of the file format.
const IR_VERSION: i64 = 8;

/// Version of the operators.
const OPSET: i64 = 17;

/// Bytes that a message of protocol buffers may have.
const MOST: usize = i32::MAX as usize;

impl Graph {
    /// The file of a model with this graph, named `name`: opset 17, IR version 8, a batch of any size.
    ///
    /// # Errors
    /// If the parameters are more than one file can hold.
    pub fn encode(self, name: &str) -> Result<Vec<u8>> {
        let model = proto::Model {
            ir_version: IR_VERSION,
            producer_name: "lab".to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            opset_import: vec![proto::OperatorSet { domain: None, version: OPSET }],
            metadata_props: self
                .notes
                .iter()
                .map(|(key, value)| proto::Entry { key: key.clone(), value: value.clone() })
                .collect(),
            graph: Some(self.proto(name)),
        };
        let size = model.encoded_len();
        ensure!(
            size <= MOST,
            "{name}: {:.1} GiB of parameters, and an ONNX file holds less than 2; its weights are in \
             model.safetensors of the checkpoint",
            size as f64 / f64::from(1 << 30)
        );
        Ok(model.encode_to_vec())
    }

    fn proto(mut self, name: &str) -> proto::GraphProto {
        self.name_outputs();
        let outputs = self.outputs.iter().map(|(_, value)| info(value));
        proto::GraphProto {
            // An identifier of C, like all names of a graph.
            name: name.replace('-', "_"),
            input: self.inputs.iter().map(info).collect(),
            output: outputs.collect(),
            node: self.operations.into_iter().map(node).collect(),
            initializer: self.parameters.into_iter().map(constant).collect(),
        }
    }

    /// Gives the results that are outputs the names of those. What is an input, or an output already, is copied.
    fn name_outputs(&mut self) {
        for index in 0..self.outputs.len() {
            let (name, value) = self.outputs[index].clone();
            let earlier = self.outputs[..index].iter().any(|(_, other)| other.name == value.name);
            if earlier || self.inputs.iter().any(|input| input.name == value.name) {
                self.operations.push(Operation {
                    operator: "Identity",
                    inputs: vec![value.name.clone()],
                    output: name.clone(),
                    attributes: Vec::new(),
                });
                self.outputs[index].1.name = name;
                continue;
            }
            let results = self
                .operations
                .iter_mut()
                .flat_map(|operation| operation.inputs.iter_mut().chain([&mut operation.output]));
            let others = self.outputs[index..].iter_mut().map(|(_, value)| &mut value.name);
            for other in results.chain(others).filter(|other| **other == value.name) {
                other.clone_from(&name);
            }
        }
    }
}

fn node(operation: Operation) -> proto::Node {
    let Operation { operator, inputs, output, attributes } = operation;
    proto::Node {
        input: inputs,
        name: output.clone(),
        output: vec![output],
        op_type: operator.to_owned(),
        attribute: attributes.into_iter().map(attribute).collect(),
    }
}

fn attribute((name, attribute): (&str, Attribute)) -> proto::AttributeProto {
    let named = proto::AttributeProto { name: name.to_owned(), ..Default::default() };
    match attribute {
        Attribute::Float(f) => proto::AttributeProto { f: Some(f), kind: proto::FLOAT, ..named },
        Attribute::Int(i) => proto::AttributeProto { i: Some(i), kind: proto::INT, ..named },
        Attribute::Ints(ints) => proto::AttributeProto { ints, kind: proto::INTS, ..named },
    }
}

fn constant(parameter: Parameter) -> proto::Constant {
    let Parameter { name, dims, element, bytes } = parameter;
    proto::Constant {
        dims: dims.into_iter().map(|dim| dim as i64).collect(),
        data_type: code(element),
        name,
        raw_data: bytes,
    }
}

fn info(value: &Value) -> proto::ValueInfo {
    let batch = proto::Dim { size: None, name: Some("batch".to_owned()) };
    let sizes = value.dims.iter().map(|&dim| proto::Dim { size: Some(dim as i64), name: None });
    let dims = [batch].into_iter().chain(sizes).collect();
    let tensor =
        proto::TensorKind { element: code(value.element), shape: Some(proto::Shape { dims }) };
    proto::ValueInfo { name: value.name.clone(), kind: Some(proto::Kind { tensor: Some(tensor) }) }
}

/// The number of a type in `TensorProto.DataType`.
fn code(element: Element) -> i32 {
    match element {
        Element::F32 => 1,
        Element::I64 => 7,
    }
}
