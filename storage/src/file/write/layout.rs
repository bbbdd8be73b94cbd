//! How files are laid out: compression, row groups, encodings, sizes.

use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use crate::snapshot::Column;
use crate::types::ColumnType;

/// How pages are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileCompression {
    /// Not at all.
    None,
    /// LZ4 without a frame (`LZ4_RAW`): decodes nearly as fast as none.
    Lz4,
    /// Zstandard, level 3: for stores where bytes cost more than time.
    Zstd,
}

/// How files are laid out.
#[derive(Clone, Debug)]
pub struct WriteOptions {
    /// Default LZ4.
    pub compression: FileCompression,
    /// Most rows of a row group. Default 245,760, twice DuckDB's: a scan is split by row
    /// groups, so that a table of a million rows still keeps four threads busy, while
    /// dictionaries and page headers stay a small part.
    pub row_group_rows_max: usize,
    /// Encoded bytes after which a row group ends early. Default 64 MiB.
    pub row_group_bytes_max: usize,
    /// Bytes after which a file ends, at the next row group. Default 512 MiB.
    pub file_bytes_max: u64,
    /// Threads that one writer may keep busy. Default: those of the machine, at most 8.
    pub encode_task_count_max: usize,
}

impl Default for WriteOptions {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            compression: FileCompression::Lz4,
            row_group_rows_max: 245_760,
            row_group_bytes_max: 64 << 20,
            file_bytes_max: 512 << 20,
            encode_task_count_max: threads.min(8),
        }
    }
}

/// Dictionaries only for text and bytea: they make reading it faster, and numbers slower.
pub(super) fn properties(columns: &[Column], options: &WriteOptions) -> WriterProperties {
    let compression = match options.compression {
        FileCompression::None => Compression::UNCOMPRESSED,
        FileCompression::Lz4 => Compression::LZ4_RAW,
        FileCompression::Zstd => Compression::ZSTD(ZstdLevel::try_new(3).unwrap_or_default()),
    };
    let mut builder = WriterProperties::builder()
        .set_created_by(concat!("gotgan version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(compression)
        .set_dictionary_enabled(false);
    for column in columns {
        let mut paths = Vec::new();
        text_paths(&column.column_type, vec![column.name.clone()], &mut paths);
        for path in paths {
            builder = builder.set_column_dictionary_enabled(ColumnPath::new(path), true);
        }
    }
    builder.build()
}

/// Paths of the leaves that hold text or bytea, as the Parquet schema names them.
fn text_paths(column_type: &ColumnType, path: Vec<String>, paths: &mut Vec<Vec<String>>) {
    match column_type.plain() {
        ColumnType::Text
        | ColumnType::Varchar(_)
        | ColumnType::Char(_)
        | ColumnType::Json
        | ColumnType::Jsonb
        | ColumnType::Bytea => paths.push(path),
        _ => {
            let is_list = matches!(column_type, ColumnType::List(_));
            for (name, inner) in column_type.children() {
                let mut inner_path = path.clone();
                inner_path.extend(is_list.then(|| "list".to_owned()));
                inner_path.push(name);
                text_paths(&inner, inner_path, paths);
            }
        }
    }
}
