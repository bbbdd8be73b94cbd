//! Who may come from where, and how he proves himself: a file in the spirit of pg_hba.conf.
//!
//! ```text
//! TYPE     DATABASE  USER  ADDRESS     METHOD         [OPTION]
//! local    all       all               trust
//! hostssl  all       all   10.0.0.0/8  scram-sha-256
//! hostssl  sales     etl   all         cert
//! host     all       +data all         reject
//! ```
//!
//! The first line that fits decides; where none fits, nobody gets in.
//!
//! A database or role is named, or `all`; a database also `sameuser` or `samerole`: that of
//! the role's name, or of a role that it is a member of; a role also `+group`: who is a
//! member of it, superusers only if they were made one.
//!
//! Invariant: no method lets a client in without a proof, except `trust` on a Unix socket.
//!
//! Not taken, and refused by name: `md5`, `password`, `ident` and other methods,
//! patterns, host names, `samehost`, `samenet`, included files.
//!
//! Source: PostgreSQL 18 manual, section 20.1.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use gotgan_sql::{SqlError, sqlstate};

use crate::StartError;

/// What holds without a file: a password is asked of everybody, and TLS from elsewhere.
const BUILT_IN: &str = "\
local   all all             scram-sha-256
host    all all 127.0.0.0/8 scram-sha-256
host    all all ::1/128     scram-sha-256
hostssl all all all         scram-sha-256
";

/// What holds besides where `server.allow_plaintext` is set.
const PLAINTEXT: &str = "hostnossl all all all scram-sha-256\n";

/// How a client proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// A password; what the client's certificate must say besides.
    Scram(ClientCertificate),
    /// A certificate whose common name is the role's.
    Certificate,
    /// Not at all; on Unix sockets only.
    Trust,
    /// It is refused.
    Reject,
}

/// What is asked of a client's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientCertificate {
    /// None need be there.
    Ignored,
    /// One that an authority of ours signed.
    Signed,
    /// The same, with the role's name as common name.
    Named,
}

/// How a client reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Unix,
    Plain,
    Tls,
}

/// Who asks to be let in.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) transport: Transport,
    /// None on a Unix socket.
    pub(crate) address: Option<IpAddr>,
    pub(crate) database: &'a str,
    pub(crate) user: &'a str,
    /// Whether the role is a member of the one with this name.
    pub(crate) is_member: &'a (dyn Fn(&str) -> bool + Sync),
}

/// The rules, in their order.
#[derive(Debug)]
pub(crate) struct Rules(Vec<Rule>);

#[derive(Debug, PartialEq, Eq)]
struct Rule {
    transports: &'static [Transport],
    databases: Names,
    users: Names,
    network: Option<Network>,
    method: Method,
}

/// Any of these.
#[derive(Debug, PartialEq, Eq)]
struct Names(Vec<Name>);

#[derive(Debug, PartialEq, Eq)]
enum Name {
    All,
    Is(String),
    /// `sameuser`, of a database.
    SameUser,
    /// `samerole`, of a database.
    SameRole,
    /// `+group`, of a role.
    MemberOf(String),
}

#[derive(Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u32,
}

impl Rules {
    /// Reads the file that is set, or takes the rules that hold without one.
    ///
    /// Errors: the file cannot be read; a line that cannot be understood, with its number.
    pub(crate) fn load(file: Option<&Path>, allow_plaintext: bool) -> Result<Self, StartError> {
        let Some(path) = file else {
            let plaintext = if allow_plaintext { PLAINTEXT } else { "" };
            return Self::parse(&format!("{BUILT_IN}{plaintext}"))
                .map_err(|error| StartError::new("the built-in rules are broken", error));
        };
        let named = || format!("cannot use the rules in {}", path.display());
        let text = fs::read_to_string(path).map_err(|error| StartError::new(named(), error))?;
        Self::parse(&text).map_err(|error| StartError::new(named(), error))
    }

    /// Whether any rule asks for certificates of clients.
    pub(crate) fn use_certificates(&self) -> bool {
        let mut methods = self.0.iter().map(|rule| rule.method);
        methods.any(|method| match method {
            Method::Certificate => true,
            Method::Scram(certificate) => certificate != ClientCertificate::Ignored,
            Method::Trust | Method::Reject => false,
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut rules = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let rule = parse_line(line).map_err(|error| format!("line {}: {error}", index + 1))?;
            rules.extend(rule);
        }
        Ok(Self(rules))
    }

    /// How a client is to prove itself.
    ///
    /// Errors: fatal `28000` where no rule lets it in.
    pub(crate) fn method(&self, asking: &Asking<'_>) -> Result<Method, SqlError> {
        self.find(asking).ok_or_else(|| self.refusal(asking))
    }

    fn find(&self, asking: &Asking<'_>) -> Option<Method> {
        let rule = self.0.iter().find(|rule| rule.fits(asking))?;
        (rule.method != Method::Reject).then_some(rule.method)
    }

    fn refusal(&self, asking: &Asking<'_>) -> SqlError {
        let encrypted = Asking {
            transport: Transport::Tls,
            ..*asking
        };
        if asking.transport == Transport::Plain && self.find(&encrypted).is_some() {
            return super::plaintext_refused();
        }
        let from = match asking.address {
            Some(address) => format!("host \"{}\"", address.to_canonical()),
            None => "a Unix socket".to_owned(),
        };
        let encryption = match asking.transport {
            Transport::Tls => ", SSL encryption",
            Transport::Plain => ", no encryption",
            Transport::Unix => "",
        };
        SqlError::with_code(
            sqlstate::INVALID_AUTHORIZATION_SPECIFICATION,
            format!(
                "no rule of the server lets in {from}, user \"{}\", database \"{}\"{encryption}",
                asking.user, asking.database
            ),
        )
    }
}

impl Rule {
    fn fits(&self, asking: &Asking<'_>) -> bool {
        self.transports.contains(&asking.transport)
            && self.databases.have(asking.database, asking)
            && self.users.have(asking.user, asking)
            && match (&self.network, asking.address) {
                (Some(network), Some(address)) => network.has(address.to_canonical()),
                (Some(_), None) => false,
                (None, _) => true,
            }
    }
}

impl Names {
    fn have(&self, asked: &str, asking: &Asking<'_>) -> bool {
        self.0.iter().any(|name| match name {
            Name::All => true,
            Name::Is(other) => other == asked,
            Name::SameUser => asked == asking.user,
            Name::SameRole => (asking.is_member)(asked),
            Name::MemberOf(group) => (asking.is_member)(group),
        })
    }
}

impl Network {
    fn has(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(one), IpAddr::V4(two)) => {
                let differs = u32::from(one) ^ u32::from(two);
                differs.checked_shr(32 - self.bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(one), IpAddr::V6(two)) => {
                let differs = u128::from(one) ^ u128::from(two);
                differs.checked_shr(128 - self.bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// One word of a line; in quotes it is a name whatever it says.
#[derive(Debug)]
struct Word {
    text: String,
    is_quoted: bool,
}

fn parse_line(line: &str) -> Result<Option<Rule>, String> {
    let words = words(line)?;
    let mut words = words.into_iter();
    let Some(kind) = words.next() else {
        return Ok(None);
    };
    let transports: &[Transport] = match kind.text.as_str() {
        "local" => &[Transport::Unix],
        "host" => &[Transport::Plain, Transport::Tls],
        "hostssl" => &[Transport::Tls],
        "hostnossl" => &[Transport::Plain],
        other => return Err(format!("a rule cannot begin with \"{other}\"")),
    };
    let is_local = transports == [Transport::Unix];
    let mut next = |what: &str| words.next().ok_or_else(|| format!("the {what} is missing"));
    let databases = parse_names(&next("database")?, database_name)?;
    let users = parse_names(&next("user")?, user_name)?;
    let network = match is_local {
        true => None,
        false => parse_network(&next("address")?.text)?,
    };
    let method = next("method")?.text;
    let options: Vec<String> = words.map(|word| word.text).collect();
    let method = parse_method(&method, &options, transports)?;
    Ok(Some(Rule {
        transports,
        databases,
        users,
        network,
        method,
    }))
}

fn words(line: &str) -> Result<Vec<Word>, String> {
    let mut words: Vec<Word> = Vec::new();
    let mut word: Option<Word> = None;
    let mut is_inside = false;
    for character in line.chars() {
        match character {
            '"' => {
                is_inside = !is_inside;
                let word = word.get_or_insert(Word {
                    text: String::new(),
                    is_quoted: true,
                });
                word.is_quoted = true;
            }
            '#' if !is_inside => break,
            other if other.is_whitespace() && !is_inside => words.extend(word.take()),
            other => word
                .get_or_insert(Word {
                    text: String::new(),
                    is_quoted: false,
                })
                .text
                .push(other),
        }
    }
    words.extend(word);
    match is_inside {
        true => Err("a quote is not closed".to_owned()),
        false => Ok(words),
    }
}

/// `special`: what a name means that is none.
fn parse_names(word: &Word, special: fn(&str) -> Option<Name>) -> Result<Names, String> {
    if word.is_quoted {
        return Ok(Names(vec![Name::Is(word.text.clone())]));
    }
    let names = word.text.split(',').map(|name| {
        if let Some(special) = special(name) {
            return Ok(special);
        }
        match name.is_empty() || name.starts_with(['+', '@', '/']) {
            true => Err(format!("\"{name}\" is no name that can stand here")),
            false => Ok(Name::Is(name.to_owned())),
        }
    });
    names.collect::<Result<_, _>>().map(Names)
}

fn database_name(name: &str) -> Option<Name> {
    match name {
        "all" => Some(Name::All),
        "sameuser" => Some(Name::SameUser),
        "samerole" | "samegroup" => Some(Name::SameRole),
        _ => None,
    }
}

fn user_name(name: &str) -> Option<Name> {
    let group = name.strip_prefix('+').filter(|group| !group.is_empty());
    match (name, group) {
        ("all", _) => Some(Name::All),
        (_, Some(group)) => Some(Name::MemberOf(group.to_owned())),
        _ => None,
    }
}

fn parse_network(text: &str) -> Result<Option<Network>, String> {
    if text == "all" {
        return Ok(None);
    }
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let wrong = || format!("\"{text}\" is neither \"all\" nor an address such as 10.0.0.0/8");
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let bits_max = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        Some(bits) => bits.parse::<u32>().map_err(|_| wrong())?,
        None => bits_max,
    };
    match bits <= bits_max {
        true => Ok(Some(Network { address, bits })),
        false => Err(wrong()),
    }
}

fn parse_method(
    name: &str,
    options: &[String],
    transports: &[Transport],
) -> Result<Method, String> {
    let is_encrypted = transports == [Transport::Tls];
    let mut certificate = ClientCertificate::Ignored;
    for option in options {
        certificate = match option.as_str() {
            "clientcert=verify-ca" => ClientCertificate::Signed,
            "clientcert=verify-full" => ClientCertificate::Named,
            other => return Err(format!("the option \"{other}\" is not known")),
        };
        if !is_encrypted {
            return Err("clientcert can be asked for on hostssl lines only".to_owned());
        }
    }
    match name {
        "scram-sha-256" => Ok(Method::Scram(certificate)),
        "cert" if is_encrypted => Ok(Method::Certificate),
        "cert" => Err("cert can stand on hostssl lines only".to_owned()),
        "trust" if transports == [Transport::Unix] => Ok(Method::Trust),
        "trust" => Err("trust can stand on local lines only".to_owned()),
        "reject" => Ok(Method::Reject),
        other => Err(format!("the method \"{other}\" is not supported")),
    }
}

#[cfg(test)]
mod tests;
