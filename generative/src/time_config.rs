//! Hyper-parameters of models that learn a function of a sample and a time.

/// Hyper-parameters of a model whose network is given a time: its own, and those of network, guidance and training that
/// all of them have.
macro_rules! time_parameters {
    ($(#[$meta:meta])* pub struct $name:ident { $($own:tt)* }) => {
        ::train::hyper_parameters! {
            $(#[$meta])*
            pub struct $name {
                $($own)*
                /// Units in each hidden layer
                hidden: usize = 128, in 1..=1 << 14;
                /// Hidden layers
                layers: usize = 4, in 1..=64;
                /// Activation of the hidden layers: relu, leaky-relu, tanh or silu
                activation: ::nn::ActivationName = ::nn::ActivationName::Silu;
                /// Features of the time: sinusoidal (as of positions up to 1000) or fourier (a Fourier series)
                time_embedding: $crate::TimeEmbedding = $crate::TimeEmbedding::Fourier;
                /// Frequencies of these features
                frequencies: usize = 8, in 1..=1 << 10;
                /// Condition the network on the label: the model is of p(x|label)
                conditional: bool = false;
                /// Share of the training samples whose label the network is not given, for guidance
                label_dropout: f64 = 0.1, in 0.0..=1.0, with conditional;
                /// Classifier-free guidance: 1 for none, more for samples more typical of their label, 0 to ignore it
                guidance: f64 = 1.0, in 0.0.., with conditional;
                /// Initial learning rate
                lr: f64 = 1e-3, in ::train::above(0.0);
                /// Final learning rate, as a fraction of the initial one
                lr_end: f64 = 1.0, in 0.0..;
                /// Samples over which the learning rate changes
                lr_steps: u64 = 0, with lr_end not 1.0;
                /// Decay of the exponential moving average of the parameters that samples come from; 0 for none
                ema: f64 = 0.999, in 0.0..1.0;
                /// Batch size, in samples
                batch: usize = 256, in 1..=1 << 20;
            }
        }

        impl $name {
            /// The network's sizes, for so many labels.
            pub(super) fn dense(&self, labels: usize) -> $crate::time_network::DenseSizes {
                let Self { hidden, layers, activation, frequencies, .. } = *self;
                let embedding = self.time_embedding;
                $crate::time_network::DenseSizes {
                    hidden, layers, activation, embedding, frequencies, labels,
                }
            }

            /// Settings of the training.
            pub(super) fn training(&self) -> $crate::process::Training {
                let Self { lr, lr_end, lr_steps, ema, batch, label_dropout, .. } = *self;
                $crate::process::Training { lr, lr_end, lr_steps, ema, batch, label_dropout }
            }

            /// Batches of the data as the network takes them.
            pub(super) fn source(&self) -> $crate::source::SourceConfig {
                let Self { batch, conditional, .. } = *self;
                $crate::source::SourceConfig { batch, conditional, as_rows: true }
            }

            /// Memory of training on samples of `d` numbers.
            pub(super) fn memory(&self, d: usize) -> ::train::Memory {
                let Self { hidden, layers, frequencies, batch, .. } = *self;
                let mut memory = ::train::Memory::default();
                let others = [("layers", layers), ("frequencies", frequencies)];
                let ends = $crate::memory::sum([2 * d, 2 * frequencies]);
                let weights = $crate::memory::sum([hidden.saturating_mul(layers - 1), ends]);
                // As they are learned, and their moving average.
                $crate::memory::learned(&mut memory, ("hidden", hidden), &others, [2, hidden, weights]);
                let all = [("hidden", hidden), ("layers", layers), ("frequencies", frequencies)];
                let maps = hidden.saturating_mul(2 * layers);
                $crate::memory::pass(&mut memory, batch, &all, [$crate::memory::sum([maps, 2 * ends])]);
                memory
            }

            /// Refuses what can't be, for such data.
            pub(super) fn check_common(&self, data: &$crate::data::Dataset) -> Result<(), ::train::BadValue> {
                use $crate::data::Dataset;
                self.check()?;
                ::train::check_learning_rate(self.lr_end, self.lr_steps, 0)?;
                if let Dataset::Images(parts) = data
                    && self.conditional
                    && parts.train.labels().is_none()
                {
                    let expected = "these images have no labels";
                    return Err(::train::BadValue::new("conditional", true, expected));
                }
                if self.conditional && self.guidance != 1.0 && self.label_dropout == 0.0 {
                    let expected = "guidance needs the network without a label too; give --label-dropout more than 0";
                    return Err(::train::BadValue::new("guidance", self.guidance, expected));
                }
                let held_out = match data {
                    Dataset::Images(parts) => parts.validation.len().min(parts.test.len()),
                    Dataset::Points(parts) => parts.validation.at.len().min(parts.test.at.len()),
                };
                if held_out < 2 {
                    let value = format!("with {held_out} held out");
                    let expected = "samples are scored beside 2 held out at least; give more data";
                    return Err(::train::BadValue::new("data", value, expected));
                }
                Ok(())
            }
        }
    };
}

pub(crate) use time_parameters;
