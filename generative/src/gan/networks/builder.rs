//! Layers, one after the other.
use candle_core::Result;
use nn::{
    Activation, BatchNorm2d, Conv2d, Conv2dConfig, ConvTranspose2d, Flatten, Init, Layer, Linear,
    MaxPool2d, Params, Sequential, Skip, Unflatten,
};

/// A network under construction. Names of its parameters begin with its own.
pub(super) struct Builder<'a> {
    params: &'a Params,
    name: &'static str,
    spectral: bool,
    layers: Vec<Layer>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(params: &'a Params, name: &'static str) -> Self {
        Self { params, name, spectral: false, layers: Vec::new() }
    }

    /// Every weight from here on is divided by its largest singular value.
    pub(super) fn spectral(self) -> Self {
        Self { spectral: true, ..self }
    }

    pub(super) fn done(self) -> Sequential {
        Sequential::new(self.layers)
    }

    fn full(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
    }

    /// `[B, inputs]` to `[B, outputs]`.
    pub(super) fn dense(
        &mut self,
        name: &str,
        [inputs, outputs]: [usize; 2],
        activation: Activation,
    ) -> Result<()> {
        let name = self.full(name);
        let layer = Linear::new(self.params, &name, inputs, outputs, activation)?;
        let layer = if self.spectral { layer.spectral(self.params, &name)? } else { layer };
        self.layers.push(layer.into());
        Ok(())
    }

    fn new_conv(&self, name: &str, config: Conv2dConfig, activation: Activation) -> Result<Conv2d> {
        let name = self.full(name);
        let layer = Conv2d::new(self.params, &name, config, activation)?;
        if self.spectral { layer.spectral(self.params, &name) } else { Ok(layer) }
    }

    pub(super) fn conv(
        &mut self,
        name: &str,
        config: Conv2dConfig,
        activation: Activation,
    ) -> Result<()> {
        let layer = self.new_conv(name, config, activation)?;
        self.layers.push(layer.into());
        Ok(())
    }

    /// Two convolutions of 3×3 added to their input, `[B, channels, H, W]`.
    pub(super) fn residual(
        &mut self,
        name: &str,
        channels: usize,
        activation: Activation,
    ) -> Result<()> {
        let config = Conv2dConfig { padding: 1, ..Conv2dConfig::new(channels, channels, 3) };
        let first = self.new_conv(&format!("{name}.conv1"), config, activation)?;
        let second = self.new_conv(&format!("{name}.conv2"), config, Activation::Linear)?;
        self.layers.push(Skip::new(vec![first.into(), second.into()]).into());
        Ok(())
    }

    pub(super) fn conv_transpose(
        &mut self,
        name: &str,
        config: Conv2dConfig,
        activation: Activation,
    ) -> Result<()> {
        let layer = ConvTranspose2d::new(self.params, &self.full(name), config, activation)?;
        self.layers.push(layer.into());
        Ok(())
    }

    /// `[B, inputs]` to images `[B, C, H, W]`, with ReLU; where `normal`, their batch is normalised before it.
    pub(super) fn project(
        &mut self,
        inputs: usize,
        [channels, height, width]: [usize; 3],
        normal: bool,
    ) -> Result<()> {
        let shape = [inputs, channels * height * width];
        self.dense("project", shape, before(Activation::Relu, normal))?; // [B, C·H·W]
        self.unflatten([channels, height, width]); // [B, C, H, W]
        self.after("norm1", channels, Activation::Relu, normal)
    }

    /// `[B, inputs, H, W]` to `[B, outputs, 2H, 2W]`, the `i`-th time, with ReLU as in [`Self::project`].
    pub(super) fn double(
        &mut self,
        i: usize,
        [inputs, outputs]: [usize; 2],
        normal: bool,
    ) -> Result<()> {
        let config = halving(inputs, outputs);
        self.conv_transpose(&format!("up{i}"), config, before(Activation::Relu, normal))?; // [B, outputs, 2H, 2W]
        self.after(&format!("norm{}", i + 1), outputs, Activation::Relu, normal)
    }

    /// Batch normalisation and activation after a layer with the activation [`before`].
    pub(super) fn after(
        &mut self,
        name: &str,
        channels: usize,
        activation: Activation,
        normal: bool,
    ) -> Result<()> {
        if normal { self.batch_norm(name, channels, activation) } else { Ok(()) }
    }

    pub(super) fn batch_norm(
        &mut self,
        name: &str,
        channels: usize,
        activation: Activation,
    ) -> Result<()> {
        let layer = BatchNorm2d::new(self.params, &self.full(name), channels, activation)?;
        self.layers.push(layer.into());
        Ok(())
    }

    pub(super) fn pool(&mut self) -> Result<()> {
        self.layers.push(MaxPool2d::new(2)?.into());
        Ok(())
    }

    pub(super) fn flatten(&mut self) {
        self.layers.push(Flatten.into());
    }

    /// `[B, C·H·W]` to `[B, C, H, W]`.
    pub(super) fn unflatten(&mut self, [channels, height, width]: [usize; 3]) {
        self.layers.push(Unflatten { channels, height, width }.into());
    }

    /// Initialises all weights so far from N(0, 0.02²); biases and the parameters of batch normalisation stay.
    pub(super) fn small_weights(&self) -> Result<()> {
        self.params.redraw(|_, shape| (shape.len() > 1).then_some(Init::Normal { deviation: 0.02 }))
    }
}

/// The activation of a layer: where a batch is normalised, the activation follows that.
pub(super) fn before(activation: Activation, normal: bool) -> Activation {
    if normal { Activation::Linear } else { activation }
}

/// 4×4, halves height and width; its transpose doubles them.
pub(super) fn halving(inputs: usize, outputs: usize) -> Conv2dConfig {
    Conv2dConfig { stride: 2, padding: 1, ..Conv2dConfig::new(inputs, outputs, 4) }
}
