//! What must survive: kill -9, a full disk, a broken catalog, lost files.

mod crash;
mod disk;
mod durability;
mod sequences;
