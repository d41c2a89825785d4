//! Choice of the device for tensors.
use anyhow::{Context, Result, bail};
use candle_core::Device;
use std::fmt;
use std::str::FromStr;

/// `--device` as the user gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// CUDA where this binary has it and the machine too, else the processor.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// The CUDA device with this number.
    Cuda(usize),
}

impl DeviceChoice {
    /// Opens the device; what was taken is told by [`device_name`].
    ///
    /// # Errors
    /// If CUDA was asked for by name and is not to be had.
    pub fn open(self) -> Result<Device> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Auto if !cfg!(feature = "cuda") => Ok(Device::Cpu),
            Self::Auto => Ok(Device::new_cuda(0).unwrap_or(Device::Cpu)),
            Self::Cuda(_) if !cfg!(feature = "cuda") => bail!(
                "--device {self}: this binary was built without CUDA; \
                 build it with `cargo build --release --features cuda`, or use --device cpu"
            ),
            Self::Cuda(ordinal) => Device::new_cuda(ordinal).with_context(|| {
                format!("--device {self}: no such device; --device cpu always works")
            }),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || format!("`{text}` is not a device; use auto, cpu, cuda or cuda:0");
        match text.split_once(':') {
            None if text == "auto" => Ok(Self::Auto),
            None if text == "cpu" => Ok(Self::Cpu),
            None if text == "cuda" => Ok(Self::Cuda(0)),
            Some(("cuda", ordinal)) => ordinal.parse().map(Self::Cuda).map_err(|_| unknown()),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(ordinal) => write!(f, "cuda:{ordinal}"),
        }
    }
}

/// `cpu` or `cuda:I`.
pub fn device_name(device: &Device) -> String {
    match device.location() {
        candle_core::DeviceLocation::Cpu => "cpu".to_owned(),
        candle_core::DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
        candle_core::DeviceLocation::Metal { gpu_id } => format!("metal:{gpu_id}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for choice in [DeviceChoice::Auto, DeviceChoice::Cpu, DeviceChoice::Cuda(3)] {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        assert!("cuda:x".parse::<DeviceChoice>().unwrap_err().contains("cuda:x"));
        assert!("gpu".parse::<DeviceChoice>().is_err());
    }
}
