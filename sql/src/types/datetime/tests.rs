//! Dates, times and intervals against what PostgreSQL 15 answers.

use expect_test::{Expect, expect};

use super::{
    DateStyle, Interval, IntervalStyle, Zone, civil_from_days, days_from_civil, parse_date,
    parse_interval, parse_time, parse_timestamp, parse_timestamptz, round_micros, write_date,
    write_interval, write_time, write_timestamp, write_timestamptz,
};
use crate::error::SqlError;
use crate::types::input::{DateOrder, InputStyle};

/// 2024-01-05 10:20:30.5 UTC.
const NOW: i64 = 1_704_450_030_500_000;

fn check(
    texts: &[&str],
    read: impl Fn(&mut Vec<u8>, &str) -> Result<(), SqlError>,
    expected: Expect,
) {
    let mut lines = String::new();
    for text in texts {
        let mut out = Vec::new();
        let line = match read(&mut out, text) {
            Ok(()) => String::from_utf8(out).unwrap(),
            Err(error) => format!("{} {}", error.code, error.message),
        };
        lines.push_str(&format!("{text:?} => {line}\n"));
    }
    expected.assert_eq(&lines);
}

fn style(zone: &str, date_order: DateOrder) -> InputStyle {
    InputStyle {
        zone: Zone::parse_setting(zone).unwrap(),
        date_order,
        now_micros: NOW,
    }
}

fn check_dates(order: DateOrder, texts: &[&str], expected: Expect) {
    let style = style("UTC", order);
    check(
        texts,
        |out, text| {
            write_date(out, parse_date(text, &style)?, DateStyle::default());
            Ok(())
        },
        expected,
    );
}

fn check_zoned(zone: &str, date_style: &str, texts: &[&str], expected: Expect) {
    let date_style = DateStyle::parse(date_style);
    let style = style(zone, date_style.order);
    check(
        texts,
        |out, text| {
            let micros = parse_timestamptz(text, -1, &style)?;
            write_timestamptz(out, micros, style.zone, date_style);
            Ok(())
        },
        expected,
    );
}

#[test]
fn dates_in_many_forms() {
    let texts = [
        "2024-01-05",
        "01/05/2024",
        "Jan 5 2024",
        "5 Jan 2024",
        "20240105",
        "240105",
        "January 5, 99 BC",
        "2024.005",
        "J2451187",
        "Fri Jan 5 2024",
        "08-Jan-99",
        "epoch",
        "infinity",
        "-infinity",
        "today",
        "yesterday",
        "tomorrow",
        "2024-01-05 10:00+09",
        "5874897-12-31",
    ];
    check_dates(
        DateOrder::Mdy,
        &texts,
        expect![[r#"
        "2024-01-05" => 2024-01-05
        "01/05/2024" => 2024-01-05
        "Jan 5 2024" => 2024-01-05
        "5 Jan 2024" => 2024-01-05
        "20240105" => 2024-01-05
        "240105" => 2024-01-05
        "January 5, 99 BC" => 0099-01-05 BC
        "2024.005" => 2024-01-05
        "J2451187" => 1999-01-08
        "Fri Jan 5 2024" => 2024-01-05
        "08-Jan-99" => 1999-01-08
        "epoch" => 1970-01-01
        "infinity" => infinity
        "-infinity" => -infinity
        "today" => 2024-01-05
        "yesterday" => 2024-01-04
        "tomorrow" => 2024-01-06
        "2024-01-05 10:00+09" => 2024-01-05
        "5874897-12-31" => 5874897-12-31
    "#]],
    );
}

#[test]
fn bad_dates_name_their_fault() {
    let texts = [
        "",
        "foo",
        "10:00",
        "2024-02-30",
        "2024-13-01",
        "0000-01-01",
        "2023-02-29",
        "5874898-01-01",
        "4714-11-23 BC",
        "today BC",
        "2024-01",
    ];
    check_dates(
        DateOrder::Mdy,
        &texts,
        expect![[r#"
            "" => 22007 invalid input syntax for type date: ""
            "foo" => 22007 invalid input syntax for type date: "foo"
            "10:00" => 22007 invalid input syntax for type date: "10:00"
            "2024-02-30" => 22008 date/time field value out of range: "2024-02-30"
            "2024-13-01" => 22008 date/time field value out of range: "2024-13-01"
            "0000-01-01" => 22008 date/time field value out of range: "0000-01-01"
            "2023-02-29" => 22008 date/time field value out of range: "2023-02-29"
            "5874898-01-01" => 22008 date out of range: "5874898-01-01"
            "4714-11-23 BC" => 22008 date out of range: "4714-11-23 BC"
            "today BC" => 22007 invalid input syntax for type date: "today BC"
            "2024-01" => 22007 invalid input syntax for type date: "2024-01"
        "#]],
    );
}

#[test]
fn the_date_order_decides() {
    check_dates(
        DateOrder::Mdy,
        &["1/2/3", "13/2/2003", "99-01-02"],
        expect![[r#"
        "1/2/3" => 2003-01-02
        "13/2/2003" => 22008 date/time field value out of range: "13/2/2003"
        "99-01-02" => 22008 date/time field value out of range: "99-01-02"
    "#]],
    );
    check_dates(
        DateOrder::Dmy,
        &["1/2/3", "13/2/2003", "99-01-02"],
        expect![[r#"
        "1/2/3" => 2003-02-01
        "13/2/2003" => 2003-02-13
        "99-01-02" => 22008 date/time field value out of range: "99-01-02"
    "#]],
    );
    check_dates(
        DateOrder::Ymd,
        &["1/2/3", "13/2/2003", "99-01-02"],
        expect![[r#"
        "1/2/3" => 2001-02-03
        "13/2/2003" => 22008 date/time field value out of range: "13/2/2003"
        "99-01-02" => 1999-01-02
    "#]],
    );
}

#[test]
fn times() {
    let style = style("UTC", DateOrder::Mdy);
    let texts = [
        "09:00",
        "9:00 PM",
        "12:00 AM",
        "13:00 PM",
        "24:00",
        "24:00:01",
        "23:59:60",
        "040506",
        "04:05:06.789",
        "10:00.5",
        "10:00:00+09",
        "10:00 America/New_York",
        "allballs",
        "2024-01-05 10:00",
        "2024-01-05",
        "now",
        "foo",
    ];
    check(
        &texts,
        |out, text| {
            write_time(out, parse_time(text, -1, &style)?);
            Ok(())
        },
        expect![[r#"
            "09:00" => 09:00:00
            "9:00 PM" => 21:00:00
            "12:00 AM" => 00:00:00
            "13:00 PM" => 22008 date/time field value out of range: "13:00 PM"
            "24:00" => 24:00:00
            "24:00:01" => 22008 date/time field value out of range: "24:00:01"
            "23:59:60" => 24:00:00
            "040506" => 04:05:06
            "04:05:06.789" => 04:05:06.789
            "10:00.5" => 00:10:00.5
            "10:00:00+09" => 10:00:00
            "10:00 America/New_York" => 22007 invalid input syntax for type time: "10:00 America/New_York"
            "allballs" => 00:00:00
            "2024-01-05 10:00" => 10:00:00
            "2024-01-05" => 22007 invalid input syntax for type time: "2024-01-05"
            "now" => 10:20:30.5
            "foo" => 22007 invalid input syntax for type time: "foo"
        "#]],
    );
}

#[test]
fn timestamps_without_zone_ignore_one() {
    let style = style("UTC", DateOrder::Mdy);
    let texts = [
        "2024-01-05",
        "2024-01-05 10:00",
        "2024-01-05T10:00:00.123456",
        "20240105T100000",
        "2024-01-05 10:00:00.1234567",
        "2024-01-05 10:00:00+09",
        "Fri Jan 05 10:00:00 2024 KST",
        "1/5/2024 3:04 PM",
        "2024-01-05 24:00",
        "2024-01-05 25:00",
        "0044-03-15 12:00 BC",
        "294247-01-10",
        "294248-01-01",
        "infinity",
        "tomorrow 10:00",
        "2024-01-05 10:00+99",
        "2024-01-05 10:00 Foo/Bar",
        "10:00",
    ];
    check(
        &texts,
        |out, text| {
            write_timestamp(
                out,
                parse_timestamp(text, -1, &style)?,
                DateStyle::default(),
            );
            Ok(())
        },
        expect![[r#"
            "2024-01-05" => 2024-01-05 00:00:00
            "2024-01-05 10:00" => 2024-01-05 10:00:00
            "2024-01-05T10:00:00.123456" => 2024-01-05 10:00:00.123456
            "20240105T100000" => 2024-01-05 10:00:00
            "2024-01-05 10:00:00.1234567" => 2024-01-05 10:00:00.123457
            "2024-01-05 10:00:00+09" => 2024-01-05 10:00:00
            "Fri Jan 05 10:00:00 2024 KST" => 2024-01-05 10:00:00
            "1/5/2024 3:04 PM" => 2024-01-05 15:04:00
            "2024-01-05 24:00" => 2024-01-06 00:00:00
            "2024-01-05 25:00" => 22008 date/time field value out of range: "2024-01-05 25:00"
            "0044-03-15 12:00 BC" => 0044-03-15 12:00:00 BC
            "294247-01-10" => 294247-01-10 00:00:00
            "294248-01-01" => 22008 timestamp out of range: "294248-01-01"
            "infinity" => infinity
            "tomorrow 10:00" => 2024-01-06 10:00:00
            "2024-01-05 10:00+99" => 22009 time zone displacement out of range: "2024-01-05 10:00+99"
            "2024-01-05 10:00 Foo/Bar" => 22023 time zone "foo/bar" not recognized
            "10:00" => 22007 invalid input syntax for type timestamp: "10:00"
        "#]],
    );
}

#[test]
fn timestamptz_in_the_sessions_zone() {
    let texts = [
        "2024-07-01 12:00",
        "2024-07-01 12:00Z",
        "2024-07-01 12:00 EST",
        "2024-07-01 12:00 Asia/Seoul",
        "2024-07-01 12:00 UTC+3",
        "1800-01-01",
        "2500-07-01 12:00",
        "now",
    ];
    check_zoned(
        "America/New_York",
        "ISO, MDY",
        &texts,
        expect![[r#"
        "2024-07-01 12:00" => 2024-07-01 12:00:00-04
        "2024-07-01 12:00Z" => 2024-07-01 08:00:00-04
        "2024-07-01 12:00 EST" => 2024-07-01 13:00:00-04
        "2024-07-01 12:00 Asia/Seoul" => 2024-06-30 23:00:00-04
        "2024-07-01 12:00 UTC+3" => 2024-07-01 11:00:00-04
        "1800-01-01" => 1800-01-01 00:00:00-04:56:02
        "2500-07-01 12:00" => 2500-07-01 12:00:00-04
        "now" => 2024-01-05 05:20:30.5-05
    "#]],
    );
}

#[test]
fn skipped_and_repeated_hours() {
    let texts = [
        "2024-03-10 01:59",
        "2024-03-10 02:30",
        "2024-11-03 01:30",
        "2024-11-03 02:00",
    ];
    check_zoned(
        "America/New_York",
        "ISO, MDY",
        &texts,
        expect![[r#"
        "2024-03-10 01:59" => 2024-03-10 01:59:00-05
        "2024-03-10 02:30" => 2024-03-10 03:30:00-04
        "2024-11-03 01:30" => 2024-11-03 01:30:00-05
        "2024-11-03 02:00" => 2024-11-03 02:00:00-05
    "#]],
    );
}

#[test]
fn other_date_styles() {
    let texts = ["2024-02-01 12:00:00.5", "0044-03-15 12:00 BC", "infinity"];
    check_zoned(
        "America/New_York",
        "SQL, MDY",
        &texts,
        expect![[r#"
        "2024-02-01 12:00:00.5" => 02/01/2024 12:00:00.5 EST
        "0044-03-15 12:00 BC" => 03/15/0044 12:00:00 LMT BC
        "infinity" => infinity
    "#]],
    );
    check_zoned(
        "Asia/Dubai",
        "SQL, DMY",
        &texts,
        expect![[r#"
        "2024-02-01 12:00:00.5" => 01/02/2024 12:00:00.5 +04
        "0044-03-15 12:00 BC" => 15/03/0044 12:00:00 LMT BC
        "infinity" => infinity
    "#]],
    );
    check_zoned(
        "America/New_York",
        "German, DMY",
        &texts,
        expect![[r#"
        "2024-02-01 12:00:00.5" => 01.02.2024 12:00:00.5 EST
        "0044-03-15 12:00 BC" => 15.03.0044 12:00:00 LMT BC
        "infinity" => infinity
    "#]],
    );
    check_zoned(
        "America/New_York",
        "Postgres, MDY",
        &texts,
        expect![[r#"
        "2024-02-01 12:00:00.5" => Thu Feb 01 12:00:00.5 2024 EST
        "0044-03-15 12:00 BC" => Fri Mar 15 12:00:00 0044 LMT BC
        "infinity" => infinity
    "#]],
    );
    check_zoned(
        "Asia/Dubai",
        "Postgres, DMY",
        &texts,
        expect![[r#"
        "2024-02-01 12:00:00.5" => Thu 01 Feb 12:00:00.5 2024 +04
        "0044-03-15 12:00 BC" => Fri 15 Mar 12:00:00 0044 LMT BC
        "infinity" => infinity
    "#]],
    );
}

fn check_intervals(interval_style: IntervalStyle, texts: &[&str], expected: Expect) {
    check(
        texts,
        |out, text| {
            let value = Interval::from_arrow(parse_interval(text)?);
            write_interval(out, value, interval_style);
            Ok(())
        },
        expected,
    );
}

#[test]
fn intervals_in_many_forms() {
    let texts = [
        "1 day 02:03:04",
        "1 year 2 mons",
        "P1Y2M3DT4H5M6.7S",
        "P0001-02-03T04:05:06",
        "-1 days",
        "1.5 hours",
        "@ 1 minute ago",
        "1-2 3 04:05:06",
        "1.5 years",
        "1.5 months",
        "1.5 weeks",
        "1 mon -1 day",
        "-1 day 02:03:04",
        "5",
        "1h30m",
        "36 hours",
        "100 us",
        "1 century",
        "02:03.5",
        "- 1 day",
    ];
    check_intervals(
        IntervalStyle::Postgres,
        &texts,
        expect![[r#"
        "1 day 02:03:04" => 1 day 02:03:04
        "1 year 2 mons" => 1 year 2 mons
        "P1Y2M3DT4H5M6.7S" => 1 year 2 mons 3 days 04:05:06.7
        "P0001-02-03T04:05:06" => 1 year 2 mons 3 days 04:05:06
        "-1 days" => -1 days
        "1.5 hours" => 01:30:00
        "@ 1 minute ago" => -00:01:00
        "1-2 3 04:05:06" => 1 year 2 mons 3 days 04:05:06
        "1.5 years" => 1 year 6 mons
        "1.5 months" => 1 mon 15 days
        "1.5 weeks" => 10 days 12:00:00
        "1 mon -1 day" => 1 mon -1 days
        "-1 day 02:03:04" => -1 days +02:03:04
        "5" => 00:00:05
        "1h30m" => 01:30:00
        "36 hours" => 36:00:00
        "100 us" => 00:00:00.0001
        "1 century" => 100 years
        "02:03.5" => 00:02:03.5
        "- 1 day" => -1 days
    "#]],
    );
}

#[test]
fn bad_intervals_name_their_fault() {
    let texts = [
        "",
        "foo",
        "1 foo",
        "1 day 1 day",
        "1 ago",
        "P",
        "2147483648 days",
        "178956971 years",
        "1-13",
        "infinity",
        "99999999 hours",
    ];
    check_intervals(
        IntervalStyle::Postgres,
        &texts,
        expect![[r#"
        "" => 22007 invalid input syntax for type interval: ""
        "foo" => 22007 invalid input syntax for type interval: "foo"
        "1 foo" => 22007 invalid input syntax for type interval: "1 foo"
        "1 day 1 day" => 22007 invalid input syntax for type interval: "1 day 1 day"
        "1 ago" => 22007 invalid input syntax for type interval: "1 ago"
        "P" => 22007 invalid input syntax for type interval: "P"
        "2147483648 days" => 22015 interval field value out of range: "2147483648 days"
        "178956971 years" => 22008 interval out of range
        "1-13" => 22015 interval field value out of range: "1-13"
        "infinity" => 22007 invalid input syntax for type interval: "infinity"
        "99999999 hours" => 22008 interval out of range
    "#]],
    );
}

#[test]
fn other_interval_styles() {
    let texts = [
        "1 year 2 mons 3 days 04:05:06.7",
        "-1 year -2 mons +3 days -04:05:06",
        "1-2",
        "3 4:05:06",
        "-3 days",
        "0",
        "-1 sec",
        "1 sec",
        "1 min -1 sec",
    ];
    check_intervals(
        IntervalStyle::PostgresVerbose,
        &texts,
        expect![[r#"
        "1 year 2 mons 3 days 04:05:06.7" => @ 1 year 2 mons 3 days 4 hours 5 mins 6.7 secs
        "-1 year -2 mons +3 days -04:05:06" => @ 1 year 2 mons -3 days 4 hours 5 mins 6 secs ago
        "1-2" => @ 1 year 2 mons
        "3 4:05:06" => @ 3 days 4 hours 5 mins 6 secs
        "-3 days" => @ 3 days ago
        "0" => @ 0
        "-1 sec" => @ 1 sec ago
        "1 sec" => @ 1 sec
        "1 min -1 sec" => @ 59 secs
    "#]],
    );
    check_intervals(
        IntervalStyle::SqlStandard,
        &texts,
        expect![[r#"
        "1 year 2 mons 3 days 04:05:06.7" => +1-2 +3 +4:05:06.7
        "-1 year -2 mons +3 days -04:05:06" => -1-2 +3 -4:05:06
        "1-2" => 1-2
        "3 4:05:06" => 3 4:05:06
        "-3 days" => -3 0:00:00
        "0" => 0
        "-1 sec" => -0:00:01
        "1 sec" => 0:00:01
        "1 min -1 sec" => 0:00:59
    "#]],
    );
    check_intervals(
        IntervalStyle::Iso8601,
        &texts,
        expect![[r#"
        "1 year 2 mons 3 days 04:05:06.7" => P1Y2M3DT4H5M6.7S
        "-1 year -2 mons +3 days -04:05:06" => P-1Y-2M3DT-4H-5M-6S
        "1-2" => P1Y2M
        "3 4:05:06" => P3DT4H5M6S
        "-3 days" => P-3D
        "0" => PT0S
        "-1 sec" => PT-1S
        "1 sec" => PT1S
        "1 min -1 sec" => PT59S
    "#]],
    );
}

#[test]
fn zones_as_settings_and_names() {
    let mut lines = String::new();
    for text in [
        "utc",
        "asia/seoul",
        "9",
        "-5.5",
        "+09:00",
        "UTC+3",
        "<+09>-9",
        "EDT",
        "CET",
        "x/y",
    ] {
        let shown = |zone: Option<Zone>| zone.map_or_else(|| "-".to_owned(), |zone| zone.name());
        let setting = shown(Zone::parse_setting(text));
        lines.push_str(&format!(
            "{text}: {setting}, {}\n",
            shown(Zone::parse(text))
        ));
    }
    expect![[r#"
        utc: UTC, <+00>+00
        asia/seoul: Asia/Seoul, Asia/Seoul
        9: <+09>-09, <-09>+09
        -5.5: <-05:30>+05:30, -
        +09:00: <-09>+09, <-09>+09
        UTC+3: <-03>+03, <-03>+03
        <+09>-9: <+09>-09, <+09>-09
        EDT: -, <-04>+04
        CET: CET, <+01>-01
        x/y: -, -
    "#]]
    .assert_eq(&lines);
}

#[test]
fn a_shown_zone_reads_back() {
    for text in ["UTC", "Asia/Seoul", "9", "-5.5", "+09:00"] {
        let zone = Zone::parse_setting(text).unwrap();
        assert_eq!(Zone::parse_setting(&zone.name()), Some(zone));
    }
}

#[test]
fn days_and_civil_dates_agree() {
    let mut days = days_from_civil(-4713, 11, 24);
    assert_eq!(days, super::DAYS_MIN);
    assert_eq!(days_from_civil(5_874_897, 12, 31), super::DAYS_MAX);
    while days < super::DAYS_MAX {
        let (year, month, day) = civil_from_days(days);
        assert_eq!(days_from_civil(year, month, day), days);
        days += 9973;
    }
}

#[test]
fn precision_rounds_to_the_nearest() {
    assert_eq!(round_micros(NOW, 0), NOW + 500_000);
    assert_eq!(round_micros(NOW + 1234, 3), NOW + 1000);
    assert_eq!(round_micros(NOW + 1234, -1), NOW + 1234);
    assert_eq!(round_micros(i64::MAX, 0), i64::MAX);
}
