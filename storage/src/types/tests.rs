//! Column types, tested from outside.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int32Array, Int64Array, IntervalMonthDayNanoArray, ListArray,
    StringArray, StructArray, TimestampNanosecondArray, UInt64Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{
    DataType, Decimal128Type, Field, Int32Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
    TimestampMicrosecondType,
};

use crate::error::ErrorKind;
use crate::types::{ColumnType, PG_TYPE_KEY, Refinement};

fn list(element: ColumnType) -> ColumnType {
    ColumnType::List(Box::new(element))
}

/// Types that a session can declare.
fn declarable() -> Vec<ColumnType> {
    vec![
        ColumnType::Boolean,
        ColumnType::Int16,
        ColumnType::Int32,
        ColumnType::Int64,
        ColumnType::Float32,
        ColumnType::Float64,
        ColumnType::Numeric {
            precision: 12,
            scale: 2,
        },
        ColumnType::NumericUnbounded,
        ColumnType::Text,
        ColumnType::Varchar(None),
        ColumnType::Varchar(Some(10)),
        ColumnType::Char(3),
        ColumnType::Bytea,
        ColumnType::Date,
        ColumnType::Time,
        ColumnType::Timestamp,
        ColumnType::TimestampTz,
        ColumnType::Interval,
        ColumnType::Uuid,
        ColumnType::Json,
        ColumnType::Jsonb,
        list(ColumnType::Varchar(Some(7))),
        list(list(ColumnType::Interval)),
        ColumnType::Refined(Refinement::Timestamp(3)),
        ColumnType::Refined(Refinement::TimestampTz(0)),
        ColumnType::Refined(Refinement::Time(6)),
        ColumnType::Refined(Refinement::Interval(2)),
        ColumnType::Refined(Refinement::Name),
        ColumnType::Refined(Refinement::Character),
        list(ColumnType::Refined(Refinement::Oid)),
    ]
}

/// What the catalog would give back: the lake's name and the nested fields'.
fn through_lake(column_type: &ColumnType) -> ColumnType {
    let children = column_type
        .children()
        .into_iter()
        .map(|(name, inner)| (name, through_lake(&inner)))
        .collect();
    ColumnType::parse_lake(&column_type.lake_name(), children)
}

#[test]
fn declared_name_reads_back() {
    for column_type in declarable() {
        let text = column_type.declared_name();
        assert_eq!(
            ColumnType::parse_declared(&text),
            Some(column_type),
            "{text}"
        );
    }
    assert_eq!(ColumnType::parse_declared("numeric(1"), None);
    assert_eq!(ColumnType::parse_declared("elephant"), None);
}

#[test]
fn lake_name_reads_back_unless_it_is_said_to_lose() {
    for column_type in declarable() {
        let is_kept = through_lake(&column_type) == column_type;
        assert_eq!(
            is_kept,
            !column_type.needs_declared_name(),
            "{column_type:?}"
        );
    }
}

/// Names and shapes as DuckDB 1.5.5 recorded them for one column of each type.
#[test]
fn lake_names_of_duckdb_are_understood() {
    let parse = |text| ColumnType::parse_lake(text, Vec::new());
    assert_eq!(parse("uint64"), ColumnType::UInt64);
    assert_eq!(parse("int128"), ColumnType::HugeInt);
    assert_eq!(
        parse("decimal(38,10)"),
        ColumnType::Numeric {
            precision: 38,
            scale: 10
        }
    );
    assert_eq!(parse("timestamp_ns"), ColumnType::Timestamp);
    assert_eq!(
        parse("interval"),
        ColumnType::Unsupported("interval".to_owned())
    );
    assert_eq!(
        parse("decimal(39,0)"),
        ColumnType::Unsupported("decimal(39,0)".to_owned())
    );
    assert_eq!(parse("list"), ColumnType::Unsupported("list".to_owned()));
    let pair = vec![
        ("key".to_owned(), ColumnType::Text),
        ("value".to_owned(), ColumnType::Int32),
    ];
    let map = ColumnType::Map(Box::new(ColumnType::Text), Box::new(ColumnType::Int32));
    assert_eq!(ColumnType::parse_lake("map", pair), map);
}

#[test]
fn element_carries_the_postgres_type() {
    let DataType::List(element) = list(ColumnType::Varchar(Some(7))).arrow_type() else {
        panic!("a list is a list");
    };
    assert_eq!(element.name(), "element");
    assert_eq!(
        element.metadata().get(PG_TYPE_KEY).map(String::as_str),
        Some("varchar/11")
    );
}

#[test]
fn interval_goes_through_its_struct() {
    let intervals = IntervalMonthDayNanoArray::from(vec![
        Some(IntervalMonthDayNano::new(14, -3, 1_500_000)),
        None,
    ]);
    let logical: ArrayRef = Arc::new(intervals);
    let stored = ColumnType::Interval.to_stored(&logical).unwrap();
    assert_eq!(stored.data_type(), &ColumnType::Interval.stored_type());
    let back = ColumnType::Interval.to_logical(&stored).unwrap();
    assert_eq!(&back, &logical);
    assert_eq!(
        back.as_primitive::<IntervalMonthDayNanoType>()
            .value(0)
            .nanoseconds,
        1_500_000
    );
}

#[test]
fn interval_beyond_nanoseconds_is_an_error() {
    let DataType::Struct(fields) = ColumnType::Interval.stored_type() else {
        panic!("an interval is stored as a struct");
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(vec![0])),
        Arc::new(Int32Array::from(vec![0])),
        Arc::new(Int64Array::from(vec![i64::MAX / 10])),
    ];
    let stored: ArrayRef = Arc::new(StructArray::new(fields, columns, None));
    let error = ColumnType::Interval.to_logical(&stored).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
}

/// A list as another engine names and types it becomes ours, nulls and slices included.
#[test]
fn list_is_rebuilt_with_our_element() {
    let field = Arc::new(Field::new("item", DataType::Int32, false));
    let values = Arc::new(Int32Array::from(vec![1, 2, 3, 4]));
    let offsets = OffsetBuffer::from_lengths([1, 0, 2, 1]);
    let source = ListArray::new(
        field,
        offsets,
        values,
        Some(vec![true, false, true, true].into()),
    );
    let sliced: ArrayRef = Arc::new(source.slice(1, 3));
    let column_type = list(ColumnType::Int64);
    let stored = column_type.to_stored(&sliced).unwrap();
    assert_eq!(stored.data_type(), &column_type.stored_type());
    assert!(stored.is_null(0));
    let element = stored.as_list::<i32>().value(1);
    assert_eq!(
        element
            .as_primitive::<arrow::datatypes::Int64Type>()
            .values(),
        &[2, 3]
    );
}

#[test]
fn narrower_and_foreign_files_become_the_logical_type() {
    let narrow: ArrayRef = Arc::new(Int32Array::from(vec![7]));
    let wide = ColumnType::Int64.to_logical(&narrow).unwrap();
    assert_eq!(wide.data_type(), &DataType::Int64);
    let decimal = ColumnType::Numeric {
        precision: 12,
        scale: 2,
    }
    .to_logical(&narrow)
    .unwrap();
    assert_eq!(decimal.as_primitive::<Decimal128Type>().value(0), 700);
    let unsigned: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX]));
    let decimal = ColumnType::UInt64.to_logical(&unsigned).unwrap();
    assert_eq!(
        decimal.as_primitive::<Decimal128Type>().value(0),
        i128::from(u64::MAX)
    );
    let nanos: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![1_234_567]));
    let micros = ColumnType::Timestamp.to_logical(&nanos).unwrap();
    assert_eq!(
        micros.as_primitive::<TimestampMicrosecondType>().value(0),
        1_234
    );
    let text: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
    let view = ColumnType::Text.to_logical(&text).unwrap();
    assert_eq!(view.as_string_view().value(0), "a");
    let column_type = ColumnType::Unsupported("geometry".to_owned());
    assert_eq!(
        column_type.to_logical(&text).unwrap_err().kind,
        ErrorKind::Unsupported
    );
}

#[test]
fn value_that_does_not_fit_is_an_error() {
    let wide: ArrayRef = Arc::new(Int32Array::from(vec![300]));
    assert!(ColumnType::Int8.to_stored(&wide).is_err());
    let bytes = ColumnType::UInt8.to_stored(&(Arc::new(Int32Array::from(vec![200])) as ArrayRef));
    assert_eq!(bytes.unwrap().data_type(), &DataType::UInt8);
    assert_eq!(wide.as_primitive::<Int32Type>().value(0), 300);
}
