//! Wrong usage: one sentence that names the flag, file or value and what to do.

/// The user asked for something that can't be; the program ends with exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

impl Usage {
    /// `name` is none of the `known` names of a `what`.
    pub fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Self {
        let known: Vec<_> = known.collect();
        let distance = |candidate: &str| strsim::damerau_levenshtein(name, candidate);
        let nearest = known.iter().copied().min_by_key(|candidate| distance(candidate));
        // Further off than half its letters, a name is no typing error.
        let near = nearest.filter(|candidate| 2 * distance(candidate) <= candidate.len());
        Self(match near {
            Some(nearest) => format!("unknown {what} `{name}`; did you mean `{nearest}`?"),
            None => format!("unknown {what} `{name}`; there are {}", known.join(", ")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_the_nearest_name_if_one_is_near() {
        let message = |name| {
            Usage::unknown("environment", name, ["breakout", "catch"].into_iter()).to_string()
        };
        assert_eq!(message("braekout"), "unknown environment `braekout`; did you mean `breakout`?");
        assert_eq!(message("pong"), "unknown environment `pong`; there are breakout, catch");
    }
}
