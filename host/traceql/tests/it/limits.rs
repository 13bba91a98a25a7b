//! Limits of size and depth, each with its error.

use cadenza_traceql::{DEPTH_MAX, ErrorKind, QUERY_BYTES_MAX, parse, parse_tag};

fn refused(query: &str, message: &str) {
    let error = parse(query).expect_err("over a limit");
    assert_eq!(error.kind, ErrorKind::Limit, "{error}");
    assert!(error.to_string().contains(message), "{error}");
}

#[test]
fn queries_over_the_size_limit_are_refused_by_name() {
    let query = format!("{{ .a = \"{}\" }}", "x".repeat(QUERY_BYTES_MAX));
    refused(&query, "TraceQL expression exceeds the configured maximum size of 131072 bytes");
}

#[test]
fn nesting_is_bounded_in_every_direction() {
    let n = 2 * DEPTH_MAX as usize;
    let message = "query nests deeper than 128 levels";
    refused(&format!("{{ {}.a{} }}", "(".repeat(n), ")".repeat(n)), message);
    refused(&format!("{}{{}}{}", "(".repeat(n), ")".repeat(n)), message);
    refused(&format!("{{ {}.a }}", "!".repeat(n)), message);
    refused(&format!("{{ {}.a = 1 }}", "- ".repeat(n)), message);
    refused(&format!("{{ .a {} = 1 }}", "+ 1 ".repeat(n)), message);
    refused(&format!("{{ .a {} = 1 }}", "^ 1 ".repeat(n)), message);
    refused(&format!("{{ .a {} }}", "&& .a || .a ".repeat(n)), message);
    refused(&format!("{{}} {}", "> {} ".repeat(n)), message);
    refused(&format!("count() {} > 1", "+ 1 ".repeat(n)), message);
    refused(&format!("({}{{}}{})", "({} | ".repeat(n), ")".repeat(n)), message);
}

#[test]
fn long_chains_of_one_operator_are_flat() {
    let query = format!("{{ .a = 0 {} }}", "|| .a = 1 ".repeat(10_000));
    let tree = parse(&query).expect("a long chain");
    assert_eq!(parse(&tree.to_string()).expect("its canonical form"), tree);
    let query = format!("{{}} {}", "| {} ".repeat(10_000));
    assert_eq!(parse(&query).expect("a long pipeline").pipeline.stages.len(), 10_001);
}

#[test]
fn errors_point_at_the_place_in_characters() {
    let query = "{ .é = \"ü\" &&\n  .b = ; }";
    let error = parse(query).expect_err("a stray semicolon");
    assert_eq!((error.line, error.column), (2, 8));
    assert_eq!(error.caret(query), "  .b = ; }\n       ^");
    let long = format!("{{ .a = \"{}\" ; }}", "x".repeat(500));
    let caret = parse(&long).expect_err("a stray semicolon").caret(&long);
    assert!(caret.lines().all(|line| line.chars().count() < 130), "{caret}");
    let (shown, below) = caret.split_once('\n').expect("two lines");
    assert_eq!(shown.chars().nth(below.chars().count() - 1), Some(';'), "{caret}");
}

#[test]
fn a_tag_is_exactly_one_field() {
    for (text, canonical) in [
        ("resource.service.name", "resource.service.name"),
        ("service.name", ".service.name"),
        (".x", ".x"),
        ("name", "name"),
        ("span:name", "name"),
        ("event:name", "event:name"),
        ("span.\"with blank\"", "span.\"with blank\""),
        ("span.http.url", "span.http.url"),
    ] {
        assert_eq!(parse_tag(text).expect(text).to_string(), canonical);
    }
    for text in ["foo", "{}", "1", "", "name x", "parent", "parent.a", "span.", "\"x\"", ".a .b"] {
        assert!(parse_tag(text).is_err(), "{text}");
    }
}
