//! Networks of Q and of distributions of returns.
use super::config::DqnConfig;
use super::head::Distribution;
use crate::Hidden;
use crate::net::Body;
use anyhow::Result;
use envs::Spec;
use nn::{Activation, Dueling, ImplicitQuantiles, Layer, Params, Sequential};

impl DqnConfig {
    /// From observations `[B, …]` to K numbers for each action, `[B, A·K]`. With two streams (`--dueling`) each has
    /// the last hidden layer to itself; with implicit quantiles it comes after the embedding of their fractions.
    pub(super) fn layers(&self, params: &Params, spec: &Spec) -> Result<Sequential> {
        let (k, body, actions) = (self.width(), self.body(), spec.n_actions());
        let implicit = self.distribution == Distribution::Iqn;
        if !self.dueling && !implicit {
            let (mut layers, features) = body.layers(params, "", spec)?;
            layers.push(body.dense(params, "out", [features, actions * k], Activation::Linear)?);
            return Ok(Sequential::new(layers)); // [B, A·K]
        }
        let (widths, activation) = (body.sizes(spec)?.widths, body.activation(spec)?);
        let shared: Vec<usize> = widths[1..].iter().rev().skip(1).rev().copied().collect();
        let trunk = Body { hidden: Hidden::Layers(shared), ..body.clone() };
        let (mut layers, features) = trunk.layers(params, "", spec)?;
        let stream = |name: &str, outputs: usize| -> Result<Vec<Layer>> {
            let (mut stream, mut inputs) = (Vec::new(), features);
            if let [_, .., hidden] = widths[..] {
                let name = format!("{name}.hidden");
                stream.extend(body.hidden(params, &name, [inputs, hidden], activation)?);
                inputs = hidden;
            }
            let out = format!("{name}.out");
            stream.push(body.dense(params, &out, [inputs, outputs], Activation::Linear)?);
            Ok(stream)
        };
        // The rows of implicit quantiles are one fraction each.
        let k_of_row = if implicit { 1 } else { k };
        let mut last = match self.dueling {
            true => {
                let value = stream("value", k_of_row)?;
                let advantage = stream("advantage", actions * k_of_row)?;
                vec![Dueling::new(value, advantage, actions).into()]
            }
            false => stream("quantile", actions)?,
        };
        if implicit {
            let sizes = [self.cosines, features];
            last = vec![ImplicitQuantiles::new(params, "embedding", sizes, k, last)?.into()];
        }
        layers.extend(last);
        Ok(Sequential::new(layers)) // [B, A·K]
    }
}
