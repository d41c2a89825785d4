//! Names that other libraries have for parameters.

/// A parameter, and the names of Stable-Baselines3 and CleanRL for it, if they mean the same in the same unit.
const ALIASES: &[(&str, &[&str])] = &[
    ("alpha", &["learning_rate"]),
    ("batch", &["batch_size"]),
    ("clip", &["clip_range", "clip_coef"]),
    ("entropy_coef", &["ent_coef"]),
    ("epochs", &["n_epochs", "update_epochs"]),
    ("epsilon_end", &["exploration_final_eps", "end_e"]),
    ("epsilon_start", &["exploration_initial_eps", "start_e"]),
    ("lambda", &["gae_lambda"]),
    ("lr", &["learning_rate"]),
    ("n_envs", &["num_envs"]),
    ("replay", &["buffer_size"]),
    ("rollout", &["n_steps", "num_steps"]),
    ("steps", &["total_timesteps"]),
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
