//! Networks of agents as ONNX graphs.
use envs::{Actions, Spec};
use nn::onnx::{Graph, Value};
use serde_json::json;

/// A graph with the observation of an environment as its input, and what its actions are as metadata.
pub(crate) fn observed(spec: &Spec) -> (Graph, Value) {
    let mut graph = Graph::default();
    let x = graph.input("observation", &spec.obs_shape); // [B, …]
    let actions = match &spec.actions {
        Actions::Discrete(names) => json!(names),
        Actions::Box { low, high } => json!({ "low": low, "high": high }),
    };
    graph.note("actions", actions.to_string());
    (graph, x)
}

#[cfg(test)]
pub(crate) mod testing {
    use crate::Agent;
    use candle_core::{Result, Tensor};
    use envs::Spec;
    use nn::onnx::testing::{Case, random, same_outputs};

    /// Compares the first part of an agent, `name`, with its own outputs for raw observations.
    pub(crate) fn compare(
        agent: &dyn Agent,
        (name, spec): (&str, &Spec),
        ours: impl Fn(&[f32]) -> Result<Vec<(&'static str, Tensor)>>,
    ) {
        let parts = agent.exports();
        assert_eq!((parts.len(), parts[0].name), (1, name));
        let case = |n: usize| {
            let obs = (random("observation", &spec.batch_shape(n)).unwrap() * 2.0).unwrap();
            let raw = obs.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            Case { inputs: vec![("observation", obs)], outputs: ours(&raw).unwrap() }
        };
        same_outputs(parts[0].graph().unwrap(), &[case(1), case(3)]);
    }
}
