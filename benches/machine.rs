//! Peak rates of this machine: GFLOP/s of a matrix product and GB/s of memory.
//!
//! `cargo bench --bench machine` prints one JSON object. Threads: RAYON_NUM_THREADS, or one per core.
use candle_core::{DType, Device, Module as _, Tensor};
use lab::nn::{Activation, Linear, Params};
use rayon::prelude::*;
use std::time::Instant;

/// Side of the square matrices multiplied.
const SIDE: usize = 1024;
/// Numbers in each array of the bandwidth test: 128 MiB, far more than a cache.
const LENGTH: usize = 32 << 20;

/// The least time `f` took in ten calls, after one that warms up.
fn best(mut f: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    f()?;
    (0..10).try_fold(f64::INFINITY, |best, _| {
        let start = Instant::now();
        f()?;
        Ok(best.min(start.elapsed().as_secs_f64()))
    })
}

/// Billions of additions and multiplications per second in a product of two `f32` matrices, a dense
/// layer.
fn product() -> anyhow::Result<f64> {
    let a = Tensor::ones((SIDE, SIDE), DType::F32, &Device::Cpu)?;
    let params = Params::new(1, &Device::Cpu);
    let layer = Linear::new(&params, "layer", SIDE, SIDE, Activation::Linear)?;
    let seconds = best(|| {
        std::hint::black_box(layer.forward(&a)?);
        Ok(())
    })?;
    Ok(2.0 * (SIDE as f64).powi(3) / seconds / 1e9)
}

/// GB/s of a ← b + 3·c, counting what is read and written (the triad of STREAM).
fn bandwidth() -> anyhow::Result<f64> {
    let (mut a, b, c) = (vec![0f32; LENGTH], vec![1f32; LENGTH], vec![2f32; LENGTH]);
    let share = LENGTH.div_ceil(rayon::current_num_threads());
    let seconds = best(|| {
        let parts = a.par_chunks_mut(share).zip(b.par_chunks(share)).zip(c.par_chunks(share));
        parts.for_each(|((a, b), c)| {
            a.iter_mut().zip(b).zip(c).for_each(|((a, b), c)| *a = b + 3.0 * c);
        });
        Ok(())
    })?;
    Ok((3 * size_of::<f32>() * LENGTH) as f64 / seconds / 1e9)
}

#[expect(clippy::print_stdout, reason = "this is what the program is for")]
fn main() -> anyhow::Result<()> {
    if std::env::args().any(|argument| argument == "--bench") {
        let threads = rayon::current_num_threads();
        let (gflops, gigabytes) = (product()?, bandwidth()?);
        println!(
            r#"{{"threads": {threads}, "gflop_per_s": {gflops:.0}, "gb_per_s": {gigabytes:.1}}}"#
        );
    }
    Ok(())
}
