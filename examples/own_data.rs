//! A data set of your own: `cargo run --release --example own_data -- vae --data circles --steps 50k`.
use lab::generative::data::Shape;
use lab::prelude::*;
use lab::registry::{DataEntry, DataSource, config};

parameters! {
    /// Options of the rings, which become flags: `--n-train 1000`.
    pub struct Rings {
        /// Images of the training set
        n_train: usize = 5_000, in 1..;
        /// Images of the validation set, and as many of the test set
        n_test: usize = 500, in 1..;
        /// Seed of the data set
        seed: u64 = 1;
    }
}

/// `n` black and white images, 12×12, of a ring whose radius is drawn from 2 to 5 pixels.
fn rings(n: usize, rng: &mut dyn RngCore) -> Result<Images> {
    let mut pixels = Vec::with_capacity(n * 144);
    for _ in 0..n {
        let radius = rng.random_range(2.0..5.0_f32);
        for place in 0..144 {
            let [x, y] = [place % 12, place / 12].map(|at| at as f32 - 5.5);
            pixels.push(u8::from((x.hypot(y) - radius).abs() < 0.7));
        }
    }
    Images::new(Shape { channels: 1, height: 12, width: 12 }, 2, pixels, None)
}

fn main() -> std::process::ExitCode {
    let source = DataSource::Drawn(|options| {
        let Rings { n_train, n_test, seed } = config(options)?;
        let part = |name: &str, n| rings(n, &mut stream(seed, name));
        let (train, validation) = (part("train", n_train)?, part("validation", n_test)?);
        let test = part("test", n_test)?;
        Ok(Dataset::Images(Parts { train, validation, test, entropy: None }))
    });
    let about = "Rings of random radius";
    lab::App::new().data(DataEntry { name: "circles", about, options: Rings::fields, source }).run()
}
