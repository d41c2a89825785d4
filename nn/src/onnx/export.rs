//! Parts of a learner that are exported one by one.
use super::Graph;
use anyhow::Result;

/// A network of a learner under a name, with whatever makes it a function of its raw input.
pub struct Export<'a> {
    /// Name, such as `policy` or `decoder`.
    pub name: &'static str,
    graph: Box<dyn Fn() -> Result<Graph> + 'a>,
}

impl<'a> Export<'a> {
    /// A part whose graph is made by `graph` when it is asked for.
    pub fn new(name: &'static str, graph: impl Fn() -> Result<Graph> + 'a) -> Self {
        Self { name, graph: Box::new(graph) }
    }

    /// Its graph, with the present parameters.
    ///
    /// # Errors
    /// If a network is none of lab's own layers; errors of the device.
    pub fn graph(&self) -> Result<Graph> {
        (self.graph)()
    }
}
