//! Access control lists as data: who was granted what on an object, and by whom.
//!
//! What follows from them is not decided here.

use serde::{Deserialize, Serialize};

/// Stands for every role where a role is named, as in PostgreSQL.
pub const PUBLIC_ROLE_ID: i64 = 0;

/// A set of privileges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Privileges(u16);

impl Privileges {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Reads rows.
    pub const SELECT: Self = Self(1);
    /// Adds rows.
    pub const INSERT: Self = Self(1 << 1);
    /// Changes rows.
    pub const UPDATE: Self = Self(1 << 2);
    /// Removes rows.
    pub const DELETE: Self = Self(1 << 3);
    /// Removes all rows at once.
    pub const TRUNCATE: Self = Self(1 << 4);
    /// Points a foreign key at a table.
    pub const REFERENCES: Self = Self(1 << 5);
    /// Would make a trigger.
    pub const TRIGGER: Self = Self(1 << 6);
    /// Looks into a schema, or draws from a sequence.
    pub const USAGE: Self = Self(1 << 7);
    /// Makes objects in a schema, or schemas in a database.
    pub const CREATE: Self = Self(1 << 8);
    /// Connects to a database.
    pub const CONNECT: Self = Self(1 << 9);
    /// Makes temporary tables.
    pub const TEMPORARY: Self = Self(1 << 10);
    /// Calls a function.
    pub const EXECUTE: Self = Self(1 << 11);

    const LAST: u16 = Self::EXECUTE.0;

    /// Those of either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those of both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those that the other has not.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all of the other's are here.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of the other's is here.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each one alone, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = Self> {
        let bits = (0..=Self::LAST.trailing_zeros()).map(|bit| Self(1 << bit));
        bits.filter(move |one| self.contains(*one))
    }
}

/// What one role was granted by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AclItem {
    /// Who may; [`PUBLIC_ROLE_ID`] for everyone.
    pub grantee: i64,
    /// Who granted it.
    pub grantor: i64,
    /// What.
    pub privileges: Privileges,
    /// Which of these the grantee may grant on.
    pub grantable: Privileges,
}

/// Everything that was granted on an object, in the order of its granting.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Acl(pub Vec<AclItem>);

impl Acl {
    /// Whether a role is a grantee or grantor in it.
    pub fn mentions(&self, role: i64) -> bool {
        let mut items = self.0.iter();
        items.any(|item| item.grantee == role || item.grantor == role)
    }
}
