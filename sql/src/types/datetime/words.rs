//! The words that dates and intervals are made of, in lower case.
//!
//! Source: PostgreSQL 15 manual, appendix B.2 and B.3, and the view
//! `pg_timezone_abbrevs` under its default setting.

use super::lex::Kind;

/// Names of the months, in order.
pub(super) const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Short names of the weekdays as they are written, Sunday first.
pub(super) const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// Short names of the months as they are written, in order.
pub(super) const MONTHS_SHORT: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// What a word of a date or time means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Now,
    Today,
    Yesterday,
    Tomorrow,
    Midnight,
    Epoch,
    Infinity,
    MinusInfinity,
    Month(u32),
    Weekday,
    Before,
    After,
    Morning,
    Evening,
    Daylight,
    Julian,
    TimeNext,
    Filler,
}

/// A field of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
    Decade,
    Century,
    Millennium,
}

/// The meaning of `word` in a date or time.
pub(super) fn word(word: &str) -> Option<Word> {
    let found = match word {
        "now" => Word::Now,
        "today" => Word::Today,
        "yesterday" => Word::Yesterday,
        "tomorrow" => Word::Tomorrow,
        "allballs" => Word::Midnight,
        "epoch" => Word::Epoch,
        "infinity" => Word::Infinity,
        "-infinity" => Word::MinusInfinity,
        "sun" | "sunday" | "mon" | "monday" | "tue" | "tues" | "tuesday" | "wed" | "weds"
        | "wednesday" | "thu" | "thur" | "thurs" | "thursday" | "fri" | "friday" | "sat"
        | "saturday" => Word::Weekday,
        "bc" => Word::Before,
        "ad" => Word::After,
        "am" => Word::Morning,
        "pm" => Word::Evening,
        "dst" => Word::Daylight,
        "j" | "jd" | "julian" => Word::Julian,
        "t" => Word::TimeNext,
        "at" | "on" => Word::Filler,
        "sept" => Word::Month(9),
        _ => return month(word),
    };
    Some(found)
}

fn month(word: &str) -> Option<Word> {
    let is_match = |name: &str| word == name || (word.len() == 3 && name.starts_with(word));
    let index = MONTHS.iter().position(|name| is_match(name))?;
    Some(Word::Month(u32::try_from(index).ok()? + 1))
}

/// The interval field that `word` names; `None` for `ago` and others.
pub(super) fn unit(word: &str) -> Option<Unit> {
    // PostgreSQL compares the first ten letters only.
    let short = word.get(..10).unwrap_or(word);
    let found = match short {
        "us" | "usec" | "usecs" | "usecond" | "useconds" | "microsecon" => Unit::Microsecond,
        "ms" | "msec" | "msecs" | "msecond" | "mseconds" | "millisecon" => Unit::Millisecond,
        "s" | "sec" | "secs" | "second" | "seconds" => Unit::Second,
        "m" | "min" | "mins" | "minute" | "minutes" => Unit::Minute,
        "h" | "hr" | "hrs" | "hour" | "hours" => Unit::Hour,
        "d" | "day" | "days" => Unit::Day,
        "w" | "week" | "weeks" => Unit::Week,
        "mon" | "mons" | "month" | "months" => Unit::Month,
        "y" | "yr" | "yrs" | "year" | "years" => Unit::Year,
        "dec" | "decs" | "decade" | "decades" => Unit::Decade,
        "c" | "cent" | "century" | "centuries" => Unit::Century,
        "mil" | "mils" | "millennia" | "millennium" => Unit::Millennium,
        _ => return None,
    };
    Some(found)
}

/// Whether a field of this kind may stand after the filler `t`.
pub(super) fn may_follow_t(kind: Kind) -> bool {
    matches!(kind, Kind::Number | Kind::Time | Kind::Date)
}

/// Minutes east of UTC of a zone's abbreviation.
pub(super) fn zone_minutes(word: &str) -> Option<i16> {
    ABBREVIATIONS
        .binary_search_by_key(&word, |(name, _)| name)
        .ok()
        .map(|index| ABBREVIATIONS[index].1)
}

/// Zone abbreviations and their minutes east of UTC, ordered by name.
#[rustfmt::skip]
const ABBREVIATIONS: &[(&str, i16)] = &[
    ("acdt", 630), ("acsst", 630), ("acst", 570), ("act", -300), ("acwst", 525), ("adt", -180),
    ("aedt", 660), ("aesst", 660), ("aest", 600), ("aft", 270), ("akdt", -480), ("akst", -540),
    ("almst", 420), ("almt", 360), ("amst", 240), ("amt", -240), ("anast", 720), ("anat", 720),
    ("arst", -180), ("art", -180), ("ast", -240), ("awsst", 540), ("awst", 480), ("azost", 0),
    ("azot", -60), ("azst", 240), ("azt", 240), ("bdst", 120), ("bdt", 360), ("bnt", 480),
    ("bort", 480), ("bot", -240), ("bra", -180), ("brst", -120), ("brt", -180), ("bst", 60),
    ("btt", 360), ("cadt", 630), ("cast", 570), ("cct", 480), ("cdt", -300), ("cest", 120),
    ("cet", 60), ("cetdst", 120), ("chadt", 825), ("chast", 765), ("chut", 600), ("ckt", -600),
    ("clst", -180), ("clt", -180), ("cot", -300), ("cst", -360), ("cxt", 420), ("davt", 420),
    ("ddut", 600), ("easst", -300), ("east", -300), ("eat", 180), ("edt", -240), ("eest", 180),
    ("eet", 120), ("eetdst", 180), ("egst", 0), ("egt", -60), ("est", -300), ("fet", 180),
    ("fjst", 780), ("fjt", 720), ("fkst", -180), ("fkt", -180), ("fnst", -60), ("fnt", -120),
    ("galt", -360), ("gamt", -540), ("gest", 240), ("get", 240), ("gft", -180), ("gilt", 720),
    ("gmt", 0), ("gyt", -240), ("hkt", 480), ("hst", -600), ("ict", 420), ("idt", 180),
    ("iot", 360), ("irkst", 480), ("irkt", 480), ("irt", 210), ("ist", 120), ("jayt", 540),
    ("jst", 540), ("kdt", 600), ("kgst", 360), ("kgt", 360), ("kost", 660), ("krast", 420),
    ("krat", 420), ("kst", 540), ("lhdt", 660), ("lhst", 630), ("ligt", 600), ("lint", 840),
    ("lkt", 330), ("magst", 660), ("magt", 660), ("mart", -570), ("mawt", 300), ("mdt", -360),
    ("mest", 120), ("mesz", 120), ("met", 60), ("metdst", 120), ("mez", 60), ("mht", 720),
    ("mmt", 390), ("mpt", 600), ("msd", 240), ("msk", 180), ("mst", -420), ("must", 300),
    ("mut", 240), ("mvt", 300), ("myt", 480), ("ndt", -150), ("nft", -210), ("novst", 420),
    ("novt", 420), ("npt", 345), ("nst", -210), ("nut", -660), ("nzdt", 780), ("nzst", 720),
    ("nzt", 720), ("omsst", 360), ("omst", 360), ("pdt", -420), ("pet", -300), ("petst", 720),
    ("pett", 720), ("pgt", 600), ("pht", 480), ("pkst", 360), ("pkt", 300), ("pmdt", -120),
    ("pmst", -180), ("pont", 660), ("pst", -480), ("pwt", 540), ("pyst", -180), ("pyt", -180),
    ("ret", 240), ("sadt", 630), ("sast", 120), ("sct", 240), ("sgt", 480), ("taht", -600),
    ("tft", 300), ("tjt", 300), ("tkt", 780), ("tmt", 300), ("tot", 780), ("trut", 600),
    ("tvt", 720), ("uct", 0), ("ulast", 540), ("ulat", 480), ("ut", 0), ("utc", 0),
    ("uyst", -120), ("uyt", -180), ("uzst", 360), ("uzt", 300), ("vet", -240), ("vlast", 600),
    ("vlat", 600), ("volt", 180), ("vut", 660), ("wadt", 480), ("wakt", 720), ("wast", 420),
    ("wat", 60), ("wdt", 540), ("wet", 0), ("wetdst", 60), ("wft", 720), ("wgst", -120),
    ("wgt", -180), ("xjt", 360), ("yakst", 540), ("yakt", 540), ("yapt", 600), ("yekst", 360),
    ("yekt", 300), ("z", 0), ("zulu", 0),
];
