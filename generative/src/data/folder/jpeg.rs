//! Detection of truncated JPEG files.

const BEGIN: [u8; 2] = [0xff, 0xd8];
const END: u8 = 0xd9;

/// Returns `true` if a JPEG ends before its end marker; `false` for other files. Decoders paint missing
/// parts grey without an error.
pub(super) fn is_cut_short(bytes: &[u8]) -> bool {
    if !bytes.starts_with(&BEGIN) {
        return false;
    }
    let mut at = BEGIN.len();
    while let Some(&[first, marker]) = bytes.get(at..at + 2) {
        match (first, marker) {
            (0xff, END) => return false,
            (0xff, 0xff) => at += 1,
            // Compressed numbers, among them an escaped 255 and the marks to begin again at.
            (0xff, 0x00 | 0x01 | 0xd0..=0xd7) => at += 2,
            // A segment with its length, which may hold anything, even a small image.
            (0xff, _) => match bytes.get(at + 2..at + 4) {
                Some(length) => at += 2 + usize::from(length[0]) * 256 + usize::from(length[1]),
                None => return true,
            },
            _ => at += 1,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_looked_for_after_the_segments() {
        let segment = [0xff, 0xe1, 0, 4, 0xff, END];
        let numbers = [7, 0xff, 0x00, 9, 0xff, 0xd3, 1];
        let head = [&BEGIN[..], &segment, &[0xff, 0xda, 0, 2], &numbers].concat();
        assert!(is_cut_short(&head));
        assert!(!is_cut_short(&[&head[..], &[0xff, END]].concat()));
        assert!(!is_cut_short(&[&head[..], &[0xff, 0xff, END, 1, 2, 3]].concat()));
        assert!(is_cut_short(&[0xff, 0xd8, 0xff]));
        assert!(!is_cut_short(b"another kind of file"));
    }
}
