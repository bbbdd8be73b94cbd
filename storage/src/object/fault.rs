//! A store that fails as real ones do, the same way again for the same seed.
//!
//! For tests only, of this crate and of the whole server. The faults:
//! - before: the call fails and did nothing;
//! - after: the call was done, and its reply is lost;
//! - slow: the call is done late;
//! - truncated: a read ends early, as when a connection breaks. Not an error of the
//!   call, so that the reader must notice.
//!
//! Not guaranteed: the same trace when calls race; give each racing part its own store.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, stream};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// What goes wrong with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It fails and did nothing.
    Before,
    /// It was done, and fails.
    After,
    /// It is done, after `FaultRates::delay`.
    Slow,
    /// It returns fewer bytes than it says. Reads only; elsewhere as `Before`.
    Truncated,
}

/// The kinds of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A whole object in one call.
    Put,
    /// The start of an upload in parts.
    Start,
    /// A part of an upload.
    Part,
    /// The end of an upload, which publishes the object.
    Complete,
    /// A read.
    Get,
    /// A delete.
    Delete,
    /// A list.
    List,
}

/// How often each fault strikes, from 0 to 1; the rest of the calls succeed.
#[derive(Clone, Copy, Debug, Default)]
pub struct FaultRates {
    /// See `Fault::Before`.
    pub before: f64,
    /// See `Fault::After`.
    pub after: f64,
    /// See `Fault::Slow`.
    pub slow: f64,
    /// See `Fault::Truncated`.
    pub truncated: f64,
    /// How late a slow call is.
    pub delay: Duration,
}

/// A store with faults in front of another.
#[derive(Clone, Debug)]
pub struct FaultStore {
    inner: Arc<dyn ObjectStore>,
    plan: Arc<Plan>,
}

#[derive(Debug)]
struct Plan {
    state: Mutex<PlanState>,
}

#[derive(Debug)]
struct PlanState {
    rates: FaultRates,
    chance: StdRng,
    /// Faults that were ordered, before chance has its say.
    ordered: VecDeque<(Operation, Fault)>,
    trace: Vec<String>,
}

impl FaultStore {
    /// Faults before `inner`, by chance from `seed`.
    pub fn new(inner: Arc<dyn ObjectStore>, seed: u64, rates: FaultRates) -> Self {
        let chance = StdRng::seed_from_u64(seed);
        let state = PlanState {
            rates,
            chance,
            ordered: VecDeque::new(),
            trace: Vec::new(),
        };
        Self {
            inner,
            plan: Arc::new(Plan {
                state: Mutex::new(state),
            }),
        }
    }

    /// Lets the next call of this kind fail so. Orders of one kind are met in turn.
    pub fn order(&self, operation: Operation, fault: Fault) {
        self.plan.lock().ordered.push_back((operation, fault));
    }

    /// From now on faults come so often.
    pub fn set_rates(&self, rates: FaultRates) {
        self.plan.lock().rates = rates;
    }

    /// What happened so far: operation, path and fault of each call.
    pub fn trace(&self) -> Vec<String> {
        self.plan.lock().trace.clone()
    }
}

impl Plan {
    fn lock(&self) -> MutexGuard<'_, PlanState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw(&self, operation: Operation, location: &str) -> Fault {
        let mut state = self.lock();
        let ordered = state
            .ordered
            .iter()
            .position(|(kind, _)| *kind == operation);
        let fault = match ordered.and_then(|index| state.ordered.remove(index)) {
            Some((_, fault)) => fault,
            None => {
                let rates = state.rates;
                let mut point: f64 = state.chance.random();
                let kinds = [
                    (Fault::Before, rates.before),
                    (Fault::After, rates.after),
                    (Fault::Slow, rates.slow),
                    (Fault::Truncated, rates.truncated),
                ];
                let struck = kinds.into_iter().find(|(_, rate)| {
                    point -= rate;
                    point < 0.0
                });
                struck.map_or(Fault::None, |(fault, _)| fault)
            }
        };
        let fault = match (fault, operation) {
            (Fault::Truncated, Operation::Get) => fault,
            (Fault::Truncated, _) => Fault::Before,
            _ => fault,
        };
        state
            .trace
            .push(format!("{operation:?} {location} {fault:?}"));
        fault
    }

    /// Does `call` with the fault that is due.
    async fn strike<T>(
        &self,
        operation: Operation,
        location: &str,
        call: impl Future<Output = Result<T>>,
    ) -> Result<(T, Fault)> {
        let fault = self.draw(operation, location);
        match fault {
            Fault::Before => return Err(broken()),
            Fault::Slow => {
                let delay = self.lock().rates.delay;
                tokio::time::sleep(delay).await;
            }
            Fault::None | Fault::After | Fault::Truncated => {}
        }
        let result = call.await?;
        if fault == Fault::After {
            Err(broken())
        } else {
            Ok((result, fault))
        }
    }
}

fn broken() -> object_store::Error {
    let source = io::Error::new(io::ErrorKind::ConnectionReset, "injected fault").into();
    object_store::Error::Generic {
        store: "FaultStore",
        source,
    }
}

/// The first half of what a read would return.
fn halve(result: GetResult) -> GetResult {
    let byte_count = (result.range.end - result.range.start) as usize / 2;
    let GetResult {
        meta,
        range,
        attributes,
        ..
    } = &result;
    let (meta, range, attributes) = (meta.clone(), range.clone(), attributes.clone());
    let mut left = byte_count;
    let halved = result.into_stream().map(move |bytes| {
        bytes.map(|bytes| {
            let taken = bytes.slice(..bytes.len().min(left));
            left -= taken.len();
            taken
        })
    });
    GetResult {
        payload: GetResultPayload::Stream(halved.boxed()),
        meta,
        range,
        attributes,
    }
}

impl std::fmt::Display for FaultStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "FaultStore({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for FaultStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let call = self.inner.put_opts(location, payload, options);
        Ok(self
            .plan
            .strike(Operation::Put, location.as_ref(), call)
            .await?
            .0)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let call = self.inner.put_multipart_opts(location, options);
        let inner = self
            .plan
            .strike(Operation::Start, location.as_ref(), call)
            .await?
            .0;
        let (plan, location) = (Arc::clone(&self.plan), location.to_string());
        Ok(Box::new(FaultUpload {
            inner,
            plan,
            location,
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let call = self.inner.get_opts(location, options);
        let (result, fault) = self
            .plan
            .strike(Operation::Get, location.as_ref(), call)
            .await?;
        Ok(if fault == Fault::Truncated {
            halve(result)
        } else {
            result
        })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let call = self.inner.get_ranges(location, ranges);
        let (mut parts, fault) = self
            .plan
            .strike(Operation::Get, location.as_ref(), call)
            .await?;
        if fault == Fault::Truncated
            && let Some(last) = parts.last_mut()
        {
            last.truncate(last.len() / 2);
        }
        Ok(parts)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let deleted = locations.then(move |location| {
            let store = store.clone();
            async move {
                let location = location?;
                let name = location.to_string();
                let one = stream::once(async move { Ok(location) }).boxed();
                let mut deleted = store.inner.delete_stream(one);
                let call = async move { deleted.next().await.unwrap_or_else(|| Err(broken())) };
                Ok(store.plan.strike(Operation::Delete, &name, call).await?.0)
            }
        });
        deleted.boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let location = prefix.map(ToString::to_string).unwrap_or_default();
        match self.plan.draw(Operation::List, &location) {
            Fault::Before | Fault::After => stream::once(async { Err(broken()) }).boxed(),
            _ => self.inner.list(prefix),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let location = prefix.map(ToString::to_string).unwrap_or_default();
        let call = self.inner.list_with_delimiter(prefix);
        Ok(self.plan.strike(Operation::List, &location, call).await?.0)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let call = self.inner.copy_opts(from, to, options);
        self.plan.strike(Operation::Put, to.as_ref(), call).await?;
        Ok(())
    }
}

#[derive(Debug)]
struct FaultUpload {
    inner: Box<dyn MultipartUpload>,
    plan: Arc<Plan>,
    location: String,
}

#[async_trait]
impl MultipartUpload for FaultUpload {
    fn put_part(&mut self, payload: PutPayload) -> UploadPart {
        let call = self.inner.put_part(payload);
        let (plan, location) = (Arc::clone(&self.plan), self.location.clone());
        async move {
            plan.strike(Operation::Part, &location, call)
                .await
                .map(|_| ())
        }
        .boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let call = self.inner.complete();
        Ok(self
            .plan
            .strike(Operation::Complete, &self.location, call)
            .await?
            .0)
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}
