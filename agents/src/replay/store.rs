//! Observations in their own element type.
use bytemuck::cast_slice_mut;
use envs::Element;

/// Observations, one row each, in their own element type.
pub(super) struct Store {
    /// Floats in an observation.
    obs_len: usize,
    rows: Storage,
}

enum Storage {
    /// The 64 observations' elements of a word, lowest bit first.
    Bits(Vec<u64>),
    Bytes(Vec<u8>),
    Floats(Vec<f32>),
}

impl Store {
    pub(super) fn new(capacity: usize, obs_len: usize, element: Element) -> Self {
        let rows = match element {
            Element::Bit => Storage::Bits(vec![0; capacity * obs_len.div_ceil(64)]),
            Element::Byte => Storage::Bytes(vec![0; capacity * obs_len]),
            Element::Float => Storage::Floats(vec![0.0; capacity * obs_len]),
        };
        Self { obs_len, rows }
    }

    pub(super) fn write(&mut self, row: usize, obs: &[f32]) {
        let (n, words) = (self.obs_len, self.obs_len.div_ceil(64));
        match &mut self.rows {
            Storage::Bits(rows) => {
                for (word, bits) in rows[row * words..][..words].iter_mut().zip(obs.chunks(64)) {
                    *word =
                        bits.iter().rev().fold(0, |word, &bit| word << 1 | u64::from(bit != 0.0));
                }
            }
            Storage::Bytes(rows) => {
                for (to, &value) in rows[row * n..][..n].iter_mut().zip(obs) {
                    *to = Element::byte(value);
                }
            }
            Storage::Floats(rows) => rows[row * n..][..n].copy_from_slice(obs),
        }
    }

    /// Writes the observations in `rows` one after the other, `[rows, obs_len]`.
    pub(super) fn gather(&self, rows: &[usize], to: &mut [f32]) {
        let (n, words) = (self.obs_len, self.obs_len.div_ceil(64));
        for (to, &row) in to.chunks_exact_mut(n).zip(rows) {
            match &self.rows {
                Storage::Bits(from) => {
                    for (to, &word) in to.chunks_mut(64).zip(&from[row * words..][..words]) {
                        for (i, to) in to.iter_mut().enumerate() {
                            *to = (word >> i & 1) as f32;
                        }
                    }
                }
                Storage::Bytes(from) => {
                    for (to, &value) in to.iter_mut().zip(&from[row * n..][..n]) {
                        *to = Element::part(value);
                    }
                }
                Storage::Floats(from) => to.copy_from_slice(&from[row * n..][..n]),
            }
        }
    }

    /// The numbers of the first `len` rows, where they may be NaN or infinite.
    pub(super) fn floats(&self, len: usize) -> &[f32] {
        match &self.rows {
            Storage::Floats(rows) => &rows[..len * self.obs_len],
            Storage::Bits(_) | Storage::Bytes(_) => &[],
        }
    }

    /// The bytes of the first `len` rows.
    pub(super) fn bytes(&mut self, len: usize) -> &mut [u8] {
        let (n, words) = (self.obs_len, self.obs_len.div_ceil(64));
        match &mut self.rows {
            Storage::Bits(rows) => cast_slice_mut(&mut rows[..len * words]),
            Storage::Bytes(rows) => &mut rows[..len * n],
            Storage::Floats(rows) => cast_slice_mut(&mut rows[..len * n]),
        }
    }
}
