//! Samples from a VAE as an image: `cargo run --release --example vae_samples`.
#![expect(clippy::print_stdout, reason = "a program may print")]
use lab::prelude::*;
use lab::render::image_grid;

fn main() -> Result<()> {
    let data = bars(&BarsConfig { n_train: 5_000, n_test: 500, ..BarsConfig::default() })?;
    let config = VaeConfig { latents: 8, hidden: 64, ..VaeConfig::default() };
    let mut model = Vae::new(data.images()?, config, 1, &Device::Cpu)?;
    let plan = Plan { steps: 50_000, eval_every: 0, log_every: 0, ..Plan::default() };
    fit(&mut model, &plan, &mut Run::default())?;
    let images = model.sample_images(64, None, &mut stream(1, "samples"))?;
    let path = std::env::temp_dir().join("vae-samples.png");
    image_grid::write(&path, &images, 8)?;
    println!("64 samples in {}", path.display());
    Ok(())
}
