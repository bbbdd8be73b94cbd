//! How many sessions each role has on this node, for CONNECTION LIMIT.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use gotgan_sql::{SqlError, sqlstate};

/// Sessions by id of the role that logged in.
#[derive(Debug, Default)]
pub(crate) struct Places {
    taken: Mutex<HashMap<i64, usize>>,
}

/// A session's place; given up when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    role: i64,
}

impl Places {
    /// Takes a place. `most`: so many may be taken; none: any number.
    ///
    /// Errors: `53300` if all are taken.
    pub(crate) fn take(
        self: &Arc<Self>,
        role: i64,
        name: &str,
        most: Option<usize>,
    ) -> Result<Place, SqlError> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.get(&role).copied().unwrap_or(0);
        if most.is_some_and(|most| count >= most) {
            return Err(SqlError::with_code(
                sqlstate::TOO_MANY_CONNECTIONS,
                format!("too many connections for role \"{name}\""),
            ));
        }
        taken.insert(role, count + 1);
        Ok(Place {
            places: Arc::clone(self),
            role,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let taken = &self.places.taken;
        let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.role) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.role);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_session_ends() {
        let places = Arc::new(Places::default());
        let first = places.take(16384, "ann", Some(1)).expect("there is room");
        let error = places.take(16384, "ann", Some(1)).unwrap_err();
        assert_eq!(error.code, sqlstate::TOO_MANY_CONNECTIONS);
        let other = places.take(16385, "bob", Some(1));
        assert!(other.is_ok(), "another role has places of its own");
        drop(first);
        assert!(places.take(16384, "ann", Some(1)).is_ok());
    }
}
