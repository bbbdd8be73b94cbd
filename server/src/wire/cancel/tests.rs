//! Only the right key cancels, and only what runs.

use super::*;

#[test]
fn the_right_key_cancels_the_running_statement_only() {
    let registry = Arc::new(Registry::default());
    let registration = registry.register(false, &CancellationToken::new());
    assert_eq!(registration.key.len(), 4);
    registry.cancel(registration.connection_id, &registration.key);
    let first = CancellationToken::new();
    registration.signals.begin(&first);
    assert!(
        !first.is_cancelled(),
        "a request between statements is lost"
    );
    registry.cancel(registration.connection_id, b"????");
    registry.cancel(registration.connection_id + 1, &registration.key);
    assert!(!first.is_cancelled());
    registry.cancel(registration.connection_id, &registration.key);
    assert!(first.is_cancelled());
    let second = CancellationToken::new();
    registration.signals.begin(&second);
    assert!(second.is_cancelled(), "the request was not answered yet");
    registration.signals.finish();
    let third = CancellationToken::new();
    registration.signals.begin(&third);
    assert!(!third.is_cancelled());
}

#[test]
fn ids_are_unique_and_given_up() {
    let registry = Arc::new(Registry::default());
    let first = registry.register(true, &CancellationToken::new());
    let second = registry.register(true, &CancellationToken::new());
    assert_ne!(first.connection_id, second.connection_id);
    assert_eq!(first.key.len(), 32);
    drop((first, second));
    assert!(lock(&registry.entries).by_id.is_empty());
}
