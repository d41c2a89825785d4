//! Choice of the device for tensors.
use anyhow::{Result, anyhow, bail};
use candle_core::Device;
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

/// The device that the user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// CUDA where this binary and the machine have it, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The CUDA device with this number.
    Cuda(usize),
}

/// A device, and a sentence for the user about how it was chosen, where there was a choice.
pub struct OpenDevice {
    /// The device.
    pub device: Device,
    /// Device that `auto` took, and why; `None` where one was named, or where there is no other.
    pub note: Option<String>,
}

impl DeviceChoice {
    /// Opens the device.
    ///
    /// # Errors
    /// If CUDA was asked for by name and cannot be used: which of binary, driver, number and memory is missing.
    pub fn open(self) -> Result<OpenDevice> {
        let named = |device| OpenDevice { device, note: None };
        match self {
            Self::Cpu => Ok(named(Device::Cpu)),
            Self::Auto if !cfg!(feature = "cuda") => Ok(named(Device::Cpu)),
            Self::Auto => {
                let (device, note) = match Device::new_cuda(0) {
                    Ok(device) => (device, "device cuda:0; --device cpu takes the CPU".to_owned()),
                    Err(error) => (Device::Cpu, format!("device cpu: {}", cuda_fault(&error, 0))),
                };
                Ok(OpenDevice { device, note: Some(note) })
            }
            Self::Cuda(_) if !cfg!(feature = "cuda") => bail!(
                "--device {self}: this binary was built without CUDA; \
                 build it with `cargo build --release --features cuda`, or use --device cpu"
            ),
            Self::Cuda(ordinal) => match Device::new_cuda(ordinal) {
                Ok(device) => Ok(named(device)),
                Err(error) => Err(anyhow!(
                    "--device {self}: {}; --device cpu always works",
                    cuda_fault(&error, ordinal)
                )),
            },
        }
    }
}

/// Why CUDA does not work, from the error of the driver, in a sentence.
fn cuda_fault(error: &dyn fmt::Display, ordinal: usize) -> String {
    let text = error.to_string();
    let fault = |name: &str| text.contains(&format!("CUDA_ERROR_{name}"));
    if fault("OUT_OF_MEMORY") {
        "the memory of the GPU is full: other programs may hold it (nvidia-smi lists them), or the batch or the \
         network are too large for it"
            .to_owned()
    } else if fault("INVALID_DEVICE") {
        format!(
            "there is no CUDA device {ordinal}; they are counted from 0, and nvidia-smi -L lists them"
        )
    } else if fault("NO_DEVICE") {
        "the driver finds no CUDA device (CUDA_VISIBLE_DEVICES may hide it)".to_owned()
    } else if fault("SYSTEM_DRIVER_MISMATCH") || fault("INSUFFICIENT_DRIVER") {
        "the NVIDIA driver is older than this binary's CUDA; update it".to_owned()
    } else {
        // Candle adds a backtrace in further lines.
        format!("CUDA reports {}", text.lines().next().unwrap_or_default())
    }
}

/// Sentence for the user where the memory of a GPU ran out in a run, whose last checkpoint is still there.
pub fn cuda_out_of_memory(error: &anyhow::Error) -> Option<String> {
    let out = error.chain().any(|cause| cause.to_string().contains("CUDA_ERROR_OUT_OF_MEMORY"));
    out.then(|| {
        let fault = cuda_fault(&"CUDA_ERROR_OUT_OF_MEMORY", 0);
        format!("{fault}; give a smaller --batch or --device cpu (lab resume goes on from the last checkpoint)")
    })
}

/// Returns `true` if the memory of `device` is the CPU's, so that it is read in place and kernels of `nn` can work on it.
///
/// With the environment variable `LAB_CPU_KERNELS=off` it is false of the CPU too: everything takes the path of other
/// devices, by Candle's operations and copies. Tests compare both.
pub fn is_host(device: &Device) -> bool {
    static KERNELS: OnceLock<bool> = OnceLock::new();
    let kernels = || std::env::var_os("LAB_CPU_KERNELS").is_none_or(|value| value != "off");
    device.is_cpu() && *KERNELS.get_or_init(kernels)
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
        candle_core::DeviceLocation::Cpu if !is_host(device) => "cpu without kernels".to_owned(),
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

    #[test]
    fn a_fault_of_cuda_is_a_sentence() {
        let of = |name: &str| {
            let text = format!("DriverError(CUDA_ERROR_{name}, \"…\")\n   0: backtrace");
            cuda_fault(&text, 7)
        };
        for (name, expected) in [
            ("NO_DEVICE", "the driver finds no CUDA device"),
            ("INVALID_DEVICE", "there is no CUDA device 7; they are counted from 0"),
            ("OUT_OF_MEMORY", "the memory of the GPU is full"),
            ("SYSTEM_DRIVER_MISMATCH", "the NVIDIA driver is older"),
            ("UNKNOWN", "CUDA reports DriverError(CUDA_ERROR_UNKNOWN"),
        ] {
            let told = of(name);
            assert!(told.starts_with(expected) && !told.contains('\n'), "{name}: {told}");
        }
    }

    #[test]
    fn a_run_that_fills_the_memory_says_so() {
        let error = anyhow!("DriverError(CUDA_ERROR_OUT_OF_MEMORY, …)").context("training");
        assert!(cuda_out_of_memory(&error).unwrap().contains("smaller --batch"));
        assert!(cuda_out_of_memory(&anyhow!("a file is missing")).is_none());
    }

    #[test]
    fn cuda_by_name_is_refused_by_a_binary_without_it() {
        if cfg!(feature = "cuda") {
            return;
        }
        let error = DeviceChoice::Cuda(0).open().err().unwrap().to_string();
        assert!(error.contains("--device cuda:0") && error.contains("--features cuda"), "{error}");
        assert!(DeviceChoice::Auto.open().unwrap().note.is_none());
    }
}
