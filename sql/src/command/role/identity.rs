//! SET ROLE, SET SESSION AUTHORIZATION, and going back.
//!
//! Both are settings: a transaction that is rolled back takes them back, and SET LOCAL
//! ends with it. Nobody loses the way back: RESET is always allowed.

use crate::command::set::refuses_local;
use crate::error::SqlError;
use crate::parse::role::{IdentityChange, Whose};
use crate::session::{Outcome, Session, assumable, authorizable, names};
use crate::settings::Identity;

pub(super) async fn run(
    session: &mut Session,
    change: &IdentityChange,
) -> Result<Outcome, SqlError> {
    let tag = if change.is_reset { "RESET" } else { "SET" };
    let has_no_effect = change.is_local && refuses_local(session);
    // What other nodes did to roles counts, too.
    session.engine.lake.head().await?;
    let rights = session.rights().await?;
    let now = session.settings.identity();
    let initial = session.settings.initial_identity();
    let identity = match (change.whose, change.name.as_deref()) {
        (Whose::Role, None) => Identity {
            role: initial.role,
            ..now
        },
        (Whose::Role, Some("none")) => Identity { role: None, ..now },
        (Whose::Role, Some(name)) => Identity {
            role: Some(assumable(&rights, now.session, name)?),
            ..now
        },
        (Whose::Session, None) => initial,
        (Whose::Session, Some(name)) => {
            let role = authorizable(&rights, session.options.role_id, name)?;
            Identity {
                session: role,
                role: None,
            }
        }
    };
    if !has_no_effect {
        let names = names(&rights, identity);
        let settings = &mut session.settings;
        settings.set_identity(identity, &names, change.is_local);
    }
    Ok(Outcome::Command(tag.to_owned()))
}

/// Goes back to who the session acted as when it began.
pub(crate) fn reset_all(session: &mut Session) {
    let identity = session.settings.initial_identity();
    let names = names(&session.known_rights(), identity);
    session.settings.set_identity(identity, &names, false);
}
