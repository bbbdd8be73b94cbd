//! Where the lake's objects are: catalog paths to locations in the object store.
//!
//! A path has up to three parts above the file (data path, schema, table), each
//! relative to the one before or absolute. Parts are concatenated as they are. The
//! store's root is the data path, so nothing outside it can be read or deleted.

use object_store::path::Path;

use crate::error::{Error, ErrorKind};
use crate::snapshot::{Schema, Table};

/// The data path of a lake.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Spellings of the data path that absolute paths may begin with; end in `/`.
    roots: Vec<String>,
}

impl Place {
    pub(crate) fn new(roots: Vec<String>) -> Self {
        Self { roots }
    }

    /// The folder of a table.
    pub(crate) fn table(&self, schema: &Schema, table: &Table) -> Result<Path, Error> {
        let (folder, is_relative) = folder(schema, table);
        self.locate(&folder, is_relative)
    }

    /// A file of a table.
    pub(crate) fn file(
        &self,
        schema: &Schema,
        table: &Table,
        path: &str,
        path_is_relative: bool,
    ) -> Result<Path, Error> {
        let schema = (schema.path.as_str(), schema.path_is_relative);
        let table = (table.path.as_str(), table.path_is_relative);
        self.file_below(schema, table, (path, path_is_relative))
    }

    /// A file, from the paths of its schema, its table and itself, and whether each is
    /// relative to the one before.
    pub(crate) fn file_below(
        &self,
        schema: (&str, bool),
        table: (&str, bool),
        (path, is_relative): (&str, bool),
    ) -> Result<Path, Error> {
        if !is_relative {
            return self.locate(path, false);
        }
        let (folder, is_relative) = folder_of(schema, table);
        self.locate(&(folder + path), is_relative)
    }

    /// An object, from a path that is absolute or relative to the data path.
    pub(crate) fn object(&self, path: &str, is_relative: bool) -> Result<Path, Error> {
        self.locate(path, is_relative)
    }

    /// The path of a table that moves to another schema, so that its files stay where
    /// they are; and whether it is relative to the schema's.
    pub(crate) fn moved(&self, table: &Table, from: &Schema, to: &Schema) -> (String, bool) {
        if !table.path_is_relative {
            return (table.path.clone(), false);
        }
        let (old, is_relative) = folder(from, table);
        if is_relative == to.path_is_relative
            && let Some(rest) = old.strip_prefix(to.path.as_str())
        {
            return (rest.to_owned(), true);
        }
        let root = self.roots.first().map_or("", String::as_str);
        let absolute = if is_relative {
            format!("{root}{old}")
        } else {
            old
        };
        (absolute, false)
    }

    fn locate(&self, path: &str, is_relative: bool) -> Result<Path, Error> {
        let strip = || {
            self.roots
                .iter()
                .find_map(|root| path.strip_prefix(root.as_str()))
        };
        let below = if is_relative { Some(path) } else { strip() };
        let below = below.ok_or_else(|| {
            let text = "a data file lies outside the lake's data path";
            Error::new(ErrorKind::Unsupported, text).with_source(path.to_owned())
        })?;
        // Doubled slashes come from parts that were written by hand; files do not mind.
        let parts: Vec<&str> = below.split('/').filter(|part| !part.is_empty()).collect();
        Path::parse(parts.join("/")).map_err(|source| {
            Error::new(
                ErrorKind::Corrupt,
                "the catalog holds a path that is no path",
            )
            .with_source(source)
        })
    }
}

/// The folder of a table, and whether it is relative to the data path.
fn folder(schema: &Schema, table: &Table) -> (String, bool) {
    folder_of(
        (&schema.path, schema.path_is_relative),
        (&table.path, table.path_is_relative),
    )
}

fn folder_of(schema: (&str, bool), table: (&str, bool)) -> (String, bool) {
    match (schema, table) {
        (_, (path, false)) => (path.to_owned(), false),
        ((above, is_relative), (path, true)) => (format!("{above}{path}"), is_relative),
    }
}
