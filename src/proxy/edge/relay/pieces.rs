//! Pieces of content that came with one reading, together.

use arrayvec::ArrayVec;

/// Maximum number of pieces that are joined to one chunk.
const MAX_PIECES: usize = 64;

/// Has `read` pass on pieces, and calls `write` with all of them, or as often as there are too many.
pub(super) fn joined<'b, T>(
    read: impl FnOnce(&mut dyn FnMut(&'b [u8])) -> T,
    mut write: impl FnMut(&[&'b [u8]]),
) -> T {
    let mut pieces = ArrayVec::<&[u8], MAX_PIECES>::new();
    let result = read(&mut |piece| {
        if pieces.is_full() {
            write(&pieces);
            pieces.clear();
        }
        pieces.push(piece);
    });
    write(&pieces);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_pieces_are_written_in_their_order_however_many_there_are() {
        let bytes: Vec<u8> = (0..=u8::MAX).collect();
        for count in [
            0,
            1,
            MAX_PIECES - 1,
            MAX_PIECES,
            MAX_PIECES + 1,
            3 * MAX_PIECES,
        ] {
            let mut written = Vec::new();
            let read = joined(
                |each| {
                    bytes[..count].chunks(1).for_each(each);
                    count
                },
                |pieces| written.extend(pieces.concat()),
            );
            assert_eq!((read, written.as_slice()), (count, &bytes[..count]));
        }
    }
}
