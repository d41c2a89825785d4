//! Sampling speed of a PixelCNN.
//!
//! ```text
//! cargo bench --bench sample                    both networks, images of several sizes
//! python3 benches/run.py sample                 beside PyTorch, into docs/benchmarks.md
//! ```
//!
//! The networks are those of `lab pixelcnn --features 64 --blocks 8`. `sample serve NETWORK` draws 16 black and
//! white images of 28×28 again and again, whenever a line on standard input says for how many seconds.
use lab::generative::data::{CoinsConfig, coins};
use lab::generative::pixelcnn::NetworkName;
use lab::generative::{Autoregressive, ImageSampler as _, PixelCnnConfig, pixelcnn};
use lab::prelude::*;
use std::io::{BufRead as _, Write as _};
use std::time::Instant;

/// Images that are drawn together.
const IMAGES: usize = 16;

/// Sides of the images whose times are compared.
const SIDES: [usize; 4] = [14, 28, 42, 56];

fn network(name: &str) -> anyhow::Result<NetworkName> {
    match name {
        "gated" => Ok(NetworkName::Gated),
        "residual" => Ok(NetworkName::Residual),
        _ => anyhow::bail!("no network {name}; there are: gated residual"),
    }
}

/// An untrained model of black and white images.
fn model(network: NetworkName, side: usize) -> anyhow::Result<Autoregressive> {
    let data = CoinsConfig { side, n_train: 1, n_test: 1, ..CoinsConfig::default() };
    let (features, blocks) = (64, 8);
    let config =
        PixelCnnConfig { network, features, blocks, batch: 1, ..PixelCnnConfig::default() };
    pixelcnn(coins(&data)?.images()?, &config, 1, &Device::Cpu)
}

/// Draws for about `seconds`; how often, and the seconds.
fn draw(model: &Autoregressive, seconds: f64) -> anyhow::Result<(u64, f64)> {
    let (start, mut times) = (Instant::now(), 0);
    loop {
        model.sample_images(IMAGES, None, &mut stream(1, "samples"))?;
        times += 1;
        let elapsed = start.elapsed().as_secs_f64();
        if elapsed >= seconds {
            return Ok((times, elapsed));
        }
    }
}

fn main() -> anyhow::Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    arguments.retain(|argument| argument != "--bench");
    lab::nn::prepare_process();
    rayon::ThreadPoolBuilder::new().use_current_thread().build_global()?;
    let out = &mut std::io::stdout().lock();
    if let [serve, name] = &arguments[..]
        && serve == "serve"
    {
        let model = model(network(name)?, 28)?;
        draw(&model, 1.0)?;
        writeln!(out, "ready 0")?;
        out.flush()?;
        for line in std::io::stdin().lock().lines() {
            let (times, seconds) = draw(&model, line?.trim().parse()?)?;
            writeln!(out, "{times} {seconds} 0")?;
            out.flush()?;
        }
        return Ok(());
    }
    writeln!(out, "{IMAGES} black and white images, {} thread(s)", rayon::current_num_threads())?;
    writeln!(out, "{:>8} {:>7} {:>9} {:>15}", "network", "side", "s", "us each pixel")?;
    for name in ["gated", "residual"] {
        for side in SIDES {
            let model = model(network(name)?, side)?;
            draw(&model, 0.2)?;
            let (times, seconds) = draw(&model, 1.0)?;
            let once = seconds / times as f64;
            let pixel = 1e6 * once / (side * side * IMAGES) as f64;
            writeln!(out, "{name:>8} {side:>7} {once:>9.4} {pixel:>15.2}")?;
        }
    }
    Ok(())
}
