//! Tables of patterns, by Go's rules.

use super::{compile_regex, translate};
use proptest::prelude::*;

/// Texts that match, and texts that do not, the whole of each.
fn check(pattern: &str, yes: &[&str], no: &[&str]) {
    let regex = compile_regex(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    yes.iter().for_each(|text| assert!(regex.is_match(text), "{pattern} should match {text:?}"));
    no.iter().for_each(|text| assert!(!regex.is_match(text), "{pattern} should not match {text:?}"));
}

fn refused(pattern: &str, reason: &str) {
    match compile_regex(pattern) {
        Ok(_) => panic!("{pattern} should be refused: {reason}"),
        Err(error) => assert_eq!(error.to_string(), reason, "{pattern}"),
    }
}

#[test]
fn the_whole_text_must_match_and_dots_match_newlines() {
    check("foo", &["foo"], &["foobar", "xfoo", "foo\n", ""]);
    check("", &[""], &["x"]);
    check("a|b", &["a", "b"], &["ab", "a|b"]);
    check("a.b", &["a\nb", "a.b", "aéb"], &["ab"]);
    check("(?-s)a.b", &["axb"], &["a\nb"]);
    check("^a$", &["a"], &["a\n"]);
    check("(?m)a$\\nb", &["a\nb"], &["ab"]);
    check("(?m)^a$", &["a"], &["a\nb"]);
}

#[test]
fn perl_classes_and_word_boundaries_are_ascii() {
    check(r"\d", &["7"], &["٧", "a"]);
    check(r"\w+", &["a_9"], &["é", "ж"]);
    check(r"\W", &["é", " "], &["a"]);
    check(r"\s", &[" ", "\t", "\n", "\r", "\x0c"], &["\u{a0}", "\x0b"]);
    check(r"\S", &["\u{a0}", "\x0b"], &[" "]);
    check(r"[\d\s]+", &["1 2"], &["٧"]);
    check(r"[^\d]", &["٧", "a"], &["1"]);
    check(r"[\D]", &["٧"], &["1"]);
    check(r"é\ba", &["éa"], &[]);
    check(r"a\bé", &["aé"], &[]);
    check(r"é\Bé", &["éé"], &[]);
    check(r"(?i)\w", &["k", "\u{212a}"], &["é"]);
}

#[test]
fn quoted_text_is_text() {
    check(r"\Qa.b\E", &["a.b"], &["axb"]);
    check(r"\Qa+b\E+", &["a+b", "a+bb"], &["a+ba+b"]);
    check(r"x\Q(", &["x("], &[]);
    check(r"\Q\E", &[""], &["x"]);
    check(r"\Q[a&&b]\E", &["[a&&b]"], &["a"]);
}

#[test]
fn escapes_are_gos() {
    check(r"\x41\x{1F600}", &["A😀"], &[]);
    check(r"\101\0\12", &["A\0\n"], &[]);
    check(r"\07", &["\x07"], &[]);
    check(r"\a\f\n\r\t\v", &["\x07\x0c\n\r\t\x0b"], &[]);
    check(r"\.\-\_\/\@\ \<\#", &[".-_/@ <#"], &[]);
    check(r"\Aa\z", &["a"], &["a\n"]);
    check(r"\x{D800}|a", &["a"], &[]);
    refused(r"\C", r"invalid escape sequence: `\C`");
    refused(r"\Z", r"invalid escape sequence: `\Z`");
    refused(r"\E", r"invalid escape sequence: `\E`");
    refused(r"\y", r"invalid escape sequence: `\y`");
    refused(r"\8", r"invalid escape sequence: `\8`");
    refused(r"(a)\1", r"invalid escape sequence: `\1`");
    refused(r"\é", r"invalid escape sequence: `\é`");
    refused(r"\xg1", r"invalid escape sequence: `\xg1`");
    refused(r"\x{110000}", r"invalid escape sequence: `\x{110000`");
    refused(r"\x{}", r"invalid escape sequence: `\x{}`");
    refused(r"\x{41", r"invalid escape sequence: `\x{41`");
    refused(r"\u0041", r"invalid escape sequence: `\u`");
    refused(r"\h", r"invalid escape sequence: `\h`");
    refused("a\\", "trailing backslash at end of expression: ``");
}

#[test]
fn groups_must_close_and_nothing_else() {
    check("a(b(?:c))", &["abc"], &[]);
    check("(?P<n>a)(?<m>b)", &["ab"], &[]);
    check("()", &[""], &[]);
    refused("a)(b", "unexpected ): `a)(b`");
    refused(")", "unexpected ): `)`");
    refused("(a", "missing closing ): `(a`");
    refused("((a)", "missing closing ): `((a)`");
    refused("(?P<n>a)(?P<n>b)", "duplicate capture group name: `n`");
    refused("(?P<>a)", "invalid named capture: `(?P<>`");
    refused("(?P<a", "invalid named capture: `(?P<a`");
    refused("(?<=a)b", "invalid named capture: `(?<=a)b`");
    refused("(?=a)", "invalid or unsupported Perl syntax: `(?=`");
    refused("(?!a)", "invalid or unsupported Perl syntax: `(?!`");
    refused("(?>a)", "invalid or unsupported Perl syntax: `(?>`");
    refused("(?P=n)", "invalid or unsupported Perl syntax: `(?P`");
    refused(&"(".repeat(2000), &format!("expression nests too deeply: `{}…`", "(".repeat(60)));
}

#[test]
fn flags_are_gos() {
    check("(?i)GeT", &["get", "GET"], &["gets"]);
    check("(?i:a)b", &["Ab"], &["AB"]);
    check("(?i)a(?-i)b", &["Ab"], &["AB"]);
    check("(a(?i)b)c", &["aBc"], &["aBC"]);
    check("a|(?i)b|c", &["B", "C", "a"], &["A"]);
    check("(?)a", &["a"], &["A"]);
    check("(?:a)", &["a"], &[]);
    check("(?U)a+", &["aaa"], &[]);
    check("(?i)é", &["É"], &[]);
    check("(?is-m:a)", &["A"], &[]);
    check("(?ii)a(?-ii)b", &["Ab"], &["AB"]);
    check("(?i)a(?i-i)b", &["Ab"], &["AB"]);
    refused("(?x)a", "invalid or unsupported Perl syntax: `(?x`");
    refused("(?u)a", "invalid or unsupported Perl syntax: `(?u`");
    refused("(?-)a", "invalid or unsupported Perl syntax: `(?-)`");
    refused("(?i-)a", "invalid or unsupported Perl syntax: `(?i-)`");
    refused("(?i", "invalid or unsupported Perl syntax: `(?i`");
    refused("a(?", "invalid or unsupported Perl syntax: `(?`");
}

#[test]
fn repetitions_are_bounded_and_do_not_stack() {
    check("a{2}", &["aa"], &["a", "aaa"]);
    check("a{2,}", &["aa", "aaaa"], &["a"]);
    check("a{0,1}b*?c+?", &["bc", "acc"], &["aab"]);
    check("a{1000}", &[&"a".repeat(1000)], &["a"]);
    check("(?:a{2}){3}", &["aaaaaa"], &["aa"]);
    check("(?:a*)*", &["", "aa"], &["b"]);
    check("^*a", &["a"], &[]);
    check("a(?i)*", &["", "aa"], &["A"]);
    for text in ["a{", "a{,2}", "a{x}", "a{1", "a{}", "a{01}", "a{1,2", "a{ 1}", "{1x}"] {
        check(text, &[text], &["a", "aa"]);
    }
    refused("a**", "invalid nested repetition operator: `**`");
    refused("a*+", "invalid nested repetition operator: `*+`");
    refused("a++", "invalid nested repetition operator: `++`");
    refused("a+??", "invalid nested repetition operator: `+??`");
    refused("a{2}{3}", "invalid nested repetition operator: `{2}{3}`");
    refused("a{2}*", "invalid nested repetition operator: `{2}*`");
    refused("*a", "missing argument to repetition operator: `*`");
    refused("a|+", "missing argument to repetition operator: `+`");
    refused("(?i)?", "missing argument to repetition operator: `?`");
    refused("({1})", "missing argument to repetition operator: `{1}`");
    refused("a{1001}", "invalid repeat count: `{1001}`");
    refused("a{3,2}", "invalid repeat count: `{3,2}`");
    refused("a{99999999999999999999}", "invalid repeat count: `{99999999999999999999}`");
    refused("(a{100}){11}", "invalid repeat count: `{11}`");
    refused("((a{10}){10}b){11}", "invalid repeat count: `{11}`");
    check("(a{100}){10}", &[&"a".repeat(1000)], &[]);
}

#[test]
fn brackets_hold_what_go_says() {
    check("[abc]", &["b"], &["d", "[abc]"]);
    check("[^abc]", &["d", "\n"], &["a"]);
    check("[]a]", &["]", "a"], &["b"]);
    check("[^]a]", &["b"], &["]"]);
    check("[a-]", &["-", "a"], &["b"]);
    check("[-a]", &["-", "a"], &["b"]);
    check("[a-b-c]", &["-", "a", "b", "c"], &["d"]);
    check("[a&&b]", &["a", "&", "b"], &["c"]);
    check("[a~~b]", &["~", "a", "b"], &["c"]);
    check("[[]", &["["], &["]"]);
    check("[[a]", &["[", "a"], &["]"]);
    check("[[:alpha:]_]+", &["a_Z"], &["1", ":"]);
    check("[[:^alpha:]]", &["1"], &["a"]);
    check("[[:word:]]", &["_"], &["-"]);
    check("[[:alpha]+", &["alph[:"], &["z"]);
    check(r"[\x41-\x{43}]", &["B"], &["D"]);
    check(r"[\]\\\-]", &["]", "\\", "-"], &["a"]);
    check(r"[a\d]", &["a", "5"], &["d"]);
    check(r"[^\x00-\x{10FFFF}]|x", &["x"], &["", "a"]);
    check("(?i)[a-c]", &["B"], &["D"]);
    check("(?i)[^a-c]", &["D"], &["B"]);
    check("[é-ü]", &["ö"], &["o"]);
    refused("[a", "missing closing ]: `[a`");
    refused("[]", "missing closing ]: `[]`");
    refused("[^]", "missing closing ]: `[^]`");
    refused("[z-a]", "invalid character class range: `z-a`");
    refused("[a-\\d]", r"invalid escape sequence: `\d`");
    refused("[[:bogus:]]", "invalid character class range: `[:bogus:]`");
}

#[test]
fn unicode_tables_are_gos() {
    check(r"\pN", &["٧", "7"], &["a"]);
    check(r"\p{Lu}", &["É"], &["é"]);
    check(r"\PL", &["1"], &["a"]);
    check(r"\p{^Greek}", &["a"], &["α"]);
    check(r"\P{^Greek}", &["α"], &["a"]);
    check(r"[\p{Greek}1]+", &["α1"], &["a"]);
    check(r"\p{Old_Italic}|\p{Thai}", &["ก"], &["a"]);
    check(r"\p{Cs}|x", &["x"], &["a"]);
    check(r"\p{Any}", &["a"], &[]);
    refused(r"\p{Grek}", r"invalid character class range: `\p{Grek}`");
    check(r"\p{greek}\p{Letter}\p{old-ITALIC}?\pl\p{decimal number}", &["αaa1"], &["aaa1"]);
    check(r"\p{ASCII}\p{any}\p{C}", &["aé\u{378}"], &["éé\u{378}"]);
    refused(r"\p{Alphabetic}", r"invalid character class range: `\p{Alphabetic}`");
    refused(r"\pX", r"invalid character class range: `\pX`");
    refused(r"\p{Lu", r"invalid character class range: `\p{Lu`");
    refused(r"\p", r"invalid character class range: `\p`");
}

#[test]
fn what_would_need_too_much_memory_is_refused() {
    refused(r"(?:\pL{100}){10}", "expression compiles to more than 1048576 bytes");
}

/// Pieces whose meaning is the same in both languages.
fn plain() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec!["a", "b", ".", "[ab]", "[^a]", "[0-9]", r"\.", "é", "^", "$", ""]);
    leaf.prop_map(str::to_owned).prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|parts| format!("({})", parts.join("|"))),
            (inner, prop::sample::select(vec!["*", "+?", "?", "{2}", "{1,2}"]))
                .prop_map(|(part, op)| format!("(?:{part}){op}")),
        ]
    })
}

proptest! {
    #[test]
    fn plain_patterns_mean_what_they_mean_to_the_engine(
        pattern in plain(),
        texts in prop::collection::vec("[ab.é1]{0,6}", 8),
    ) {
        let ours = compile_regex(&pattern).expect("a plain pattern");
        let engine = regex::Regex::new(&format!(r"\A(?s:{pattern})\z")).expect("a plain pattern");
        for text in texts {
            prop_assert_eq!(ours.is_match(&text), engine.is_match(&text), "{} on {:?}", pattern, text);
        }
    }

    #[test]
    fn any_text_is_a_pattern_or_an_error(pattern in r#"([\\pPQExd{}()\[\]^:|*+?,\-<>a-c0-9&iZ]|é){0,16}"#) {
        if let Ok(translated) = translate(&pattern) {
            let engine = regex::Regex::new(&translated);
            prop_assert!(engine.is_ok(), "{} became {}: {:?}", pattern, translated, engine);
        }
    }
}
