//! Which requests fetch the ranges of one read.
//!
//! A request costs some ten milliseconds before its first byte, in which a megabyte could
//! have come, so ranges that are less apart are fetched together, with what lies between.
//! One connection brings some 50 MB/s, so what is long is fetched in pieces at a time.

use std::io;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use object_store::Result;

/// Ranges that are less apart are fetched in one request.
const GAP_BYTES_MAX: u64 = 1 << 20;

/// A request for more is cut.
const REQUEST_BYTES_MAX: u64 = 16 << 20;

/// Requests in the order of their bytes; none overlaps another.
#[derive(Debug)]
pub(super) struct Requests {
    ranges: Vec<Range<u64>>,
}

impl Requests {
    /// The requests that cover `wanted`, which may be in any order and overlap.
    pub(super) fn plan(wanted: &[Range<u64>]) -> Self {
        let mut sorted: Vec<Range<u64>> = wanted
            .iter()
            .filter(|range| !range.is_empty())
            .cloned()
            .collect();
        sorted.sort_unstable_by_key(|range| range.start);
        let mut joined: Vec<Range<u64>> = Vec::with_capacity(sorted.len());
        for range in sorted {
            match joined.last_mut() {
                Some(last) if range.start <= last.end.saturating_add(GAP_BYTES_MAX) => {
                    last.end = last.end.max(range.end);
                }
                _ => joined.push(range),
            }
        }
        let mut ranges = Vec::with_capacity(joined.len());
        for range in joined {
            let mut start = range.start;
            while start < range.end {
                let end = range.end.min(start.saturating_add(REQUEST_BYTES_MAX));
                ranges.push(start..end);
                start = end;
            }
        }
        Self { ranges }
    }

    pub(super) fn ranges(&self) -> &[Range<u64>] {
        &self.ranges
    }

    /// The bytes of one of the wanted ranges. `fetched`: what each request brought.
    ///
    /// Errors: a store that sent fewer bytes than it was asked for.
    pub(super) fn cut(&self, wanted: &Range<u64>, fetched: &[Bytes]) -> Result<Bytes> {
        if wanted.is_empty() {
            return Ok(Bytes::new());
        }
        let first = self
            .ranges
            .partition_point(|range| range.end <= wanted.start);
        let mut whole = BytesMut::new();
        for (range, bytes) in self.ranges.iter().zip(fetched).skip(first) {
            if range.start >= wanted.end {
                break;
            }
            let start = index(wanted.start.saturating_sub(range.start));
            let end = index(wanted.end.min(range.end) - range.start);
            if end > bytes.len() {
                return Err(too_short());
            }
            // Nearly all lie within one request and are not copied.
            if range.start <= wanted.start && wanted.end <= range.end {
                return Ok(bytes.slice(start..end));
            }
            whole.extend_from_slice(&bytes[start..end]);
        }
        if whole.len() as u64 == wanted.end - wanted.start {
            Ok(whole.freeze())
        } else {
            Err(too_short())
        }
    }
}

fn index(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

fn too_short() -> object_store::Error {
    let text = "fewer bytes came than were asked for";
    object_store::Error::Generic {
        store: "bucket",
        source: io::Error::new(io::ErrorKind::UnexpectedEof, text).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn near_ranges_share_a_request_and_long_ones_are_cut() {
        let plan = |wanted: &[Range<u64>]| Requests::plan(wanted).ranges;
        assert_eq!(plan(&[]), Vec::<Range<u64>>::new());
        assert_eq!(
            plan(&[Range { start: 5, end: 5 }]),
            Vec::<Range<u64>>::new()
        );
        assert_eq!(
            plan(&[20..30, 0..10, 5..12]),
            vec![Range { start: 0, end: 30 }]
        );
        assert_eq!(
            plan(&[0..10, 10 + MIB..20 + MIB, 22 + 2 * MIB..23 + 2 * MIB]),
            vec![0..20 + MIB, 22 + 2 * MIB..23 + 2 * MIB]
        );
        assert_eq!(
            plan(&[Range {
                start: 1,
                end: 1 + 33 * MIB
            }]),
            vec![
                1..1 + 16 * MIB,
                1 + 16 * MIB..1 + 32 * MIB,
                1 + 32 * MIB..1 + 33 * MIB
            ]
        );
    }

    #[test]
    fn every_range_gets_its_own_bytes() {
        let object: Vec<u8> = (0..40 * MIB).map(|n| (n % 251) as u8).collect();
        let wanted = [
            3..9,
            0..4,
            MIB - 5..20 * MIB,
            39 * MIB..40 * MIB,
            7..7,
            16 * MIB - 1..16 * MIB + 1,
        ];
        let requests = Requests::plan(&wanted);
        let part = |range: &Range<u64>| &object[index(range.start)..index(range.end)];
        let fetched: Vec<Bytes> = requests
            .ranges()
            .iter()
            .map(|range| Bytes::copy_from_slice(part(range)))
            .collect();
        for range in &wanted {
            assert_eq!(requests.cut(range, &fetched).expect("bytes"), part(range));
        }
        let short: Vec<Bytes> = fetched.iter().map(|bytes| bytes.slice(..3)).collect();
        assert!(requests.cut(&(3..9), &short).is_err());
        assert!(requests.cut(&(MIB - 5..20 * MIB), &short).is_err());
    }
}
