//! The ends of the stacks.

/// The position of a layer in the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Role {
    /// Its input h is the image, and has no residual connection.
    pub(super) first: bool,
    /// No layer reads its v.
    pub(super) last: bool,
}
