//! Columns and files as bytes.

use std::sync::Arc;

use gotgan_storage::{
    Column, ColumnId, ColumnType, DeletedPositions, NameMapping, NameMappingEntry,
};
use object_store::path::Path;

use super::wire::{Reader, Writer, damaged};
use crate::SqlError;
use crate::scan::file::ScanFile;

pub(crate) fn encode_columns(writer: &mut Writer, columns: &[Column]) {
    writer.count(columns.len());
    for column in columns {
        writer.signed(column.id.0);
        writer.text(&column.name);
        encode_type(writer, &column.column_type);
        writer.flag(column.nullable);
        writer.flag(column.initial_default.is_some());
        if let Some(text) = &column.initial_default {
            writer.text(text);
        }
        encode_columns(writer, &column.children);
    }
}

/// Columns without what a scan does not need: defaults for new rows, comments.
pub(crate) fn decode_columns(reader: &mut Reader<'_>) -> Result<Vec<Column>, SqlError> {
    reader.many(|reader| {
        Ok(Column {
            id: ColumnId(reader.signed()?),
            name: reader.text()?,
            column_type: decode_type(reader)?,
            nullable: reader.flag()?,
            default: None,
            initial_default: if reader.flag()? {
                Some(reader.text()?)
            } else {
                None
            },
            comment: None,
            children: decode_columns(reader)?,
        })
    })
}

/// Which of a type's two names is written, or which nesting.
mod kind {
    pub(super) const DECLARED: u64 = 0;
    pub(super) const LAKE: u64 = 1;
    pub(super) const LIST: u64 = 2;
    pub(super) const STRUCT: u64 = 3;
    pub(super) const MAP: u64 = 4;
}

fn encode_type(writer: &mut Writer, column_type: &ColumnType) {
    match column_type {
        ColumnType::List(element) => {
            writer.number(kind::LIST);
            encode_type(writer, element);
        }
        ColumnType::Struct(fields) => {
            writer.number(kind::STRUCT);
            writer.count(fields.len());
            for (name, inner) in fields {
                writer.text(name);
                encode_type(writer, inner);
            }
        }
        ColumnType::Map(key, value) => {
            writer.number(kind::MAP);
            encode_type(writer, key);
            encode_type(writer, value);
        }
        simple => {
            let declared = simple.declared_name();
            let is_ours = ColumnType::parse_declared(&declared).as_ref() == Some(simple);
            writer.number(if is_ours { kind::DECLARED } else { kind::LAKE });
            writer.text(&if is_ours {
                declared
            } else {
                simple.lake_name()
            });
        }
    }
}

fn decode_type(reader: &mut Reader<'_>) -> Result<ColumnType, SqlError> {
    match reader.number()? {
        kind::DECLARED => ColumnType::parse_declared(&reader.text()?).ok_or_else(damaged),
        kind::LAKE => Ok(ColumnType::parse_lake(&reader.text()?, Vec::new())),
        kind::LIST => Ok(ColumnType::List(Box::new(decode_type(reader)?))),
        kind::STRUCT => {
            let field = |reader: &mut Reader<'_>| Ok((reader.text()?, decode_type(reader)?));
            Ok(ColumnType::Struct(reader.many(field)?))
        }
        kind::MAP => {
            let key = Box::new(decode_type(reader)?);
            Ok(ColumnType::Map(key, Box::new(decode_type(reader)?)))
        }
        _ => Err(damaged()),
    }
}

pub(crate) fn encode_file(writer: &mut Writer, file: &ScanFile) {
    writer.signed(file.id);
    writer.text(file.location.as_ref());
    writer.number(file.bytes);
    writer.number(file.footer_bytes);
    writer.number(file.row_count);
    let deleted = file
        .deleted
        .as_ref()
        .map_or(&[][..], |deleted| &deleted.positions);
    writer.count(deleted.len());
    let mut before = 0;
    for position in deleted {
        writer.number(position - before);
        before = *position;
    }
    writer.flag(file.name_mapping.is_some());
    if let Some(mapping) = &file.name_mapping {
        encode_mapping(writer, mapping);
    }
    writer.count(file.nan_columns.len());
    file.nan_columns.iter().for_each(|id| writer.signed(*id));
}

pub(crate) fn decode_file(reader: &mut Reader<'_>) -> Result<ScanFile, SqlError> {
    let id = reader.signed()?;
    let location = Path::parse(reader.text()?).map_err(|_| damaged())?;
    let bytes = reader.number()?;
    let footer_bytes = reader.number()?;
    let row_count = reader.number()?;
    let mut before: u64 = 0;
    let positions = reader.many(|reader| {
        before = before.checked_add(reader.number()?).ok_or_else(damaged)?;
        Ok(before)
    })?;
    let name_mapping = match reader.flag()? {
        true => Some(Arc::new(decode_mapping(reader)?)),
        false => None,
    };
    Ok(ScanFile {
        id,
        location,
        bytes,
        footer_bytes,
        row_count,
        deleted: (!positions.is_empty()).then(|| Arc::new(DeletedPositions { positions })),
        name_mapping,
        nan_columns: reader.many(Reader::signed)?,
    })
}

fn encode_mapping(writer: &mut Writer, mapping: &NameMapping) {
    writer.signed(mapping.id);
    writer.count(mapping.entries.len());
    for entry in &mapping.entries {
        writer.signed(entry.ordinal);
        writer.text(&entry.source_name);
        writer.signed(entry.target.0);
        writer.flag(entry.parent.is_some());
        writer.signed(entry.parent.unwrap_or(0));
        writer.flag(entry.is_partition);
    }
}

fn decode_mapping(reader: &mut Reader<'_>) -> Result<NameMapping, SqlError> {
    let id = reader.signed()?;
    let entries = reader.many(|reader| {
        let ordinal = reader.signed()?;
        let source_name = reader.text()?;
        let target = ColumnId(reader.signed()?);
        let is_nested = reader.flag()?;
        let parent = reader.signed()?;
        let parent = is_nested.then_some(parent);
        Ok(NameMappingEntry {
            ordinal,
            source_name,
            target,
            parent,
            is_partition: reader.flag()?,
        })
    })?;
    Ok(NameMapping { id, entries })
}
