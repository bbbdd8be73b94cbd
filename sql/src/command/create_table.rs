//! CREATE TABLE, CREATE TABLE AS.

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::logical_expr::{ExprSchemable, LogicalPlan};
use gotgan_storage::{
    AccessTarget, ColumnId, ColumnType, Constraint, NewColumn, NewConstraint, NewTable, TableId,
};
use sqlparser::ast::{self, ColumnOption, CreateTableLikeKind, Expr, TableConstraint};

mod form;
mod keys;
mod like;
mod temporary;

pub(super) use keys::add_constraint;
use keys::foreign_key;

use super::grant::give_defaults;
use super::identity::{self, Numbering};
use super::{insert, layout, query};
use crate::error::SqlError;
use crate::modify;
use crate::parse::{self, fold, name_parts, type_name};
use crate::plan::{Place, Planner, refuse_in};
use crate::resolve::Name;
use crate::rewrite;
use crate::session::{Notice, Outcome, Parameter, Session};
use crate::types::{self, PgType, oid};

pub(crate) async fn run(
    session: &mut Session,
    create: &ast::CreateTable,
    parameters: &[Parameter],
) -> Result<Outcome, SqlError> {
    let tag = form::tag(create);
    let name = Name::from_parts(&name_parts(&create.name))?;
    let is_temporary = temporary::prepare(session, create, parameters, (&name, tag)).await?;
    form::refuse_foreign(create)?;
    let planner = session.planner().await?;
    let schema = match planner.ctx.snapshot.temporary_schema() {
        Some(schema) if is_temporary => Arc::clone(schema),
        _ => planner.resolver().creation_schema(&name)?,
    };
    if super::sequence::is_taken(&planner.ctx.snapshot, schema.id, &name.name) {
        if create.if_not_exists {
            let text = format!("relation \"{}\" already exists, skipping", name.name);
            session.notify(Notice::info(text));
            return Ok(Outcome::Command(tag.to_owned()));
        }
        return Err(SqlError::duplicate_table(&name.name));
    }
    let mut definition = Definition::new(&name.name);
    let table = |definition: Definition, owner: &str| NewTable {
        schema_id: schema.id,
        name: name.name.clone(),
        owner: owner.to_owned(),
        columns: definition.columns,
        constraints: definition.constraints,
        comment: None,
    };
    let owner = session.role_name();
    let Some(query) = &create.query else {
        definition.read(&planner, create)?;
        definition.check(&planner)?;
        temporary::check_keys(&planner.ctx.snapshot, &definition.constraints, schema.id)?;
        definition.notify(session);
        let numberings = std::mem::take(&mut definition.numberings);
        let storage = session.transaction().await?.storage()?;
        let id = storage.create_table(table(definition, &owner))?;
        give_defaults(session, AccessTarget::Table(id)).await?;
        identity::number_columns(session, id, &numberings).await?;
        layout::create(session, create, id).await?;
        let storage = session.transaction().await?.storage()?;
        if let Some(action) = temporary::on_commit(create) {
            storage.set_on_commit(id, action)?;
        }
        return Ok(Outcome::Command("CREATE TABLE".to_owned()));
    };
    let plan = query::plan(&planner, query, parameters).await?;
    let columns = create.columns.iter();
    let named = columns.filter(|column| !column.name.value.starts_with(parse::idiom::MARK));
    let named: Vec<&ast::ColumnDef> = named.collect();
    definition.of_plan(plan.schema(), &named)?;
    let storage = session.transaction().await?.storage()?;
    let id = storage.create_table(table(definition, &owner))?;
    if let Some(action) = temporary::on_commit(create) {
        storage.set_on_commit(id, action)?;
    }
    give_defaults(session, AccessTarget::Table(id)).await?;
    layout::create(session, create, id).await?;
    let is_no_data = |column: &ast::ColumnDef| column.name.value == parse::idiom::NO_DATA;
    if create.columns.iter().any(is_no_data) {
        return Ok(Outcome::Command(tag.to_owned()));
    }
    let rows = fill(session, &planner, id, plan).await?;
    Ok(Outcome::Command(format!("SELECT {rows}")))
}

/// Writes a query's rows into a table of the same columns; returns how many.
async fn fill(
    session: &mut Session,
    planner: &Planner,
    id: TableId,
    plan: LogicalPlan,
) -> Result<u64, SqlError> {
    let snapshot = session.transaction().await?.snapshot();
    let created = snapshot.table(id).map(Arc::clone);
    let created = created.ok_or_else(|| SqlError::internal("a new table is not visible"))?;
    let all: Vec<usize> = (0..created.columns.len()).collect();
    let plan = insert::with_targets(planner, &created, plan, &all, None)?;
    insert::insert_plan(session, planner, &created, &plan).await
}

/// The parts of a new table, as they are read.
struct Definition {
    table: String,
    columns: Vec<NewColumn>,
    constraints: Vec<NewConstraint>,
    has_keys: bool,
    /// Columns that number their rows, by index.
    numberings: Vec<(usize, Numbering)>,
    /// Names of the constraints that the table has already.
    taken: Vec<String>,
}

impl Definition {
    fn new(table: &str) -> Self {
        Self {
            table: table.to_owned(),
            columns: Vec::new(),
            constraints: Vec::new(),
            has_keys: false,
            numberings: Vec::new(),
            taken: Vec::new(),
        }
    }

    fn read(&mut self, planner: &Planner, create: &ast::CreateTable) -> Result<(), SqlError> {
        if let Some(CreateTableLikeKind::Parenthesized(like) | CreateTableLikeKind::Plain(like)) =
            &create.like
        {
            let wanted = matches!(like.defaults, Some(ast::CreateTableLikeDefaults::Including));
            let copied = like::Copied::defaults(wanted);
            let name = Name::from_parts(&name_parts(&like.name))?;
            self.like(planner, &name, copied)?;
        }
        let mut own = Vec::with_capacity(create.columns.len());
        for column in &create.columns {
            if let Some((name, copied)) = like::clause(column)? {
                self.like(planner, &name, copied)?;
                continue;
            }
            let name = fold(&column.name);
            if self.columns.iter().any(|other| other.name == name) {
                return Err(SqlError::duplicate_column(&name));
            }
            let numbering = Numbering::of(&self.table, column)?;
            let target = match &numbering {
                Some(numbering) => numbering.data_type,
                None => type_name::resolve(&column.data_type)?,
            };
            own.push((self.columns.len(), column));
            let nullable = numbering.is_none();
            let numbered = numbering.map(|numbering| (self.columns.len(), numbering));
            self.numberings.extend(numbered);
            self.columns.push(NewColumn {
                name,
                column_type: types::column_type(target)?,
                nullable,
                default: None,
                comment: None,
            });
        }
        for (index, column) in own {
            for option in &column.options {
                self.option(planner, index, option)?;
            }
        }
        for constraint in &create.constraints {
            self.constraint(planner, constraint)?;
        }
        Ok(())
    }

    fn option(
        &mut self,
        planner: &Planner,
        index: usize,
        option: &ast::ColumnOptionDef,
    ) -> Result<(), SqlError> {
        let given = option.name.as_ref().map(fold);
        let column = self.columns[index].name.clone();
        let own = vec![column_id(index)];
        match &option.option {
            ColumnOption::Null => {}
            ColumnOption::NotNull => self.columns[index].nullable = false,
            ColumnOption::Default(expr) if parse::sequence::identity(expr)?.is_some() => {}
            ColumnOption::Default(expr) => {
                let target = PgType::of_column(&self.columns[index].column_type);
                let expr = crate::sequence::pinned(&planner.ctx, expr)?;
                self.columns[index].default = Some(default_text(&expr, target));
            }
            ColumnOption::PrimaryKey(_) => self.primary_key(given, own)?,
            ColumnOption::Unique(_) => {
                let name = given.unwrap_or_else(|| format!("{}_{column}_key", self.table));
                self.add(name, Constraint::Unique { columns: own });
            }
            ColumnOption::ForeignKey(key) => {
                let name = given.unwrap_or_else(|| format!("{}_{column}_fkey", self.table));
                self.foreign_key(planner, name, own, key)?;
            }
            ColumnOption::Check(check) => {
                let name = given.unwrap_or_else(|| format!("{}_{column}_check", self.table));
                self.add_check(name, &check.expr);
            }
            ColumnOption::Collation(name) => {
                let mut expr = Expr::Collate {
                    expr: Box::new(rewrite::build::string("")),
                    collation: name.clone(),
                };
                rewrite::rewrite_expression(&mut expr)?;
            }
            ColumnOption::Comment(text) => self.columns[index].comment = Some(text.clone()),
            other => {
                return Err(SqlError::not_supported(format!(
                    "the column option {other}"
                )));
            }
        }
        Ok(())
    }

    fn constraint(
        &mut self,
        planner: &Planner,
        constraint: &TableConstraint,
    ) -> Result<(), SqlError> {
        match constraint {
            TableConstraint::PrimaryKey(key) => {
                let columns = self.indexed(&key.columns)?;
                self.primary_key(key.name.as_ref().map(fold), columns)
            }
            TableConstraint::Unique(key) => {
                let columns = self.indexed(&key.columns)?;
                let names = self.names(&columns);
                let name = key.name.as_ref().map(fold);
                let name = name.unwrap_or_else(|| format!("{}_{names}_key", self.table));
                self.add(name, Constraint::Unique { columns });
                Ok(())
            }
            TableConstraint::ForeignKey(key) => {
                let columns: Result<Vec<ColumnId>, SqlError> = key
                    .columns
                    .iter()
                    .map(|ident| self.find(&fold(ident)))
                    .collect();
                let columns = columns?;
                let names = self.names(&columns);
                let name = key.name.as_ref().map(fold);
                let name = name.unwrap_or_else(|| format!("{}_{names}_fkey", self.table));
                self.foreign_key(planner, name, columns, key)
            }
            TableConstraint::Check(check) => {
                let name = check.name.as_ref().map(fold);
                let name = match name {
                    Some(name) => name,
                    None => self.check_name(&check.expr)?,
                };
                self.add_check(name, &check.expr);
                Ok(())
            }
            other => Err(SqlError::not_supported(format!("the constraint {other}"))),
        }
    }

    fn primary_key(
        &mut self,
        name: Option<String>,
        columns: Vec<ColumnId>,
    ) -> Result<(), SqlError> {
        let has_one = self
            .constraints
            .iter()
            .any(|other| matches!(other.constraint, Constraint::PrimaryKey { .. }));
        if has_one {
            return Err(SqlError::with_code(
                crate::sqlstate::INVALID_TABLE_DEFINITION,
                format!(
                    "multiple primary keys for table \"{}\" are not allowed",
                    self.table
                ),
            ));
        }
        for column in &columns {
            let index = usize::try_from(column.0 - 1).unwrap_or(0);
            self.columns[index].nullable = false;
        }
        let name = name.unwrap_or_else(|| format!("{}_pkey", self.table));
        self.add(name, Constraint::PrimaryKey { columns });
        Ok(())
    }

    fn foreign_key(
        &mut self,
        planner: &Planner,
        name: String,
        columns: Vec<ColumnId>,
        key: &ast::ForeignKeyConstraint,
    ) -> Result<(), SqlError> {
        let constraint = foreign_key(planner, columns, key)?;
        self.add(name, constraint);
        Ok(())
    }

    /// Named after the column, if it is about one.
    fn check_name(&self, expr: &Expr) -> Result<String, SqlError> {
        let named = super::alter_table::columns_of(&expr.to_string())?;
        Ok(match named.as_slice() {
            [column] => format!("{}_{column}_check", self.table),
            _ => format!("{}_check", self.table),
        })
    }

    fn add_check(&mut self, name: String, expr: &Expr) {
        self.constraints.push(NewConstraint {
            name: self.free_name(name),
            constraint: Constraint::Check {
                expression: expr.to_string(),
            },
        });
    }

    fn add(&mut self, name: String, constraint: Constraint) {
        self.has_keys = true;
        self.constraints.push(NewConstraint {
            name: self.free_name(name),
            constraint,
        });
    }

    fn free_name(&self, name: String) -> String {
        let is_taken = |wanted: &str| {
            self.constraints.iter().any(|other| other.name == wanted)
                || self.taken.iter().any(|other| other == wanted)
        };
        if !is_taken(&name) {
            return name;
        }
        let numbered = (1..).map(|number| format!("{name}{number}"));
        numbered
            .into_iter()
            .find(|candidate| !is_taken(candidate))
            .unwrap_or(name)
    }

    fn find(&self, name: &str) -> Result<ColumnId, SqlError> {
        let found = self.columns.iter().position(|column| column.name == name);
        found.map(column_id).ok_or_else(|| {
            SqlError::with_code(
                crate::sqlstate::UNDEFINED_COLUMN,
                format!("column \"{name}\" named in key does not exist"),
            )
        })
    }

    fn indexed(&self, columns: &[ast::IndexColumn]) -> Result<Vec<ColumnId>, SqlError> {
        columns
            .iter()
            .map(|column| match &column.column.expr {
                Expr::Identifier(ident) => self.find(&fold(ident)),
                _ => Err(SqlError::syntax("a key names columns")),
            })
            .collect()
    }

    fn names(&self, columns: &[ColumnId]) -> String {
        let names: Vec<&str> = columns
            .iter()
            .filter_map(|id| self.columns.get(usize::try_from(id.0 - 1).ok()?))
            .map(|column| column.name.as_str())
            .collect();
        names.join("_")
    }

    /// The columns of a query's result, with other names if some are given.
    fn of_plan(&mut self, schema: &DFSchema, named: &[&ast::ColumnDef]) -> Result<(), SqlError> {
        if named.len() > schema.fields().len() {
            return Err(SqlError::syntax("too many column names were specified"));
        }
        for (index, field) in schema.fields().iter().enumerate() {
            let name = match named.get(index) {
                Some(column) => fold(&column.name),
                None => rewrite::strip_suffix(field.name()).to_owned(),
            };
            if self.columns.iter().any(|other| other.name == name) {
                return Err(SqlError::duplicate_column(&name));
            }
            let column_type = types::column_type(PgType::of_field(field))?;
            self.columns.push(NewColumn {
                name,
                column_type,
                nullable: true,
                default: None,
                comment: None,
            });
        }
        Ok(())
    }

    /// Defaults and checks must be expressions of the right type.
    fn check(&self, planner: &Planner) -> Result<(), SqlError> {
        let fields: Vec<_> = self
            .columns
            .iter()
            .map(|column| types::column_field(&column.name, &column.column_type, true))
            .collect();
        let schema = DFSchema::try_from(arrow::datatypes::Schema::new(fields))?;
        for column in &self.columns {
            if let Some(text) = &column.default {
                let target = PgType::of_column(&column.column_type);
                let value = parse::parse_expression(text)?;
                modify::require_default(planner, &value, &column.name, target)
                    .map_err(SqlError::unplaced)?;
            }
        }
        for constraint in &self.constraints {
            if let Constraint::Check { expression } = &constraint.constraint {
                require_boolean(planner, expression, &schema)?;
            }
        }
        Ok(())
    }

    fn notify(&self, session: &mut Session) {
        if self.has_keys {
            session.notify(keys_notice());
        }
        for column in &self.columns {
            if column.column_type == ColumnType::NumericUnbounded {
                session.notify(Notice::info(format!(
                    "column \"{}\" of type numeric is stored as numeric(38,10)",
                    column.name
                )));
            }
        }
    }
}

/// A default as PostgreSQL shows it: a literal with the column's type.
pub(super) fn default_text(expr: &Expr, target: PgType) -> String {
    match rewrite::build::string_text(expr) {
        Some(text) if target.entry().category == 'N' && text.parse::<f64>().is_ok() => {
            text.to_owned()
        }
        Some(_) => format!("{expr}::{}", PgType::new(target.oid).display()),
        None => expr.to_string(),
    }
}

fn keys_notice() -> Notice {
    Notice::info(
        "primary keys, unique constraints and foreign keys are informational and not enforced",
    )
}

fn require_boolean(planner: &Planner, expression: &str, schema: &DFSchema) -> Result<(), SqlError> {
    let parsed = parse::parse_expression(expression)?;
    refuse_in(&parsed, Place::Check, &planner.ctx).map_err(SqlError::unplaced)?;
    let expr = planner.plan_expression(&parsed, schema)?;
    let (_, field) = expr.to_field(schema)?;
    if PgType::of_field(&field).oid == oid::BOOL {
        return Ok(());
    }
    Err(SqlError::datatype_mismatch(format!(
        "argument of CHECK must be type boolean, not type {}",
        PgType::of_field(&field).display()
    )))
}

fn column_id(index: usize) -> ColumnId {
    ColumnId(i64::try_from(index).unwrap_or(i64::MAX - 1) + 1)
}
