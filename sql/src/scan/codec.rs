//! A lake scan as bytes, for plans that run elsewhere.
//!
//! DataFusion's own encoding of a Parquet scan leaves out what makes our rows right:
//! deletes, field ids, defaults, inlined rows. So the node is encoded here, whole:
//!
//! ```text
//! version, lake, table, columns, limit, groups of files, files, inlined rows, expressions
//! ```
//!
//! Expressions travel as a plan of DataFusion's own nodes that is never run: a
//! projection over a filter over nothing. So its encoder shares run-time filters
//! between nodes as it does everywhere.
//!
//! Not carried: statistics and counters. The optimizer is done with the first, and the
//! decoded node counts for itself.
//!
//! Errors: XX000 for bytes of another version or of another lake.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow::array::RecordBatch;
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::common::{Result, internal_err};
use datafusion::datasource::listing::{FileRange, PartitionedFile};
use datafusion::datasource::physical_plan::FileGroup;
use datafusion::execution::TaskContext;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion_proto::physical_plan::{
    AsExecutionPlan, PhysicalExtensionCodec, PhysicalPlanDecodeContext,
    PhysicalProtoConverterExtension,
};
use datafusion_proto::protobuf::PhysicalPlanNode;
use gotgan_storage::{Lake, SnapshotId, TableId};

use self::wire::{Reader, Writer};
use super::columns::TableColumns;
use super::exec::{LakeScanExec, ScanSpec};
use super::file::ScanFile;
use super::reader::ScanMetrics;
use super::source::SourceParts;
use super::{object_store_url, register_store};
use crate::SqlError;

mod parts;
mod wire;

/// Raised when the bytes change; nodes of different versions do not share plans.
const VERSION: u64 = 2;

/// Encodes and decodes [`LakeScanExec`] for one lake.
#[derive(Clone)]
pub struct LakeCodec {
    lake: Lake,
}

impl LakeCodec {
    /// A codec whose decoded plans read from `lake`.
    #[must_use]
    pub fn new(lake: Lake) -> Self {
        Self { lake }
    }

    fn decode_spec(&self, reader: &mut Reader<'_>) -> Result<ScanSpec, SqlError> {
        let version = reader.number()?;
        if version != VERSION {
            return Err(SqlError::internal(format!(
                "an encoded scan has version {version}"
            )));
        }
        let lake = reader.text()?;
        if lake != self.lake.uuid() {
            return Err(SqlError::internal("an encoded scan is of another lake"));
        }
        let table_id = TableId(reader.signed()?);
        let snapshot = SnapshotId(reader.signed()?);
        let table = Arc::from(reader.text()?);
        let label = reader.text()?;
        let file_count = reader.count()?;
        let kept_count = reader.count()?;
        let row_filters = reader.flag()?;
        let has_positions = reader.flag()?;
        let mut columns = TableColumns::new(parts::decode_columns(reader)?);
        if has_positions {
            columns = columns.with_positions();
        }
        let metrics_set = ExecutionPlanMetricsSet::new();
        let metrics = ScanMetrics::new(&metrics_set);
        Ok(ScanSpec {
            lake,
            table_id,
            snapshot,
            table,
            label,
            columns: Arc::new(columns),
            file_count,
            kept_count,
            row_filters,
            meter: Arc::default(),
            pruned_bytes: 0,
            is_begun: AtomicBool::new(true),
            metrics,
            metrics_set,
        })
    }
}

impl std::fmt::Debug for LakeCodec {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("LakeCodec")
            .field("lake", &self.lake.uuid())
            .finish()
    }
}

impl PhysicalExtensionCodec for LakeCodec {
    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buf: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        let Some(scan) = node.downcast_ref::<LakeScanExec>() else {
            return internal_err!("{} is no scan of a lake", node.name());
        };
        let mut writer = Writer::default();
        encode_spec(&mut writer, scan.spec());
        writer.optional(scan.config().limit.map(|limit| limit as u64));
        encode_groups(&mut writer, &scan.config().file_groups)?;
        writer.bytes(&encode_rows(scan.inlined())?);
        let carrier = carry_expressions(scan)?;
        let mut encoded = Vec::new();
        converter
            .execution_plan_to_proto(&carrier, self)?
            .try_encode(&mut encoded)?;
        writer.bytes(&encoded);
        buf.extend_from_slice(&writer.finish());
        Ok(())
    }

    fn try_decode(
        &self,
        buf: &[u8],
        _inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut reader = Reader::new(buf);
        let spec = self.decode_spec(&mut reader)?;
        let limit = reader
            .optional()?
            .map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let groups = decode_groups(&mut reader, spec.columns.has_positions())?;
        let inlined = decode_rows(reader.bytes()?)?;
        let carrier = PhysicalPlanNode::try_decode(reader.bytes()?)?;
        let decoding = PhysicalPlanDecodeContext::new(context, self);
        let carrier = converter.proto_to_execution_plan(&carrier, &decoding)?;
        let (projection, predicate) = carried_expressions(&carrier)?;
        let env = context.runtime_env();
        register_store(&self.lake, &env)?;
        let parts = SourceParts {
            url: object_store_url(&self.lake)?,
            store: self.lake.object_store(),
            groups,
            projection,
            predicate,
            limit,
            statistics: None,
        };
        let source = parts.build(&spec, context.session_config().options(), &env)?;
        Ok(Arc::new(LakeScanExec::new(Arc::new(spec), source, inlined)))
    }
}

fn encode_spec(writer: &mut Writer, spec: &ScanSpec) {
    writer.number(VERSION);
    writer.text(&spec.lake);
    writer.signed(spec.table_id.0);
    writer.signed(spec.snapshot.0);
    writer.text(&spec.table);
    writer.text(&spec.label);
    writer.count(spec.file_count);
    writer.count(spec.kept_count);
    writer.flag(spec.row_filters);
    writer.flag(spec.columns.has_positions());
    parts::encode_columns(writer, spec.columns.all());
}

/// Files are written once, however many ranges are cut from them.
fn encode_groups(writer: &mut Writer, groups: &[FileGroup]) -> Result<()> {
    let mut files: Vec<Arc<ScanFile>> = Vec::new();
    let mut places = Writer::default();
    places.count(groups.len());
    for group in groups {
        places.count(group.len());
        for listed in group.iter() {
            let Some(file) = listed.extension::<Arc<ScanFile>>() else {
                return internal_err!("a listed file lost its description");
            };
            // Ranges of one file follow each other, so it is found near the end.
            let known = files.iter().rposition(|other| Arc::ptr_eq(other, file));
            let index = known.unwrap_or_else(|| {
                files.push(Arc::clone(file));
                files.len() - 1
            });
            places.count(index);
            places.flag(listed.range.is_some());
            if let Some(range) = &listed.range {
                places.signed(range.start);
                places.signed(range.end);
            }
        }
    }
    writer.count(files.len());
    for file in &files {
        parts::encode_file(writer, file);
    }
    writer.bytes(&places.finish());
    Ok(())
}

fn decode_groups(reader: &mut Reader<'_>, has_positions: bool) -> Result<Vec<FileGroup>, SqlError> {
    let files = reader.many(|reader| parts::decode_file(reader).map(Arc::new))?;
    let mut places = Reader::new(reader.bytes()?);
    let listed = |places: &mut Reader<'_>| -> Result<PartitionedFile, SqlError> {
        let index = places.count()?;
        let Some(file) = files.get(index) else {
            return Err(SqlError::internal("an encoded scan lacks a file"));
        };
        let mut listed = file.listed(None, has_positions);
        if places.flag()? {
            listed.range = Some(FileRange {
                start: places.signed()?,
                end: places.signed()?,
            });
        }
        Ok(listed)
    };
    places.many(|places| places.many(listed).map(FileGroup::new))
}

/// No bytes for no batch.
fn encode_rows(rows: Option<&RecordBatch>) -> Result<Vec<u8>> {
    let Some(rows) = rows else {
        return Ok(Vec::new());
    };
    let mut writer = StreamWriter::try_new(Vec::new(), &rows.schema())?;
    writer.write(rows)?;
    Ok(writer.into_inner()?)
}

fn decode_rows(bytes: &[u8]) -> Result<Option<RecordBatch>> {
    if bytes.is_empty() {
        return Ok(None);
    }
    Ok(StreamReader::try_new(bytes, None)?.next().transpose()?)
}

/// A plan that holds the scan's expressions and reads nothing.
fn carry_expressions(scan: &LakeScanExec) -> Result<Arc<dyn ExecutionPlan>> {
    let mut carrier: Arc<dyn ExecutionPlan> =
        Arc::new(EmptyExec::new(Arc::clone(scan.spec().columns.schema())));
    if let Some(predicate) = scan.predicate() {
        carrier = Arc::new(FilterExec::try_new(predicate, carrier)?);
    }
    let projection = scan.projection();
    Ok(Arc::new(ProjectionExec::try_new(
        projection.iter().cloned(),
        carrier,
    )?))
}

type Expressions = (ProjectionExprs, Option<Arc<dyn PhysicalExpr>>);

fn carried_expressions(carrier: &Arc<dyn ExecutionPlan>) -> Result<Expressions> {
    let Some(projection) = carrier.downcast_ref::<ProjectionExec>() else {
        return internal_err!("an encoded scan lacks its projection");
    };
    let filter = projection.input().downcast_ref::<FilterExec>();
    let predicate = filter.map(|filter| Arc::clone(filter.predicate()));
    Ok((projection.projection_expr().clone(), predicate))
}
