//! The superuser's password, at each start of a primary.
//!
//! Flow: `auth.admin_password` if it is set; else, while there is none, a random
//! one that goes to `<data_dir>/admin-password`, readable by its owner only.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use gotgan_config::Config;
use gotgan_storage::Lake;

use crate::StartError;
use crate::auth::{SUPERUSER, scram};

const FILE: &str = "admin-password";

/// Bytes of chance in a password that we make; twice as many characters.
const RANDOM_BYTES: usize = 16;

/// Gives the superuser a password, if it must get one.
pub(crate) async fn prepare(config: &Config, lake: &Lake) -> Result<(), StartError> {
    let role = lake.login(SUPERUSER).await.map_err(StartError::lake)?;
    let stored = role.and_then(|role| role.verifier);
    let verifier = match (&config.auth.admin_password, stored) {
        (Some(password), Some(stored)) if scram::is_verifier_of(&stored, password.expose()) => {
            return Ok(());
        }
        (Some(password), _) => scram::verifier(password.expose()),
        (None, Some(_)) => return Ok(()),
        (None, None) => {
            let password = random_password();
            let path = config.storage.data_dir.join(FILE);
            // First the file: a password that nobody can read helps nobody.
            write_secret(&path, &password)
                .map_err(|error| StartError::new("cannot write the password file", error))?;
            tracing::info!(path = %path.display(), "the password of user gotgan is in this file");
            scram::verifier(&password)
        }
    };
    lake.store_role_verifier(SUPERUSER, Some(&verifier))
        .await
        .map_err(StartError::lake)
}

fn random_password() -> String {
    let bytes: [u8; RANDOM_BYTES] = rand::random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes `text` and a line end to a file of mode 0600, durably.
pub(crate) fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{}", text.trim_end())?;
    file.sync_all()
}
