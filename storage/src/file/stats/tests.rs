//! The text form of statistics, tested from outside.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, BooleanArray, Date32Array, Decimal128Array,
    FixedSizeBinaryArray, Float32Array, Float64Array, Int64Array, StringViewArray,
    Time64MicrosecondArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int64Type, TimestampMicrosecondType,
};

use crate::error::ErrorKind;
use crate::file::stats::running::BoundTexts;
use crate::file::stats::{BOUND_BYTES_MAX, Bound, RunningBounds, bounds_array, outer_bound};
use crate::types::ColumnType;

fn bounds(column_type: ColumnType, array: impl Array) -> BoundTexts {
    let mut running = RunningBounds::new(column_type, false);
    // In two parts, so that running on is tested too.
    let half = array.len() / 2;
    running.update(array.slice(0, half).as_ref()).unwrap();
    running
        .update(array.slice(half, array.len() - half).as_ref())
        .unwrap();
    running.finish()
}

fn check(column_type: ColumnType, array: impl Array, min: &str, max: &str) {
    let texts = bounds(column_type, array);
    assert_eq!(
        (texts.min.as_deref(), texts.max.as_deref()),
        (Some(min), Some(max))
    );
}

const DECIMAL: ColumnType = ColumnType::Numeric {
    precision: 5,
    scale: 2,
};
const BC_44: i64 = -63_517_824_000_000_000;

/// The texts are those that DuckDB 1.5.5 wrote for the same values.
#[test]
fn texts_are_those_of_duckdb() {
    check(
        ColumnType::Boolean,
        BooleanArray::from(vec![Some(true), None, Some(false)]),
        "0",
        "1",
    );
    check(ColumnType::Int64, Int64Array::from(vec![-4, 4]), "-4", "4");
    let unsigned = UInt64Array::from(vec![4, u64::MAX]);
    check(ColumnType::UInt64, unsigned, "4", "18446744073709551615");
    let decimals = Decimal128Array::from(vec![-50, 50]).with_data_type(DECIMAL.arrow_type());
    check(DECIMAL, decimals, "-0.50", "0.50");
    let unbounded = vec![-1_234_567_890_123_456_789, 1_234_567_890_123_456_789];
    let unbounded =
        Decimal128Array::from(unbounded).with_data_type(ColumnType::NumericUnbounded.arrow_type());
    let (min, max) = ("-123456789.0123456789", "123456789.0123456789");
    check(ColumnType::NumericUnbounded, unbounded, min, max);
    let dates = Date32Array::from(vec![i32::MAX, (BC_44 / 86_400_000_000) as i32, 19_724]);
    check(ColumnType::Date, dates, "0044-03-15 (BC)", "infinity");
    let times = Time64MicrosecondArray::from(vec![0, 86_400_000_000, 45_296_789_000]);
    check(ColumnType::Time, times, "00:00:00", "24:00:00");
    check(
        ColumnType::Time,
        Time64MicrosecondArray::from(vec![45_296_789_000]),
        "12:34:56.789",
        "12:34:56.789",
    );
    let stamps = TimestampMicrosecondArray::from(vec![1_704_164_645_000_000, -i64::MAX]);
    check(
        ColumnType::Timestamp,
        stamps,
        "-infinity",
        "2024-01-02 03:04:05",
    );
    let zoned = TimestampMicrosecondArray::from(vec![BC_44, i64::MAX]).with_timezone("UTC");
    check(
        ColumnType::TimestampTz,
        zoned,
        "0044-03-15 (BC) 00:00:00+00",
        "infinity",
    );
    check(
        ColumnType::Float32,
        Float32Array::from(vec![1e-10, 123_456_790.0]),
        "1e-10",
        "123456790.0",
    );
    check(
        ColumnType::Float64,
        Float64Array::from(vec![0.0, f64::INFINITY]),
        "0.0",
        "inf",
    );
    check(
        ColumnType::Bytea,
        BinaryViewArray::from(vec![&b"\xABab"[..], b""]),
        "",
        "AB6162",
    );
    check(
        ColumnType::Text,
        StringViewArray::from(vec!["abc", "z"]),
        "abc",
        "z",
    );
    let id = uuid::Uuid::from_u128(0x00112233_4455_6677_8899_aabbccddeeff);
    let ids = FixedSizeBinaryArray::try_from_iter([id.into_bytes()].into_iter()).unwrap();
    check(ColumnType::Uuid, ids, &id.to_string(), &id.to_string());
}

#[test]
fn nan_is_outside_and_always_reported() {
    let texts = bounds(
        ColumnType::Float64,
        Float64Array::from(vec![f64::NAN, 1.5, 2.5]),
    );
    assert_eq!(texts.min.as_deref(), Some("1.5"));
    assert_eq!(texts.max.as_deref(), Some("2.5"));
    assert_eq!(texts.contains_nan, Some(true));
    let texts = bounds(
        ColumnType::Float32,
        Float32Array::from(vec![Some(1.0), None]),
    );
    assert_eq!(texts.contains_nan, Some(false));
    let texts = bounds(ColumnType::Float64, Float64Array::from(vec![f64::NAN]));
    assert_eq!(
        (texts.min, texts.max, texts.contains_nan),
        (None, None, Some(true))
    );
    assert_eq!(
        bounds(ColumnType::Int64, Int64Array::from(vec![1])).contains_nan,
        None
    );
}

#[test]
fn long_text_is_cut_outwards_at_a_character() {
    let long = "é".repeat(200);
    let texts = bounds(ColumnType::Text, StringViewArray::from(vec![long.as_str()]));
    let (min, max) = (texts.min.unwrap(), texts.max.unwrap());
    assert!(min.len() <= BOUND_BYTES_MAX && max.len() <= BOUND_BYTES_MAX);
    assert!(min.as_str() <= long.as_str() && max.as_str() > long.as_str());
    // The cut would fall into the last character.
    let split = "z".repeat(BOUND_BYTES_MAX - 1) + "é";
    let texts = bounds(
        ColumnType::Text,
        StringViewArray::from(vec![split.as_str()]),
    );
    assert_eq!(texts.max.unwrap(), "z".repeat(BOUND_BYTES_MAX - 2) + "{");
    // Nothing is above the last character.
    let last = "\u{10ffff}".repeat(100);
    let texts = bounds(ColumnType::Text, StringViewArray::from(vec![last.as_str()]));
    assert!(texts.min.is_some() && texts.max.is_none());
    // Surrogates are passed over.
    let edge = "\u{d7ff}".repeat(100);
    let texts = bounds(ColumnType::Text, StringViewArray::from(vec![edge.as_str()]));
    assert!(texts.max.unwrap() > edge);
}

#[test]
fn long_bytes_are_cut_outwards() {
    let long = [b"a".repeat(BOUND_BYTES_MAX - 1), vec![0xff; 10]].concat();
    let texts = bounds(
        ColumnType::Bytea,
        BinaryViewArray::from(vec![long.as_slice()]),
    );
    let max = bounds_array(&ColumnType::Bytea, Bound::Max, [texts.max.as_deref()]);
    assert!(max.as_binary_view().value(0) > long.as_slice());
    let full = vec![0xff; 300];
    let texts = bounds(
        ColumnType::Bytea,
        BinaryViewArray::from(vec![full.as_slice()]),
    );
    assert_eq!(texts.max, None);
}

#[test]
fn second_value_with_the_same_cut_prefix_stays_inside() {
    let stem = "p".repeat(BOUND_BYTES_MAX);
    let values = [format!("{stem}z"), format!("{stem}a"), stem.clone()];
    let texts = bounds(ColumnType::Text, StringViewArray::from_iter_values(&values));
    assert!(texts.max.unwrap() > values[0]);
    assert_eq!(texts.min.unwrap(), stem);
}

#[test]
fn text_with_nul_has_no_bound() {
    let texts = bounds(ColumnType::Text, StringViewArray::from(vec!["a\0b", "c"]));
    assert_eq!((texts.min, texts.max.as_deref()), (None, Some("c")));
}

#[test]
fn types_without_order_have_no_bounds() {
    let texts = bounds(ColumnType::Json, StringViewArray::from(vec!["{}"]));
    assert_eq!(texts, BoundTexts::default());
    let mut nested = RunningBounds::new(ColumnType::Float64, true);
    nested.update(&Float64Array::from(vec![f64::NAN])).unwrap();
    let expected = BoundTexts {
        contains_nan: Some(true),
        ..BoundTexts::default()
    };
    assert_eq!(nested.finish(), expected);
}

#[test]
fn decimal_with_too_many_digits_is_refused() {
    let array = Decimal128Array::from(vec![100_000]).with_data_type(DECIMAL.arrow_type());
    let mut running = RunningBounds::new(DECIMAL, false);
    assert_eq!(
        running.update(&array).unwrap_err().kind,
        ErrorKind::Internal
    );
}

/// What is written is read back as the same values, in the column's own type.
#[test]
fn bounds_read_back() {
    let arrays: Vec<(ColumnType, ArrayRef)> = vec![
        (
            ColumnType::Int64,
            Arc::new(Int64Array::from(vec![i64::MIN, i64::MAX])),
        ),
        (
            ColumnType::Date,
            Arc::new(Date32Array::from(vec![-800_000, 3_000_000])),
        ),
        (
            ColumnType::Timestamp,
            Arc::new(TimestampMicrosecondArray::from(vec![
                -i64::MAX,
                253_402_300_800_000_001,
            ])),
        ),
        (
            ColumnType::TimestampTz,
            Arc::new(TimestampMicrosecondArray::from(vec![-1, 1]).with_timezone("UTC")),
        ),
        (
            ColumnType::Time,
            Arc::new(Time64MicrosecondArray::from(vec![1, 86_400_000_000])),
        ),
        (
            ColumnType::Float64,
            Arc::new(Float64Array::from(vec![-1.234_567_890_123e-300, 1e300])),
        ),
        (
            ColumnType::Float32,
            Arc::new(Float32Array::from(vec![-0.1, 3.4e38])),
        ),
        (
            DECIMAL,
            Arc::new(Decimal128Array::from(vec![-1, 99_999]).with_data_type(DECIMAL.arrow_type())),
        ),
        (
            ColumnType::Text,
            Arc::new(StringViewArray::from(vec!["", "한글 'x'"])),
        ),
        (
            ColumnType::Bytea,
            Arc::new(BinaryViewArray::from(vec![&b""[..], b"\x00\xff"])),
        ),
        (
            ColumnType::Boolean,
            Arc::new(BooleanArray::from(vec![false, true])),
        ),
    ];
    for (column_type, array) in arrays {
        let texts = bounds(column_type.clone(), Arc::clone(&array));
        let min = bounds_array(&column_type, Bound::Min, [texts.min.as_deref()]);
        let max = bounds_array(&column_type, Bound::Max, [texts.max.as_deref()]);
        assert_eq!(&min, &array.slice(0, 1), "{texts:?}");
        assert_eq!(&max, &array.slice(1, 1), "{texts:?}");
        assert_eq!(min.data_type(), &column_type.arrow_type());
    }
}

#[test]
fn other_spellings_and_nonsense() {
    let flags = [Some("true"), Some("0"), Some("maybe"), None];
    let array = bounds_array(&ColumnType::Boolean, Bound::Max, flags);
    let read: Vec<_> = array.as_boolean().iter().collect();
    assert_eq!(read, [Some(true), Some(false), None, None]);
    let numbers = bounds_array(
        &ColumnType::Int32,
        Bound::Min,
        [Some("3000000000"), Some("1.5")],
    );
    assert_eq!(numbers.null_count(), 2);
    let nan = bounds_array(
        &ColumnType::Float64,
        Bound::Max,
        [Some("nan"), Some("-inf")],
    );
    assert!(nan.is_null(0));
    assert_eq!(
        nan.as_primitive::<Float64Type>().value(1),
        f64::NEG_INFINITY
    );
    let escaped = bounds_array(&ColumnType::Bytea, Bound::Max, [Some("\\xAB")]);
    assert!(escaped.is_null(0));
    // A nanosecond cannot be kept, in either direction.
    let nanos = [
        Some("2024-01-01 00:00:01.123456789"),
        Some("2024-01-01 00:00:01.123456000"),
    ];
    let stamps = bounds_array(&ColumnType::Timestamp, Bound::Max, nanos);
    assert!(stamps.is_null(0) && !stamps.is_null(1));
    let zoned = bounds_array(
        &ColumnType::TimestampTz,
        Bound::Min,
        [Some("1970-01-01 09:00:00+09")],
    );
    assert_eq!(zoned.as_primitive::<TimestampMicrosecondType>().value(0), 0);
    let dates = bounds_array(
        &ColumnType::Date,
        Bound::Min,
        [Some("2024-02-30"), Some("infinity")],
    );
    assert!(dates.is_null(0));
    assert_eq!(dates.as_primitive::<Date32Type>().value(1), i32::MAX);
    let lists = ColumnType::List(Box::new(ColumnType::Int32));
    let none = bounds_array(&lists, Bound::Min, [Some("1")]);
    assert_eq!(
        (none.null_count(), none.data_type()),
        (1, &lists.arrow_type())
    );
}

/// Bounds of the narrower type that the column had before.
#[test]
fn widened_columns_round_outwards() {
    let column_type = ColumnType::Float64;
    let read = |bound, text| {
        bounds_array(&column_type, bound, [Some(text)])
            .as_primitive::<Float64Type>()
            .value(0)
    };
    assert_eq!(read(Bound::Max, "0.1"), f64::from(0.1f32));
    assert_eq!(read(Bound::Min, "0.1"), 0.1);
    assert_eq!(read(Bound::Max, "0.10000000000000001"), 0.1);
    assert!(read(Bound::Max, "0").is_sign_positive() && read(Bound::Min, "0").is_sign_negative());
    let decimal = |bound, text| {
        bounds_array(&DECIMAL, bound, [Some(text)])
            .as_primitive::<Decimal128Type>()
            .value(0)
    };
    assert_eq!(
        (decimal(Bound::Min, "1.234"), decimal(Bound::Max, "1.234")),
        (123, 124)
    );
    assert_eq!(
        (decimal(Bound::Min, "-1.234"), decimal(Bound::Max, "-1.234")),
        (-124, -123)
    );
    assert_eq!(decimal(Bound::Min, "7"), 700);
    let stamp = bounds_array(&ColumnType::Timestamp, Bound::Min, [Some("1970-01-02")]);
    assert_eq!(
        stamp.as_primitive::<TimestampMicrosecondType>().value(0),
        86_400_000_000
    );
    let real = bounds_array(&ColumnType::Float32, Bound::Min, [Some("1e-10")]);
    assert_eq!(real.as_primitive::<Float32Type>().value(0), 1e-10);
    let wide = bounds_array(&ColumnType::Int64, Bound::Min, [Some("-5")]);
    assert_eq!(wide.as_primitive::<Int64Type>().value(0), -5);
}

#[test]
fn outer_bound_of_a_table() {
    let outer = |bound, a, b| outer_bound(&ColumnType::Int64, bound, a, b);
    assert_eq!(
        outer(Bound::Min, Some("9"), Some("10")).as_deref(),
        Some("9")
    );
    assert_eq!(
        outer(Bound::Max, Some("9"), Some("10")).as_deref(),
        Some("10")
    );
    assert_eq!(outer(Bound::Max, None, Some("10")), None);
    assert_eq!(outer(Bound::Max, Some("x"), Some("10")), None);
}
