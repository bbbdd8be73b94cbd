//! Rows as they stand in DataRow messages.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, StringArray};
use gotgan_sql::types::oid;

use super::*;

fn batch() -> RecordBatch {
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None, Some(-7)]));
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some(""), None]));
    RecordBatch::try_from_iter_with_nullable([("n", numbers, true), ("t", texts, true)])
        .expect("a batch")
}

fn encoded(number_format: Format) -> EncodedBatch {
    let columns = vec![
        (PgType::new(oid::INT4), number_format),
        (PgType::new(oid::TEXT), Format::Text),
    ];
    Layout::new(columns)
        .encode(&batch(), &OutputStyle::default())
        .expect("encoded")
}

#[test]
fn rows_carry_lengths_and_nulls() {
    let mut output = BytesMut::new();
    let mut rows = encoded(Format::Text);
    assert_eq!(
        rows.append_rows(&mut output, usize::MAX, usize::MAX)
            .expect("rows"),
        3
    );
    assert!(rows.is_end());
    let expected: &[&[u8]] = &[
        b"D\0\0\0\x10\0\x02\0\0\0\x011\0\0\0\x01a",
        b"D\0\0\0\x0e\0\x02\xff\xff\xff\xff\0\0\0\0",
        b"D\0\0\0\x10\0\x02\0\0\0\x02-7\xff\xff\xff\xff",
    ];
    assert_eq!(output, expected.concat());
}

#[test]
fn a_limit_of_rows_or_bytes_stops_and_the_rest_follows() {
    let mut rows = encoded(Format::Binary);
    let mut output = BytesMut::new();
    assert_eq!(
        rows.append_rows(&mut output, 1, usize::MAX).expect("rows"),
        1
    );
    assert_eq!(&output[7..15], b"\0\0\0\x04\0\0\0\x01");
    let bytes_max = output.len() + 1;
    assert_eq!(
        rows.append_rows(&mut output, 9, bytes_max).expect("rows"),
        1
    );
    assert!(!rows.is_end());
    assert_eq!(
        rows.append_rows(&mut output, 9, usize::MAX).expect("rows"),
        1
    );
    assert!(rows.is_end());
}
