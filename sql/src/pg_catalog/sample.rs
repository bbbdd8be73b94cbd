//! A small warehouse for the tests of the catalog.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use gotgan_storage::{
    Author, BOOTSTRAP_ROLE_ID, ColumnId, ColumnType, Constraint, Lake, LakeOptions, LakeRole,
    NewColumn, NewConstraint, NewIndex, NewSchema, NewTable, NewView, Rights, Snapshot,
    SystemClock, TableId, Transaction, ViewColumn,
};

use crate::context::StatementContext;
use crate::types::input::InputStyle;
use crate::types::output::OutputStyle;

/// What a statement sees of the sample in `folder`, which is made if it is not there.
///
/// `shop.customers` (keys, CHECK, default, comments), `shop.orders` (foreign key,
/// index), the view `shop.big_orders`, and `public.t`, which hides nothing.
pub(crate) async fn context(folder: &Path) -> Arc<StatementContext> {
    let lake = Lake::open(LakeOptions::new(folder, LakeRole::Primary))
        .await
        .expect("opens");
    if lake
        .head()
        .await
        .expect("head")
        .schema_by_name("shop")
        .is_none()
    {
        let author = Author {
            role: "gotgan".to_owned(),
            application_name: String::new(),
        };
        let mut transaction = lake.begin(author).await.expect("begins");
        fill(&mut transaction);
        transaction.commit().await.expect("commits");
    }
    let snapshot = lake.head().await.expect("head");
    lake.close().await;
    over(snapshot)
}

/// A statement over a snapshot.
pub(crate) fn over(snapshot: Arc<Snapshot>) -> Arc<StatementContext> {
    let path = ["pg_catalog", "public"];
    let settings = [
        ("application_name", "tests"),
        ("TimeZone", "UTC"),
        ("jit", "off"),
    ];
    Arc::new(StatementContext {
        changed_settings: std::sync::Mutex::default(),
        transaction_start: 1,
        statement_start: 1_700_000_000_000_000,
        style: OutputStyle::default(),
        input: InputStyle::default(),
        user: "gotgan".to_owned(),
        session_user: "gotgan".to_owned(),
        role_id: BOOTSTRAP_ROLE_ID,
        session_role_id: BOOTSTRAP_ROLE_ID,
        login_role_id: BOOTSTRAP_ROLE_ID,
        rights: Rights::of(&snapshot),
        database: "gotgan".to_owned(),
        search_path: path.map(str::to_owned).to_vec(),
        snapshot,
        is_past: false,
        backend_pid: 7,
        server_start: 0,
        client_address: None,
        settings: Arc::new(BTreeMap::from(
            settings.map(|(k, v)| (k.to_owned(), v.to_owned())),
        )),
        prepared: Vec::new(),
        random: Arc::default(),
        is_replica: false,
        replayed_at: None,
        jobs: Arc::default(),
        meter: Arc::default(),
        query_log: None,
        reach: crate::backends::Reach::default(),
        sequences: crate::sequence::SequenceUse::default(),
        clock: Arc::new(SystemClock),
    })
}

fn column(name: &str, column_type: ColumnType, nullable: bool) -> NewColumn {
    NewColumn {
        name: name.to_owned(),
        column_type,
        nullable,
        default: None,
        comment: None,
    }
}

fn key(name: &str, constraint: Constraint) -> NewConstraint {
    NewConstraint {
        name: name.to_owned(),
        constraint,
    }
}

fn fill(transaction: &mut Transaction) {
    let owner = "gotgan".to_owned();
    let schema = NewSchema {
        name: "shop".to_owned(),
        owner: owner.clone(),
    };
    let schema_id = transaction.create_schema(schema).expect("schema");
    let customers = customers(transaction, schema_id);
    let orders = orders(transaction, schema_id, customers);
    let view = NewView {
        schema_id,
        name: "big_orders".to_owned(),
        owner: owner.clone(),
        text: "SELECT o.id FROM shop.orders o WHERE (o.amount > 10)".to_owned(),
        duckdb_text: None,
        columns: vec![ViewColumn {
            name: "id".to_owned(),
            column_type: ColumnType::Int64,
            comment: None,
        }],
        dependencies: vec![orders.0],
        comment: Some("Orders that matter".to_owned()),
    };
    transaction.create_view(view).expect("view");
    let public = transaction
        .snapshot()
        .schema_by_name("public")
        .expect("public")
        .id;
    let table = NewTable {
        schema_id: public,
        name: "t".to_owned(),
        owner,
        columns: vec![column("id", ColumnType::Int32, true)],
        constraints: Vec::new(),
        comment: None,
    };
    transaction.create_table(table).expect("table");
}

fn customers(transaction: &mut Transaction, schema_id: gotgan_storage::SchemaId) -> TableId {
    let active = NewColumn {
        default: Some("true".to_owned()),
        ..column("Is Active", ColumnType::Boolean, false)
    };
    let email = NewColumn {
        comment: Some("Login".to_owned()),
        ..column("email", ColumnType::Varchar(Some(255)), true)
    };
    let table = NewTable {
        schema_id,
        name: "customers".to_owned(),
        owner: "gotgan".to_owned(),
        columns: vec![
            column("tags", ColumnType::List(Box::new(ColumnType::Text)), true),
            column("id", ColumnType::Int64, false),
            email,
            active,
            column(
                "credit",
                ColumnType::Numeric {
                    precision: 12,
                    scale: 2,
                },
                true,
            ),
        ],
        constraints: vec![
            key(
                "customers_pkey",
                Constraint::PrimaryKey {
                    columns: vec![ColumnId(2)],
                },
            ),
            key(
                "customers_email_key",
                Constraint::Unique {
                    columns: vec![ColumnId(3)],
                },
            ),
            key(
                "positive",
                Constraint::Check {
                    expression: "credit >= 0".to_owned(),
                },
            ),
        ],
        comment: Some("Who buys".to_owned()),
    };
    transaction.create_table(table).expect("customers")
}

fn orders(
    transaction: &mut Transaction,
    schema_id: gotgan_storage::SchemaId,
    customers: TableId,
) -> TableId {
    let customer = transaction
        .snapshot()
        .table(customers)
        .expect("customers")
        .columns[1]
        .id;
    let foreign = Constraint::ForeignKey {
        columns: vec![ColumnId(2)],
        referenced_table: customers,
        referenced_columns: vec![customer],
        on_delete: 'c',
        on_update: 'a',
    };
    let table = NewTable {
        schema_id,
        name: "orders".to_owned(),
        owner: "gotgan".to_owned(),
        columns: vec![
            column("id", ColumnType::Int64, false),
            column("customer", ColumnType::Int64, true),
            column("amount", ColumnType::NumericUnbounded, true),
        ],
        constraints: vec![key("orders_customer_fkey", foreign)],
        comment: None,
    };
    let orders = transaction.create_table(table).expect("orders");
    let columns = transaction
        .snapshot()
        .table(orders)
        .expect("orders")
        .columns
        .clone();
    let index = NewIndex {
        name: "orders_customer_idx".to_owned(),
        columns: vec![columns[1].id],
        unique: false,
        definition: "CREATE INDEX orders_customer_idx ON shop.orders USING btree (customer)"
            .to_owned(),
    };
    transaction.create_index(orders, index).expect("index");
    orders
}
