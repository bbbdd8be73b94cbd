//! What transactions were about to do, and what their commits answered.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path as FsPath;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::ErrorKind;

/// What the transaction is called that made the first tables.
pub(super) const PREPARED: &str = "prepared";

/// What a transaction does, by names of tables; each name is used once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Effects {
    pub(super) created: Vec<String>,
    pub(super) dropped: Vec<String>,
    pub(super) deleted: Vec<(String, i32)>,
    pub(super) inserted: Vec<(String, i32, String)>,
}

/// What a commit answered.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Answer {
    /// It is a snapshot.
    Committed(i64),
    /// Nothing was there to do.
    Unchanged,
    /// It lost against others.
    Conflict,
    /// The outcome is open.
    Unavailable,
}

impl Answer {
    /// Errors: one that no fault may cause, as text.
    pub(super) fn of(result: Result<Option<i64>, crate::Error>) -> Result<Self, String> {
        match result {
            Ok(Some(snapshot)) => Ok(Self::Committed(snapshot)),
            Ok(None) => Ok(Self::Unchanged),
            Err(error) if error.kind == ErrorKind::Conflict => Ok(Self::Conflict),
            Err(error) if error.kind == ErrorKind::Unavailable => Ok(Self::Unavailable),
            Err(error) => Err(format!("{:?}: {error}: {:?}", error.kind, error.source)),
        }
    }
}

/// One line of the journal. A transaction is named by its label.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Entry {
    Begun(String, Effects),
    Ended(String, Answer),
}

/// The lines in their order, also in a file if the process is going to die.
#[derive(Debug, Default)]
pub(super) struct Journal {
    entries: Mutex<Vec<Entry>>,
    file: Option<Mutex<File>>,
}

impl Journal {
    /// One that also goes to a file; what is in the file already is part of it.
    pub(super) fn in_file(path: &FsPath) -> Self {
        let mut options = File::options();
        let file = options.create(true).append(true).open(path);
        Self {
            entries: Mutex::new(read(path)),
            file: Some(Mutex::new(file.expect("a file"))),
        }
    }

    pub(super) fn note(&self, entry: Entry) {
        if let Some(file) = &self.file {
            let mut line = serde_json::to_string(&entry).expect("JSON");
            line.push('\n');
            // One write: a process that dies leaves whole lines.
            let mut file = file.lock().expect("no panic in a test");
            file.write_all(line.as_bytes()).expect("written");
        }
        self.entries.lock().expect("no panic in a test").push(entry);
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.entries.lock().expect("no panic in a test").clone()
    }
}

fn read(path: &FsPath) -> Vec<Entry> {
    let Ok(file) = File::open(path) else {
        return Vec::new();
    };
    let lines = BufReader::new(file).lines();
    lines
        .map(|line| serde_json::from_str(&line.expect("a line")).expect("an entry"))
        .collect()
}
