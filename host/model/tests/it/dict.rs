//! Dictionaries.

use cadenza_model::{Dict, DictError};

#[test]
fn codes_go_by_first_appearance_and_zero_is_empty() {
    let mut dict = Dict::new();
    let codes = ["a", "", "b", "a", "c", "b"].map(|text| dict.intern(text.as_bytes()));
    assert_eq!(codes, [1, 0, 2, 1, 3, 2]);
    assert_eq!((dict.len(), dict.arena(), dict.ends()), (4, &b"abc"[..], &[0, 1, 2, 3][..]));
    assert_eq!(dict.str(2), "b");
}

#[test]
fn the_seed_never_shows_in_what_is_written() {
    let fill = || {
        let mut dict = Dict::new();
        for i in 0..50_000_u64 {
            dict.intern(format!("value {}", i % 30_000).as_bytes());
        }
        (dict.arena().to_vec(), dict.ends().to_vec())
    };
    let first = fill();
    assert_eq!(first.1.len(), 30_001);
    assert!((0..4).all(|_| fill() == first));
}

#[test]
fn a_reset_dictionary_starts_over() {
    let mut dict = Dict::new();
    for i in 0..1000_u32 {
        dict.intern(&i.to_le_bytes());
    }
    dict.reset();
    assert_eq!(dict.len(), 1);
    assert_eq!([dict.intern(b"x"), dict.intern(b"y"), dict.intern(b"x")], [1, 2, 1]);
}

#[test]
fn stored_parts_are_read_back_and_go_on_interning() {
    let mut dict = Dict::from_parts(b"abab".to_vec(), vec![0, 2, 4, 4]).expect("a dictionary");
    assert_eq!(dict.codes_of(b"ab").collect::<Vec<_>>(), [1, 2]);
    assert_eq!(dict.codes_of(b"").collect::<Vec<_>>(), [0, 3]);
    assert_eq!(dict.intern(b"ab"), 1);
    assert_eq!(dict.intern(b"new"), 4);
    assert_eq!(dict.push(b"new"), 5);
}

#[test]
fn stored_parts_that_are_no_dictionary_are_refused() {
    let check = |arena: &[u8], ends: &[u32], expect| {
        assert_eq!(Dict::from_parts(arena.to_vec(), ends.to_vec()).err(), Some(expect));
    };
    check(b"", &[], DictError::NoEmptyEntry);
    check(b"a", &[1], DictError::NoEmptyEntry);
    check(b"ab", &[0, 2, 1], DictError::Offsets);
    check(b"ab", &[0, 1], DictError::ArenaLength { bytes: 2 });
}

#[test]
fn text_is_checked_over_all_entries_and_at_each_boundary() {
    let check = |entries: &[&[u8]], expect| {
        let mut dict = Dict::new();
        for entry in entries {
            dict.push(entry);
        }
        assert_eq!(dict.is_utf8_from(0), expect, "{entries:?}");
    };
    check(&[b"plain"], true);
    check(&["é".as_bytes(), "✓".as_bytes()], true);
    check(&[b"\xff"], false);
    // Together they are text, each alone is not.
    check(&[b"a\xc3", b"\xa9"], false);
}
