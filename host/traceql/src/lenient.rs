//! The filter in a request for tags or tag values: text that somebody is still typing.
//!
//! Whatever conditions can be made out are used, the rest is dropped; there are no errors.

use crate::ast::{Expr, ExprKind, LogicOp, Pipeline, Pos, SpansetExpr, SpansetFilter, Stage, Static};
use crate::lex::{Tok, Token, tokens};
use crate::parse::{DEPTH_MAX, QUERY_BYTES_MAX, parse};

/// The conditions that can be made out of `text`; none if there are none, and none for several spansets,
/// structural operators and pipelines.
pub fn lenient_filter(text: &str) -> Option<SpansetFilter> {
    if text.len() > QUERY_BYTES_MAX {
        return None;
    }
    let filter = match parse(text) {
        Ok(query) if query.metrics.is_none() => only_filter(query.pipeline)?,
        Ok(_) => return None,
        Err(_) => repaired(text)?,
    };
    let matches_all = filter.expr.kind == ExprKind::Literal(Static::Bool(true));
    (!matches_all).then_some(filter)
}

/// Number of alternatives once `expr` is spelled as an "or" of "and"s: what the limit on condition groups
/// counts.
pub fn condition_groups(expr: &Expr) -> u64 {
    match &expr.kind {
        ExprKind::Logic(LogicOp::And, terms) => {
            terms.iter().map(condition_groups).fold(1, u64::saturating_mul)
        }
        ExprKind::Logic(LogicOp::Or, terms) => {
            terms.iter().map(condition_groups).fold(0, u64::saturating_add)
        }
        _ => 1,
    }
}

fn only_filter(pipeline: Pipeline) -> Option<SpansetFilter> {
    let mut stages = pipeline.stages.into_iter();
    match (stages.next(), stages.next()) {
        (Some(Stage::Spanset(SpansetExpr::Filter(filter))), None) => Some(filter),
        _ => None,
    }
}

/// What is left of one spanset when everything that does not parse is dropped.
fn repaired(text: &str) -> Option<SpansetFilter> {
    let tokens = tokens(text);
    let mut reader = Reader { text, tokens: &tokens, at: 0 };
    if !reader.eat("{") {
        return None;
    }
    let expr = reader.terms(0);
    reader.eat("}");
    // Something behind the spanset: a pipeline, or another spanset.
    if !matches!(reader.peek(), Tok::End | Tok::Bad(_)) {
        return None;
    }
    Some(SpansetFilter { expr: expr?, pos: Pos { start: 0, end: text.len() as u32 } })
}

struct Reader<'a> {
    text: &'a str,
    tokens: &'a [Token<'a>],
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> &'a Tok<'a> {
        &self.tokens[self.at].tok
    }

    fn symbol(&self) -> Option<&'static str> {
        match self.peek() {
            Tok::Sym(s) => Some(s),
            _ => None,
        }
    }

    fn eat(&mut self, symbol: &str) -> bool {
        let hit = self.symbol() == Some(symbol);
        self.at += usize::from(hit);
        hit
    }

    /// Terms joined by `&&` and `||`, from left to right; what is missing or broken is left out.
    fn terms(&mut self, depth: u32) -> Option<Expr> {
        let mut left = self.term(depth);
        loop {
            let op = match self.symbol() {
                Some("&&") => LogicOp::And,
                Some("||") => LogicOp::Or,
                _ => return left,
            };
            self.at += 1;
            let right = self.term(depth);
            left = match (left, right) {
                (Some(left), Some(right)) => Some(join(op, left, right)),
                (left, right) => left.or(right),
            };
        }
    }

    fn term(&mut self, depth: u32) -> Option<Expr> {
        let start = self.at;
        if self.symbol() == Some("(") && depth < DEPTH_MAX {
            self.at += 1;
            let inner = self.terms(depth + 1);
            self.eat(")");
            if self.ends_term() {
                return inner;
            }
            self.at = start;
        }
        self.skip_matcher();
        let pos = self.tokens[start].pos;
        let end = self.tokens[self.at].pos.start;
        let piece = &self.text[pos.start as usize..end.max(pos.start) as usize];
        let query = parse(&format!("{{{piece}\n}}")).ok()?;
        let empty = piece.trim().is_empty();
        if empty { None } else { only_filter(query.pipeline).map(|filter| filter.expr) }
    }

    fn ends_term(&self) -> bool {
        matches!(self.peek(), Tok::End | Tok::Bad(_) | Tok::Sym("&&" | "||" | ")" | "}" | "{"))
    }

    /// To the end of the present matcher; what is in its own parentheses belongs to it.
    fn skip_matcher(&mut self) {
        let mut open = 0u32;
        loop {
            match self.peek() {
                Tok::End | Tok::Bad(_) | Tok::Sym("{" | "}") => return,
                Tok::Sym("&&" | "||" | ")") if open == 0 => return,
                Tok::Sym("(") => open += 1,
                Tok::Sym(")") => open -= 1,
                _ => {}
            }
            self.at += 1;
        }
    }
}

/// A chain on the left grows, as the parser does it.
fn join(op: LogicOp, left: Expr, right: Expr) -> Expr {
    let pos = left.pos.to(right.pos);
    let terms = match left.kind {
        ExprKind::Logic(chain, mut terms) if chain == op => {
            terms.push(right);
            terms
        }
        kind => vec![Expr { kind, pos: left.pos }, right],
    };
    Expr { kind: ExprKind::Logic(op, terms), pos }
}

#[cfg(test)]
mod tests {
    use super::{condition_groups, lenient_filter};

    fn check(text: &str, expect: &str) {
        let filter = lenient_filter(text).map(|f| f.to_string());
        assert_eq!(filter.as_deref().unwrap_or("none"), expect, "{text}");
    }

    #[test]
    fn complete_filters_are_used_as_they_are() {
        check("{ .a = 1 }", "{ .a = 1 }");
        check("{resource.service.name=\"x\"}", "{ resource.service.name = `x` }");
        check("{ .a = 1 && (.b = 2 || .c = 3) }", "{ (.a = 1) && ((.b = 2) || (.c = 3)) }");
    }

    #[test]
    fn incomplete_parts_are_dropped_and_the_rest_is_used() {
        check(
            "{ resource.service.name = \"frontend\" && span.foo = }",
            "{ resource.service.name = `frontend` }",
        );
        check("{ .a = 1 && .b = ", "{ .a = 1 }");
        check("{ .a = 1 && ", "{ .a = 1 }");
        check("{ .a = 1 ||", "{ .a = 1 }");
        check("{ .a = 1", "{ .a = 1 }");
        check("{ && .a = 1 }", "{ .a = 1 }");
        check("{ .b = && .a = 1 && .c }", "{ (.a = 1) && .c }");
        check("{ (.a = 1 || .b = ) && .c = 2 }", "{ (.a = 1) && (.c = 2) }");
        check("{ (.a = 1 || .b = 2 ", "{ (.a = 1) || (.b = 2) }");
        check("{ .a = 1 && .b = \"unclosed", "{ .a = 1 }");
        check("{ .a = 1 && x = }", "{ .a = 1 }");
        check("{ .a = 1 && status = 3 }", "{ .a = 1 }");
        check("{ (.a + 1) = 2 && . }", "{ (.a + 1) = 2 }");
    }

    #[test]
    fn what_is_not_one_spanset_filters_nothing() {
        for text in [
            "",
            " ",
            "{}",
            "{ true }",
            "{",
            "}",
            "bogus",
            "{ x = }",
            "{ .a = 1 } > { .b = 2 }",
            "{ .a = 1 } && { .b = }",
            "{ .a = 1 } | rate()",
            "{ .a = 1 } | count() > 1",
            "{ .a = { .b }",
            ")(",
        ] {
            check(text, "none");
        }
        check(&"(".repeat(100_000), "none");
        check(&format!("{{{}", "(".repeat(100_000)), "none");
        check(&format!("{{{}", "(.a = ".repeat(5_000)), "none");
    }

    #[test]
    fn alternatives_are_counted_as_if_multiplied_out() {
        let groups = |text: &str| condition_groups(&lenient_filter(text).expect("a filter").expr);
        assert_eq!(groups("{ .a = 1 && .b = 2 }"), 1);
        assert_eq!(groups("{ (.a = 1 || .a = 2) && (.b = 1 || .b = 2 || .b = 3) }"), 6);
        let many = format!("{{ {} }}", vec!["(.a = 1 || .a = 2)"; 100].join(" && "));
        assert_eq!(groups(&many), u64::MAX);
    }
}
