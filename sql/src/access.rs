//! Who may do what: roles, privileges, and the one check of what a statement reads and
//! writes.

pub(crate) mod acl;
pub(crate) mod actor;
pub(crate) mod check;
pub(crate) mod mask;
pub(crate) mod policy;
pub(crate) mod reads;
pub(crate) mod roles;
pub(crate) mod shown;
