//! Templates of numbers: `FM999G990D00`.

use crate::error::SqlError;
use crate::sqlstate;

use super::template::Case;

/// One item of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// A digit; `0` also shows zeros.
    Digit {
        is_zero: bool,
    },
    Point,
    /// `,` or `G`.
    Group,
    /// `L`: one blank, since the locale has no currency.
    Currency,
    Minus,
    Plus,
    Sign,
    /// `TH`
    Ordinal(Case),
    Roman(Case),
    Text(char),
}

/// Where `S` puts the sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Before,
    After,
}

/// A parsed template.
#[derive(Debug, Default)]
pub(super) struct Template {
    pub(super) items: Vec<Item>,
    /// Digits before and after the point.
    pub(super) whole: usize,
    pub(super) decimals: usize,
    /// Digits after `V`.
    pub(super) shift: usize,
    /// The first `0` before the point, counted from the left; all digits from there on show.
    pub(super) zero_from: Option<usize>,
    /// Decimals up to here are shown even if `FM` would drop them.
    pub(super) zero_decimals: usize,
    pub(super) anchor: Option<Anchor>,
    pub(super) has_point: bool,
    pub(super) is_unpadded: bool,
    pub(super) is_bracketed: bool,
    pub(super) is_scientific: bool,
    pub(super) is_blank_at_zero: bool,
    /// `MI`, `PL` and `SG`.
    pub(super) has_minus: bool,
    pub(super) has_plus: bool,
    /// `SG` stands for both.
    pub(super) roman: Option<Case>,
}

fn mistake(message: &str) -> SqlError {
    SqlError::with_code(sqlstate::SYNTAX_ERROR, message)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Comma,
    Point,
    Zero,
    Nine,
    Blank,
    Scientific,
    Fill,
    Group,
    Currency,
    Minus,
    Plus,
    Bracket,
    Roman,
    Sign,
    AnchoredSign,
    Ordinal,
    Shift,
}

/// In upper case; known in lower case as well.
const WORDS: &[(&str, Word)] = &[
    (",", Word::Comma),
    (".", Word::Point),
    ("0", Word::Zero),
    ("9", Word::Nine),
    ("B", Word::Blank),
    ("D", Word::Point),
    ("EEEE", Word::Scientific),
    ("FM", Word::Fill),
    ("G", Word::Group),
    ("L", Word::Currency),
    ("MI", Word::Minus),
    ("PL", Word::Plus),
    ("PR", Word::Bracket),
    ("RN", Word::Roman),
    ("SG", Word::Sign),
    ("S", Word::AnchoredSign),
    ("TH", Word::Ordinal),
    ("V", Word::Shift),
];

fn word(text: &str) -> Option<(usize, Word, Case)> {
    WORDS.iter().find_map(|(name, word)| {
        let head = text.get(..name.len())?;
        if head == *name {
            Some((name.len(), *word, Case::Upper))
        } else if head == name.to_ascii_lowercase() {
            Some((name.len(), *word, Case::Lower))
        } else {
            None
        }
    })
}

/// Errors: `42601` for patterns that exclude each other.
pub(super) fn parse(text: &str) -> Result<Template, SqlError> {
    let mut template = Template::default();
    let mut is_shifted = false;
    let mut rest = text;
    while !rest.is_empty() {
        if let Some((length, word, case)) = word(rest) {
            rest = &rest[length..];
            template.add(word, case, &mut is_shifted)?;
            continue;
        }
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut characters = quoted.chars();
            while let Some(c) = characters.next() {
                match c {
                    '"' => break,
                    '\\' => template
                        .items
                        .push(Item::Text(characters.next().unwrap_or('\\'))),
                    other => template.items.push(Item::Text(other)),
                }
            }
            rest = characters.as_str();
            continue;
        }
        if rest.starts_with("\\\"") {
            rest = &rest[1..];
        }
        let mut characters = rest.chars();
        template.items.extend(characters.next().map(Item::Text));
        rest = characters.as_str();
    }
    if template.anchor == Some(Anchor::Before) && template.sign_follows_whole() {
        template.anchor = Some(Anchor::After);
    }
    Ok(template)
}

impl Template {
    fn add(&mut self, word: Word, case: Case, is_shifted: &mut bool) -> Result<(), SqlError> {
        if self.is_scientific && word != Word::Scientific {
            return Err(mistake("\"EEEE\" must be the last pattern used"));
        }
        match word {
            Word::Nine | Word::Zero => self.add_digit(word == Word::Zero, *is_shifted)?,
            Word::Point => {
                if self.has_point {
                    return Err(mistake("multiple decimal points"));
                }
                if *is_shifted {
                    return Err(mistake("cannot use \"V\" and decimal point together"));
                }
                self.has_point = true;
                self.items.push(Item::Point);
            }
            Word::Shift => {
                if self.has_point {
                    return Err(mistake("cannot use \"V\" and decimal point together"));
                }
                *is_shifted = true;
            }
            Word::Comma | Word::Group => self.items.push(Item::Group),
            Word::Blank => {
                self.is_blank_at_zero = self.whole == 0 && self.decimals == 0;
            }
            Word::Fill => self.is_unpadded = true,
            Word::Currency => self.items.push(Item::Currency),
            Word::Ordinal => self.items.push(Item::Ordinal(case)),
            Word::Roman => {
                self.roman = Some(case);
                self.items.push(Item::Roman(case));
            }
            Word::Scientific => {
                let is_mixed = self.is_unpadded
                    || self.anchor.is_some()
                    || self.is_bracketed
                    || self.has_minus
                    || self.has_plus
                    || self.roman.is_some()
                    || *is_shifted;
                if is_mixed {
                    return Err(mistake("\"EEEE\" is incompatible with other formats"));
                }
                self.is_scientific = true;
            }
            Word::AnchoredSign | Word::Minus | Word::Plus | Word::Sign | Word::Bracket => {
                self.add_sign(word)?;
            }
        }
        Ok(())
    }

    fn add_digit(&mut self, is_zero: bool, is_shifted: bool) -> Result<(), SqlError> {
        if self.is_bracketed {
            let digit = if is_zero { '0' } else { '9' };
            return Err(mistake(&format!("\"{digit}\" must be ahead of \"PR\"")));
        }
        if is_shifted && !is_zero {
            self.shift += 1;
        } else if self.has_point {
            self.decimals += 1;
            if is_zero {
                self.zero_decimals = self.decimals;
            }
        } else {
            if is_zero {
                self.zero_from.get_or_insert(self.whole);
            }
            self.whole += 1;
        }
        self.items.push(Item::Digit { is_zero });
        Ok(())
    }

    fn add_sign(&mut self, word: Word) -> Result<(), SqlError> {
        match word {
            Word::AnchoredSign => {
                if self.anchor.is_some() {
                    return Err(mistake("cannot use \"S\" twice"));
                }
                if self.has_plus || self.has_minus || self.is_bracketed {
                    return Err(mistake(
                        "cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together",
                    ));
                }
                let is_behind = self.has_point || self.whole > 0;
                self.anchor = Some(if is_behind {
                    Anchor::After
                } else {
                    Anchor::Before
                });
            }
            Word::Bracket => {
                if self.anchor.is_some() || self.has_plus || self.has_minus {
                    return Err(mistake(
                        "cannot use \"PR\" and \"S\"/\"PL\"/\"MI\"/\"SG\" together",
                    ));
                }
                self.is_bracketed = true;
            }
            _ => {
                if self.anchor.is_some() {
                    return Err(mistake(
                        "cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together",
                    ));
                }
                self.has_minus |= word != Word::Plus;
                self.has_plus |= word != Word::Minus;
                self.items.push(match word {
                    Word::Minus => Item::Minus,
                    Word::Plus => Item::Plus,
                    _ => Item::Sign,
                });
            }
        }
        Ok(())
    }

    /// Whether `S` came when all digits before the point had been written.
    fn sign_follows_whole(&self) -> bool {
        self.whole == 0
    }
}
