//! Field expressions.

use super::{Parsed, Parser};
use crate::ast::{
    BinaryOp, Expr, ExprKind, Field, FieldRef, Intrinsic, Kind, LogicOp, Pos, Static, Status, UnaryOp,
};
use crate::error::ErrorKind;
use crate::lex::Tok;

/// Precedence: `&&` and `||` share the lowest level.
pub(super) const LEVEL_LOGIC: u8 = 2;
/// Comparisons and structural operators.
pub(super) const LEVEL_COMPARE: u8 = 3;
/// `+`, `-` and unary minus.
pub(super) const LEVEL_SUM: u8 = 4;
/// Unary `!`.
const LEVEL_NOT: u8 = 5;
/// `*`, `/`, `%`.
pub(super) const LEVEL_PRODUCT: u8 = 6;
/// `^`, to the right.
pub(super) const LEVEL_POWER: u8 = 7;

/// An expression and its height, which bounds what later recursion over it costs.
pub(super) struct Node {
    pub(super) expr: Expr,
    pub(super) height: u32,
}

enum Infix {
    Logic(LogicOp),
    Binary(BinaryOp),
}

/// Comparison and arithmetic operators with their level.
pub(super) fn binary_op(symbol: &str) -> Option<(BinaryOp, u8)> {
    use BinaryOp::*;
    Some(match symbol {
        "=" => (Eq, LEVEL_COMPARE),
        "!=" => (Ne, LEVEL_COMPARE),
        "=~" => (Re, LEVEL_COMPARE),
        "!~" => (NotRe, LEVEL_COMPARE),
        "<" => (Lt, LEVEL_COMPARE),
        "<=" => (Le, LEVEL_COMPARE),
        ">" => (Gt, LEVEL_COMPARE),
        ">=" => (Ge, LEVEL_COMPARE),
        "+" => (Add, LEVEL_SUM),
        "-" => (Sub, LEVEL_SUM),
        "*" => (Mul, LEVEL_PRODUCT),
        "/" => (Div, LEVEL_PRODUCT),
        "%" => (Mod, LEVEL_PRODUCT),
        "^" => (Pow, LEVEL_POWER),
        _ => return None,
    })
}

impl Parser<'_> {
    /// A whole field expression.
    pub(super) fn expr(&mut self) -> Parsed<Expr> {
        Ok(self.expr_from(0)?.expr)
    }

    /// An expression of operators of `level` and above.
    fn expr_from(&mut self, level: u8) -> Parsed<Node> {
        self.nested(|p| {
            let mut left = p.prefix(level)?;
            while let Some((op, op_level)) = p.infix().filter(|(_, l)| *l >= level) {
                p.advance();
                left = match op {
                    Infix::Binary(op @ (BinaryOp::Eq | BinaryOp::Ne)) if p.is_word("nil") => {
                        let pos = left.expr.pos.to(p.pos());
                        p.advance();
                        nil_test(op, left, pos)
                    }
                    Infix::Binary(BinaryOp::Pow) => {
                        let right = p.expr_from(op_level)?;
                        binary(BinaryOp::Pow, left, right)
                    }
                    Infix::Binary(op) => {
                        let right = p.expr_from(op_level + 1)?;
                        binary(op, left, right)
                    }
                    Infix::Logic(op) => {
                        let right = p.expr_from(op_level + 1)?;
                        logic(op, left, right)
                    }
                };
                p.check_depth(left.height)?;
            }
            Ok(left)
        })
    }

    fn infix(&self) -> Option<(Infix, u8)> {
        match self.sym()? {
            "&&" => Some((Infix::Logic(LogicOp::And), LEVEL_LOGIC)),
            "||" => Some((Infix::Logic(LogicOp::Or), LEVEL_LOGIC)),
            symbol => binary_op(symbol).map(|(op, level)| (Infix::Binary(op), level)),
        }
    }

    fn prefix(&mut self, level: u8) -> Parsed<Node> {
        let start = self.pos();
        match self.sym() {
            Some("-") => {
                self.advance();
                let operand = self.expr_from(LEVEL_SUM + 1)?;
                return Ok(unary(UnaryOp::Neg, operand, start));
            }
            Some("!") => {
                self.advance();
                let operand = self.expr_from(LEVEL_NOT + 1)?;
                return Ok(unary(UnaryOp::Not, operand, start));
            }
            Some("(") => {
                self.advance();
                let inner = self.expr_from(0)?;
                if self.sym() != Some(")") {
                    return Err(self.unexpected(&[]));
                }
                self.advance();
                return Ok(inner);
            }
            _ => {}
        }
        if self.is_word("nil") && level <= LEVEL_COMPARE {
            return self.nil_first();
        }
        if let Some(field) = self.field()? {
            let pos = start.to(self.last_pos());
            return Ok(leaf(ExprKind::Field(field), pos));
        }
        match self.literal()? {
            Some(literal) => Ok(leaf(ExprKind::Literal(literal), start)),
            None => Err(self.unexpected(&[])),
        }
    }

    /// `nil = x`, `nil != x`; between two `nil` both are false.
    fn nil_first(&mut self) -> Parsed<Node> {
        let start = self.pos();
        self.advance();
        let op = match self.sym() {
            Some("=") => BinaryOp::Eq,
            Some("!=") => BinaryOp::Ne,
            _ => return Err(self.unexpected(&["=", "!="])),
        };
        self.advance();
        if self.is_word("nil") {
            let pos = start.to(self.pos());
            self.advance();
            return Ok(leaf(ExprKind::Literal(Static::Bool(false)), pos));
        }
        let operand = self.expr_from(LEVEL_COMPARE + 1)?;
        let pos = start.to(operand.expr.pos);
        Ok(nil_test(op, operand, pos))
    }

    /// An attribute or intrinsic, if one stands here.
    pub(super) fn field(&mut self) -> Parsed<Option<Field>> {
        let field = match self.peek() {
            Tok::Attr(attribute) => Field::Attribute(attribute.clone()),
            Tok::Colon(scope) => {
                let scope = *scope;
                self.advance();
                let intrinsic = match self.peek() {
                    Tok::Word(word) => Intrinsic::from_scoped(scope, word),
                    _ => None,
                };
                match intrinsic {
                    Some(intrinsic) => Field::Intrinsic(intrinsic),
                    None => return Err(self.unexpected(scoped_names(scope))),
                }
            }
            Tok::Word(word) => match Intrinsic::from_bare(word) {
                Some(intrinsic) => Field::Intrinsic(intrinsic),
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        self.advance();
        Ok(Some(field))
    }

    /// A field where nothing else may stand.
    pub(super) fn field_ref(&mut self) -> Parsed<FieldRef> {
        let start = self.pos();
        let field = self.field()?.ok_or_else(|| self.unexpected(&[]))?;
        Ok(FieldRef { field, pos: start.to(self.last_pos()) })
    }

    /// A literal, if one stands here. An identifier without a meaning is an error of its own.
    pub(super) fn literal(&mut self) -> Parsed<Option<Static>> {
        let literal = match self.peek() {
            Tok::Int(i) => Static::Int(*i),
            Tok::Float(x) => Static::Float(*x),
            Tok::Duration(ns) => Static::Duration(*ns),
            Tok::Str(s) => Static::Str(s.clone()),
            Tok::Word(word) => match literal_word(word) {
                Some(literal) => literal,
                None if super::is_keyword(word) => return Ok(None),
                None => {
                    let message = format!("unknown identifier: {word}");
                    return Err(self.error(ErrorKind::Syntax, message, self.pos()));
                }
            },
            _ => return Ok(None),
        };
        self.advance();
        Ok(Some(literal))
    }
}

fn literal_word(word: &str) -> Option<Static> {
    Some(match word {
        "true" => Static::Bool(true),
        "false" => Static::Bool(false),
        "minInt" => Static::Int(i64::MIN),
        "maxInt" => Static::Int(i64::MAX),
        _ => match Status::from_name(word) {
            Some(status) => Static::Status(status),
            None => Static::Kind(Kind::from_name(word)?),
        },
    })
}

fn scoped_names(scope: &str) -> &'static [&'static str] {
    match scope {
        "trace" => &["duration", "rootName", "rootService", "id"],
        "event" => &["name", "timeSinceStart"],
        "link" => &["traceID", "spanID"],
        "instrumentation" => &["name", "version"],
        // More than an error text lists.
        _ => &[],
    }
}

fn leaf(kind: ExprKind, pos: Pos) -> Node {
    Node { expr: Expr { kind, pos }, height: 1 }
}

fn unary(op: UnaryOp, operand: Node, start: Pos) -> Node {
    let pos = start.to(operand.expr.pos);
    Node { height: operand.height + 1, expr: Expr { kind: ExprKind::Unary(op, Box::new(operand.expr)), pos } }
}

fn binary(op: BinaryOp, left: Node, right: Node) -> Node {
    let pos = left.expr.pos.to(right.expr.pos);
    let kind = ExprKind::Binary(op, Box::new(left.expr), Box::new(right.expr));
    Node { height: left.height.max(right.height) + 1, expr: Expr { kind, pos } }
}

fn nil_test(op: BinaryOp, operand: Node, pos: Pos) -> Node {
    let inner = Box::new(operand.expr);
    let kind = if op == BinaryOp::Eq { ExprKind::IsNil(inner) } else { ExprKind::NotNil(inner) };
    Node { height: operand.height + 1, expr: Expr { kind, pos } }
}

/// Joins terms; a chain of one operator on the left grows instead of nesting.
fn logic(op: LogicOp, left: Node, right: Node) -> Node {
    let pos = left.expr.pos.to(right.expr.pos);
    let mut height = left.height.max(right.height + 1);
    let terms = match left.expr.kind {
        ExprKind::Logic(chain_op, mut terms) if chain_op == op => {
            terms.push(right.expr);
            terms
        }
        kind => {
            height = height.max(left.height + 1);
            vec![Expr { kind, pos: left.expr.pos }, right.expr]
        }
    };
    Node { height, expr: Expr { kind: ExprKind::Logic(op, terms), pos } }
}
