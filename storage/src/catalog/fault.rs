//! A catalog that fails as a connection to a database does.
//!
//! For tests. The faults are those of `object::fault`, by chance from a seed:
//! - before: the connection breaks, and the call did nothing;
//! - after: the call was done, and the connection breaks before its reply;
//! - slow: the call is done late.
//!
//! A connection that broke takes its transaction with it: what was not committed is
//! rolled back, and every later call of it fails.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::catalog::{
    Catalog, CatalogStore, CatalogWatch, CatalogWriter, CommitTransaction, Condition, Found, Head,
    Installation, Selection, Sql, Write,
};
use crate::error::{Error, ErrorKind};
use crate::object::{Fault, FaultRates};
use crate::spec::table::Values;

/// One call of some twenty is the commit, and it is the one whose reply matters most.
const COMMIT_WEIGHT: f64 = 15.0;

/// Decides what goes wrong; shared by a catalog and its transactions.
#[derive(Clone, Debug)]
pub(crate) struct CatalogFaults {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    chance: StdRng,
    rates: FaultRates,
    /// Calls until the process dies, if it is to.
    calls_left: Option<u64>,
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Fault(Fault),
    DieBefore,
    DieAfter,
}

impl CatalogFaults {
    /// Nothing goes wrong before `set_rates`.
    pub(crate) fn new(seed: u64) -> Self {
        let state = State {
            chance: StdRng::seed_from_u64(seed),
            rates: FaultRates::default(),
            calls_left: None,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// From now on faults come so often. `truncated` means nothing here.
    pub(crate) fn set_rates(&self, rates: FaultRates) {
        self.lock().rates = rates;
    }

    /// Lets the process die before or after the call that comes after so many others.
    pub(crate) fn die_after(&self, call_count: u64) {
        self.lock().calls_left = Some(call_count);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the faults in front of a catalog.
    pub(crate) fn wrap(&self, inner: Catalog) -> Catalog {
        let writer = inner.writer.map(|inner| {
            let faults = self.clone();
            Box::new(FaultWriter { inner, faults }) as Box<dyn CatalogWriter>
        });
        Catalog {
            store: Box::new(FaultCatalog {
                inner: inner.store,
                faults: self.clone(),
            }),
            writer,
        }
    }

    /// `weight`: how much likelier a fault is than at other calls.
    fn draw(&self, weight: f64) -> Fate {
        let mut state = self.lock();
        let mut point: f64 = state.chance.random();
        match &mut state.calls_left {
            Some(0) if point < 0.5 => return Fate::DieBefore,
            Some(0) => return Fate::DieAfter,
            Some(left) => *left -= 1,
            None => {}
        }
        let rates = state.rates;
        let kinds = [
            (Fault::Before, rates.before * weight),
            (Fault::After, rates.after * weight),
            (Fault::Slow, rates.slow),
        ];
        let struck = kinds.into_iter().find(|(_, rate)| {
            point -= rate;
            point < 0.0
        });
        Fate::Fault(struck.map_or(Fault::None, |(fault, _)| fault))
    }

    /// Does `call` with what is due.
    async fn strike<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.strike_harder(1.0, call).await
    }

    async fn strike_harder<T>(
        &self,
        weight: f64,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let fate = self.draw(weight);
        match fate {
            Fate::DieBefore => std::process::abort(),
            Fate::Fault(Fault::Before) => return Err(broken()),
            Fate::Fault(Fault::Slow) => {
                let delay = self.lock().rates.delay;
                tokio::time::sleep(delay).await;
            }
            _ => {}
        }
        let result = call.await;
        match fate {
            Fate::DieAfter => std::process::abort(),
            Fate::Fault(Fault::After) => Err(broken()),
            _ => result,
        }
    }
}

fn broken() -> Error {
    let text = "the connection to the catalog broke, as a test wants it";
    Error::new(ErrorKind::Unavailable, text)
}

#[derive(Debug)]
struct FaultCatalog {
    inner: Box<dyn CatalogStore>,
    faults: CatalogFaults,
}

#[derive(Debug)]
struct FaultWriter {
    inner: Box<dyn CatalogWriter>,
    faults: CatalogFaults,
}

#[async_trait]
impl CatalogStore for FaultCatalog {
    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }

    async fn inspect(&self) -> Result<Found, Error> {
        self.faults.strike(self.inner.inspect()).await
    }

    async fn head(&self) -> Result<Head, Error> {
        self.faults.strike(self.inner.head()).await
    }

    async fn select(&self, selections: &[Selection]) -> Result<Vec<Vec<Values>>, Error> {
        self.faults.strike(self.inner.select(selections)).await
    }

    async fn inlined_rows(
        &self,
        data_table: &str,
        columns: &[String],
        at: i64,
    ) -> Result<Vec<Values>, Error> {
        let call = self.inner.inlined_rows(data_table, columns, at);
        self.faults.strike(call).await
    }

    async fn inlined_count(&self, data_table: &str) -> Result<i64, Error> {
        let call = self.inner.inlined_count(data_table);
        self.faults.strike(call).await
    }

    async fn has_table(&self, name: &str) -> Result<bool, Error> {
        self.faults.strike(self.inner.has_table(name)).await
    }

    async fn inlined_deletes(&self, table_id: i64, at: i64) -> Result<Vec<(i64, i64)>, Error> {
        let call = self.inner.inlined_deletes(table_id, at);
        self.faults.strike(call).await
    }

    async fn query(&self, sql: &Sql) -> Result<Vec<Values>, Error> {
        self.faults.strike(self.inner.query(sql)).await
    }

    async fn watch(&self) -> Result<Option<Box<dyn CatalogWatch>>, Error> {
        self.inner.watch().await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

#[async_trait]
impl CatalogWriter for FaultWriter {
    async fn install(&self, installation: &Installation) -> Result<(), Error> {
        self.faults.strike(self.inner.install(installation)).await
    }

    async fn upgrade(&self) -> Result<(), Error> {
        self.faults.strike(self.inner.upgrade()).await
    }

    async fn begin_commit(&self) -> Result<Box<dyn CommitTransaction>, Error> {
        let inner = self.faults.strike(self.inner.begin_commit()).await?;
        Ok(Box::new(FaultTransaction {
            inner: Some(inner),
            faults: self.faults.clone(),
        }))
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

/// A transaction that ends with its connection.
struct FaultTransaction {
    inner: Option<Box<dyn CommitTransaction>>,
    faults: CatalogFaults,
}

/// One call of a transaction: after a fault there is no transaction any more.
macro_rules! strike {
    ($self:ident, $inner:ident => $call:expr) => {{
        let Some($inner) = &mut $self.inner else {
            return Err(broken());
        };
        let fault = $self.faults.clone();
        let result = fault.strike($call).await;
        if result
            .as_ref()
            .is_err_and(|error| error.kind == ErrorKind::Unavailable)
        {
            $self.inner = None;
        }
        result
    }};
}

#[async_trait]
impl CommitTransaction for FaultTransaction {
    async fn head(&mut self) -> Result<Head, Error> {
        strike!(self, inner => inner.head())
    }

    async fn select(&mut self, selection: &Selection) -> Result<Vec<Values>, Error> {
        strike!(self, inner => inner.select(selection))
    }

    async fn has_table(&mut self, name: &str) -> Result<bool, Error> {
        strike!(self, inner => inner.has_table(name))
    }

    async fn count(&mut self, table: &str, conditions: &[Condition]) -> Result<i64, Error> {
        strike!(self, inner => inner.count(table, conditions))
    }

    async fn has_any_after(&mut self, table: &str, column: &str, base: i64) -> Result<bool, Error> {
        strike!(self, inner => inner.has_any_after(table, column, base))
    }

    async fn query(&mut self, sql: &Sql) -> Result<Vec<Values>, Error> {
        strike!(self, inner => inner.query(sql))
    }

    async fn execute(&mut self, sql: &Sql) -> Result<u64, Error> {
        strike!(self, inner => inner.execute(sql))
    }

    async fn apply(&mut self, writes: &[Write]) -> Result<(), Error> {
        strike!(self, inner => inner.apply(writes))
    }

    async fn commit(mut self: Box<Self>) -> Result<(), Error> {
        let inner = self.inner.take().ok_or_else(broken)?;
        let call = inner.commit();
        self.faults.strike_harder(COMMIT_WEIGHT, call).await
    }

    async fn rollback(mut self: Box<Self>) -> Result<(), Error> {
        let inner = self.inner.take().ok_or_else(broken)?;
        self.faults.strike(inner.rollback()).await
    }
}
