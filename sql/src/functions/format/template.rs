//! Templates of dates and times: `YYYY-MM-DD HH24:MI:SS`.

use crate::error::SqlError;

/// How letters of a name or marker are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Upper,
    Title,
    Lower,
}

/// What a pattern stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// `AM`, `P.M.`: with dots?
    HalfDay {
        dotted: bool,
    },
    /// `BC`, `A.D.`: with dots?
    Era {
        dotted: bool,
    },
    Hour12,
    Hour24,
    Minute,
    Second,
    /// Decimals of the second; `MS` is 3, `US` is 6.
    Fraction(u32),
    Millisecond,
    SecondOfDay,
    ZoneName,
    ZoneOffset,
    ZoneHour,
    ZoneMinute,
    Century,
    /// `Y,YYY`
    YearComma,
    /// Digits shown, and whether it is the ISO year.
    Year {
        digits: usize,
        is_iso: bool,
    },
    MonthName,
    MonthShort,
    MonthRoman,
    Month,
    DayName,
    DayShort,
    Day,
    DayOfYear,
    IsoDayOfYear,
    DayOfWeek,
    IsoDayOfWeek,
    Week,
    IsoWeek,
    WeekOfMonth,
    Quarter,
    Julian,
    /// `FX`: reading is exact from here on.
    Exact,
}

impl Pattern {
    /// Whether the text of the field consists of digits.
    pub(super) fn is_digits(self) -> bool {
        !matches!(
            self,
            Self::HalfDay { .. }
                | Self::Era { .. }
                | Self::ZoneName
                | Self::ZoneOffset
                | Self::ZoneHour
                | Self::MonthName
                | Self::MonthShort
                | Self::MonthRoman
                | Self::DayName
                | Self::DayShort
                | Self::Exact
        )
    }
}

/// A pattern with what modifies it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) pattern: Pattern,
    /// As written, for messages.
    pub(super) name: &'static str,
    pub(super) case: Case,
    /// `FM`: neither padding nor leading zeros.
    pub(super) is_unpadded: bool,
    /// `TH` or `th`.
    pub(super) ordinal: Option<Case>,
}

/// One item of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Field(Field),
    /// Any other character, written as it is.
    Text(char),
    /// Punctuation, which matches any punctuation or nothing when read.
    Separator(char),
    Space(char),
}

/// A parsed template.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) items: Vec<Item>,
}

impl Template {
    /// Whether the zone's name will be written.
    pub(super) fn names_zone(&self) -> bool {
        self.items.iter().any(|item| {
            matches!(
                item,
                Item::Field(Field {
                    pattern: Pattern::ZoneName,
                    ..
                })
            )
        })
    }
}

use Pattern as P;

/// Names in upper case; those that begin with another come before it. All are
/// also known in lower case, and names of days and months in title case.
const PATTERNS: &[(&str, Pattern)] = &[
    ("A.D.", P::Era { dotted: true }),
    ("A.M.", P::HalfDay { dotted: true }),
    ("AD", P::Era { dotted: false }),
    ("AM", P::HalfDay { dotted: false }),
    ("B.C.", P::Era { dotted: true }),
    ("BC", P::Era { dotted: false }),
    ("CC", P::Century),
    ("DAY", P::DayName),
    ("DDD", P::DayOfYear),
    ("DD", P::Day),
    ("DY", P::DayShort),
    ("D", P::DayOfWeek),
    ("FF1", P::Fraction(1)),
    ("FF2", P::Fraction(2)),
    ("FF3", P::Fraction(3)),
    ("FF4", P::Fraction(4)),
    ("FF5", P::Fraction(5)),
    ("FF6", P::Fraction(6)),
    ("FX", P::Exact),
    ("HH24", P::Hour24),
    ("HH12", P::Hour12),
    ("HH", P::Hour12),
    ("IDDD", P::IsoDayOfYear),
    ("ID", P::IsoDayOfWeek),
    ("IW", P::IsoWeek),
    (
        "IYYY",
        P::Year {
            digits: 4,
            is_iso: true,
        },
    ),
    (
        "IYY",
        P::Year {
            digits: 3,
            is_iso: true,
        },
    ),
    (
        "IY",
        P::Year {
            digits: 2,
            is_iso: true,
        },
    ),
    (
        "I",
        P::Year {
            digits: 1,
            is_iso: true,
        },
    ),
    ("J", P::Julian),
    ("MI", P::Minute),
    ("MM", P::Month),
    ("MONTH", P::MonthName),
    ("MON", P::MonthShort),
    ("MS", P::Millisecond),
    ("OF", P::ZoneOffset),
    ("P.M.", P::HalfDay { dotted: true }),
    ("PM", P::HalfDay { dotted: false }),
    ("Q", P::Quarter),
    ("RM", P::MonthRoman),
    ("SSSSS", P::SecondOfDay),
    ("SSSS", P::SecondOfDay),
    ("SS", P::Second),
    ("TZH", P::ZoneHour),
    ("TZM", P::ZoneMinute),
    ("TZ", P::ZoneName),
    ("US", P::Fraction(6)),
    ("WW", P::Week),
    ("W", P::WeekOfMonth),
    ("Y,YYY", P::YearComma),
    (
        "YYYY",
        P::Year {
            digits: 4,
            is_iso: false,
        },
    ),
    (
        "YYY",
        P::Year {
            digits: 3,
            is_iso: false,
        },
    ),
    (
        "YY",
        P::Year {
            digits: 2,
            is_iso: false,
        },
    ),
    (
        "Y",
        P::Year {
            digits: 1,
            is_iso: false,
        },
    ),
];

const TITLES: &[(&str, Pattern)] = &[
    ("Day", P::DayName),
    ("Dy", P::DayShort),
    ("Month", P::MonthName),
    ("Mon", P::MonthShort),
];

/// The pattern that `text` begins with.
fn pattern(text: &str) -> Option<(&'static str, Pattern, Case)> {
    if let Some((name, found)) = TITLES.iter().find(|(name, _)| text.starts_with(name)) {
        return Some((name, *found, Case::Title));
    }
    for (name, found) in PATTERNS {
        let Some(head) = text.get(..name.len()) else {
            continue;
        };
        if head == *name {
            return Some((name, *found, Case::Upper));
        }
        if head.eq_ignore_ascii_case(name) && !head.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Some((name, *found, Case::Lower));
        }
    }
    None
}

/// Parses a template; every text is one.
pub(super) fn parse(text: &str) -> Result<Template, SqlError> {
    let mut items = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut is_unpadded = false;
        if let Some(tail) = rest.strip_prefix("FM").or_else(|| rest.strip_prefix("fm")) {
            (is_unpadded, rest) = (true, tail);
        } else if let Some(tail) = rest.strip_prefix("TM").or_else(|| rest.strip_prefix("tm")) {
            // Names in the language of the locale, which is English, unpadded.
            (is_unpadded, rest) = (is_name(tail), tail);
        }
        if let Some((name, pattern, case)) = pattern(rest) {
            rest = &rest[name.len()..];
            let ordinal = if rest.starts_with("TH") {
                Some(Case::Upper)
            } else {
                rest.starts_with("th").then_some(Case::Lower)
            };
            if ordinal.is_some() {
                rest = &rest[2..];
            }
            items.push(Item::Field(Field {
                pattern,
                name,
                case,
                is_unpadded,
                ordinal,
            }));
        } else if let Some(quoted) = rest.strip_prefix('"') {
            rest = quoted_text(quoted, &mut items);
        } else {
            if rest.starts_with("\\\"") {
                rest = &rest[1..];
            }
            let mut characters = rest.chars();
            if let Some(c) = characters.next() {
                items.push(match c {
                    c if c.is_ascii_punctuation() => Item::Separator(c),
                    c if c.is_ascii_whitespace() => Item::Space(c),
                    c => Item::Text(c),
                });
            }
            rest = characters.as_str();
        }
    }
    Ok(Template { items })
}

/// Whether the next pattern is the name of a day or month.
fn is_name(text: &str) -> bool {
    let found = pattern(text).map(|(_, pattern, _)| pattern);
    matches!(
        found,
        Some(Pattern::DayName | Pattern::DayShort | Pattern::MonthName | Pattern::MonthShort)
    )
}

/// Reads up to the closing quote; returns what follows it.
fn quoted_text<'a>(text: &'a str, items: &mut Vec<Item>) -> &'a str {
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => break,
            '\\' => items.push(Item::Text(characters.next().unwrap_or('\\'))),
            other => items.push(Item::Text(other)),
        }
    }
    characters.as_str()
}
