//! Attention to cached keys and values.

/// Attention of the last position of `cache` `[positions, n, 3F]` to all, `[n, F]`.
pub(super) fn attend(cache: &[f32], n: usize, heads: usize, features: usize) -> Vec<f32> {
    let (each, row) = (features / heads, 3 * features);
    let positions = cache.len() / (n * row);
    let scale = (each as f32).sqrt().recip();
    let mut out = vec![0.0; n * features];
    let mut weights = vec![0.0; positions];
    for (i, out) in out.chunks_exact_mut(features).enumerate() {
        let at = |position: usize| &cache[(position * n + i) * row..][..row];
        for (head, out) in out.chunks_exact_mut(each).enumerate() {
            let part = |position: usize, which: usize| {
                &at(position)[which * features + head * each..][..each]
            };
            let q = part(positions - 1, 0);
            for (position, weight) in weights.iter_mut().enumerate() {
                let dot: f32 = q.iter().zip(part(position, 1)).map(|(q, k)| q * k).sum();
                *weight = dot * scale;
            }
            let largest = weights.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            weights.iter_mut().for_each(|weight| *weight = (*weight - largest).exp());
            let sum: f32 = weights.iter().sum();
            for (position, weight) in weights.iter().enumerate() {
                let values = part(position, 2).iter();
                out.iter_mut().zip(values).for_each(|(out, v)| *out += weight / sum * v);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attention_by_hand() {
        // One head of one feature: queries 1 and 1, keys 0 and log 3, values 4 and 8: ¼·4 + ¾·8.
        let cache = [1.0, 0.0, 4.0, 1.0, 3f32.ln(), 8.0];
        assert!((attend(&cache, 1, 1, 1)[0] - 7.0).abs() < 1e-5);
    }
}
