//! Named, ordered, seeded network parameters.
use crate::{Init, ops};
use candle_core::{Device, Result, Shape, Tensor, Var, bail};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use train::{Checkpoint, Rng, stream};

/// A network's parameters, in `f32`, and the other state that belongs to it: its buffers, like the
/// running statistics of a batch normalisation.
///
/// Each parameter is drawn from a stream of its own, named after it: adding a layer moves no other
/// layer's initial weights, and a seed fixes them on every device. A clone is another handle on the
/// same parameters.
///
/// Buffers are saved, copied and blended with the parameters; only parameters are learned.
#[derive(Clone)]
pub struct Params {
    vars: Arc<Mutex<BTreeMap<String, Entry>>>,
    seed: u64,
    device: Device,
}

#[derive(Clone)]
struct Entry {
    var: Var,
    role: Role,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Parameter,
    Buffer,
}

impl Params {
    /// An empty store: layers create their parameters in it.
    pub fn new(seed: u64, device: &Device) -> Self {
        Self { vars: Arc::default(), seed, device: device.clone() }
    }

    /// Creates the parameter `name` and returns it as a tensor that gradients are taken for.
    ///
    /// A name that is taken is an error: two layers of one name would share weights unnoticed.
    pub fn var(&self, name: &str, shape: impl Into<Shape>, init: Init) -> Result<Tensor> {
        let var = self.insert(name, shape.into(), init, Role::Parameter)?;
        Ok(var.into_inner())
    }

    /// Creates the buffer `name`: state that is saved with the parameters, but not learned.
    pub fn buffer(&self, name: &str, shape: impl Into<Shape>, init: Init) -> Result<Var> {
        self.insert(name, shape.into(), init, Role::Buffer)
    }

    /// Draws parameters anew, each from the stream that is named after it: those for which `init` says from
    /// what, given their name and shape.
    pub fn redraw(&self, init: impl Fn(&str, &[usize]) -> Option<Init>) -> Result<()> {
        for (name, var) in self.named() {
            if let Some(init) = init(&name, var.dims()) {
                let mut rng = stream(self.seed, &format!("init/{name}"));
                let values = init.draw(var.elem_count(), &mut rng)?;
                var.set(&Tensor::from_vec(values, var.shape(), &self.device)?)?;
            }
        }
        Ok(())
    }

    /// Every parameter, sorted by name.
    pub fn named(&self) -> Vec<(String, Var)> {
        let mut all = self.all();
        all.retain(|(_, entry)| entry.role == Role::Parameter);
        all.into_iter().map(|(name, entry)| (name, entry.var)).collect()
    }

    /// Every buffer, sorted by name.
    pub fn buffers(&self) -> Vec<(String, Var)> {
        let mut all = self.all();
        all.retain(|(_, entry)| entry.role == Role::Buffer);
        all.into_iter().map(|(name, entry)| (name, entry.var)).collect()
    }

    /// Device that holds the parameters.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Number of trainable elements.
    pub fn count(&self) -> usize {
        self.named().iter().map(|(_, var)| var.elem_count()).sum()
    }

    /// θ ← θ', parameters and buffers. Values are copied into the storage that exists: later changes of one side do not
    /// show on the other, and frozen networks see the new values. Stores may be on different devices.
    ///
    /// Stores that differ in names or shapes are an error, and nothing is changed.
    pub fn copy_from(&self, other: &Params) -> Result<()> {
        for (own, new) in self.paired(other)? {
            own.set(&new.to_device(&self.device)?)?;
        }
        Ok(())
    }

    /// θ ← (1 − τ)·θ + τ·θ' for parameters and buffers, the slowly moving target of Lillicrap et al. 2016 (algorithm 1).
    ///
    /// Stores that differ in names or shapes are an error, and nothing is changed.
    pub fn blend(&self, other: &Params, tau: f64) -> Result<()> {
        for (own, new) in self.paired(other)? {
            if ops::on_cpu_f32(&[&own, &new]) {
                let (keep, take) = ((1.0 - tau) as f32, tau as f32);
                ops::write(&own, |own: &mut [f32]| {
                    ops::read(&new, |new: &[f32]| {
                        for (own, new) in own.iter_mut().zip(new) {
                            *own = keep * *own + take * new;
                        }
                        Ok(())
                    })
                })?;
            } else {
                own.set(&((own.as_tensor() * (1.0 - tau))? + (new.as_tensor() * tau)?)?)?;
            }
        }
        Ok(())
    }

    /// Saves or loads parameters and buffers under `name`.
    pub fn state(&self, name: &str, checkpoint: &mut Checkpoint) -> anyhow::Result<()> {
        let all = self.all().into_iter().map(|(name, entry)| (name, entry.var));
        checkpoint.tensors(name, &all.collect::<Vec<_>>())
    }

    /// The parameter `name`, created from what `draw` gives, given the number of values, if it is not there: in
    /// candle-nn a name that is asked for again is the same parameter.
    pub(crate) fn shared(
        &self,
        name: &str,
        shape: Shape,
        draw: impl FnOnce(usize, &mut Rng) -> Result<Vec<f32>>,
    ) -> Result<Tensor> {
        let there = self.lock().get(name).map(|entry| entry.var.clone());
        match there {
            Some(var) if *var.shape() == shape => Ok(var.as_tensor().clone()),
            _ => Ok(self.create(name, shape, draw, Role::Parameter)?.into_inner()),
        }
    }

    fn insert(&self, name: &str, shape: Shape, init: Init, role: Role) -> Result<Var> {
        self.create(name, shape, |n, rng| init.draw(n, rng), role)
    }

    fn create(
        &self,
        name: &str,
        shape: Shape,
        draw: impl FnOnce(usize, &mut Rng) -> Result<Vec<f32>>,
        role: Role,
    ) -> Result<Var> {
        let mut vars = self.lock();
        if let Some(Entry { var, .. }) = vars.get(name) {
            bail!("parameter {name} {shape:?} exists already, with shape {:?}", var.shape())
        }
        let mut rng = stream(self.seed, &format!("init/{name}"));
        let values = draw(shape.elem_count(), &mut rng)
            .map_err(|error| error.context(format!("parameter {name} {shape:?}")))?;
        let var = Var::from_vec(values, shape, &self.device)?;
        vars.insert(name.to_owned(), Entry { var: var.clone(), role });
        Ok(var)
    }

    /// Parameters and buffers, sorted by name.
    fn all(&self) -> Vec<(String, Entry)> {
        self.lock().iter().map(|(name, entry)| (name.clone(), entry.clone())).collect()
    }

    /// Own and other variables by name; none where both are the same store.
    fn paired(&self, other: &Params) -> Result<Vec<(Var, Var)>> {
        if Arc::ptr_eq(&self.vars, &other.vars) {
            return Ok(Vec::new());
        }
        let vars = |params: &Params| -> Vec<(String, Var)> {
            params.all().into_iter().map(|(name, entry)| (name, entry.var)).collect()
        };
        let (own, new) = (vars(self), vars(other));
        for (name, var) in &own {
            match new.iter().find(|(other_name, _)| other_name == name) {
                None => bail!("parameter {name} {:?} is missing on the other side", var.shape()),
                Some((_, other)) if other.shape() != var.shape() => {
                    bail!(
                        "parameter {name} is {:?} here and {:?} there",
                        var.shape(),
                        other.shape()
                    )
                }
                Some(_) => {}
            }
        }
        if let Some((name, var)) =
            new.iter().find(|(name, _)| own.iter().all(|(own, _)| own != name))
        {
            bail!("parameter {name} {:?} is missing on this side", var.shape())
        }
        Ok(own.into_iter().zip(new).map(|((_, own), (_, new))| (own, new)).collect())
    }

    /// No code can leave the map half-changed, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.vars.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use train::Scope;
    use train::testing::device;

    const INIT: Init = Init::FanInUniform { fan_in: 4 };

    fn params(seed: u64, shapes: &[(&str, usize)]) -> Params {
        let params = Params::new(seed, device());
        for (name, size) in shapes {
            params.var(name, *size, INIT).unwrap();
        }
        params
    }

    fn values(params: &Params) -> Vec<Vec<f32>> {
        params.named().iter().map(|(_, var)| var.to_vec1().unwrap()).collect()
    }

    #[test]
    fn sorted_by_name_and_counted() {
        let params = params(1, &[("b", 3), ("a", 2)]);
        let names: Vec<String> = params.named().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(params.count(), 5);
    }

    /// Saved results depend on these numbers: they may never change.
    #[test]
    fn a_seed_and_a_name_give_the_same_values_for_ever() {
        assert_eq!(values(&params(1, &[("a", 2)])), [[-0.307_110_1_f32, 0.109_682_96]]);
    }

    #[test]
    fn streams_are_by_name_and_seed() {
        let (one, more) = (params(1, &[("a", 2)]), params(1, &[("0", 9), ("a", 2)]));
        assert_eq!(values(&one)[0], values(&more)[1]);
        assert_ne!(values(&one), values(&params(2, &[("a", 2)])));
        assert_ne!(values(&one), values(&params(1, &[("b", 2)])));
    }

    #[test]
    fn a_name_is_given_once() {
        let error = params(1, &[("a", 2)]).var("a", 3, INIT).unwrap_err().to_string();
        assert!(error.contains("parameter a [3] exists already, with shape [2]"), "{error}");
    }

    #[test]
    fn buffers_are_state_but_not_parameters() {
        let [own, other] = [1.0, 3.0].map(|value| {
            let params = params(1, &[("a", 2)]);
            params.buffer("b", 1, Init::Constant(value)).unwrap();
            params
        });
        let buffer = |params: &Params| params.buffers()[0].1.to_vec1::<f32>().unwrap();
        assert_eq!((own.count(), own.named().len(), own.buffers().len()), (2, 1, 1));
        assert!(own.var("b", 1, INIT).is_err());
        own.blend(&other, 0.25).unwrap();
        assert_eq!(buffer(&own), [1.5]);
        own.copy_from(&other).unwrap();
        assert_eq!(buffer(&own), [3.0]);
        let error = own.copy_from(&params(1, &[("a", 2)])).unwrap_err().to_string();
        assert!(error.contains("parameter b [1] is missing on the other side"), "{error}");

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint");
        let mut checkpoint = Checkpoint::create(&path).unwrap();
        own.state("model", &mut checkpoint).unwrap();
        checkpoint.commit().unwrap();
        own.buffers()[0].1.set(&Tensor::new(&[9f32], device()).unwrap()).unwrap();
        own.state("model", &mut Checkpoint::open(&path, Scope::All).unwrap()).unwrap();
        assert_eq!(buffer(&own), [3.0]);
    }

    #[test]
    fn what_is_drawn_anew_is_what_it_would_have_been() {
        let own = params(1, &[("a", 2), ("b", 3)]);
        let before = values(&own);
        own.redraw(|name, shape| {
            (name == "a" && shape == [2]).then_some(Init::Normal { deviation: 0.1 })
        })
        .unwrap();
        let other = Params::new(1, device());
        other.var("a", 2, Init::Normal { deviation: 0.1 }).unwrap();
        assert_eq!(values(&own), [values(&other)[0].clone(), before[1].clone()]);
    }

    #[test]
    fn a_copy_is_a_copy() {
        let (own, other) = (params(1, &[("a", 2)]), params(2, &[("a", 2)]));
        own.copy_from(&other).unwrap();
        assert_eq!(values(&own), values(&other));
        let copied = values(&own);
        other.named()[0].1.set(&Tensor::new(&[7f32, 7.0], device()).unwrap()).unwrap();
        assert_eq!(values(&own), copied);
        own.copy_from(&own.clone()).unwrap();
        assert_eq!(values(&own), copied);
    }

    #[test]
    fn blend_by_hand() {
        let set = |params: &Params, values: &[f32]| {
            params.named()[0].1.set(&Tensor::new(values, device()).unwrap()).unwrap();
        };
        let (own, other) = (params(1, &[("a", 2)]), params(2, &[("a", 2)]));
        set(&own, &[1.0, -2.0]);
        set(&other, &[3.0, 2.0]);
        own.blend(&other, 0.25).unwrap();
        assert_eq!(values(&own), [[1.5, -1.0]]);
        assert_eq!(values(&other), [[3.0, 2.0]]);
    }

    #[test]
    fn other_names_or_shapes_change_nothing() {
        let own = params(1, &[("a", 2), ("b", 2)]);
        let before = values(&own);
        let sides: [(&[(&str, usize)], &str); 3] = [
            (&[("a", 2), ("b", 3)], "parameter b is [2] here and [3] there"),
            (&[("a", 2)], "parameter b [2] is missing on the other side"),
            (&[("a", 2), ("b", 2), ("c", 1)], "parameter c [1] is missing on this side"),
        ];
        for (other, expected) in sides {
            let error = own.copy_from(&params(2, other)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert!(own.blend(&params(2, other), 0.5).is_err());
            assert_eq!(values(&own), before);
        }
    }
}
