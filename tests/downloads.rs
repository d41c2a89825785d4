//! Readings of tensors by the host in steps of training: on a GPU each waits for what was asked of it before.
#![expect(clippy::unwrap_used, reason = "clippy.toml exempts only functions marked #[test]")]
use lab::prelude::*;
use lab::{
    generative::CodebookRule, generative::Coupling, train::is_host, train::testing::device,
    train::testing::downloads,
};
use std::process::Command;

/// Readings in `steps` steps without a row of metrics; their number, and what may be read in them.
fn of(mut learner: impl Learner, steps: usize) -> u64 {
    let (mut log, before) = (Log::default(), downloads());
    for _ in 0..steps {
        learner.step(&mut log).unwrap();
    }
    downloads() - before
}

fn catch() -> MakeEnv {
    Box::new(|| Box::new(Catch::default()))
}

/// Once for all environments together: their actions.
#[test]
fn agents_read_actions_and_what_a_rollout_is_judged_by() {
    if elsewhere("agents_read_actions_and_what_a_rollout_is_judged_by") {
        return;
    }
    let hidden = Hidden::Each(8);
    let config =
        DqnConfig { warmup: 40, hidden: hidden.clone(), n_envs: 4, ..DqnConfig::default() };
    assert_eq!(of(Dqn::new(catch(), config, 1, device()).unwrap(), 100), 100);
    let (rollout, n_envs) = (10, 4);
    let config =
        PpoConfig { rollout, n_envs, batch: 20, hidden: hidden.clone(), ..PpoConfig::default() };
    // Of ten rollouts: the values of states and of the next ones, and the old policy.
    assert_eq!(of(Ppo::new(catch(), config, 1, device()).unwrap(), 100), 100 + 10 * 3);
    let config = ActorCriticConfig {
        rollout,
        n_envs,
        hidden: hidden.clone(),
        ..ActorCriticConfig::default()
    };
    let pqn =
        PqnConfig { rollout, n_envs, batch: 20, hidden: hidden.clone(), ..PqnConfig::default() };
    // The values of states and of the next ones.
    assert_eq!(of(Pqn::new(catch(), pqn, 1, device()).unwrap(), 100), 100 + 10 * 2);
    assert_eq!(of(ActorCritic::new(catch(), config, 1, device()).unwrap(), 100), 100 + 10 * 2);
    let config = ReinforceConfig { episodes: 4, n_envs, hidden, ..ReinforceConfig::default() };
    // Every episode has nine steps.
    assert_eq!(of(Reinforce::new(catch(), config, 1, device()).unwrap(), 90), 90 + 10);
}

#[test]
fn models_read_nothing() {
    if elsewhere("models_read_nothing") {
        return;
    }
    let dataset =
        bars(&BarsConfig { side: 8, n_train: 60, n_test: 20, ..BarsConfig::default() }).unwrap();
    let images = || dataset.clone().images().unwrap();
    let (batch, steps) = (20, 10);
    let config = VaeConfig { hidden: 16, latents: 3, batch, ..VaeConfig::default() };
    assert_eq!(of(Vae::new(images(), config, 1, device()).unwrap(), steps), 0);
    let config = MadeConfig { hidden: 16, batch, ..MadeConfig::default() };
    assert_eq!(of(made(images(), &config, 1, device()).unwrap(), steps), 0);
    let config =
        PixelCnnConfig { features: 8, blocks: 1, hidden: 8, batch, ..PixelCnnConfig::default() };
    assert_eq!(of(pixelcnn(images(), &config, 1, device()).unwrap(), steps), 0);
    let config =
        ImageTransformerConfig { features: 8, heads: 2, blocks: 1, batch, ..Default::default() };
    assert_eq!(of(image_transformer(images(), &config, 1, device()).unwrap(), steps), 0);
    let vq_vae = |codebook| {
        let config =
            VqVaeConfig { codes: 16, channels: 8, codebook, batch, ..VqVaeConfig::default() };
        of(VqVae::new(images(), config, 1, device()).unwrap(), steps)
    };
    assert_eq!(vq_vae(CodebookRule::Loss), 0);
    // Moving averages are the host's: codes, latent vectors and the codebook.
    assert_eq!(vq_vae(CodebookRule::Ema), 3 * steps as u64);
    let config = FlowMatchingConfig { hidden: 8, batch, ..FlowMatchingConfig::default() };
    let flow = |config| FlowMatching::new(dataset.clone(), config, 1, device()).unwrap();
    assert_eq!(of(flow(config.clone()), steps), 0);
    // The host pairs noise and data.
    let coupling = Coupling::OptimalTransport;
    assert_eq!(of(flow(FlowMatchingConfig { coupling, ..config }), steps), steps as u64);
    let config = FlowConfig { hidden: 8, blocks: 2, batch, ..FlowConfig::default() };
    assert_eq!(of(Flow::new(dataset.clone(), config, 1, device()).unwrap(), steps), 0);
    let config = DiffusionConfig { hidden: 8, batch, ..DiffusionConfig::default() };
    assert_eq!(of(Diffusion::new(dataset.clone(), config, 1, device()).unwrap(), steps), 0);
    let config = GanConfig { hidden: 8, latents: 4, batch, ..GanConfig::default() };
    // Two conditions that are watched, a hundred steps of the discriminator at once.
    assert_eq!(of(Gan::new(dataset.clone(), config, 1, device()).unwrap(), 400), 2 * 2);
}

/// Returns `true` where the kernels are on, after running the test `name` in a process where they are off: from the
/// CPU's own memory everything is read at once.
fn elsewhere(name: &str) -> bool {
    if !is_host(device()) {
        return false;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact"])
        .env("LAB_CPU_KERNELS", "off")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
    true
}
