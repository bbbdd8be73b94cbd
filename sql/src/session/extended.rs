//! The extended protocol's statements and portals, and SQL's PREPARE and EXECUTE,
//! which share one set of names.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use bytes::Bytes;
use datafusion::common::ScalarValue;
use futures::FutureExt;
use sqlparser::ast;

use super::run::Parameter;
use super::{Outcome, Session, TRIES_MAX};
use crate::command;
use crate::context::PreparedStatement;
use crate::error::SqlError;
use crate::parse::{self, Node, Statement, type_name};
use crate::plan::ColumnDescription;
use crate::sqlstate;
use crate::types::{PgType, binary, input, oid};

/// How a value travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// As text.
    Text,
    /// In the type's binary form.
    Binary,
}

/// What Describe tells of a prepared statement.
#[derive(Clone, Debug)]
pub struct StatementDescription {
    /// OIDs of the parameters' types.
    pub parameters: Vec<u32>,
    /// Its columns; none if it returns no rows.
    pub columns: Option<Arc<[ColumnDescription]>>,
}

/// A parsed and analysed statement; none within for an empty text.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(super) statement: Option<Statement>,
    pub(super) parameters: Vec<PgType>,
    pub(super) columns: Option<Arc<[ColumnDescription]>>,
    /// What the client sent.
    text: Arc<str>,
    /// UTC microseconds since 1970.
    prepared_at: i64,
    is_from_sql: bool,
    /// Version of the warehouse's tables and views at which `columns` held.
    pub(super) schema_version: AtomicI64,
}

/// A statement with its parameters' values.
#[derive(Debug)]
pub(crate) struct Portal {
    pub(super) prepared: Arc<Prepared>,
    values: Vec<Parameter>,
}

impl Session {
    /// Parse: analyses one statement under a name; the empty name is replaced.
    ///
    /// Errors: `42P05` if the name is taken, `42601` for several statements, and
    /// those of analysis.
    pub async fn prepare(
        &mut self,
        name: &str,
        text: &str,
        parameter_oids: &[u32],
    ) -> Result<(), SqlError> {
        if !name.is_empty() && self.prepared.contains_key(name) {
            return Err(duplicate_statement(name));
        }
        let mut statements = self.parse(text.to_owned()).await?;
        let statement = statements.pop();
        if !statements.is_empty() {
            return Err(SqlError::syntax(
                "cannot insert multiple commands into a prepared statement",
            ));
        }
        let known: Vec<Option<PgType>> = parameter_oids
            .iter()
            .map(|given| match *given {
                0 | oid::UNKNOWN => Ok(None),
                given if crate::types::by_oid(given).is_some() => Ok(Some(PgType::new(given))),
                given => Err(SqlError::undefined_object("type", &given.to_string())),
            })
            .collect::<Result<_, _>>()?;
        let limits = self.limits.clone();
        let mut prepared = limits
            .run(self.analyze(statement, &known).boxed())
            .await
            .map_err(|error| error.placed(text))?;
        prepared.text = Arc::from(text);
        self.prepared.insert(name.to_owned(), Arc::new(prepared));
        Ok(())
    }

    async fn analyze(
        &mut self,
        statement: Option<Statement>,
        known: &[Option<PgType>],
    ) -> Result<Prepared, SqlError> {
        let Some(statement) = statement else {
            return Ok(Prepared {
                statement: None,
                parameters: Vec::new(),
                columns: None,
                text: Arc::from(""),
                prepared_at: self.statement_start,
                is_from_sql: false,
                schema_version: AtomicI64::default(),
            });
        };
        if self.transaction.as_ref().is_some_and(|t| t.has_failed())
            && !super::run::ends_failure(&statement)
        {
            return Err(SqlError::in_failed_transaction());
        }
        self.note_length(&statement);
        self.show_running(&statement);
        let mut known = known.to_vec();
        let bound;
        let shown = match statement.looks_back {
            true => {
                bound = Box::pin(self.bind_described(&statement, &mut known)).await?;
                &bound
            }
            false => &statement,
        };
        let (parameters, columns) = match &shown.node {
            Node::Copy(_)
            | Node::Alter(_)
            | Node::Sequence(_)
            | Node::Role(_)
            | Node::Grant(_)
            | Node::DefaultPrivileges(_)
            | Node::Mask(_)
            | Node::Policy(_)
            | Node::Comment(_)
            | Node::Vacuum(_)
            | Node::Layout(_) => (Vec::new(), None),
            Node::Fetch(fetch) if fetch.is_move => (Vec::new(), None),
            Node::Fetch(fetch) => {
                let cursor = command::cursor::find(self, &parse::fold(&fetch.cursor))?;
                (Vec::new(), Some(cursor.columns()))
            }
            Node::History(statement) => command::history::describe(self, statement, &known).await?,
            Node::Ast(node) => command::describe(self, node, &known).await?,
        };
        self.release_past();
        Ok(Prepared {
            text: Arc::clone(&statement.text),
            statement: Some(statement),
            parameters,
            columns,
            prepared_at: self.statement_start,
            is_from_sql: false,
            schema_version: AtomicI64::new(self.seen_schema_version()),
        })
    }

    /// Describe of a statement; runs nothing.
    ///
    /// Errors: `26000`.
    pub fn describe_statement(&self, name: &str) -> Result<StatementDescription, SqlError> {
        let prepared = self.prepared_statement(name)?;
        Ok(StatementDescription {
            parameters: prepared.parameters.iter().map(|t| t.oid).collect(),
            columns: prepared.columns.clone(),
        })
    }

    /// Bind: a portal over a prepared statement. `parameter_formats` has none, one or
    /// as many entries as there are parameters.
    ///
    /// Errors: `26000`, `42P03` if the portal's name is taken, `08P01` for a wrong
    /// number of values or formats, and those of the types' input.
    pub async fn bind(
        &mut self,
        portal: &str,
        statement: &str,
        values: Vec<Option<Bytes>>,
        parameter_formats: &[Format],
    ) -> Result<(), SqlError> {
        let prepared = self.prepared_statement(statement)?;
        if !portal.is_empty() && self.portals.contains_key(portal) {
            return Err(SqlError::with_code(
                sqlstate::DUPLICATE_CURSOR,
                format!("portal \"{portal}\" already exists"),
            ));
        }
        if values.len() != prepared.parameters.len() {
            return Err(SqlError::protocol_violation(format!(
                "bind message supplies {} parameters, but prepared statement \"{statement}\" \
                 requires {}",
                values.len(),
                prepared.parameters.len()
            )));
        }
        if parameter_formats.len() > 1 && parameter_formats.len() != values.len() {
            return Err(SqlError::protocol_violation(format!(
                "bind message has {} parameter formats but {} parameters",
                parameter_formats.len(),
                values.len()
            )));
        }
        if let Some(statement) = &prepared.statement
            && self.transaction.as_ref().is_some_and(|t| t.has_failed())
            && !super::run::ends_failure(statement)
        {
            return Err(SqlError::in_failed_transaction());
        }
        let style = self.settings.input_style(self.statement_start);
        let mut bound = Vec::with_capacity(values.len());
        for (index, (value, pg_type)) in values.iter().zip(&prepared.parameters).enumerate() {
            let format = match parameter_formats {
                [] => Format::Text,
                [one] => *one,
                many => many[index],
            };
            let value = decode(value.as_deref(), *pg_type, format, &style)?;
            bound.push(Parameter {
                pg_type: *pg_type,
                value,
            });
        }
        self.portals.insert(
            portal.to_owned(),
            Portal {
                prepared,
                values: bound,
            },
        );
        Ok(())
    }

    /// Describe of a portal; none if it returns no rows. A cursor of DECLARE is one too.
    ///
    /// Errors: `34000`.
    pub fn describe_portal(
        &self,
        name: &str,
    ) -> Result<Option<Arc<[ColumnDescription]>>, SqlError> {
        if let Some(portal) = self.portals.get(name) {
            return Ok(portal.prepared.columns.clone());
        }
        let cursor = self.cursors.get(name);
        let cursor = cursor.ok_or_else(|| SqlError::undefined_portal(name))?;
        Ok(Some(cursor.columns()))
    }

    /// Execute: runs a portal from its start.
    ///
    /// Errors: `34000`, and any of the statement.
    pub async fn execute_portal(&mut self, name: &str) -> Result<Outcome, SqlError> {
        let portal = self
            .portals
            .get(name)
            .ok_or_else(|| SqlError::undefined_portal(name))?;
        let prepared = Arc::clone(&portal.prepared);
        let values = portal.values.clone();
        self.execute_prepared(&prepared, &values).await
    }

    /// As [`Self::execute_portal`], for a statement that Sync follows; see
    /// [`Session::execute_alone`].
    pub async fn execute_portal_alone(&mut self, name: &str) -> Result<Outcome, SqlError> {
        let portal = self
            .portals
            .get(name)
            .ok_or_else(|| SqlError::undefined_portal(name))?;
        let prepared = Arc::clone(&portal.prepared);
        let values = portal.values.clone();
        let mut tries = 1;
        loop {
            let is_alone = self.begins_alone();
            let outcome = self.execute_prepared(&prepared, &values).await?;
            if !is_alone || !outcome.is_complete() {
                return Ok(outcome);
            }
            match self.commit_implicit().await {
                Err(error) if error.is_conflict() && tries < TRIES_MAX => tries += 1,
                result => return result.map(|()| outcome),
            }
        }
    }

    async fn execute_prepared(
        &mut self,
        prepared: &Prepared,
        values: &[Parameter],
    ) -> Result<Outcome, SqlError> {
        let Some(statement) = &prepared.statement else {
            return Ok(Outcome::Empty);
        };
        let limits = self.limits.clone();
        limits.run(self.require_same_columns(prepared)).await?;
        let outcome = limits
            .run(self.run(statement, values).boxed())
            .await
            .map_err(|error| error.placed(&statement.source))?;
        if statement.looks_back {
            Self::require_described(&outcome, prepared.columns.as_deref())?;
        }
        Ok(outcome)
    }

    /// Whether a portal of this name is open.
    #[must_use]
    pub fn has_portal(&self, name: &str) -> bool {
        self.portals.contains_key(name)
    }

    /// Close of a statement; no error if there is none.
    pub fn close_statement(&mut self, name: &str) {
        self.prepared.remove(name);
    }

    /// Close of a portal; no error if there is none.
    pub fn close_portal(&mut self, name: &str) {
        self.portals.remove(name);
    }

    /// A simple query ends the unnamed statement.
    pub(super) fn forget_unnamed(&mut self) {
        self.prepared.remove("");
    }

    fn prepared_statement(&self, name: &str) -> Result<Arc<Prepared>, SqlError> {
        self.prepared
            .get(name)
            .map(Arc::clone)
            .ok_or_else(|| SqlError::undefined_statement(name))
    }

    /// The named statements, for `pg_prepared_statements`.
    pub(super) fn prepared_list(&self) -> Vec<PreparedStatement> {
        let mut list: Vec<PreparedStatement> = self
            .prepared
            .iter()
            .filter(|(name, _)| !name.is_empty())
            .map(|(name, prepared)| PreparedStatement {
                name: name.clone(),
                text: Arc::clone(&prepared.text),
                prepared_at: prepared.prepared_at,
                parameters: prepared.parameters.clone(),
                is_from_sql: prepared.is_from_sql,
            })
            .collect();
        list.sort_by(|one, other| one.name.cmp(&other.name));
        list
    }

    /// PREPARE name (types) AS statement; `whole` is all of it.
    pub(crate) async fn prepare_sql(
        &mut self,
        name: &ast::Ident,
        types: &[ast::DataType],
        statement: &ast::Statement,
        whole: &Statement,
    ) -> Result<Outcome, SqlError> {
        let name = parse::fold(name);
        super::cached::require_preparable(statement)?;
        if self.prepared.contains_key(&name) {
            return Err(duplicate_statement(&name));
        }
        let known: Vec<Option<PgType>> = types
            .iter()
            .map(|t| type_name::resolve(t).map(Some))
            .collect::<Result<_, _>>()?;
        let statement = Statement {
            text: statement.to_string().into(),
            source: "".into(),
            node: Node::Ast(Box::new(statement.clone())),
            has_others: whole.has_others,
            looks_back: whole.looks_back,
        };
        let mut prepared = Box::pin(self.analyze(Some(statement), &known)).await?;
        prepared.text = Arc::clone(&whole.source);
        prepared.is_from_sql = true;
        self.prepared.insert(name, Arc::new(prepared));
        Ok(Outcome::Command("PREPARE".to_owned()))
    }

    /// EXECUTE name (values).
    pub(crate) async fn execute_sql(
        &mut self,
        name: &ast::ObjectName,
        values: &[ast::Expr],
    ) -> Result<Outcome, SqlError> {
        let name = parse::name_parts(name).join(".");
        let prepared = self.prepared_statement(&name)?;
        if values.len() != prepared.parameters.len() {
            return Err(SqlError::syntax(format!(
                "wrong number of parameters for prepared statement \"{name}\""
            ))
            .with_detail(format!(
                "Expected {} parameters but got {}.",
                prepared.parameters.len(),
                values.len()
            )));
        }
        self.require_same_columns(&prepared).await?;
        let planner = self.planner().await?;
        let mut bound = Vec::with_capacity(values.len());
        for (value, pg_type) in values.iter().zip(&prepared.parameters) {
            let value = command::constant(&planner, value, *pg_type)?;
            bound.push(Parameter {
                pg_type: *pg_type,
                value,
            });
        }
        match &prepared.statement {
            Some(statement) => {
                let outcome = self.run(statement, &bound).await;
                let outcome = outcome.map_err(SqlError::unplaced)?;
                if statement.looks_back {
                    Self::require_described(&outcome, prepared.columns.as_deref())?;
                }
                Ok(outcome)
            }
            None => Ok(Outcome::Empty),
        }
    }

    /// DEALLOCATE name, DEALLOCATE ALL.
    pub(crate) fn deallocate(&mut self, name: &ast::Ident) -> Result<Outcome, SqlError> {
        if name.quote_style.is_none() && name.value.eq_ignore_ascii_case("all") {
            self.prepared.clear();
            return Ok(Outcome::Command("DEALLOCATE ALL".to_owned()));
        }
        let name = parse::fold(name);
        match self.prepared.remove(&name) {
            Some(_) => Ok(Outcome::Command("DEALLOCATE".to_owned())),
            None => Err(SqlError::undefined_statement(&name)),
        }
    }

    /// The columns that EXECUTE of a statement gives.
    pub(crate) fn prepared_columns(
        &self,
        name: &str,
    ) -> Result<Option<Arc<[ColumnDescription]>>, SqlError> {
        Ok(self.prepared_statement(name)?.columns.clone())
    }
}

fn duplicate_statement(name: &str) -> SqlError {
    SqlError::with_code(
        sqlstate::DUPLICATE_PREPARED_STATEMENT,
        format!("prepared statement \"{name}\" already exists"),
    )
}

fn decode(
    bytes: Option<&[u8]>,
    pg_type: PgType,
    format: Format,
    style: &input::InputStyle,
) -> Result<ScalarValue, SqlError> {
    let array = match (bytes, format) {
        (None, _) => return Ok(ScalarValue::try_new_null(&pg_type.arrow_type())?),
        (Some(bytes), Format::Binary) => {
            let mut builder = binary::Builder::new(pg_type)?;
            builder.append(bytes)?;
            builder.finish()
        }
        (Some(bytes), Format::Text) => {
            let text = std::str::from_utf8(bytes).map_err(|_| invalid_utf8())?;
            let mut builder = input::Builder::new(pg_type)?;
            builder.append_text(text, style)?;
            builder.finish()
        }
    };
    Ok(ScalarValue::try_from_array(&array, 0)?)
}

fn invalid_utf8() -> SqlError {
    SqlError::with_code(
        sqlstate::CHARACTER_NOT_IN_REPERTOIRE,
        "invalid byte sequence for encoding \"UTF8\"",
    )
}
