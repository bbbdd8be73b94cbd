//! CREATE INDEX: recorded and shown, builds nothing, and says so.

use gotgan_storage::NewIndex;
use sqlparser::ast::{CreateIndex, Expr};

use super::owner;
use crate::access::actor::Object;
use crate::error::SqlError;
use crate::parse::{fold, name_parts};
use crate::resolve::Name;
use crate::session::{Notice, Outcome, Session};

pub(crate) async fn run(session: &mut Session, create: &CreateIndex) -> Result<Outcome, SqlError> {
    session
        .require_definition_write("CREATE INDEX", &[&create.table_name])
        .await?;
    let ctx = session.context().await?;
    let table = super::truncate::table(&ctx, &Name::from_parts(&name_parts(&create.table_name))?)?;
    owner::require(&ctx, Object::Table(&table))?;
    owner::require_create(&ctx, table.schema_id)?;
    let mut columns = Vec::new();
    let mut names = Vec::new();
    for column in &create.columns {
        let Expr::Identifier(ident) = &column.column.expr else {
            return Err(SqlError::not_supported("an index on an expression"));
        };
        let name = fold(ident);
        let found = table.column_by_name(&name);
        let found = found.ok_or_else(|| SqlError::undefined_column(None, &name))?;
        columns.push(found.id);
        names.push(name);
    }
    let name = match &create.name {
        Some(name) => name_parts(name).pop().unwrap_or_default(),
        None => format!("{}_{}_idx", table.name, names.join("_")),
    };
    let exists = table.indexes.iter().any(|index| index.name == name)
        || ctx.snapshot.relation(table.schema_id, &name).is_some();
    if exists {
        if create.if_not_exists {
            let text = format!("relation \"{name}\" already exists, skipping");
            session.notify(Notice::info(text));
            return Ok(Outcome::Command("CREATE INDEX".to_owned()));
        }
        return Err(SqlError::duplicate_table(&name));
    }
    let schema = ctx
        .snapshot
        .schema(table.schema_id)
        .map_or("", |schema| schema.name.as_str());
    let definition = format!(
        "CREATE {}INDEX {name} ON {schema}.{} USING btree ({})",
        if create.unique { "UNIQUE " } else { "" },
        table.name,
        names.join(", ")
    );
    let index = NewIndex {
        name: name.clone(),
        columns,
        unique: create.unique,
        definition,
    };
    session
        .transaction()
        .await?
        .storage()?
        .create_index(table.id, index)?;
    session.notify(Notice::info(format!(
        "index \"{name}\" is recorded but builds nothing: files are pruned by their statistics"
    )));
    Ok(Outcome::Command("CREATE INDEX".to_owned()))
}
