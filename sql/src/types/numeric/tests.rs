//! Coefficients, scales and rounding.

use arrow::datatypes::i256;
use expect_test::expect;

use super::{digits_of_text, divide_rounded, rescale, without_zeros, write, write_wide};

fn show(value: i128, scale: i8) -> String {
    let mut out = Vec::new();
    write(&mut out, value, scale);
    let mut wide = Vec::new();
    write_wide(&mut wide, i256::from_i128(value), scale);
    assert_eq!(out, wide);
    String::from_utf8(out).unwrap()
}

#[test]
fn coefficients_are_written_with_their_scale() {
    let cases = [
        (0, 0),
        (0, 2),
        (5, 0),
        (5, 1),
        (-5, 3),
        (12345, 2),
        (-12345, 5),
        (12345, -2),
        (0, -2),
        (i128::MAX, 10),
        (i128::MIN, 38),
    ];
    let lines: Vec<String> = cases
        .iter()
        .map(|(value, scale)| show(*value, *scale))
        .collect();
    expect![[r#"
        0
        0.00
        5
        0.5
        -0.005
        123.45
        -0.12345
        1234500
        0
        17014118346046923173168730371.5884105727
        -1.70141183460469231731687303715884105728"#]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn rounding_goes_away_from_zero() {
    assert_eq!(divide_rounded(25, 10), 3);
    assert_eq!(divide_rounded(-25, 10), -3);
    assert_eq!(divide_rounded(24, 10), 2);
    assert_eq!(rescale(15, 1, 0), Some(2));
    assert_eq!(rescale(15, 1, 3), Some(1500));
    assert_eq!(rescale(i128::MAX, 0, 1), None);
    assert_eq!(rescale(7, 100, 0), Some(0));
}

#[test]
fn literals_tell_their_digits() {
    assert_eq!(digits_of_text("1.50"), Some((3, 2)));
    assert_eq!(digits_of_text("1e3"), Some((4, 0)));
    assert_eq!(digits_of_text("-0.001"), Some((3, 3)));
    assert_eq!(digits_of_text("1e-5"), Some((5, 5)));
    assert_eq!(digits_of_text("0"), Some((1, 0)));
    assert_eq!(digits_of_text("1e38"), None);
    assert_eq!(digits_of_text("x"), None);
}

#[test]
fn zeros_at_the_end_can_go() {
    assert_eq!(without_zeros(15_000, 4), (15, 1));
    assert_eq!(without_zeros(100, 1), (10, 0));
    assert_eq!(without_zeros(0, 10), (0, 0));
    assert_eq!(without_zeros(100, -1), (100, -1));
}
