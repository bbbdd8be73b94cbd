//! What is taken, and by whom.

use std::sync::Arc;

use super::QueryMeter;

#[test]
fn peak_is_the_most_at_a_time_and_begins_anew_with_what_is_held() {
    let meter = QueryMeter::default();
    meter.grow(100);
    meter.grow(50);
    meter.shrink(120);
    meter.grow(10);
    assert_eq!(meter.take().memory_peak, 150);
    // A cursor keeps its memory between two statements.
    assert_eq!(meter.take().memory_peak, 40);
}

#[test]
fn what_is_spilled_counts_once_also_for_who_goes_on() {
    let declared = Arc::new(QueryMeter::default());
    declared.spill(7);
    assert_eq!(declared.take().bytes_spilled, 7);
    declared.spill(5);
    let fetch = QueryMeter::default();
    fetch.go_on_with(&declared);
    fetch.spill(1);
    assert_eq!(fetch.take().bytes_spilled, 6);
    assert_eq!(fetch.take().bytes_spilled, 0);
}
