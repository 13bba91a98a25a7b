//! A test made ready for the values of one leaf: evaluated once per dictionary entry where there is one.

use crate::read::filter::{StrTest, Test};
use crate::read::page::{Dictionary, Values};
use cadenza_model::hex;

/// A test of the values of one leaf.
pub(crate) struct Matcher<'t> {
    test: Want<'t>,
    /// By dictionary code.
    hits: Vec<bool>,
    /// The only code that matches, if there is exactly one.
    single: Option<u32>,
    any: bool,
}

/// What is asked of a value.
#[derive(Clone, Copy)]
pub(crate) enum Want<'t> {
    /// A condition.
    Test(&'t Test),
    /// Strings equal to this: keys.
    Key(&'t [u8]),
    /// Ids, as hex text.
    Hex(&'t StrTest),
}

impl Want<'_> {
    fn bytes(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Test(Test::Str(StrTest::Eq(want))) if want.as_bytes() == bytes => true,
            Self::Test(Test::Str(test)) => test.holds(bytes),
            Self::Test(Test::Exists) => true,
            Self::Key(key) => *key == bytes,
            Self::Hex(test) => hex_holds(test, bytes),
            Self::Test(_) => false,
        }
    }

    fn int(&self, number: i64) -> bool {
        match self {
            Self::Test(Test::Int(cmp, want)) => cmp.holds(number, *want),
            Self::Test(Test::Exists) => true,
            _ => false,
        }
    }

    fn double(&self, number: f64) -> bool {
        match self {
            Self::Test(Test::Double(cmp, want)) => cmp.holds(number, *want),
            Self::Test(Test::Exists) => true,
            _ => false,
        }
    }

    fn bool(&self, flag: bool) -> bool {
        match self {
            Self::Test(Test::Bool(want)) => flag == *want,
            Self::Test(Test::Exists) => true,
            _ => false,
        }
    }
}

/// Ids are spelled with and without leading zeros in different places, and "no id" as nothing or as
/// zeros: any of them may match.
fn hex_holds(test: &StrTest, bytes: &[u8]) -> bool {
    let full = hex(bytes);
    if bytes.is_empty() && test.holds(b"0000000000000000") {
        return true;
    }
    test.holds(full.as_bytes()) || test.holds(full.trim_start_matches('0').as_bytes())
}

impl<'t> Matcher<'t> {
    pub(crate) fn new(test: Want<'t>, dictionary: Option<&Dictionary>) -> Self {
        let hits: Vec<bool> = match dictionary {
            None => Vec::new(),
            Some(Dictionary::Ints(v)) => v.iter().map(|v| test.int(*v)).collect(),
            Some(Dictionary::Doubles(v)) => v.iter().map(|v| test.double(*v)).collect(),
            Some(Dictionary::Bytes(v)) => v.iter().map(|v| test.bytes(v)).collect(),
        };
        let mut codes = hits.iter().enumerate().filter(|(_, hit)| **hit).map(|(code, _)| code as u32);
        let (first, second) = (codes.next(), codes.next());
        let single = first.filter(|_| second.is_none());
        Self { test, single, any: first.is_some(), hits }
    }

    /// Whether an entry of the dictionary matches.
    pub(crate) fn any_code(&self) -> bool {
        self.any
    }

    /// Whether value `i` matches.
    pub(crate) fn holds(&self, values: &Values<'_>, i: usize) -> bool {
        match values {
            Values::Codes(v) => {
                v.get(i).is_some_and(|&code| self.hits.get(code as usize).copied().unwrap_or(false))
            }
            Values::Ints(v) => v.get(i).is_some_and(|v| self.test.int(*v)),
            Values::Doubles(v) => v.get(i).is_some_and(|v| self.test.double(*v)),
            Values::Bools(v) => v.get(i).is_some_and(|v| self.test.bool(*v)),
            Values::Bytes(v) => v.get(i).is_some_and(|v| self.test.bytes(v)),
        }
    }

    /// Numbers of the values that match.
    pub(crate) fn find(&self, values: &Values<'_>, out: &mut Vec<u32>) {
        out.clear();
        match values {
            Values::Codes(_) if !self.any => {}
            Values::Codes(v) => match self.single {
                Some(code) => find_code(v, code, out),
                None => {
                    let hits = v.iter().enumerate().filter(|(_, code)| self.hits[**code as usize]);
                    out.extend(hits.map(|(i, _)| i as u32));
                }
            },
            values => out.extend((0..values.len()).filter(|&i| self.holds(values, i)).map(|i| i as u32)),
        }
    }
}

/// Compares blocks of codes at once: most have no hit.
fn find_code(codes: &[u32], want: u32, out: &mut Vec<u32>) {
    const BLOCK: usize = 32;
    for (block, chunk) in codes.chunks(BLOCK).enumerate() {
        if chunk.iter().fold(false, |any, &code| any | (code == want)) {
            let hits = chunk.iter().enumerate().filter(|(_, code)| **code == want);
            out.extend(hits.map(|(i, _)| (block * BLOCK + i) as u32));
        }
    }
}
