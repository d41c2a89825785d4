//! Sets of options that are known to work.

/// A named set of options that is known to work.
pub struct Preset {
    /// Name for `--preset`. `ALGORITHM-SUBJECT` is taken where no preset is named.
    pub name: &'static str,
    /// The file, TOML; its first comment is the line about it.
    pub text: &'static str,
}

/// The files of these names in src/registry/presets.
macro_rules! presets {
    ($($name:literal,)*) => {
        &[$(Preset {
            name: $name,
            text: include_str!(concat!("presets/", $name, ".toml")),
        },)*]
    };
}

/// The presets.
pub const PRESETS: &[Preset] = presets![
    "actor-critic-cartpole",
    "actor-critic-catch",
    "actor-critic-pendulum",
    "actor-critic-q-cartpole",
    "diffusion-gaussians-8",
    "dqn-breakout",
    "dqn-breakout-2015",
    "dqn-cartpole",
    "dqn-catch",
    "dqn-rainbow-catch",
    "flow-matching-gaussians-8",
    "gan-cs231n-conv",
    "gan-cs231n-fc",
    "gan-gaussians-8",
    "gan-glyphs",
    "gan-mnist",
    "pixelcnn-glyphs",
    "pixelcnn-mnist",
    "ppo-acrobot",
    "ppo-breakout",
    "ppo-cartpole",
    "ppo-catch",
    "ppo-gym-CartPole-v1",
    "ppo-gym-LunarLander-v3",
    "ppo-lunar-lander",
    "ppo-pendulum",
    "pqn-breakout",
    "pqn-catch",
    "reinforce-cartpole",
    "reinforce-catch",
    "vae-glyphs",
    "vae-mnist",
];

impl Preset {
    /// The line about it.
    pub fn about(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default().trim_start_matches(['#', ' '])
    }
}
