//! The Parquet writer, tested from outside.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryViewArray, BooleanArray, Date32Array, Decimal128Array,
    FixedSizeBinaryArray, Float32Array, Float64Array, Int16Array, Int32Array, Int64Array,
    IntervalMonthDayNanoArray, ListArray, RecordBatch, StringArray, StringViewArray,
    Time64MicrosecondArray, TimestampMicrosecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, IntervalMonthDayNano, Schema};
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{LogicalType, Type as PhysicalType};

use crate::clock::RandomIds;
use crate::error::ErrorKind;
use crate::file::write::{FileCompression, StagedFile, StagedFiles, TableWriter, WriteOptions};
use crate::object::{Fault, FaultRates, FaultStore, LocalStore, Operation, OsDisk};
use crate::snapshot::Column;
use crate::spec::ColumnId;
use crate::types::ColumnType;

/// A column with ids handed out depth first, as the catalog does.
fn column(name: &str, column_type: ColumnType, next_id: &mut i64) -> Column {
    let id = ColumnId(*next_id);
    *next_id += 1;
    let children = column_type
        .children()
        .into_iter()
        .map(|(child, inner)| column(&child, inner, next_id))
        .collect();
    Column {
        id,
        name: name.to_owned(),
        column_type,
        nullable: true,
        default: None,
        initial_default: None,
        comment: None,
        children,
    }
}

fn columns(types: impl IntoIterator<Item = ColumnType>) -> Arc<[Column]> {
    let mut next_id = 1;
    types
        .into_iter()
        .enumerate()
        .map(|(index, column_type)| column(&format!("c{index}"), column_type, &mut next_id))
        .collect()
}

fn batch(columns: &[Column], arrays: Vec<ArrayRef>) -> RecordBatch {
    let fields: Vec<Field> = columns
        .iter()
        .zip(&arrays)
        .map(|(column, array)| Field::new(&column.name, array.data_type().clone(), true))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

fn open(
    store: &Arc<dyn ObjectStore>,
    columns: &Arc<[Column]>,
    options: WriteOptions,
) -> TableWriter {
    let location = Path::from("t");
    let ids = Arc::new(RandomIds);
    TableWriter::open(
        Arc::clone(store),
        location,
        Arc::clone(columns),
        ids,
        options,
    )
    .unwrap()
}

fn memory() -> Arc<dyn ObjectStore> {
    Arc::new(InMemory::new())
}

async fn object_count(store: &Arc<dyn ObjectStore>) -> usize {
    store
        .list(None)
        .try_collect::<Vec<_>>()
        .await
        .unwrap()
        .len()
}

async fn bytes(store: &Arc<dyn ObjectStore>, file: &StagedFile) -> bytes::Bytes {
    let location = Path::from("t").join(file.file_name.as_str());
    store.get(&location).await.unwrap().bytes().await.unwrap()
}

/// The rows of a file in the logical types of the columns.
async fn read(
    store: &Arc<dyn ObjectStore>,
    file: &StagedFile,
    columns: &[Column],
) -> Vec<ArrayRef> {
    let data = bytes(store, file).await;
    assert_eq!(data.len() as u64, file.bytes);
    let footer = u32::from_le_bytes(data[data.len() - 8..data.len() - 4].try_into().unwrap());
    assert_eq!(u64::from(footer), file.footer_bytes);
    let builder = ParquetRecordBatchReaderBuilder::try_new(data).unwrap();
    let schema = Arc::clone(builder.schema());
    let batches: Vec<RecordBatch> = builder
        .with_batch_size(1 << 20)
        .build()
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let whole = arrow::compute::concat_batches(&schema, &batches).unwrap();
    assert_eq!(whole.num_rows() as u64, file.row_count);
    columns
        .iter()
        .zip(whole.columns())
        .map(|(column, array)| column.column_type.to_logical(array).unwrap())
        .collect()
}

fn list(element: ColumnType) -> ColumnType {
    ColumnType::List(Box::new(element))
}

type Case = (ColumnType, ArrayRef);

fn case(column_type: ColumnType, array: impl Array + 'static) -> Case {
    (column_type, Arc::new(array))
}

fn decimals(column_type: ColumnType, values: [i128; 2]) -> Case {
    let array = Decimal128Array::from(vec![Some(values[0]), None, Some(values[1])])
        .with_data_type(column_type.arrow_type());
    case(column_type, array)
}

fn texts(column_type: ColumnType, values: [&str; 2]) -> Case {
    let array = StringViewArray::from(vec![Some(values[0]), None, Some(values[1])]);
    case(column_type, array)
}

/// One column of every type that can be declared, with a value, a NULL and another value.
fn every_type() -> Vec<Case> {
    let numeric = |precision, scale| ColumnType::Numeric { precision, scale };
    let flags = BooleanArray::from(vec![Some(true), None, Some(false)]);
    let bytes = BinaryViewArray::from(vec![Some(&b"\x00"[..]), None, Some(b"")]);
    let ids = [Some([1u8; 16]), None, Some([255; 16])];
    let ids = FixedSizeBinaryArray::try_from_sparse_iter_with_size(ids.into_iter(), 16).unwrap();
    let stamps = TimestampMicrosecondArray::from(vec![Some(-1), None, Some(1_700_000_000_000_001)]);
    let intervals = IntervalMonthDayNanoArray::from(vec![
        Some(IntervalMonthDayNano::new(-1, 2, -3_000)),
        None,
        Some(IntervalMonthDayNano::new(0, 0, 1_000_000)),
    ]);
    let many = 10i128.pow(38) - 1;
    let mut cases = vec![
        case(ColumnType::Boolean, flags),
        case(ColumnType::Bytea, bytes),
        case(ColumnType::Uuid, ids),
        case(ColumnType::Timestamp, stamps.clone()),
        case(ColumnType::TimestampTz, stamps.with_timezone("UTC")),
        case(ColumnType::Interval, intervals),
        decimals(numeric(5, 2), [-12_345, 7]),
        decimals(numeric(9, 0), [-999_999_999, 7]),
        decimals(numeric(18, 3), [-12_345, 10i128.pow(18) - 1]),
        decimals(numeric(19, 4), [-12_345, 10i128.pow(19) - 1]),
        decimals(numeric(38, 0), [many, -many]),
        decimals(
            ColumnType::NumericUnbounded,
            [i128::from(i64::MAX) * 1000, -1],
        ),
        texts(ColumnType::Text, ["b", "한글"]),
        texts(ColumnType::Varchar(Some(9)), ["b", ""]),
        texts(ColumnType::Char(2), ["b ", "xx"]),
        texts(ColumnType::Json, ["{}", "[1]"]),
        texts(ColumnType::Jsonb, ["{}", "1"]),
    ];
    cases.extend(numbers_and_times());
    cases
}

fn numbers_and_times() -> [Case; 7] {
    [
        case(
            ColumnType::Int16,
            Int16Array::from(vec![Some(i16::MIN), None, Some(5)]),
        ),
        case(
            ColumnType::Int32,
            Int32Array::from(vec![Some(i32::MIN), None, Some(5)]),
        ),
        case(
            ColumnType::Int64,
            Int64Array::from(vec![Some(i64::MIN), None, Some(5)]),
        ),
        case(
            ColumnType::Float32,
            Float32Array::from(vec![Some(1.5), None, Some(-0.1)]),
        ),
        case(
            ColumnType::Float64,
            Float64Array::from(vec![Some(f64::NAN), None, Some(2.5)]),
        ),
        case(
            ColumnType::Date,
            Date32Array::from(vec![Some(-1), None, Some(i32::MAX)]),
        ),
        case(
            ColumnType::Time,
            Time64MicrosecondArray::from(vec![Some(1), None, Some(2)]),
        ),
    ]
}

/// A list of each value, an empty list and NULL, of the same element type.
fn as_list(column_type: &ColumnType, values: &ArrayRef) -> (ColumnType, ArrayRef) {
    let list_type = list(column_type.clone());
    let DataType::List(field) = list_type.arrow_type() else {
        panic!("a list is a list");
    };
    let offsets = OffsetBuffer::from_lengths([3, 0, 0]);
    let nulls = NullBuffer::from(vec![true, true, false]);
    let array = ListArray::new(field, offsets, Arc::clone(values), Some(nulls));
    (list_type, Arc::new(array))
}

#[tokio::test]
async fn every_type_reads_back() {
    let mut cases = every_type();
    let lists: Vec<_> = cases
        .iter()
        .map(|(kind, values)| as_list(kind, values))
        .collect();
    cases.extend(lists);
    let columns = columns(cases.iter().map(|(kind, _)| kind.clone()));
    let arrays: Vec<ArrayRef> = cases.into_iter().map(|(_, array)| array).collect();
    for compression in [
        FileCompression::None,
        FileCompression::Lz4,
        FileCompression::Zstd,
    ] {
        let store = memory();
        let options = WriteOptions {
            compression,
            ..WriteOptions::default()
        };
        let mut writer = open(&store, &columns, options);
        writer.write(batch(&columns, arrays.clone())).await.unwrap();
        let staged = writer.finish().await.unwrap();
        assert_eq!(staged.files.len(), 1);
        let found = read(&store, &staged.files[0], &columns).await;
        for (column, (expected, found)) in columns.iter().zip(arrays.iter().zip(&found)) {
            assert_eq!(found, expected, "{:?}", column.column_type);
        }
    }
}

/// Physical types and field ids as DuckDB writes them.
#[tokio::test]
async fn schema_is_that_of_the_format() {
    let types = [
        ColumnType::Numeric {
            precision: 5,
            scale: 2,
        },
        ColumnType::Numeric {
            precision: 18,
            scale: 3,
        },
        ColumnType::NumericUnbounded,
        ColumnType::Uuid,
        ColumnType::Jsonb,
        ColumnType::TimestampTz,
        list(ColumnType::Int32),
        ColumnType::Interval,
    ];
    let arrays: Vec<ArrayRef> = types
        .iter()
        .map(|kind| arrow::array::new_null_array(&kind.arrow_type(), 1))
        .collect();
    let columns = columns(types);
    let store = memory();
    let mut writer = open(&store, &columns, WriteOptions::default());
    writer.write(batch(&columns, arrays)).await.unwrap();
    let staged = writer.finish().await.unwrap();
    let data = bytes(&store, &staged.files[0]).await;
    let builder = ParquetRecordBatchReaderBuilder::try_new(data).unwrap();
    let schema = builder.parquet_schema();
    let leaves: Vec<_> = schema
        .columns()
        .iter()
        .map(|leaf| (leaf.self_type().get_basic_info().id(), leaf.physical_type()))
        .collect();
    let expected = [
        (1, PhysicalType::INT32),
        (2, PhysicalType::INT64),
        (3, PhysicalType::FIXED_LEN_BYTE_ARRAY),
        (4, PhysicalType::FIXED_LEN_BYTE_ARRAY),
        (5, PhysicalType::BYTE_ARRAY),
        (6, PhysicalType::INT64),
        (8, PhysicalType::INT32),
        (10, PhysicalType::INT32),
        (11, PhysicalType::INT32),
        (12, PhysicalType::INT64),
    ];
    assert_eq!(leaves, expected);
    assert_eq!(
        schema.column(3).logical_type_ref(),
        Some(&LogicalType::Uuid)
    );
    assert_eq!(
        schema.column(4).logical_type_ref(),
        Some(&LogicalType::Json)
    );
    let list = &schema.root_schema().get_fields()[6];
    assert_eq!(list.get_basic_info().id(), 7);
    assert!(!list.get_fields()[0].get_basic_info().has_id());
    assert_eq!(schema.column(6).path().string(), "c6.list.element");
}

#[tokio::test]
async fn statistics_are_those_of_the_values() {
    let columns = columns([
        ColumnType::Int32,
        ColumnType::Float64,
        list(ColumnType::Int32),
    ]);
    let store = memory();
    let mut writer = open(&store, &columns, WriteOptions::default());
    // As measured in DuckDB 1.5.5: rows [1, NULL, 3], NULL, [], [] count 2 and 4.
    let field = Arc::new(Field::new("element", DataType::Int32, true));
    let values = Arc::new(Int32Array::from(vec![Some(1), None, Some(3)]));
    let nulls = NullBuffer::from(vec![true, false, true, true]);
    let lists = ListArray::new(
        field,
        OffsetBuffer::from_lengths([3, 0, 0, 0]),
        values,
        Some(nulls),
    );
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(vec![Some(3), None, Some(-1), Some(2)])),
        Arc::new(Float64Array::from(vec![
            Some(1.0),
            None,
            Some(f64::NAN),
            Some(0.5),
        ])),
        Arc::new(lists),
    ];
    writer.write(batch(&columns, arrays)).await.unwrap();
    let staged = writer.finish().await.unwrap();
    let file = &staged.files[0];
    assert!(file.file_name.ends_with(".parquet") && file.row_count == 4);
    let stats: Vec<_> = file
        .columns
        .iter()
        .map(|c| {
            let texts = (c.min.as_deref(), c.max.as_deref(), c.contains_nan);
            (c.column_id.0, c.value_count, c.null_count, texts)
        })
        .collect();
    let expected = [
        (1, 3, 1, (Some("-1"), Some("3"), None)),
        (2, 3, 1, (Some("0.5"), Some("1.0"), Some(true))),
        (4, 2, 4, (None, None, None)),
    ];
    assert_eq!(stats, expected);
    let column_bytes: u64 = file.columns.iter().map(|column| column.bytes).sum();
    assert!(column_bytes > 0 && column_bytes < file.bytes);
}

fn numbers(columns: &[Column], range: std::ops::Range<i64>) -> RecordBatch {
    let text = StringArray::from_iter_values(range.clone().map(|number| format!("row {number}")));
    batch(
        columns,
        vec![
            Arc::new(Int64Array::from_iter_values(range)),
            Arc::new(text),
        ],
    )
}

async fn all_numbers(
    store: &Arc<dyn ObjectStore>,
    staged: &StagedFiles,
    columns: &[Column],
) -> Vec<i64> {
    let mut found = Vec::new();
    for file in &staged.files {
        let arrays = read(store, file, columns).await;
        let array = arrays[0].as_any().downcast_ref::<Int64Array>().unwrap();
        found.extend_from_slice(array.values());
    }
    found
}

#[tokio::test]
async fn files_and_row_groups_roll_in_order() {
    let columns = columns([ColumnType::Int64, ColumnType::Text]);
    let store = memory();
    let options = WriteOptions {
        row_group_rows_max: 10_000,
        file_bytes_max: 300_000,
        ..WriteOptions::default()
    };
    let mut writer = open(&store, &columns, options);
    // Batches that fit neither row groups nor pending rows.
    for start in (0..100_000).step_by(7_000) {
        writer
            .write(numbers(&columns, start..(start + 7_000).min(100_000)))
            .await
            .unwrap();
    }
    let staged = writer.finish().await.unwrap();
    assert!(staged.files.len() > 2, "{} files", staged.files.len());
    assert_eq!(
        all_numbers(&store, &staged, &columns).await,
        (0..100_000).collect::<Vec<_>>()
    );
    let data = bytes(&store, &staged.files[0]).await;
    let metadata = ParquetRecordBatchReaderBuilder::try_new(data).unwrap();
    let sizes: Vec<_> = metadata
        .metadata()
        .row_groups()
        .iter()
        .map(|g| g.num_rows())
        .collect();
    assert!(sizes.iter().all(|rows| *rows == 10_000), "{sizes:?}");
    let first = &staged.files[1].columns[0];
    assert_eq!(
        first.min.as_deref(),
        Some((staged.files[0].row_count).to_string().as_str())
    );
}

#[tokio::test]
async fn wide_rows_end_a_row_group_early() {
    let columns = columns([ColumnType::Int64, ColumnType::Text]);
    let store = memory();
    let options = WriteOptions {
        row_group_bytes_max: 100_000,
        ..WriteOptions::default()
    };
    let mut writer = open(&store, &columns, options);
    writer.write(numbers(&columns, 0..300_000)).await.unwrap();
    let staged = writer.finish().await.unwrap();
    let data = bytes(&store, &staged.files[0]).await;
    let metadata = ParquetRecordBatchReaderBuilder::try_new(data).unwrap();
    assert!(metadata.metadata().num_row_groups() > 3);
    assert_eq!(
        all_numbers(&store, &staged, &columns).await,
        (0..300_000).collect::<Vec<_>>()
    );
}

/// A file larger than one part, through the store that fsyncs.
#[tokio::test]
async fn large_file_goes_up_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let local = LocalStore::open(folder.path(), Arc::new(OsDisk)).unwrap();
    let store: Arc<dyn ObjectStore> = Arc::new(local);
    let columns = columns([ColumnType::Int64, ColumnType::Text]);
    let options = WriteOptions {
        compression: FileCompression::None,
        ..WriteOptions::default()
    };
    let mut writer = open(&store, &columns, options);
    for start in (0..900_000).step_by(100_000) {
        writer
            .write(numbers(&columns, start..start + 100_000))
            .await
            .unwrap();
    }
    let staged = writer.finish().await.unwrap();
    assert!(
        staged.files[0].bytes > 16 << 20,
        "{}",
        staged.files[0].bytes
    );
    assert_eq!(
        all_numbers(&store, &staged, &columns).await,
        (0..900_000).collect::<Vec<_>>()
    );
    assert_eq!(object_count(&store).await, 1);
}

#[tokio::test]
async fn no_rows_no_file() {
    let columns = columns([ColumnType::Int64, ColumnType::Text]);
    let store = memory();
    let mut writer = open(&store, &columns, WriteOptions::default());
    writer.write(numbers(&columns, 0..0)).await.unwrap();
    assert_eq!(writer.finish().await.unwrap(), StagedFiles::default());
    assert_eq!(object_count(&store).await, 0);
}

#[tokio::test]
async fn abort_and_drop_delete_what_was_uploaded() {
    let columns = columns([ColumnType::Int64, ColumnType::Text]);
    let options = WriteOptions {
        row_group_rows_max: 1_000,
        file_bytes_max: 1,
        ..WriteOptions::default()
    };
    let store = memory();
    let mut writer = open(&store, &columns, options.clone());
    writer.write(numbers(&columns, 0..5_500)).await.unwrap();
    assert!(object_count(&store).await > 0);
    writer.abort().await.unwrap();
    assert_eq!(object_count(&store).await, 0);

    let mut writer = open(&store, &columns, options);
    writer.write(numbers(&columns, 0..5_500)).await.unwrap();
    drop(writer);
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(object_count(&store).await, 0);
}

#[tokio::test]
async fn lost_reply_is_an_error_and_leaves_nothing() {
    for operation in [
        Operation::Put,
        Operation::Start,
        Operation::Part,
        Operation::Complete,
    ] {
        for fault in [Fault::Before, Fault::After] {
            let below = memory();
            let faulty = FaultStore::new(Arc::clone(&below), 1, FaultRates::default());
            faulty.order(operation, fault);
            let store: Arc<dyn ObjectStore> = Arc::new(faulty.clone());
            let columns = columns([ColumnType::Int64, ColumnType::Text]);
            let compression = FileCompression::None;
            let options = WriteOptions {
                compression,
                ..WriteOptions::default()
            };
            let mut writer = open(&store, &columns, options);
            let row_count = if operation == Operation::Put {
                10
            } else {
                600_000
            };
            let failed = match writer.write(numbers(&columns, 0..row_count)).await {
                Ok(()) => writer.finish().await.map(|_| ()),
                Err(error) => {
                    let again = writer.write(numbers(&columns, 0..1)).await.unwrap_err();
                    assert_eq!(again.kind, ErrorKind::Internal);
                    writer.abort().await.unwrap();
                    Err(error)
                }
            };
            let error = failed.unwrap_err();
            assert_eq!(
                error.kind,
                ErrorKind::Unavailable,
                "{operation:?} {fault:?}: {error:?}"
            );
            assert_eq!(object_count(&below).await, 0, "{:?}", faulty.trace());
        }
    }
}

#[tokio::test]
async fn wrong_batches_are_refused() {
    let columns = columns([ColumnType::Int64, ColumnType::Text]);
    let store = memory();
    let mut writer = open(&store, &columns, WriteOptions::default());
    let narrow = batch(&columns[..1], vec![Arc::new(Int64Array::from(vec![1]))]);
    assert_eq!(
        writer.write(narrow).await.unwrap_err().kind,
        ErrorKind::Internal
    );
    writer.abort().await.unwrap();

    let kind = ColumnType::Numeric {
        precision: 3,
        scale: 0,
    };
    let columns = self::columns([kind.clone()]);
    let mut writer = open(&store, &columns, WriteOptions::default());
    let array = Decimal128Array::from(vec![1_000]).with_data_type(kind.arrow_type());
    writer
        .write(batch(&columns, vec![Arc::new(array)]))
        .await
        .unwrap();
    let error = writer.finish().await.unwrap_err();
    assert_eq!(error.message, "a value does not fit numeric(3,0)");
    assert_eq!(object_count(&store).await, 0);

    let columns = self::columns([ColumnType::HugeInt]);
    let location = Path::from("t");
    let ids = Arc::new(RandomIds);
    let options = WriteOptions::default();
    let error = TableWriter::open(store, location, columns, ids, options).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
}
