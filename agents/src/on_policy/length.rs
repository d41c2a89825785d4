//! Length of a rollout.
use anyhow::Result;
use train::Checkpoint;

/// Length of a rollout, in steps or in episodes.
pub(super) enum Length {
    /// After T steps of each copy.
    Steps(usize),
    /// After E whole episodes. Those that are begun are finished: to take the first E to end would favour
    /// short ones.
    Episodes {
        /// E.
        episodes: usize,
        /// Episodes begun for this rollout.
        begun: usize,
        /// Marks the copies that still play an episode, `[N]`.
        playing: Vec<bool>,
    },
}

impl Length {
    /// Returns `true` if a copy is stepped.
    pub(super) fn is_playing(&self, copy: usize) -> bool {
        match self {
            Self::Steps(_) => true,
            Self::Episodes { playing, .. } => playing[copy],
        }
    }

    /// Lets a copy play on after an episode, where there is one left to begin.
    pub(super) fn end_episode(&mut self, copy: usize) {
        if let Self::Episodes { episodes, begun, playing } = self {
            playing[copy] = begun < episodes;
            *begun += usize::from(playing[copy]);
        }
    }

    /// Begins the next rollout: every copy plays.
    pub(super) fn begin(&mut self) {
        if let Self::Episodes { begun, playing, .. } = self {
            *begun = playing.len();
            playing.fill(true);
        }
    }

    /// Saves or loads which of `n` copies play.
    pub(super) fn state(&mut self, n: usize, checkpoint: &mut Checkpoint) -> Result<()> {
        let Self::Episodes { episodes, begun, playing } = self else { return Ok(()) };
        checkpoint.value("playing", playing)?;
        checkpoint.value("begun", begun)?;
        let expected = format!("{n} copies, one at play, are expected");
        checkpoint.check("playing", &expected, || playing.len() == n && playing.contains(&true))?;
        let expected = format!("{n} to {episodes} episodes are expected");
        checkpoint.check("begun", &expected, || (n..=*episodes).contains(begun))
    }
}
