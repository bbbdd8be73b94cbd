//! Lines in all three formats; expected texts are PostgreSQL 15's.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, StringArray};

use gotgan_sql::copy::Columns;

use super::*;

/// PostgreSQL's defaults.
fn of(kind: Kind) -> CopyFormat {
    let is_csv = kind == Kind::Csv;
    CopyFormat {
        kind,
        delimiter: if is_csv { b',' } else { b'\t' },
        null: if is_csv {
            String::new()
        } else {
            "\\N".to_owned()
        },
        header: Header::Absent,
        quote: b'"',
        escape: b'"',
        force_quote: Columns::Named(Vec::new()),
        force_null: Columns::Named(Vec::new()),
        force_not_null: Columns::Named(Vec::new()),
    }
}

fn column(name: &str, type_oid: u32) -> ColumnDescription {
    ColumnDescription {
        name: name.to_owned(),
        type_oid,
        type_modifier: -1,
        type_bytes: -1,
        table_oid: 0,
        column_number: 0,
    }
}

/// The payloads of the messages for two columns.
fn lines(format: CopyFormat) -> Vec<Vec<u8>> {
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None]));
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("a\t\"b\",\\\n"), Some("")]));
    let batch =
        RecordBatch::try_from_iter_with_nullable([("n", numbers, true), ("t", texts, true)])
            .expect("a batch");
    let columns = [column("n", oid::INT4), column("t\tt", oid::TEXT)];
    let mut lines = Lines::new(format, &columns);
    let mut output = BytesMut::new();
    lines.append_header(&mut output);
    let mut encoded = lines
        .encode(&batch, &OutputStyle::default())
        .expect("encoded");
    assert_eq!(lines.append(&mut encoded, &mut output, usize::MAX), 2);
    assert!(encoded.is_end());
    lines.append_trailer(&mut output);
    let mut payloads = Vec::new();
    while !output.is_empty() {
        assert_eq!(output[0], b'd');
        let length = u32::from_be_bytes([output[1], output[2], output[3], output[4]]);
        payloads.push(output.split_to(length as usize + 1)[5..].to_vec());
    }
    payloads
}

fn texts(format: CopyFormat) -> Vec<String> {
    lines(format)
        .into_iter()
        .map(|line| String::from_utf8(line).expect("UTF-8"))
        .collect()
}

#[test]
fn text_escapes_and_names_null() {
    let format = of(Kind::Text);
    assert_eq!(texts(format), ["1\ta\\t\"b\",\\\\\\n\n", "\\N\t\n"]);
    let format = CopyFormat {
        header: Header::Present,
        delimiter: b',',
        ..of(Kind::Text)
    };
    assert_eq!(
        texts(format),
        ["n,t\\tt\n", "1,a\\t\"b\"\\,\\\\\\n\n", "\\N,\n"]
    );
}

#[test]
fn csv_quotes_what_must_be_quoted() {
    let format = CopyFormat {
        header: Header::Present,
        ..of(Kind::Csv)
    };
    assert_eq!(
        texts(format),
        ["n,t\tt\n", "1,\"a\t\"\"b\"\",\\\n\"\n", ",\"\"\n"]
    );
    let format = CopyFormat {
        force_quote: Columns::All,
        escape: b'\\',
        null: "NIL".to_owned(),
        ..of(Kind::Csv)
    };
    assert_eq!(
        texts(format),
        ["\"1\",\"a\t\\\"b\\\",\\\\\n\"\n", "NIL,\"\"\n"]
    );
}

#[test]
fn binary_begins_and_ends_as_the_manual_says() {
    let lines = lines(of(Kind::Binary));
    assert_eq!(lines.len(), 3);
    let first = [
        BINARY_HEADER,
        b"\0\x02\0\0\0\x04\0\0\0\x01\0\0\0\x09a\t\"b\",\\\n",
    ]
    .concat();
    assert!(lines[0].starts_with(&first[..BINARY_HEADER.len() + 10]));
    assert_eq!(lines[1], b"\0\x02\xff\xff\xff\xff\0\0\0\0");
    assert_eq!(lines[2], b"\xff\xff");
}
