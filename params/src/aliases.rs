//! Names that other libraries have for parameters.

/// A parameter, and the names of Stable-Baselines3 and CleanRL for it, if they mean the same in the same unit.
const ALIASES: &[(&str, &[&str])] = &[
    ("alpha", &["learning_rate"]),
    ("atoms", &["n_atoms", "n_quantiles"]),
    ("batch", &["batch_size"]),
    ("clip", &["clip_range", "clip_coef"]),
    ("entropy_coef", &["ent_coef"]),
    ("epochs", &["n_epochs", "update_epochs"]),
    ("epsilon_end", &["exploration_final_eps", "end_e"]),
    ("epsilon_start", &["exploration_initial_eps", "start_e"]),
    ("hidden", &["net_arch"]),
    ("lambda", &["gae_lambda", "q_lambda"]),
    ("lr", &["learning_rate"]),
    ("n_envs", &["num_envs"]),
    ("priority_alpha", &["prioritized_replay_alpha"]),
    ("priority_beta", &["prioritized_replay_beta"]),
    ("replay", &["buffer_size"]),
    ("rollout", &["n_steps", "num_steps"]),
    ("steps", &["total_timesteps"]),
    ("target_update_interval", &["target_network_frequency"]),
    ("train_every", &["train_freq", "train_frequency"]),
    ("value_coef", &["vf_coef"]),
    ("warmup", &["learning_starts"]),
];

/// Parameters renamed since 0.1, each with its former name: run directories, configuration files and scripts may
/// still have it.
const FORMER: &[(&str, &str)] = &[("eval_images", "eval_pictures")];

/// The name that the parameter `name` had before it was renamed.
pub fn former(name: &str) -> Option<&'static str> {
    FORMER.iter().find(|(now, _)| *now == name).map(|(_, former)| *former)
}

/// The present name of the parameter that is, or was, called `name`.
pub fn renamed(name: &str) -> &str {
    FORMER.iter().find(|(_, former)| *former == name).map_or(name, |(now, _)| *now)
}

/// A parameter of Stable-Baselines3 or CleanRL that counts another thing, one of ours that does its work, and how.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    (
        "anneal_lr",
        "lr_steps",
        "give --lr-end 0 and --lr-steps, the transitions over which the learning rate falls",
    ),
    ("clip_vloss", "value_loss", "give --value-loss clipped or --value-loss mse"),
    (
        "exploration_fraction",
        "epsilon_steps",
        "is a part of the plan; give --epsilon-steps, a number of transitions",
    ),
    ("norm_adv", "advantages", "give --advantages normalised or --advantages raw"),
    ("norm_adv", "weights", "give --weights normalised or --weights raw"),
    ("normalize_advantage", "advantages", "give --advantages normalised or --advantages raw"),
    ("normalize_advantage", "weights", "give --weights normalised or --weights raw"),
    (
        "num_minibatches",
        "epochs",
        "cuts a rollout into so many batches; give --batch, the size of one: --rollout times --n-envs divided by it",
    ),
];

/// Names of other libraries that none of `names` has, each with what to give in its place.
pub fn elsewhere<'a>(names: &'a [&str]) -> impl Iterator<Item = (&'static str, &'static str)> + 'a {
    let known =
        ELSEWHERE.iter().filter(|(name, ours, _)| names.contains(ours) && !names.contains(name));
    known.map(|(name, _, why)| (*name, *why))
}

/// Other names of the parameter `name`, the best known first.
pub fn aliases(name: &str) -> &'static [&'static str] {
    ALIASES.iter().find(|(of, _)| *of == name).map_or(&[], |(_, aliases)| aliases)
}

/// The one of `names` that is called `typed`, there or elsewhere.
pub fn canonical<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = renamed(typed);
    names.into_iter().find(|name| *name == typed || aliases(name).contains(&typed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_stands_for_a_parameter_that_is_there() {
        assert_eq!(canonical("learning_rate", ["gamma", "lr"]), Some("lr"));
        assert_eq!(canonical("learning_rate", ["alpha"]), Some("alpha"));
        assert_eq!(canonical("lr", ["lr"]), Some("lr"));
        assert_eq!(canonical("buffer_size", ["lr"]), None);
        for (now, former) in FORMER {
            assert_eq!(canonical(former, [*now]), Some(*now));
        }
    }

    #[test]
    fn no_alias_is_also_a_parameter() {
        for (_, aliases) in ALIASES {
            assert!(aliases.iter().all(|alias| ALIASES.iter().all(|(name, _)| name != alias)));
        }
    }
}
