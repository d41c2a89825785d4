//! Sets of options that are known to work.

/// A named set of options that is known to work.
pub struct Preset {
    /// What `--preset` takes. `ALGORITHM-SUBJECT` is taken where no preset is named.
    pub name: &'static str,
    /// The file, TOML; its first comment is the line about it.
    pub text: &'static str,
}

/// The presets.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "actor-critic-cartpole",
        text: include_str!("../../examples/presets/actor-critic-cartpole.toml"),
    },
    Preset {
        name: "actor-critic-catch",
        text: include_str!("../../examples/presets/actor-critic-catch.toml"),
    },
    Preset {
        name: "actor-critic-pendulum",
        text: include_str!("../../examples/presets/actor-critic-pendulum.toml"),
    },
    Preset {
        name: "actor-critic-q-cartpole",
        text: include_str!("../../examples/presets/actor-critic-q-cartpole.toml"),
    },
    Preset { name: "dqn-breakout", text: include_str!("../../examples/presets/dqn-breakout.toml") },
    Preset { name: "dqn-cartpole", text: include_str!("../../examples/presets/dqn-cartpole.toml") },
    Preset { name: "dqn-catch", text: include_str!("../../examples/presets/dqn-catch.toml") },
    Preset {
        name: "gan-cs231n-conv",
        text: include_str!("../../examples/presets/gan-cs231n-conv.toml"),
    },
    Preset {
        name: "gan-cs231n-fc",
        text: include_str!("../../examples/presets/gan-cs231n-fc.toml"),
    },
    Preset {
        name: "gan-gaussians-8",
        text: include_str!("../../examples/presets/gan-gaussians-8.toml"),
    },
    Preset { name: "gan-glyphs", text: include_str!("../../examples/presets/gan-glyphs.toml") },
    Preset { name: "gan-mnist", text: include_str!("../../examples/presets/gan-mnist.toml") },
    Preset {
        name: "pixelcnn-glyphs",
        text: include_str!("../../examples/presets/pixelcnn-glyphs.toml"),
    },
    Preset {
        name: "pixelcnn-mnist",
        text: include_str!("../../examples/presets/pixelcnn-mnist.toml"),
    },
    Preset { name: "ppo-acrobot", text: include_str!("../../examples/presets/ppo-acrobot.toml") },
    Preset { name: "ppo-breakout", text: include_str!("../../examples/presets/ppo-breakout.toml") },
    Preset { name: "ppo-cartpole", text: include_str!("../../examples/presets/ppo-cartpole.toml") },
    Preset { name: "ppo-catch", text: include_str!("../../examples/presets/ppo-catch.toml") },
    Preset { name: "ppo-pendulum", text: include_str!("../../examples/presets/ppo-pendulum.toml") },
    Preset {
        name: "reinforce-cartpole",
        text: include_str!("../../examples/presets/reinforce-cartpole.toml"),
    },
    Preset {
        name: "reinforce-catch",
        text: include_str!("../../examples/presets/reinforce-catch.toml"),
    },
    Preset { name: "vae-glyphs", text: include_str!("../../examples/presets/vae-glyphs.toml") },
    Preset { name: "vae-mnist", text: include_str!("../../examples/presets/vae-mnist.toml") },
];

impl Preset {
    /// The line about it.
    pub fn about(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default().trim_start_matches(['#', ' '])
    }
}
