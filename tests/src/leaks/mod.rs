//! Looking for secrets in everything a server keeps and says: decoded, not only as bytes.
//!
//! A [`Canaries`] makes secrets that can be told from all other bytes, whole or cut in half; [`files`], [`wal`]
//! and [`parquet`] look into one kind of store each.

pub mod files;
pub mod parquet;
pub mod wal;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cadenza_env::{OsRandom, Random};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What every canary begins and ends with.
const BEGIN: &str = "cny";
const END: &str = "ync";
/// [`BEGIN`] in base64.
const BEGIN_BASE64: &str = "Y255";
/// Random letters between the two.
const RANDOM_CHARS: usize = 21;
/// Part at either end that gives a canary away: a value that was cut must not hold a half of one.
const HALF_CHARS: usize = 9;

/// Matches every canary whole.
pub const PATTERN: &str = "cny[a-z0-9]{21}ync";

/// Secrets that are searched for, by the names of the places they were put.
#[derive(Debug, Default)]
pub struct Canaries {
    random: OsRandom,
    halves: HashMap<Vec<u8>, String>,
    places: BTreeSet<String>,
}

/// Names of places whose canaries were met, and where.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found(BTreeMap<String, BTreeSet<String>>);

impl Canaries {
    /// A new secret for a place; a place may have many.
    pub fn make(&mut self, place: &str) -> String {
        let letters = b"abcdefghijklmnopqrstuvwxyz0123456789";
        let one = |_| char::from(letters[self.random.below(letters.len() as u64) as usize]);
        let middle: String = (0..RANDOM_CHARS).map(one).collect();
        let canary = format!("{BEGIN}{middle}{END}");
        for half in [&canary[..HALF_CHARS], &canary[canary.len() - HALF_CHARS..]] {
            self.halves.insert(half.as_bytes().to_vec(), place.to_owned());
        }
        self.places.insert(place.to_owned());
        canary
    }

    /// A new secret for a value of bytes, which JSON shows in base64.
    pub fn make_bytes(&mut self, place: &str) -> Vec<u8> {
        let canary = self.make(place).into_bytes();
        self.halves.insert(STANDARD.encode(&canary).as_bytes()[..HALF_CHARS].to_vec(), place.to_owned());
        canary
    }

    /// All places that have one.
    pub fn places(&self) -> BTreeSet<String> {
        self.places.clone()
    }

    /// Notes every canary in `bytes`, which were read from `source`.
    pub fn search(&self, source: &str, bytes: &[u8], found: &mut Found) {
        for window in bytes.windows(HALF_CHARS) {
            let is_marked = window.starts_with(BEGIN.as_bytes())
                || window.ends_with(END.as_bytes())
                || window.starts_with(BEGIN_BASE64.as_bytes());
            if is_marked && let Some(place) = self.halves.get(window) {
                found.0.entry(place.clone()).or_default().insert(source.to_owned());
            }
        }
    }
}

impl Found {
    /// The places whose canaries were found.
    pub fn places(&self) -> BTreeSet<String> {
        self.0.keys().cloned().collect()
    }

    /// Where the canaries of a place were found.
    pub fn sources(&self, place: &str) -> BTreeSet<String> {
        self.0.get(place).cloned().unwrap_or_default()
    }

    /// Adds what another search found.
    pub fn merge(&mut self, other: Self) {
        for (place, sources) in other.0 {
            self.0.entry(place).or_default().extend(sources);
        }
    }

    /// # Panics
    /// When anything was found, naming it and where.
    pub fn assert_nothing(&self, when: &str) {
        assert!(self.0.is_empty(), "{when}: {:#?}", self.0);
    }

    /// # Panics
    /// When a place's canary was not found: then a search that finds nothing proves nothing.
    pub fn assert_all(&self, places: &BTreeSet<String>, medium: &str) {
        let missed: Vec<_> = places.difference(&self.places()).cloned().collect();
        assert!(missed.is_empty(), "not found in {medium}: {missed:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_is_found_whole_cut_and_in_base64_and_nothing_else_is() {
        let mut canaries = Canaries::default();
        let text = canaries.make("text");
        let bytes = canaries.make_bytes("bytes");
        let check = |haystack: &str, expect: &[&str]| {
            let mut found = Found::default();
            canaries.search("here", haystack.as_bytes(), &mut found);
            let expect: BTreeSet<String> = expect.iter().map(|place| (*place).to_owned()).collect();
            assert_eq!(found.places(), expect, "{haystack}");
        };
        check(&format!("x{text}y"), &["text"]);
        check(&format!("x{}", &text[..12]), &["text"]);
        check(&format!("{}y", &text[14..]), &["text"]);
        check(&format!("{{\"bytesValue\":\"{}\"}}", STANDARD.encode(&bytes)), &["bytes"]);
        check("cny0123456789abcdefghijklync and ****", &[]);
    }
}
