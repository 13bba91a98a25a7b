//! The canonical form: one space around operators, every nested operation in parentheses.

use super::*;
use std::fmt::{self, Display, Formatter, Write};

/// Characters that end an attribute name outside quotes, besides white space.
pub(crate) const NAME_ENDS: &str = "{}()=~!<>&|^,";

fn list<T: Display>(items: &[T], f: &mut Formatter<'_>) -> fmt::Result {
    for (i, item) in items.iter().enumerate() {
        write!(f, "{}{item}", if i > 0 { ", " } else { "" })?;
    }
    Ok(())
}

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.pipeline.fmt(f)?;
        if let Some(metrics) = &self.metrics {
            write!(f, " | {metrics}")?;
        }
        if !self.hints.is_empty() {
            f.write_str(" with(")?;
            list(&self.hints, f)?;
            f.write_char(')')?;
        }
        Ok(())
    }
}

impl Display for Hint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)
    }
}

impl Display for Pipeline {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (i, stage) in self.stages.iter().enumerate() {
            write!(f, "{}{stage}", if i > 0 { " | " } else { "" })?;
        }
        Ok(())
    }
}

impl Display for Stage {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spanset(s) => s.fmt(f),
            Self::Scalar(s) => s.fmt(f),
            Self::Group(e, _) => write!(f, "by({e})"),
            Self::Coalesce(_) => f.write_str("coalesce()"),
            Self::Select(fields, _) => {
                f.write_str("select(")?;
                list(fields, f)?;
                f.write_char(')')
            }
        }
    }
}

impl Display for SpansetFilter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{{ {} }}", self.expr)
    }
}

impl Display for SpansetExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Filter(filter) => filter.fmt(f),
            Self::Op(op) => write!(f, "({}) {} ({})", op.left, op.op, op.right),
            Self::Pipeline(p, _) => p.fmt(f),
        }
    }
}

impl Display for SpansetOperator {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (relation, form) = match self {
            Self::And => return f.write_str("&&"),
            Self::Or => return f.write_str("||"),
            Self::Structural(relation, form) => (relation, form),
        };
        f.write_str(match form {
            Form::Plain => "",
            Form::Negated => "!",
            Form::Union => "&",
        })?;
        f.write_str(match relation {
            Relation::Child => ">",
            Relation::Parent => "<",
            Relation::Descendant => ">>",
            Relation::Ancestor => "<<",
            Relation::Sibling => "~",
        })
    }
}

impl Display for ScalarFilter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.left, self.op, self.right)
    }
}

impl Display for ScalarExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aggregate(a) => a.fmt(f),
            Self::Literal(s, _) => s.fmt(f),
            Self::Binary(op, l, r) => write!(f, "({l} {op} {r})"),
            Self::Pipeline(p, a) => write!(f, "({p} | {a})"),
        }
    }
}

impl Display for Aggregate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.expr {
            Some(e) => write!(f, "{}({e})", self.op.name()),
            None => write!(f, "{}()", self.op.name()),
        }
    }
}

impl AggregateOp {
    /// As written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Max => "max",
            Self::Min => "min",
            Self::Avg => "avg",
            Self::Sum => "sum",
        }
    }
}

impl Expr {
    /// True for what needs no parentheses as an operand.
    fn is_leaf(&self) -> bool {
        matches!(self.kind, ExprKind::Literal(_) | ExprKind::Field(_))
    }
}

/// An operand: in parentheses unless a leaf.
struct Operand<'a>(&'a Expr);

impl Display for Operand<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0.is_leaf() { self.0.fmt(f) } else { write!(f, "({})", self.0) }
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Literal(s) => s.fmt(f),
            ExprKind::Field(field) => field.fmt(f),
            ExprKind::Unary(UnaryOp::Neg, e) => write!(f, "-{}", Operand(e)),
            ExprKind::Unary(UnaryOp::Not, e) => write!(f, "!{}", Operand(e)),
            ExprKind::Binary(op, l, r) => write!(f, "{} {op} {}", Operand(l), Operand(r)),
            ExprKind::Logic(op, terms) => {
                let op = if *op == LogicOp::And { "&&" } else { "||" };
                for (i, term) in terms.iter().enumerate() {
                    if i > 0 {
                        write!(f, " {op} ")?;
                    }
                    Operand(term).fmt(f)?;
                }
                Ok(())
            }
            ExprKind::IsNil(e) => write!(f, "{} = nil", Operand(e)),
            ExprKind::NotNil(e) => write!(f, "{} != nil", Operand(e)),
        }
    }
}

impl Display for BinaryOp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Eq => "=",
            Self::Ne => "!=",
            Self::Re => "=~",
            Self::NotRe => "!~",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
        })
    }
}

impl Display for FieldRef {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.field.fmt(f)
    }
}

impl Display for Field {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attribute(a) => a.fmt(f),
            Self::Intrinsic(i) => f.write_str(i.name()),
        }
    }
}

impl Display for Attribute {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.parent, self.scope) {
            (true, Scope::None) => f.write_str("parent.")?,
            (true, scope) => write!(f, "parent.{}", scope.prefix())?,
            (false, scope) => f.write_str(scope.prefix())?,
        }
        // A name that the lexer would read as a number or as a scope is quoted too.
        let misread = self.scope == Scope::None
            && (self.name.starts_with(|c: char| c.is_ascii_digit())
                || self.parent && (self.name.starts_with("span.") || self.name.starts_with("resource.")));
        let ends = |c: char| c.is_whitespace() || c == '"' || NAME_ENDS.contains(c);
        if !misread && !self.name.is_empty() && !self.name.contains(ends) {
            return f.write_str(&self.name);
        }
        f.write_char('"')?;
        for c in self.name.chars() {
            if matches!(c, '"' | '\\') {
                f.write_char('\\')?;
            }
            f.write_char(c)?;
        }
        f.write_char('"')
    }
}

impl Display for Metrics {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.function.fmt(f)?;
        if !self.by.is_empty() {
            f.write_str(" by(")?;
            list(&self.by, f)?;
            f.write_char(')')?;
        }
        for stage in &self.second {
            match stage {
                SecondStage::TopK(n, _) => write!(f, " | topk({n})")?,
                SecondStage::BottomK(n, _) => write!(f, " | bottomk({n})")?,
                SecondStage::Filter(op, value, _) => write!(f, " {op} {value}")?,
            }
        }
        Ok(())
    }
}

impl OverTime {
    /// As written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Min => "min_over_time",
            Self::Max => "max_over_time",
            Self::Avg => "avg_over_time",
            Self::Sum => "sum_over_time",
            Self::Histogram => "histogram_over_time",
        }
    }
}

impl Display for MetricsFunction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate => f.write_str("rate()"),
            Self::CountOverTime => f.write_str("count_over_time()"),
            Self::OverTime(function, field) => write!(f, "{}({field})", function.name()),
            Self::Quantile(field, quantiles) => {
                write!(f, "quantile_over_time({field}")?;
                quantiles.iter().try_for_each(|q| write!(f, ", {q:?}"))?;
                f.write_char(')')
            }
            Self::Compare { filter, top, window_ns } => {
                write!(f, "compare({filter}")?;
                if let Some(top) = top {
                    write!(f, ", {top}")?;
                }
                if let Some((start, end)) = window_ns {
                    write!(f, ", {start}, {end}")?;
                }
                f.write_char(')')
            }
        }
    }
}
