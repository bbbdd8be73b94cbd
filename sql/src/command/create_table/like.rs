//! `LIKE t [INCLUDING ...]`: the columns of another relation.
//!
//! The parser hands LIKE over as a column with a name and options of its own, see
//! `parse/idiom/create_table.rs`.
//!
//! Source: PostgreSQL 15 manual, CREATE TABLE, LIKE.

use gotgan_storage::{ColumnId, Constraint, NewColumn, NewConstraint, Privileges, Relation, Table};
use sqlparser::ast::{self, DataType};

use super::{Definition, Numbering, column_id};
use crate::access::actor::Actor;
use crate::command::owner;
use crate::error::SqlError;
use crate::parse::idiom::LIKE;
use crate::parse::name_parts;
use crate::plan::Planner;
use crate::resolve::{Name, Resolved};

/// What is copied besides names, types and NOT NULL.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Copied {
    defaults: bool,
    checks: bool,
    keys: bool,
    comments: bool,
    identity: bool,
}

impl Copied {
    pub(super) fn defaults(wanted: bool) -> Self {
        Self {
            defaults: wanted,
            ..Self::default()
        }
    }

    /// Errors: `42601` for an option that does not exist.
    fn parse(options: &str) -> Result<Self, SqlError> {
        let mut copied = Self::default();
        for option in options.split('/').filter(|option| !option.is_empty()) {
            let wanted = option.starts_with('+');
            match &option[1..] {
                "defaults" => copied.defaults = wanted,
                "constraints" => copied.checks = wanted,
                "indexes" => copied.keys = wanted,
                "comments" => copied.comments = wanted,
                "all" => {
                    copied = Self {
                        defaults: wanted,
                        checks: wanted,
                        keys: wanted,
                        comments: wanted,
                        identity: wanted,
                    };
                }
                "identity" => copied.identity = wanted,
                // Nothing of these kinds exists here.
                "generated" | "storage" | "statistics" | "compression" => {}
                other => {
                    let text = format!("syntax error at or near \"{}\"", other.to_uppercase());
                    return Err(SqlError::syntax(text));
                }
            }
        }
        Ok(copied)
    }
}

/// The relation and the options of a column that stands for LIKE.
pub(super) fn clause(column: &ast::ColumnDef) -> Result<Option<(Name, Copied)>, SqlError> {
    let Some(options) = column.name.value.strip_prefix(LIKE) else {
        return Ok(None);
    };
    let DataType::Custom(name, _) = &column.data_type else {
        return Ok(None);
    };
    let name = Name::from_parts(&name_parts(name))?;
    Ok(Some((name, Copied::parse(options)?)))
}

impl Definition {
    /// Adds the columns of a relation, and what `copied` says.
    ///
    /// Errors: `42701` for a column that is there already.
    pub(super) fn like(
        &mut self,
        planner: &Planner,
        name: &Name,
        copied: Copied,
    ) -> Result<(), SqlError> {
        let first = self.columns.len();
        let found = planner.resolver().relation(name)?;
        if let Resolved::Stored(relation) = &found {
            let actor = Actor::of(&planner.ctx);
            actor.require(owner::object(relation), Privileges::SELECT)?;
        }
        let columns: Vec<NewColumn> = match found {
            Resolved::Stored(Relation::Table(table)) => {
                self.copy_constraints(&table, first, copied);
                if copied.identity {
                    let snapshot = &planner.ctx.snapshot;
                    let columns = table.columns.iter().enumerate();
                    self.numberings
                        .extend(columns.filter_map(|(index, column)| {
                            let numbering = Numbering::like(snapshot, &table, column)?;
                            Some((first + index, numbering))
                        }));
                }
                table
                    .columns
                    .iter()
                    .map(|column| NewColumn {
                        name: column.name.clone(),
                        column_type: column.column_type.clone(),
                        nullable: column.nullable,
                        default: column.default.clone().filter(|_| copied.defaults),
                        comment: column.comment.clone().filter(|_| copied.comments),
                    })
                    .collect()
            }
            Resolved::Stored(Relation::View(view)) => view
                .columns
                .iter()
                .map(|column| NewColumn {
                    name: column.name.clone(),
                    column_type: column.column_type.clone(),
                    nullable: true,
                    default: None,
                    comment: column.comment.clone().filter(|_| copied.comments),
                })
                .collect(),
            Resolved::Sequence(sequence) => {
                return Err(SqlError::with_code(
                    crate::sqlstate::WRONG_OBJECT_TYPE,
                    format!("relation \"{}\" is invalid in LIKE clause", sequence.name),
                )
                .with_detail("This operation is not supported for sequences."));
            }
            Resolved::System(relation) => {
                return Err(SqlError::not_supported(format!("LIKE {}", relation.name)));
            }
        };
        for column in columns {
            if self.columns.iter().any(|other| other.name == column.name) {
                return Err(SqlError::duplicate_column(&column.name));
            }
            self.columns.push(column);
        }
        Ok(())
    }

    /// CHECKs keep their names; keys get new ones, as the old are taken. Foreign keys
    /// are never copied.
    fn copy_constraints(&mut self, table: &Table, first: usize, copied: Copied) {
        let moved = |ids: &[ColumnId]| -> Vec<ColumnId> {
            ids.iter()
                .filter_map(|id| table.columns.iter().position(|column| column.id == *id))
                .map(|index| column_id(first + index))
                .collect()
        };
        let names = |ids: &[ColumnId]| -> String {
            let own = table
                .columns
                .iter()
                .filter(|column| ids.contains(&column.id));
            own.map(|column| column.name.as_str())
                .collect::<Vec<_>>()
                .join("_")
        };
        for entry in &table.constraints {
            match &entry.constraint {
                Constraint::Check { .. } if copied.checks => {
                    self.constraints.push(NewConstraint {
                        name: self.free_name(entry.name.clone()),
                        constraint: entry.constraint.clone(),
                    });
                }
                Constraint::PrimaryKey { columns } if copied.keys => {
                    let columns = moved(columns);
                    let name = format!("{}_pkey", self.table);
                    self.add(name, Constraint::PrimaryKey { columns });
                }
                Constraint::Unique { columns } if copied.keys => {
                    let name = format!("{}_{}_key", self.table, names(columns));
                    let columns = moved(columns);
                    self.add(name, Constraint::Unique { columns });
                }
                _ => {}
            }
        }
    }
}
