//! Accepted queries and their canonical form; refused ones and what they are told.
//!
//! One query a line in `tests/golden/*.txt`; `⏎` stands for a line break.

use cadenza_traceql::{ErrorKind, parse};
use expect_test::expect_file;
use std::fmt::Write;

fn queries(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(|line| line.replace('⏎', "\n"))
}

#[test]
fn accepted_queries_have_a_canonical_form_that_parses_to_the_same_tree() {
    let mut golden = String::new();
    for query in queries(include_str!("../golden/valid.txt")) {
        let tree = parse(&query).unwrap_or_else(|e| panic!("{query}: {e}\n{}", e.caret(&query)));
        let canonical = tree.to_string();
        let again = parse(&canonical).unwrap_or_else(|e| panic!("{canonical}: {e}\n{}", e.caret(&canonical)));
        assert_eq!(again, tree, "{query} became {canonical}");
        assert_eq!(again.to_string(), canonical);
        writeln!(golden, "{query}\n    {canonical}").expect("text");
    }
    expect_file!["../golden/valid.golden"].assert_eq(&golden);
}

#[test]
fn refused_queries_are_told_what_is_wrong_and_where() {
    let mut golden = String::new();
    for query in queries(include_str!("../golden/invalid.txt")) {
        let error = match parse(&query) {
            Ok(tree) => panic!("{query} was accepted as {tree}"),
            Err(error) => error,
        };
        assert_eq!(error.kind == ErrorKind::Syntax, error.to_string().starts_with("parse error at line "));
        let caret = error.caret(&query).replace('\n', "\n    ");
        writeln!(golden, "{error}\n    {caret}").expect("text");
    }
    expect_file!["../golden/invalid.golden"].assert_eq(&golden);
}
