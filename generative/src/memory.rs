//! The memory of models, counted before any of it is allocated.
//!
//! Numbers are of the parts that the user's numbers make large; what is small beside them is left out.
use train::Memory;

const FLOAT: usize = size_of::<f32>();

/// A parameter with its gradient and its two moments.
const LEARNED: usize = 4 * FLOAT;

/// A number of a layer with its gradient, and a copy.
const PASSED: usize = 3 * FLOAT;

/// Hyper-parameters with their values.
type Values<'a> = &'a [(&'a str, usize)];

/// Parameters, `weights` of them as a product, that hyper-parameter `name` of this `value` makes so many, and
/// those `with` it.
pub(crate) fn learned(
    memory: &mut Memory,
    named: (&'static str, usize),
    with: Values<'_>,
    weights: impl IntoIterator<Item = usize>,
) {
    memory.part_with(named, with, weights.into_iter().chain([LEARNED]));
}

/// Activations of a forward and backward pass: `each` numbers of each sample, as
/// hyper-parameters `with` the batch say.
pub(crate) fn pass(
    memory: &mut Memory,
    batch: usize,
    with: Values<'_>,
    each: impl IntoIterator<Item = usize>,
) {
    memory.part_with(("batch", batch), with, each.into_iter().chain([batch, PASSED]));
}

/// The sum, or the largest number.
pub(crate) fn sum(numbers: impl IntoIterator<Item = usize>) -> usize {
    numbers.into_iter().fold(0, usize::saturating_add)
}
