//! Bringing a whole schema of an older snapshot back, with everything in it.
//!
//! Tables are restored as each alone; then foreign keys among them point at each other
//! again. Views are text, which names the schema: they come back with it under its old
//! name, and are handed to the caller where it has another.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::snapshot::{Relation, Schema, Snapshot, Table, View};
use crate::spec::{SchemaId, SequenceId, TableId, ViewId};
use crate::transaction::Transaction;
use crate::transaction::new::NewSchema;
use crate::transaction::restore::{DefaultSequences, Restore};

/// A schema to be restored.
#[derive(Clone, Debug)]
pub struct RestoreSchema {
    /// A committed snapshot, see `Lake::snapshot`.
    pub from: Arc<Snapshot>,
    /// The schema there.
    pub schema: SchemaId,
    /// The name of the new schema.
    pub name: String,
    /// Name of the role that will own it and what is in it.
    pub owner: String,
}

/// A schema that was restored.
#[derive(Clone, Debug)]
pub struct RestoredSchema {
    /// The new schema.
    pub schema: SchemaId,
    /// Each table of the snapshot, and the new one.
    pub tables: Vec<(TableId, TableId)>,
    /// Sequences of the snapshot, and the new ones; see `Restored::sequences`.
    pub sequences: Vec<(SequenceId, SequenceId)>,
    /// Views that came back.
    pub view_count: usize,
    /// Views of the snapshot that did not: their text names the schema by its old name, or
    /// something that is not there any more.
    pub left_out: Vec<Arc<View>>,
}

impl Transaction {
    /// Makes a schema that holds what another one held at a snapshot.
    ///
    /// Cost and errors: as `restore_table`, for each table.
    pub async fn restore_schema(
        &mut self,
        restore: &RestoreSchema,
    ) -> Result<RestoredSchema, Error> {
        self.check_primary()?;
        let before = self.savepoint();
        let restored = self.restore_whole_schema(restore).await;
        if restored.is_err() {
            self.rollback_to(&before);
        }
        restored
    }

    async fn restore_whole_schema(
        &mut self,
        restore: &RestoreSchema,
    ) -> Result<RestoredSchema, Error> {
        let from = &restore.from;
        let source = from.schema(restore.schema).map(Arc::clone);
        let source = source.filter(|schema| !schema.id.is_temporary());
        let source = source.ok_or_else(|| {
            let text = format!(
                "snapshot {} does not show a schema with id {}",
                from.id(),
                restore.schema
            );
            Error::new(ErrorKind::NotFound, text)
        })?;
        let schema = self.create_schema(NewSchema {
            name: restore.name.clone(),
            owner: restore.owner.clone(),
        })?;
        let made = Schema {
            comment: source.comment.clone(),
            options: source.options.clone(),
            ..(*self.schema(schema)?).clone()
        };
        self.overlay.change_picture().put_schema(made);
        let mut sequences = self.restore_free_sequences(restore, schema).await?;
        let mut tables: BTreeMap<TableId, TableId> = BTreeMap::new();
        let mut views = Vec::new();
        for relation in from.relations_in(source.id) {
            match relation {
                Relation::View(view) => views.push(view),
                Relation::Table(table) => {
                    let wanted = Restore {
                        from: Arc::clone(from),
                        table: table.id,
                        schema,
                        name: table.name.clone(),
                        owner: restore.owner.clone(),
                        replace: None,
                    };
                    let (id, own) = self.restore_new(&wanted, DefaultSequences::Own).await?;
                    tables.insert(table.id, id);
                    sequences.extend(own);
                }
            }
        }
        self.join_keys(from, &tables)?;
        let view_count = views.len();
        let left_out = match restore.name == source.name {
            true => self.restore_views(&views, schema, (&tables, &restore.owner))?,
            false => views,
        };
        Ok(RestoredSchema {
            schema,
            tables: tables.into_iter().collect(),
            sequences,
            view_count: view_count - left_out.len(),
            left_out,
        })
    }

    /// Lets foreign keys among restored tables point at these.
    fn join_keys(
        &mut self,
        from: &Snapshot,
        tables: &BTreeMap<TableId, TableId>,
    ) -> Result<(), Error> {
        for (old, new) in tables {
            let Some(source) = from.table(*old).map(Arc::clone) else {
                continue;
            };
            let constraints = self.restored_constraints(from, &source, tables);
            self.change_table(*new, |table: &mut Table| table.constraints = constraints)?;
        }
        Ok(())
    }

    /// Brings views back as they were. Returns those that read what is not there.
    fn restore_views(
        &mut self,
        views: &[Arc<View>],
        schema: SchemaId,
        (tables, owner): (&BTreeMap<TableId, TableId>, &str),
    ) -> Result<Vec<Arc<View>>, Error> {
        let owner = self.role(owner)?;
        let mut ids: BTreeMap<i64, i64> = tables.iter().map(|(old, new)| (old.0, new.0)).collect();
        let mut waiting = views.to_vec();
        // A view may read another one that comes later by name: until none fits any more.
        loop {
            let mut left = Vec::new();
            let before = waiting.len();
            for view in waiting {
                let mapped = view.dependencies.iter().map(|id| {
                    let known = ids.get(id).copied();
                    known.or_else(|| self.is_there(*id).then_some(*id))
                });
                let mapped: Option<Vec<i64>> = mapped.collect();
                let is_free = self.check_relation_name(schema, &view.name).is_ok();
                let (Some(dependencies), true) = (mapped, is_free) else {
                    left.push(view);
                    continue;
                };
                let id = ViewId(self.take_temporary());
                ids.insert(view.id.0, id.0);
                let restored = View {
                    id,
                    schema_id: schema,
                    dependencies,
                    owner_id: owner.id,
                    access: Arc::default(),
                    uuid: self.lake.ids().uuid().to_string(),
                    ..(*view).clone()
                };
                self.overlay.change_picture().put_view(Arc::new(restored));
            }
            if left.is_empty() || left.len() == before {
                return Ok(left);
            }
            waiting = left;
        }
    }

    fn is_there(&self, id: i64) -> bool {
        let picture = &self.overlay.picture;
        picture.table(TableId(id)).is_some()
            || picture.view(ViewId(id)).is_some()
            || picture.sequence(SequenceId(id)).is_some()
    }
}
