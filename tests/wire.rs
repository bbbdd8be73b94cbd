//! The protocol in raw bytes, where golden files and drivers cannot look.
//! Source: PostgreSQL 15 manual, chapter 55.

mod cancel;
mod copy;
mod extended;
mod history;
mod limits;
mod login;
mod past;
mod portal;
mod simple;
mod startup;
mod stream;
mod temporary;
