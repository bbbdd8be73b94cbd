//! One query's share of the memory that all queries have together.

use std::fmt;
use std::sync::Arc;

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{
    FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};

use crate::query_log::QueryMeter;

/// A pool that gives what its parent gives, up to a bound of its own, which the
/// operators that can spill share evenly.
#[derive(Debug)]
pub(super) struct QueryPool {
    parent: Arc<dyn MemoryPool>,
    own: FairSpillPool,
    bytes_max: usize,
    meter: Arc<QueryMeter>,
}

impl QueryPool {
    pub(super) fn new(
        parent: Arc<dyn MemoryPool>,
        bytes_max: usize,
        meter: Arc<QueryMeter>,
    ) -> Self {
        Self {
            parent,
            own: FairSpillPool::new(bytes_max),
            bytes_max,
            meter,
        }
    }
}

impl fmt::Display for QueryPool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "query(used: {}, max: {}) of {}",
            self.reserved(),
            self.bytes_max,
            self.parent
        )
    }
}

impl MemoryPool for QueryPool {
    fn name(&self) -> &'static str {
        "query"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.own.register(consumer);
        self.parent.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.own.unregister(consumer);
        self.parent.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.own.grow(reservation, additional);
        self.parent.grow(reservation, additional);
        self.meter.grow(additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.own.shrink(reservation, shrink);
        self.parent.shrink(reservation, shrink);
        self.meter.shrink(shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        if self.own.try_grow(reservation, additional).is_err() {
            return Err(DataFusionError::ResourcesExhausted(format!(
                "{} asked for {additional} bytes, {} of the query's {} are taken \
                 (sql.query_memory_bytes_max)",
                reservation.consumer().name(),
                self.reserved(),
                self.bytes_max
            )));
        }
        self.parent
            .try_grow(reservation, additional)
            .inspect_err(|_| self.own.shrink(reservation, additional))?;
        self.meter.grow(additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.own.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.bytes_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::execution::memory_pool::{GreedyMemoryPool, UnboundedMemoryPool};

    fn meter() -> Arc<QueryMeter> {
        Arc::default()
    }

    #[test]
    fn bound_holds_over_several_consumers_and_is_given_back() {
        let parent: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
        let pool: Arc<dyn MemoryPool> = Arc::new(QueryPool::new(Arc::clone(&parent), 100, meter()));
        let first = MemoryConsumer::new("first").register(&pool);
        let second = MemoryConsumer::new("second").register(&pool);
        first.try_grow(60).unwrap();
        assert!(second.try_grow(41).is_err());
        second.try_grow(40).unwrap();
        assert_eq!((pool.reserved(), parent.reserved()), (100, 100));
        drop(first);
        second.try_grow(60).unwrap();
        assert_eq!(pool.reserved(), 100);
    }

    #[test]
    fn refusal_of_the_parent_takes_nothing() {
        let parent: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(10));
        let pool: Arc<dyn MemoryPool> = Arc::new(QueryPool::new(parent, 100, meter()));
        let consumer = MemoryConsumer::new("one").register(&pool);
        assert!(consumer.try_grow(11).is_err());
        assert_eq!(pool.reserved(), 0);
    }
}
