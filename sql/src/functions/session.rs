//! What a statement may ask about its session and server.

use std::any::Any;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::PoisonError;
use std::time::Duration;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, FieldRef};
use async_trait::async_trait;
use datafusion::common::{DataFusionError, Result as DataFusionResult, ScalarValue};
use datafusion::logical_expr::async_udf::{AsyncScalarUDF, AsyncScalarUDFImpl};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use super::Registry;
use super::adapter::result_field;
use super::call::{Call, map1};
use super::kinds::{Bool, Items, Text};
use crate::context::{SettingChange, StatementContext};
use crate::error::SqlError;
use crate::session::{assumable, authorizable};
use crate::sqlstate;
use crate::types::{PgType, oid};

/// The PostgreSQL version that clients are told; drivers choose their catalog
/// queries by it.
pub(crate) const SERVER_VERSION: &str = "15.8";

/// Longest sleep in seconds: PostgreSQL takes any, a `Duration` does not.
const SLEEP_SECONDS_MAX: f64 = 1e9;

/// Adds the functions of this file.
pub(super) fn register(registry: &mut Registry) {
    identity(registry);
    server(registry);
    network(registry);
    settings(registry);
}

fn identity(registry: &mut Registry) {
    for name in ["current_user", "user", "current_role"] {
        let signature = format!("{name}() -> name");
        registry
            .add(&signature, |call| {
                let context = call.context;
                call.constant(role_name(context, context.role_id, &context.user)?)
            })
            .stable();
    }
    registry
        .add("session_user() -> name", |call| {
            let context = call.context;
            let name = &context.session_user;
            call.constant(role_name(context, context.session_role_id, name)?)
        })
        .stable();
    for name in ["current_database", "current_catalog"] {
        let signature = format!("{name}() -> name");
        registry
            .add(&signature, |call| {
                call.constant(call.context.database.as_str())
            })
            .stable();
    }
    registry
        .add("current_schema() -> name", |call| {
            call.constant(current_schema(call))
        })
        .stable();
    registry
        .add("current_schemas(bool) -> _name", current_schemas)
        .stable();
}

/// A role of the session. One that is dropped goes on as everybody, without a name.
///
/// Errors: `42704` for such a role.
fn role_name<'a>(context: &StatementContext, id: i64, name: &'a str) -> Result<&'a str, SqlError> {
    match context.rights.role(id) {
        Some(_) => Ok(name),
        None => Err(SqlError::with_code(
            sqlstate::UNDEFINED_OBJECT,
            format!("invalid role OID: {id}"),
        )),
    }
}

fn server(registry: &mut Registry) {
    registry
        .add("version() -> text", |call| call.constant(version()))
        .stable();
    registry
        .add("pg_backend_pid() -> int4", |call| {
            call.constant(call.context.backend_pid)
        })
        .stable();
    registry
        .add("pg_is_in_recovery() -> bool", |call| {
            call.constant(call.context.is_replica)
        })
        .stable();
    for name in ["pg_postmaster_start_time", "pg_conf_load_time"] {
        let signature = format!("{name}() -> timestamptz");
        registry
            .add(&signature, |call| call.constant(call.context.server_start))
            .stable();
    }
    for name in ["txid_current", "pg_current_xact_id"] {
        let signature = format!("{name}() -> int8");
        registry
            .add(&signature, |call| call.constant(transaction_number(call)))
            .stable();
    }
    registry
        .add("txid_current_if_assigned() -> int8", |call| {
            call.constant(None::<i64>)
        })
        .stable();
    registry
        .add("pg_jit_available() -> bool", |call| call.constant(false))
        .stable();
    registry
        .add("pg_is_wal_replay_paused() -> bool", |call| {
            call.constant(false)
        })
        .stable();
    registry
        .add("pg_last_xact_replay_timestamp() -> timestamptz", |call| {
            call.constant(call.context.replayed_at)
        })
        .stable();
    registry
        .add("pg_trigger_depth() -> int4", |call| call.constant(0_i32))
        .stable();
    registry
        .add("pg_client_encoding() -> name", |call| call.constant("UTF8"))
        .stable();
    registry
        .add("getdatabaseencoding() -> name", |call| {
            call.constant("UTF8")
        })
        .stable();
    registry.add("pg_encoding_to_char(int4) -> name", |call| {
        map1::<super::kinds::Int4, _>(call, |encoding| {
            Ok(match encoding {
                0 => "SQL_ASCII",
                6 => "UTF8",
                8 => "LATIN1",
                _ => "",
            })
        })
    });
    registry.add("pg_char_to_encoding(name) -> int4", |call| {
        map1::<Text, _>(call, |name| {
            let is_utf8 = name.eq_ignore_ascii_case("utf8") || name.eq_ignore_ascii_case("utf-8");
            Ok(if is_utf8 { 6_i32 } else { -1 })
        })
    });
}

fn network(registry: &mut Registry) {
    registry
        .add("inet_client_addr() -> inet", |call| {
            call.constant(
                call.context
                    .client_address
                    .map(|address| address.ip().to_string()),
            )
        })
        .stable();
    registry
        .add("inet_client_port() -> int4", |call| {
            call.constant(
                call.context
                    .client_address
                    .map(|address| i32::from(address.port())),
            )
        })
        .stable();
    registry
        .add("inet_server_addr() -> inet", |call| {
            call.constant(None::<String>)
        })
        .stable();
    registry
        .add("inet_server_port() -> int4", |call| {
            let port = call
                .context
                .settings
                .get("port")
                .and_then(|port| port.parse::<i32>().ok());
            call.constant(port)
        })
        .stable();
}

fn settings(registry: &mut Registry) {
    registry
        .add("set_config(text, text, bool) -> text", |call| {
            super::call::map3::<Text, Text, Bool, _>(call, |name, value, is_local| {
                let change = SettingChange {
                    name: name.to_owned(),
                    value: value.to_owned(),
                    is_local,
                };
                check_setting(call, name, value)?;
                let changes = &call.context.changed_settings;
                changes
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(change);
                Ok(value.to_owned())
            })
        })
        .volatile();
    registry
        .add("pg_advisory_unlock_all() -> text", |call| call.constant(""))
        .volatile();
    registry
        .add("current_setting(text) -> text", |call| {
            map1::<Text, _>(call, |name| {
                setting(call, name).ok_or_else(|| SqlError::undefined_setting(name))
            })
        })
        .stable();
    registry
        .add("current_setting(text, bool) -> text", |call| {
            super::call::map2::<Text, Bool, _>(call, |name, is_missing_ok| {
                let found = setting(call, name);
                if found.is_none() && !is_missing_ok {
                    return Err(SqlError::undefined_setting(name));
                }
                Ok(found)
            })
        })
        .stable();
}

fn setting(call: &Call<'_>, name: &str) -> Option<String> {
    let settings = &call.context.settings;
    if let Some(value) = settings.get(name) {
        return Some(value.clone());
    }
    let by_case = settings
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name));
    by_case.map(|(_, value)| value.clone())
}

/// Errors: those of SET.
fn check_setting(call: &Call<'_>, name: &str, value: &str) -> Result<(), SqlError> {
    let is_role = name.eq_ignore_ascii_case("role");
    if is_role && value == "none" {
        return Ok(());
    }
    if is_role {
        let context = call.context;
        return assumable(&context.rights, context.session_role_id, value).map(drop);
    }
    if name.eq_ignore_ascii_case("session_authorization") {
        let context = call.context;
        return authorizable(&context.rights, context.login_role_id, value).map(drop);
    }
    crate::settings::check(name, value)
}

/// The first schema of the path that a new table would go to.
fn current_schema(call: &Call<'_>) -> Option<String> {
    explicit_schemas(call).first().cloned()
}

/// The path without what is searched first without being named: temporary objects and
/// `pg_catalog`.
fn explicit_schemas(call: &Call<'_>) -> Vec<String> {
    let path = &call.context.search_path;
    let temporary = call.context.snapshot.temporary_schema();
    path.iter()
        .filter(|schema| schema.as_str() != "pg_catalog")
        .filter(|schema| temporary.is_none_or(|temporary| temporary.name != **schema))
        .cloned()
        .collect()
}

fn current_schemas(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    map1::<Bool, _>(call, |with_implicit| {
        Ok(Items(if with_implicit {
            call.context.search_path.clone()
        } else {
            explicit_schemas(call)
        }))
    })
}

/// A number that grows with the transactions of the server: its start in
/// microseconds, since snapshots get their number only when they commit.
fn transaction_number(call: &Call<'_>) -> i64 {
    call.context.transaction_start
}

/// What `version()` tells.
pub(crate) fn version() -> String {
    format!(
        "PostgreSQL {SERVER_VERSION} (Gotgan {}) on {}-{}, 64-bit",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH,
        std::env::consts::OS
    )
}

/// `pg_sleep` waits without holding a thread, so a cancelled statement ends at once.
pub(super) fn sleep(name: &str) -> Option<Arc<ScalarUDF>> {
    if name != "pg_sleep" {
        return None;
    }
    let signature = Signature::any(1, Volatility::Volatile);
    let sleep = AsyncScalarUDF::new(Arc::new(Sleep { signature }));
    Some(Arc::new(sleep.into_scalar_udf()))
}

#[derive(Debug)]
struct Sleep {
    signature: Signature,
}

impl PartialEq for Sleep {
    fn eq(&self, other: &Self) -> bool {
        self.type_id() == other.type_id()
    }
}

impl Eq for Sleep {}

impl Hash for Sleep {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl ScalarUDFImpl for Sleep {
    fn name(&self) -> &'static str {
        "pg_sleep"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DataFusionResult<DataType> {
        Ok(PgType::new(oid::VOID).arrow_type())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> DataFusionResult<FieldRef> {
        let fields = args.arg_fields;
        let takes = |data_type: &DataType| {
            data_type.is_numeric() || data_type.is_null() || data_type.is_string()
        };
        if fields.len() != 1 || !takes(fields[0].data_type()) {
            let shown: Vec<String> = fields
                .iter()
                .map(|field| PgType::of_field(field).display())
                .collect();
            let call = format!("pg_sleep({})", shown.join(", "));
            return Err(SqlError::undefined_function(&call).into());
        }
        Ok(Arc::new(result_field(self.name(), PgType::new(oid::VOID))))
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        Err(DataFusionError::from(SqlError::not_supported(
            "pg_sleep in this place",
        )))
    }
}

#[async_trait]
impl AsyncScalarUDFImpl for Sleep {
    async fn invoke_async_with_args(
        &self,
        args: ScalarFunctionArgs,
    ) -> DataFusionResult<ColumnarValue> {
        let seconds = args.args[0].to_array(args.number_rows)?;
        let strict = arrow::compute::CastOptions {
            safe: false,
            ..Default::default()
        };
        let seconds = arrow::compute::cast_with_options(&seconds, &DataType::Float64, &strict)?;
        let seconds = super::kinds::primitive::<arrow::datatypes::Float64Type>(&seconds)?;
        for duration in seconds.iter().flatten().filter(|seconds| *seconds > 0.0) {
            tokio::time::sleep(Duration::from_secs_f64(duration.min(SLEEP_SECONDS_MAX))).await;
        }
        let done = (0..seconds.len()).map(|row| {
            let value = seconds.is_valid(row).then(String::new);
            ScalarValue::Utf8View(value)
        });
        if seconds.is_empty() {
            return Ok(ColumnarValue::Scalar(ScalarValue::Utf8View(None)));
        }
        Ok(ColumnarValue::Array(ScalarValue::iter_to_array(done)?))
    }
}
