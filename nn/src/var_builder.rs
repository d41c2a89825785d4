//! Models of candle-nn on seeded, ordered [`Params`].
use crate::Params;
use candle_core::{DType, Device, Result, Shape, Tensor, bail};
use candle_nn::init::NormalOrUniform;
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use rand_distr::{Distribution as _, Normal, Uniform};
use train::Rng;

impl Params {
    /// A builder that creates the parameters of a model of candle-nn in this store: seeded by their names, saved
    /// and learned like those of lab's own layers. Running statistics of candle-nn's batch normalisation become
    /// parameters, as in its `VarMap`.
    ///
    /// ```
    /// use candle_core::{Device, Module, Tensor};
    /// use nn::{Optimizer, OptimizerConfig, Params};
    ///
    /// # fn main() -> candle_core::Result<()> {
    /// let params = Params::new(1, &Device::Cpu);
    /// let layer = candle_nn::linear(4, 2, params.var_builder().pp("out"))?;
    /// let mut optimizer = Optimizer::new(&params, OptimizerConfig::adam(1e-3))?;
    /// let loss = layer.forward(&Tensor::ones((3, 4), candle_core::DType::F32, &Device::Cpu)?)?.sqr()?.mean_all()?;
    /// optimizer.step(&loss)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn var_builder(&self) -> VarBuilder<'static> {
        VarBuilder::from_backend(Box::new(Backend(self.clone())), DType::F32, self.device().clone())
    }
}

struct Backend(Params);

impl SimpleBackend for Backend {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        init: Init,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor> {
        if dtype != DType::F32 || !device.same_device(self.0.device()) {
            bail!(
                "parameter {name}: {dtype:?} on {device:?}, and the store holds F32 on {:?}",
                self.0.device()
            )
        }
        let fan = |fan: &candle_nn::init::FanInOut| fan.for_shape(&shape).max(1) as f64;
        let (normal, mean, spread) = match &init {
            Init::Const(value) => (false, *value, 0.0),
            Init::Randn { mean, stdev } => (true, *mean, *stdev),
            Init::Uniform { lo, up } => (false, (lo + up) / 2.0, (up - lo) / 2.0),
            Init::Kaiming { dist, fan: of, non_linearity } => {
                let deviation = non_linearity.gain() / fan(of).sqrt();
                match dist {
                    NormalOrUniform::Normal => (true, 0.0, deviation),
                    NormalOrUniform::Uniform => (false, 0.0, 3f64.sqrt() * deviation),
                }
            }
        };
        self.0.shared(name, shape.clone(), |n, rng| draw(n, rng, normal, [mean, spread]))
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        let named = self.0.named();
        let found = named.into_iter().find(|(known, _)| known == name);
        match found {
            Some((_, var)) => Ok(var.into_inner()),
            None => bail!("there is no parameter {name}, and its shape is needed to create it"),
        }
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.0.named().iter().any(|(known, _)| known == name)
    }
}

/// `n` values of a normal distribution, or of a uniform one from `mean - spread` to `mean + spread`.
fn draw(n: usize, rng: &mut Rng, normal: bool, [mean, spread]: [f64; 2]) -> Result<Vec<f32>> {
    if spread == 0.0 {
        return Ok(vec![mean as f32; n]);
    }
    let wrap = |error: &dyn std::fmt::Display| candle_core::Error::Msg(error.to_string());
    if normal {
        let normal = Normal::new(mean, spread).map_err(|error| wrap(&error))?;
        return Ok(normal.sample_iter(rng).take(n).map(|value| value as f32).collect());
    }
    let uniform = Uniform::new(mean - spread, mean + spread).map_err(|error| wrap(&error))?;
    Ok(uniform.sample_iter(rng).take(n).map(|value| value as f32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Optimizer, OptimizerConfig};
    use candle_core::Module as _;
    use train::testing::device;

    fn mlp(seed: u64) -> (Params, candle_nn::Sequential) {
        let params = Params::new(seed, device());
        let vb = params.var_builder();
        let model = candle_nn::seq()
            .add(candle_nn::linear(3, 200, vb.pp("hidden")).unwrap())
            .add(candle_nn::Activation::Relu)
            .add(candle_nn::linear(200, 1, vb.pp("out")).unwrap());
        (params, model)
    }

    fn bits(params: &Params) -> Vec<(String, Vec<f32>)> {
        let flat = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1().unwrap();
        params.named().iter().map(|(name, var)| (name.clone(), flat(var))).collect()
    }

    #[test]
    fn a_seed_fixes_a_model_of_candle_nn_and_a_name_its_parameters() {
        let (one, two, other) = (mlp(1).0, mlp(1).0, mlp(2).0);
        assert_eq!(bits(&one), bits(&two));
        assert_ne!(bits(&one), bits(&other));
        let names: Vec<_> = one.named().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["hidden.bias", "hidden.weight", "out.bias", "out.weight"]);
        // candle-nn draws biases from ± 1 / √3 for 3 inputs, weights with the variance 2 / 3 (He et al. 2015).
        let bound = 3f32.sqrt().recip();
        let largest = bits(&one)[0].1.iter().fold(0f32, |most, value| most.max(value.abs()));
        assert!(largest <= bound && largest > 0.95 * bound, "{largest}");
        let weight = &bits(&one)[1].1;
        let variance = weight.iter().map(|value| value * value).sum::<f32>() / weight.len() as f32;
        // Four standard errors of a variance of 600 normal numbers.
        assert!((variance * 1.5 - 1.0).abs() < 4.0 * (2f32 / 600.0).sqrt(), "{variance}");
    }

    #[test]
    fn it_learns() {
        let (params, network) = mlp(1);
        let x = Tensor::eye(3, DType::F32, device()).unwrap();
        let y = Tensor::new(&[[1f32], [2.0], [3.0]], device()).unwrap();
        let mut optimizer = Optimizer::new(&params, OptimizerConfig::adam(0.01)).unwrap();
        let loss = || (network.forward(&x).unwrap() - &y).unwrap().sqr().unwrap().mean_all();
        for _ in 0..200 {
            optimizer.step(&loss().unwrap()).unwrap();
        }
        assert!(loss().unwrap().to_scalar::<f32>().unwrap() < 1e-3);
    }

    #[test]
    fn a_name_asked_for_again_is_the_same_parameter_unless_its_shape_differs() {
        let params = Params::new(1, device());
        let vb = params.var_builder();
        vb.get((2, 3), "shared").unwrap();
        vb.get((2, 3), "shared").unwrap();
        assert_eq!(params.count(), 6);
        let error = vb.get((3, 3), "shared").unwrap_err().to_string();
        assert!(error.contains("exists already"), "{error}");
        assert!(vb.contains_tensor("shared") && !vb.contains_tensor("other"));
    }
}
