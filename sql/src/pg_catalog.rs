//! The relations of the system schemas, generated from the statement's snapshot.
//!
//! Each relation is a `Definition`: its columns as PostgreSQL 15 has them, rows
//! that are the same in every lake (`fixed`, built once per process), and rows that
//! come from the snapshot and the session (`current`, built at every scan). Nothing
//! is stored and nothing depends on the text of the query.
//!
//!   statement ──▶ relation(schema, name) ──▶ rows(ctx) = fixed + current
//!
//! Invariants:
//! - OIDs are the same after a restart and on every node; see `oids`.
//! - Every OID that one relation shows can be found in the relation it points to.
//!
//! Not guaranteed: rows for what Gotgan lacks (triggers, large objects, text
//! search); those relations exist and are empty.
//!
//! Source: PostgreSQL 15 manual, chapters 53, 54 and 37.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock};

use arrow::array::{Int64Array, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Fields, Schema, SchemaRef};

use crate::context::StatementContext;
use crate::error::SqlError;
use crate::information_schema;
use crate::system_views::{self, LakeView};
use crate::types::{self, PgType, oid};

use rows::Rows;

mod empty;
pub(crate) mod identifier;
pub(crate) mod lookup;
pub(crate) mod objects;
pub mod oids;
mod pg_attrdef;
mod pg_attribute;
mod pg_cast;
mod pg_class;
pub(crate) mod pg_collation;
mod pg_constraint;
mod pg_database;
mod pg_default_acl;
mod pg_depend;
mod pg_description;
mod pg_index;
mod pg_namespace;
mod pg_opclass;
mod pg_operator;
mod pg_policy;
mod pg_prepared_statements;
pub(crate) mod pg_proc;
mod pg_rewrite;
pub(crate) mod pg_sequence;
mod pg_settings;
mod pg_stat_activity;
mod pg_stat_tables;
mod pg_tables;
mod pg_timezone_names;
mod pg_type;
pub(crate) mod roles;
pub(crate) mod rows;
#[cfg(test)]
pub(crate) mod sample;
mod svv_masking;
mod table_functions;
#[cfg(test)]
mod tests;

/// Name of the schema of PostgreSQL's own catalog.
pub const SCHEMA: &str = "pg_catalog";

/// Columns that every table of PostgreSQL has and `*` leaves out.
const SYSTEM_COLUMNS: &str = "tableoid:oid xmin:xid xmax:xid";

/// The first number that PostgreSQL gives to a transaction of a user.
const FIRST_TRANSACTION: i64 = 3;

/// What a relation is made of; the registry turns each into a [`SystemRelation`].
#[derive(Clone, Copy)]
pub(crate) struct Definition {
    pub(crate) name: &'static str,
    pub(crate) oid: u32,
    /// `relkind`: r table, v view.
    pub(crate) kind: char,
    /// `name:type` of each column, separated by spaces; `type/typmod`, `type[]`.
    pub(crate) columns: &'static str,
    pub(crate) fixed: fn(&mut Rows),
    pub(crate) current: fn(&StatementContext, &mut Rows),
    /// Where rows are read from the lake; then there are no others.
    pub(crate) lake: Option<LakeView>,
}

impl Definition {
    /// A table without rows, to be completed by struct update.
    pub(crate) const TABLE: Definition = Definition {
        name: "",
        oid: 0,
        kind: 'r',
        columns: "",
        fixed: |_| {},
        current: |_, _| {},
        lake: None,
    };

    /// A view without rows, to be completed by struct update.
    pub(crate) const VIEW: Definition = Definition {
        kind: 'v',
        ..Definition::TABLE
    };
}

/// A relation of a system schema.
#[derive(Debug)]
pub struct SystemRelation {
    /// `pg_catalog`, `information_schema` or `gotgan`.
    pub schema: &'static str,
    /// The relation's name.
    pub name: &'static str,
    /// `pg_class.oid`, PostgreSQL's own.
    pub oid: u32,
    /// `relkind`: r table, v view.
    pub kind: char,
    /// The columns, with the `pg.type` metadata; all nullable.
    pub fields: SchemaRef,
    /// `fields` without the system columns, if it has them.
    own_fields: SchemaRef,
    fixed: fn(&mut Rows),
    current: fn(&StatementContext, &mut Rows),
    /// Where rows are read from the lake.
    pub(crate) lake: Option<LakeView>,
    fixed_rows: OnceLock<RecordBatch>,
}

impl SystemRelation {
    fn new(schema: &'static str, definition: &Definition) -> Self {
        let fields = Arc::new(parse_columns(definition.columns));
        Self {
            schema,
            name: definition.name,
            oid: definition.oid,
            kind: definition.kind,
            fields: Arc::clone(&fields),
            own_fields: fields,
            fixed: definition.fixed,
            current: definition.current,
            lake: definition.lake,
            fixed_rows: OnceLock::new(),
        }
    }

    /// The same relation with the columns that `*` leaves out.
    fn with_system_columns(schema: &'static str, definition: &Definition) -> Self {
        let plain = Self::new(schema, definition);
        let system = parse_columns(SYSTEM_COLUMNS);
        let all = plain
            .fields
            .fields()
            .iter()
            .chain(system.fields())
            .map(Arc::clone);
        Self {
            fields: Arc::new(Schema::new(all.collect::<Fields>())),
            ..plain
        }
    }

    /// All rows as the statement sees them, in no promised order.
    ///
    /// Cost: no I/O; in proportion to the objects of the snapshot.
    /// Errors: `XX000` only.
    pub fn rows(&self, context: &StatementContext) -> Result<RecordBatch, SqlError> {
        let own = self.own_rows(context)?;
        if self.fields.fields().len() == self.own_fields.fields().len() {
            return Ok(own);
        }
        let count = own.num_rows();
        // Tools read xmin to see whether a definition changed.
        let changed_at = FIRST_TRANSACTION + context.snapshot.schema_version();
        let mut columns = own.columns().to_vec();
        for value in [i64::from(self.oid), changed_at, 0] {
            columns.push(Arc::new(Int64Array::from_value(value, count)));
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.fields), columns)?)
    }

    fn own_rows(&self, context: &StatementContext) -> Result<RecordBatch, SqlError> {
        let fixed = self.fixed_rows()?;
        let mut current = Rows::new(Arc::clone(&self.own_fields));
        (self.current)(context, &mut current);
        let current = current.finish()?;
        if current.num_rows() == 0 {
            return Ok(fixed.clone());
        }
        if fixed.num_rows() == 0 {
            return Ok(current);
        }
        Ok(concat_batches(&self.own_fields, [fixed, &current])?)
    }

    fn fixed_rows(&self) -> Result<&RecordBatch, SqlError> {
        if let Some(batch) = self.fixed_rows.get() {
            return Ok(batch);
        }
        let mut rows = Rows::new(Arc::clone(&self.own_fields));
        (self.fixed)(&mut rows);
        let batch = rows.finish()?;
        Ok(self.fixed_rows.get_or_init(|| batch))
    }

    /// `pg_namespace.oid` of the relation's schema.
    pub(crate) fn schema_oid(&self) -> u32 {
        match self.schema {
            SCHEMA => oids::PG_CATALOG,
            system_views::SCHEMA => oids::GOTGAN,
            _ => oids::INFORMATION_SCHEMA,
        }
    }
}

struct Registry {
    relations: Vec<SystemRelation>,
    by_name: HashMap<(&'static str, &'static str), usize>,
    by_oid: HashMap<u32, usize>,
    /// Beside each of `relations`, the same with its system columns; a view has none.
    with_system_columns: Vec<Option<SystemRelation>>,
    table_functions: HashMap<&'static str, SystemRelation>,
}

static REGISTRY: LazyLock<Registry> = LazyLock::new(build);

fn build() -> Registry {
    let catalog = FILLED.iter().copied().chain(empty::definitions());
    let definitions: Vec<(&'static str, Definition)> = catalog
        .map(|definition| (SCHEMA, definition))
        .chain(information_schema::definitions().map(|d| (information_schema::SCHEMA, d)))
        .chain(system_views::definitions().map(|d| (system_views::SCHEMA, d)))
        .collect();
    let with_system_columns = definitions
        .iter()
        .map(|&(schema, d)| {
            (d.kind == 'r').then(|| SystemRelation::with_system_columns(schema, &d))
        })
        .collect();
    let relations: Vec<SystemRelation> = definitions
        .iter()
        .map(|&(schema, d)| SystemRelation::new(schema, &d))
        .collect();
    let by_name = relations
        .iter()
        .enumerate()
        .map(|(i, r)| ((r.schema, r.name), i))
        .collect();
    let by_oid = relations
        .iter()
        .enumerate()
        .map(|(i, r)| (r.oid, i))
        .collect();
    let table_functions = table_functions::definitions()
        .map(|definition| (definition.name, SystemRelation::new(SCHEMA, &definition)))
        .collect();
    Registry {
        relations,
        by_name,
        by_oid,
        with_system_columns,
        table_functions,
    }
}

/// Every relation that may have rows.
const FILLED: &[Definition] = &[
    pg_attrdef::PG_ATTRDEF,
    pg_attribute::PG_ATTRIBUTE,
    pg_cast::PG_CAST,
    pg_class::PG_CLASS,
    pg_collation::PG_COLLATION,
    pg_constraint::PG_CONSTRAINT,
    pg_database::PG_DATABASE,
    pg_database::PG_STAT_DATABASE,
    pg_database::PG_TABLESPACE,
    pg_default_acl::PG_DEFAULT_ACL,
    pg_depend::PG_DEPEND,
    pg_description::PG_DESCRIPTION,
    pg_index::PG_INDEX,
    pg_namespace::PG_NAMESPACE,
    pg_opclass::PG_AM,
    pg_opclass::PG_OPCLASS,
    pg_opclass::PG_OPFAMILY,
    pg_operator::PG_OPERATOR,
    pg_policy::PG_POLICIES,
    pg_policy::PG_POLICY,
    pg_proc::PG_AGGREGATE,
    pg_proc::PG_LANGUAGE,
    pg_proc::PG_PROC,
    pg_rewrite::PG_REWRITE,
    pg_prepared_statements::PG_PREPARED_STATEMENTS,
    pg_sequence::PG_SEQUENCE,
    pg_sequence::PG_SEQUENCES,
    pg_settings::PG_SETTINGS,
    pg_stat_activity::PG_STAT_ACTIVITY,
    pg_stat_activity::PG_STAT_GSSAPI,
    pg_stat_activity::PG_STAT_SSL,
    pg_stat_tables::PG_STATIO_ALL_TABLES,
    pg_stat_tables::PG_STATIO_SYS_TABLES,
    pg_stat_tables::PG_STATIO_USER_TABLES,
    pg_stat_tables::PG_STAT_ALL_TABLES,
    pg_stat_tables::PG_STAT_SYS_TABLES,
    pg_stat_tables::PG_STAT_USER_TABLES,
    pg_tables::PG_INDEXES,
    pg_tables::PG_TABLES,
    pg_tables::PG_VIEWS,
    pg_timezone_names::PG_TIMEZONE_NAMES,
    svv_masking::SVV_ATTACHED_MASKING_POLICY,
    svv_masking::SVV_MASKING_POLICY,
    pg_type::PG_TYPE,
    roles::PG_AUTH_MEMBERS,
    roles::PG_AUTHID,
    roles::PG_DB_ROLE_SETTING,
    roles::PG_GROUP,
    roles::PG_ROLES,
    roles::PG_SHADOW,
    roles::PG_SHDESCRIPTION,
    roles::PG_USER,
];

/// The relation of this name in a system schema.
pub fn relation(schema: &str, name: &str) -> Option<&'static SystemRelation> {
    REGISTRY
        .by_name
        .get(&(schema, name))
        .map(|&index| &REGISTRY.relations[index])
}

/// The relation with this `pg_class.oid`.
pub fn relation_by_oid(oid: u32) -> Option<&'static SystemRelation> {
    REGISTRY
        .by_oid
        .get(&oid)
        .map(|&index| &REGISTRY.relations[index])
}

/// The relation of this name with the columns that `*` leaves out; a view has none.
pub(crate) fn relation_with_system_columns(
    schema: &str,
    name: &str,
) -> Option<&'static SystemRelation> {
    let index = *REGISTRY.by_name.get(&(schema, name))?;
    REGISTRY.with_system_columns[index].as_ref()
}

/// All relations of the system schemas.
pub fn relations() -> impl Iterator<Item = &'static SystemRelation> {
    REGISTRY.relations.iter()
}

/// The rows of a function of `pg_catalog` that is called in FROM and whose
/// arguments do not matter, such as `pg_get_keywords()`.
pub fn table_function(name: &str) -> Option<&'static SystemRelation> {
    REGISTRY.table_functions.get(name)
}

/// Reads the column list of a [`Definition`].
///
/// Panics when a type is unknown: the lists are constants, and a test reads all.
pub(crate) fn parse_columns(columns: &str) -> Schema {
    let fields: Vec<Field> = columns
        .split_whitespace()
        .map(|column| {
            let (name, type_name) = column.split_once(':').unwrap_or((column, "text"));
            parse_type(type_name).field(name, true)
        })
        .collect();
    Schema::new(fields)
}

fn parse_type(text: &str) -> PgType {
    let (name, typmod) = text.split_once('/').unwrap_or((text, "-1"));
    let entry = match name.strip_suffix("[]") {
        Some(element) => types::by_name(&format!("_{element}")),
        None => types::by_name(name),
    };
    debug_assert!(
        entry.is_some(),
        "a system relation has a column of unknown type {text}"
    );
    let oid = entry.map_or(oid::TEXT, |entry| entry.oid);
    PgType {
        oid,
        typmod: typmod.parse().unwrap_or(-1),
    }
}
