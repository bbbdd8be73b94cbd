//! Catalog rows to a picture: all of them once, then only of objects that changed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use crate::access::{LAKE_OBJECT_ID, ObjectAccess, decode_access};
use crate::catalog::{CatalogStore, Condition, Head, Selection, decode};
use crate::error::Error;
use crate::snapshot::declared::{column_type, foreign_default, parse_view_columns};
use crate::snapshot::sequence::sequence;
use crate::snapshot::sort::{self, SortRows};
use crate::snapshot::{
    Column, ConstraintEntry, Index, Schema, Snapshot, SortKey, Table, View, ViewDialect,
};
use crate::spec::rows::{
    ColumnRow, ColumnTagRow, SchemaRow, SortExpressionRow, SortInfoRow, TableRow, TableStatsRow,
    TagRow, ViewRow,
};
use crate::spec::side::{
    AccessRow, CommentRow, ConstraintRow, EndedRow, IndexRow, MembershipRow, OptionRow, OwnerRow,
    RoleOptionRow, RoleRow, RoleSettingRow, SequenceRow, SettingRow, SideColumnRow, SideViewRow,
};
use crate::spec::table::{Row, Values};
use crate::spec::{COMMENT_KEY, ColumnId, SchemaId, SequenceId, SnapshotId, TableId, ViewId};

mod keys;
mod roles;

use keys::{constraint, index, parse_numbers};
use roles::RoleRows;

/// Loads the whole picture at the head. Cost: 1 read transaction.
pub(crate) async fn load_picture(store: &dyn CatalogStore, head: &Head) -> Result<Snapshot, Error> {
    let id = SnapshotId(head.snapshot.snapshot_id);
    let rows = read_rows(store, id, None).await?;
    let mut picture = Snapshot::empty(id, head.snapshot.snapshot_time);
    picture.schema_version = head.snapshot.schema_version;
    picture.epoch = head.epoch;
    rows.add_to(&mut picture)?;
    Ok(picture)
}

/// Brings an older picture to the head by loading again only what changed.
///
/// `objects`: every schema, table and view that the commits in between touched.
/// Valid only while the epoch is the same.
pub(crate) async fn refresh_picture(
    store: &dyn CatalogStore,
    older: &Snapshot,
    head: &Head,
    objects: &BTreeSet<i64>,
) -> Result<Snapshot, Error> {
    let id = SnapshotId(head.snapshot.snapshot_id);
    let mut picture = older.clone();
    picture.id = id;
    picture.time = head.snapshot.snapshot_time;
    picture.schema_version = head.snapshot.schema_version;
    let rows = read_rows(store, id, Some(objects)).await?;
    if objects.contains(&LAKE_OBJECT_ID) {
        picture.lake_access = Arc::default();
    }
    for object in objects {
        picture.remove_table(TableId(*object));
        picture.remove_view(ViewId(*object));
        picture.remove_sequence(SequenceId(*object));
        if picture.schema(SchemaId(*object)).is_some() {
            picture.remove_schema(SchemaId(*object));
        }
    }
    rows.add_to(&mut picture)?;
    Ok(picture)
}

/// Every row that makes a picture.
pub(super) struct PictureRows {
    schemas: Vec<SchemaRow>,
    tables: Vec<TableRow>,
    columns: Vec<ColumnRow>,
    views: Vec<ViewRow>,
    tags: Vec<TagRow>,
    column_tags: Vec<ColumnTagRow>,
    stats: Vec<TableStatsRow>,
    ended: Vec<EndedRow>,
    owners: Vec<OwnerRow>,
    side_columns: Vec<SideColumnRow>,
    constraints: Vec<ConstraintRow>,
    indexes: Vec<IndexRow>,
    sort_keys: Vec<SortInfoRow>,
    sort_parts: Vec<SortExpressionRow>,
    side_views: Vec<SideViewRow>,
    sequences: Vec<SequenceRow>,
    comments: Vec<CommentRow>,
    options: Vec<OptionRow>,
    access: Vec<AccessRow>,
    roles: RoleRows,
    settings: Vec<SettingRow>,
}

async fn read_rows(
    store: &dyn CatalogStore,
    at: SnapshotId,
    objects: Option<&BTreeSet<i64>>,
) -> Result<PictureRows, Error> {
    let results = store.select(&selections(at, objects)).await?;
    PictureRows::decode(results)
}

/// What is read for a picture, or only for some of its objects.
pub(super) fn selections(at: SnapshotId, objects: Option<&BTreeSet<i64>>) -> Vec<Selection> {
    let visible = |key: Option<&'static str>| {
        let mut conditions = vec![Condition::VisibleAt(at.0)];
        if let (Some(key), Some(objects)) = (key, objects) {
            conditions.push(Condition::In(key, objects.iter().copied().collect()));
        }
        conditions
    };
    let of_tables = match objects {
        Some(objects) => vec![Condition::In("table_id", objects.iter().copied().collect())],
        None => Vec::new(),
    };
    vec![
        Selection::of::<SchemaRow>(visible(Some("schema_id"))),
        Selection::of::<TableRow>(visible(Some("table_id"))),
        Selection::of::<ColumnRow>(visible(Some("table_id"))),
        Selection::of::<ViewRow>(visible(Some("view_id"))),
        Selection::of::<TagRow>(visible(Some("object_id"))),
        Selection::of::<ColumnTagRow>(visible(Some("table_id"))),
        Selection::of::<TableStatsRow>(of_tables.clone()),
        Selection::of::<EndedRow>(of_tables.clone()),
        Selection::of::<OwnerRow>(visible(Some("object_id"))),
        Selection::of::<SideColumnRow>(visible(Some("table_id"))),
        Selection::of::<ConstraintRow>(visible(Some("table_id"))),
        Selection::of::<IndexRow>(visible(Some("table_id"))),
        Selection::of::<SortInfoRow>(visible(Some("table_id"))),
        Selection::of::<SortExpressionRow>(of_tables),
        Selection::of::<SideViewRow>(visible(Some("view_id"))),
        Selection::of::<SequenceRow>(visible(Some("sequence_id"))),
        // Comments are by the id of a constraint or index too, which nobody lists.
        Selection::of::<CommentRow>(visible(None)),
        Selection::of::<OptionRow>(visible(Some("object_id"))),
        Selection::of::<AccessRow>(visible(Some("object_id"))),
        Selection::of::<RoleRow>(Vec::new()),
        Selection::of::<RoleOptionRow>(Vec::new()),
        Selection::of::<MembershipRow>(Vec::new()),
        Selection::of::<RoleSettingRow>(Vec::new()),
        Selection::of::<SettingRow>(Vec::new()),
    ]
}

fn typed<R: Row>(rows: Vec<Values>) -> Result<Vec<R>, Error> {
    decode(rows)
}

/// The parts of tables and views, found by the id of what they belong to.
struct Parts {
    owners: HashMap<i64, i64>,
    access: HashMap<i64, Arc<ObjectAccess>>,
    tags: HashMap<i64, String>,
    comments: HashMap<i64, String>,
    options: HashMap<i64, BTreeMap<String, String>>,
    column_tags: HashMap<(i64, i64), String>,
    side_columns: HashMap<(i64, i64), SideColumnRow>,
    columns: HashMap<i64, Vec<ColumnRow>>,
    constraints: HashMap<i64, Vec<ConstraintEntry>>,
    indexes: HashMap<i64, Vec<Index>>,
    sort_keys: SortRows,
    stats: HashMap<i64, TableStatsRow>,
    ended: HashMap<i64, EndedRow>,
}

impl Parts {
    fn owner(&self, object: i64) -> i64 {
        // What DuckDB made belongs to the first superuser.
        self.owners
            .get(&object)
            .copied()
            .unwrap_or(crate::access::BOOTSTRAP_ROLE_ID)
    }

    fn access(&self, object: i64) -> Arc<ObjectAccess> {
        self.access.get(&object).map(Arc::clone).unwrap_or_default()
    }
}

impl PictureRows {
    /// The answers to `selections`, in their order.
    pub(super) fn decode(results: Vec<Vec<Values>>) -> Result<Self, Error> {
        let mut results = results.into_iter();
        let mut next = move || results.next().unwrap_or_default();
        Ok(Self {
            schemas: typed(next())?,
            tables: typed(next())?,
            columns: typed(next())?,
            views: typed(next())?,
            tags: typed(next())?,
            column_tags: typed(next())?,
            stats: typed(next())?,
            ended: typed(next())?,
            owners: typed(next())?,
            side_columns: typed(next())?,
            constraints: typed(next())?,
            indexes: typed(next())?,
            sort_keys: typed(next())?,
            sort_parts: typed(next())?,
            side_views: typed(next())?,
            sequences: typed(next())?,
            comments: typed(next())?,
            options: typed(next())?,
            access: typed(next())?,
            roles: RoleRows {
                roles: typed(next())?,
                options: typed(next())?,
                memberships: typed(next())?,
                settings: typed(next())?,
            },
            settings: typed(next())?,
        })
    }

    pub(super) fn add_to(self, picture: &mut Snapshot) -> Result<(), Error> {
        self.roles.add_to(picture);
        let mut access = HashMap::with_capacity(self.access.len());
        for row in self.access {
            match row.object_id {
                LAKE_OBJECT_ID => picture.lake_access = Arc::new(decode_access(&row.access)?),
                id => drop(access.insert(id, Arc::new(decode_access(&row.access)?))),
            }
        }
        let settings = self.settings.into_iter();
        let settings = settings.map(|row| (row.setting_name, row.value));
        picture.settings = Arc::new(settings.collect());
        let comments: HashMap<i64, String> = self
            .comments
            .into_iter()
            .map(|row| (row.object_id, row.comment))
            .collect();
        let mut parts = Parts {
            owners: self
                .owners
                .into_iter()
                .map(|row| (row.object_id, row.role_id))
                .collect(),
            access,
            tags: self.tags.into_iter().filter_map(comment_of_tag).collect(),
            column_tags: self
                .column_tags
                .into_iter()
                .filter_map(comment_of_column)
                .collect(),
            side_columns: keyed(self.side_columns, |row| (row.table_id, row.column_id)),
            columns: group(self.columns, |row| row.table_id),
            constraints: HashMap::new(),
            indexes: HashMap::new(),
            sort_keys: sort::by_table(self.sort_keys, self.sort_parts),
            stats: keyed(self.stats, |row| row.table_id),
            ended: keyed(self.ended, |row| row.table_id),
            comments,
            options: HashMap::new(),
        };
        for row in self.options {
            let options = parts.options.entry(row.object_id).or_default();
            options.insert(row.option_name, row.value);
        }
        for row in self.constraints {
            let entry = constraint(&row, &parts.comments)?;
            parts
                .constraints
                .entry(row.table_id)
                .or_default()
                .push(entry);
        }
        for row in self.indexes {
            let table_id = row.table_id;
            let index = index(row, &parts.comments)?;
            parts.indexes.entry(table_id).or_default().push(index);
        }
        for row in self.schemas {
            let schema = schema(row, &parts);
            picture.put_schema(schema);
        }
        for row in self.tables {
            let table = table(row, &mut parts, picture.id)?;
            picture.put_table(Arc::new(table));
        }
        add_sequences(self.sequences, &parts, picture)?;
        add_views(self.views, self.side_views, &parts, picture)
    }
}

fn keyed<K: Eq + Hash, R>(rows: Vec<R>, key: impl Fn(&R) -> K) -> HashMap<K, R> {
    rows.into_iter().map(|row| (key(&row), row)).collect()
}

fn group<R>(rows: Vec<R>, key: impl Fn(&R) -> i64) -> HashMap<i64, Vec<R>> {
    let mut groups: HashMap<i64, Vec<R>> = HashMap::new();
    for row in rows {
        groups.entry(key(&row)).or_default().push(row);
    }
    groups
}

fn comment_of_tag(row: TagRow) -> Option<(i64, String)> {
    (row.key == COMMENT_KEY).then_some((row.object_id, row.value?))
}

fn comment_of_column(row: ColumnTagRow) -> Option<((i64, i64), String)> {
    (row.key == COMMENT_KEY).then_some(((row.table_id, row.column_id), row.value?))
}

fn schema(row: SchemaRow, parts: &Parts) -> Schema {
    Schema {
        id: SchemaId(row.schema_id),
        name: row.schema_name,
        owner_id: parts.owner(row.schema_id),
        access: parts.access(row.schema_id),
        comment: parts.comments.get(&row.schema_id).cloned(),
        options: parts
            .options
            .get(&row.schema_id)
            .cloned()
            .unwrap_or_default(),
        uuid: row.schema_uuid.unwrap_or_default(),
        path: row.path,
        path_is_relative: row.path_is_relative,
    }
}

fn table(row: TableRow, parts: &mut Parts, at: SnapshotId) -> Result<Table, Error> {
    let id = row.table_id;
    let mut column_rows = parts.columns.remove(&id).unwrap_or_default();
    column_rows.sort_by_key(|column| (column.column_order, column.column_id));
    let by_parent = group(column_rows, |column| column.parent_column.unwrap_or(0));
    let counted = parts
        .stats
        .get(&id)
        .map_or((0, 0), |row| (row.record_count, row.file_size_bytes));
    let ended = parts
        .ended
        .get(&id)
        .map_or((0, 0), |row| (row.ended_row_count, row.ended_bytes));
    let count = |all: i64, ended: i64| u64::try_from(all - ended).unwrap_or(0);
    let columns = columns_below(0, &by_parent, parts)?;
    let sort_key = parts.sort_keys.remove(&id);
    let sort_key = sort_key.and_then(|(key, rows)| SortKey::from_rows(key, rows, &columns));
    Ok(Table {
        id: TableId(id),
        uuid: row.table_uuid.unwrap_or_default(),
        schema_id: SchemaId(row.schema_id),
        name: row.table_name,
        owner_id: parts.owner(id),
        access: parts.access(id),
        comment: parts.tags.get(&id).cloned(),
        options: parts.options.remove(&id).unwrap_or_default(),
        columns,
        sort_key,
        constraints: parts.constraints.remove(&id).unwrap_or_default(),
        indexes: parts.indexes.remove(&id).unwrap_or_default(),
        row_count: count(counted.0, ended.0),
        bytes: count(counted.1, ended.1),
        last_change: at,
        path: row.path,
        path_is_relative: row.path_is_relative,
        next_column: 0,
    })
}

fn columns_below(
    parent: i64,
    by_parent: &HashMap<i64, Vec<ColumnRow>>,
    parts: &Parts,
) -> Result<Vec<Column>, Error> {
    let rows = by_parent.get(&parent).map_or(&[][..], Vec::as_slice);
    rows.iter()
        .map(|row| column(row, by_parent, parts))
        .collect()
}

fn column(
    row: &ColumnRow,
    by_parent: &HashMap<i64, Vec<ColumnRow>>,
    parts: &Parts,
) -> Result<Column, Error> {
    let key = (row.table_id, row.column_id);
    let side = parts.side_columns.get(&key);
    let declared = side.and_then(|side| side.declared_type.as_deref());
    let children = columns_below(row.column_id, by_parent, parts)?;
    let own_default = side.and_then(|side| side.default_expression.clone());
    // A nested field may say NOT NULL although it is not: DuckDB's ALTER does that.
    let nullable = row.parent_column.is_some() || row.nulls_allowed.unwrap_or(true);
    Ok(Column {
        id: ColumnId(row.column_id),
        name: row.column_name.clone(),
        column_type: column_type(&row.column_type, declared, &children)?,
        nullable,
        default: own_default.or_else(|| {
            foreign_default(
                row.default_value.as_deref(),
                row.default_value_type.as_deref(),
            )
        }),
        initial_default: row.initial_default.clone(),
        comment: parts.column_tags.get(&key).cloned(),
        children,
    })
}

fn add_sequences(
    rows: Vec<SequenceRow>,
    parts: &Parts,
    picture: &mut Snapshot,
) -> Result<(), Error> {
    for row in rows {
        let id = row.sequence_id;
        let comment = parts.comments.get(&id).cloned();
        let sequence = sequence(row, (parts.owner(id), parts.access(id)), comment)?;
        picture.put_sequence(Arc::new(sequence));
    }
    Ok(())
}

fn add_views(
    rows: Vec<ViewRow>,
    side_rows: Vec<SideViewRow>,
    parts: &Parts,
    picture: &mut Snapshot,
) -> Result<(), Error> {
    let mut foreign: HashMap<i64, ViewRow> =
        rows.into_iter().map(|row| (row.view_id, row)).collect();
    for row in side_rows {
        let twin = foreign.remove(&row.view_id);
        picture.put_view(Arc::new(View {
            id: ViewId(row.view_id),
            schema_id: SchemaId(row.schema_id),
            name: row.view_name,
            owner_id: parts.owner(row.view_id),
            access: parts.access(row.view_id),
            comment: parts.tags.get(&row.view_id).cloned(),
            dialect: ViewDialect::Postgres,
            text: row.text,
            duckdb_text: twin.map(|twin| twin.sql),
            columns: parse_view_columns(&row.columns)?,
            dependencies: parse_numbers(&row.dependencies)?,
            uuid: row.view_uuid,
            column_aliases: None,
        }));
    }
    for (id, row) in foreign {
        picture.put_view(Arc::new(View {
            id: ViewId(id),
            schema_id: SchemaId(row.schema_id),
            name: row.view_name,
            owner_id: parts.owner(id),
            access: parts.access(id),
            comment: parts.tags.get(&id).cloned(),
            dialect: ViewDialect::DuckDb,
            text: row.sql.clone(),
            duckdb_text: Some(row.sql),
            columns: Vec::new(),
            dependencies: Vec::new(),
            uuid: row.view_uuid.unwrap_or_default(),
            column_aliases: row.column_aliases,
        }));
    }
    Ok(())
}
