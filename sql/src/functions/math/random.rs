//! `random` and `setseed`: one generator for each session.
//!
//! Source: PostgreSQL 15, `pg_prng.c`: xoroshiro128** (Blackman and Vigna), its state
//! made by splitmix64. The same seed gives the same numbers as there.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Mutex, PoisonError};

use crate::error::SqlError;
use crate::functions::Registry;
use crate::functions::call::map1;
use crate::functions::kinds::Float8;

/// Digits of a double's fraction.
const FRACTION_BITS: u32 = 52;

/// A session's source of random numbers.
#[derive(Debug)]
pub struct Random {
    state: Mutex<[u64; 2]>,
}

impl Default for Random {
    /// Starts somewhere that nobody can tell.
    fn default() -> Self {
        let seed = RandomState::new().build_hasher().finish();
        Self {
            state: Mutex::new(seeded(seed)),
        }
    }
}

impl Random {
    /// Starts where `setseed` says: `seed` is between -1 and 1.
    fn seed(&self, seed: f64) {
        let whole = ((1_u64 << FRACTION_BITS) - 1) as f64;
        let seed = (whole * seed) as i64;
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = seeded(seed.cast_unsigned());
    }

    /// `count` numbers from 0 up to 1, which is left out.
    fn doubles(&self, count: usize) -> Vec<f64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let scale = (1_u64 << FRACTION_BITS) as f64;
        (0..count)
            .map(|_| (next(&mut state) >> (64 - FRACTION_BITS)) as f64 / scale)
            .collect()
    }
}

fn seeded(mut seed: u64) -> [u64; 2] {
    let state = [split_mix(&mut seed), split_mix(&mut seed)];
    // The generator would stay at zero for ever.
    if state == [0, 0] {
        [0x5851_f42d_4c95_7f2d, 0x1405_7b7e_f767_814f]
    } else {
        state
    }
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut value = *state;
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

fn next(state: &mut [u64; 2]) -> u64 {
    let [first, second] = *state;
    let mixed = second ^ first;
    let value = first.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
    state[0] = first.rotate_left(24) ^ mixed ^ (mixed << 16);
    state[1] = mixed.rotate_left(37);
    value
}

/// Adds the functions of this file.
pub(super) fn register(registry: &mut Registry) {
    registry
        .add("random() -> float8", |call| {
            let numbers = call.context.random.doubles(call.rows);
            call.rows(|row| Ok(numbers[row]))
        })
        .volatile();
    registry
        .add("setseed(float8) -> void", |call| {
            map1::<Float8, _>(call, |seed| {
                if !(-1.0..=1.0).contains(&seed) {
                    return Err(SqlError::invalid_parameter(format!(
                        "setseed parameter {seed} is out of allowed range [-1,1]"
                    )));
                }
                call.context.random.seed(seed);
                Ok(String::new())
            })
        })
        .volatile();
}
