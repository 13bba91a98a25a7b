//! The canonical text of any tree parses to the same tree.

use cadenza_traceql::ast::{
    Aggregate, AggregateOp, Attribute, BinaryOp, Expr, ExprKind, Field, FieldRef, Form, Intrinsic, Kind,
    LogicOp, Pipeline, Pos, Query, Relation, ScalarExpr, ScalarFilter, Scope, SpansetExpr, SpansetFilter,
    SpansetOp, SpansetOperator, Stage, Static, Status, UnaryOp,
};
use cadenza_traceql::{ErrorKind, parse};
use proptest::prelude::*;
use proptest::sample::select;

fn expr(kind: ExprKind) -> Expr {
    Expr { kind, pos: Pos::default() }
}

fn number() -> impl Strategy<Value = Static> {
    prop_oneof![
        select(vec![0, 1, -1, 42, i64::MAX, i64::MIN, i64::MIN + 1]).prop_map(Static::Int),
        any::<i64>().prop_map(Static::Int),
        select(vec![0.0, 1.0, -1.5, 1e300, 1e-300, 5e-324, 123_456_789.125]).prop_map(Static::Float),
        (-1e9..1e9).prop_map(Static::Float),
        select(vec![0, 1, -1, 1_500, 1_000_000_007, 3_600_000_000_000, i64::MAX, -90_000_000_000])
            .prop_map(Static::Duration),
        any::<i64>().prop_map(Static::Duration),
    ]
}

/// Behind an aggregate the sign belongs to the literal, and the smallest integer cannot be spelled.
fn signed() -> impl Strategy<Value = Static> {
    number().prop_map(|number| match number {
        Static::Int(i64::MIN) => Static::Int(-1),
        Static::Duration(i64::MIN) => Static::Duration(-1),
        number => number,
    })
}

/// In an expression a sign is an operator.
fn unsigned(number: Static) -> Static {
    match number {
        Static::Int(i) if i != i64::MIN => Static::Int(i.abs()),
        Static::Float(x) => Static::Float(x.abs()),
        Static::Duration(ns) => Static::Duration(ns.checked_abs().unwrap_or(0)),
        number => number,
    }
}

fn literal() -> impl Strategy<Value = Static> {
    prop_oneof![
        number().prop_map(unsigned),
        text().prop_map(|text| Static::Str(text.into())),
        any::<bool>().prop_map(Static::Bool),
        (0..3).prop_map(|number| Static::Status(Status(number))),
        (0..6).prop_map(|number| Static::Kind(Kind(number))),
    ]
}

/// Texts and names with everything that has a meaning somewhere.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z.]{0,6}",
        r#"[a`"'\\{}()|&=<>~!^,.:/*+\-% \n\r\t0é\u{0}\u{7f}\u{85}\u{2028}]{0,8}"#,
        ".{0,6}"
    ]
}

fn field() -> impl Strategy<Value = Field> {
    use Intrinsic::*;
    let scopes =
        vec![Scope::None, Scope::Span, Scope::Resource, Scope::Event, Scope::Link, Scope::Instrumentation];
    let attribute = |(scope, name): (Scope, String)| {
        Field::Attribute(Attribute { scope, parent: false, name: name.into() })
    };
    let named = prop_oneof![
        text(),
        select(vec![
            "name", "status", "nil", "by", "5xx", "5", "span.x", "parent.x", "duration", "a.b-c/d", "1e5"
        ])
        .prop_map(str::to_owned)
    ];
    let intrinsics = vec![
        Duration,
        Name,
        Status,
        StatusMessage,
        Kind,
        SpanId,
        ParentId,
        ChildCount,
        TraceDuration,
        RootName,
        RootServiceName,
        TraceId,
        NestedSetLeft,
        NestedSetRight,
        NestedSetParent,
        EventName,
        EventTimeSinceStart,
        LinkTraceId,
        LinkSpanId,
        InstrumentationName,
        InstrumentationVersion,
    ];
    prop_oneof![3 => (select(scopes), named).prop_map(attribute), 1 => select(intrinsics).prop_map(Field::Intrinsic)]
}

/// Trees as the parser makes them: chains grow on the left.
fn expression() -> impl Strategy<Value = Expr> {
    use BinaryOp::*;
    let leaf = prop_oneof![
        literal().prop_map(|literal| expr(ExprKind::Literal(literal))),
        field().prop_map(|field| expr(ExprKind::Field(field))),
    ];
    let operators = vec![Eq, Ne, Re, NotRe, Lt, Le, Gt, Ge, Add, Sub, Mul, Div, Mod, Pow];
    leaf.prop_recursive(4, 20, 3, move |inner| {
        let operators = operators.clone();
        let boxed = |e: Expr| Box::new(e);
        prop_oneof![
            4 => (select(operators), inner.clone(), inner.clone())
                .prop_map(move |(op, l, r)| expr(ExprKind::Binary(op, boxed(l), boxed(r)))),
            1 => inner.clone().prop_map(|e| expr(ExprKind::Unary(UnaryOp::Neg, Box::new(e)))),
            1 => inner.clone().prop_map(|e| expr(ExprKind::Unary(UnaryOp::Not, Box::new(e)))),
            1 => inner.clone().prop_map(|e| expr(ExprKind::IsNil(Box::new(e)))),
            1 => inner.clone().prop_map(|e| expr(ExprKind::NotNil(Box::new(e)))),
            3 => (any::<bool>(), prop::collection::vec(inner, 2..4)).prop_map(|(and, mut terms)| {
                let op = if and { LogicOp::And } else { LogicOp::Or };
                if let ExprKind::Logic(first, list) = &terms[0].kind
                    && *first == op
                {
                    let list = list.clone();
                    terms.splice(0..1, list);
                }
                expr(ExprKind::Logic(op, terms))
            }),
        ]
    })
}

fn filter() -> impl Strategy<Value = SpansetExpr> {
    expression().prop_map(|expr| SpansetExpr::Filter(SpansetFilter { expr, pos: Pos::default() }))
}

fn operator() -> impl Strategy<Value = SpansetOperator> {
    let relations =
        vec![Relation::Child, Relation::Parent, Relation::Descendant, Relation::Ancestor, Relation::Sibling];
    let structural = (select(relations), select(vec![Form::Plain, Form::Negated, Form::Union]))
        .prop_map(|(relation, form)| SpansetOperator::Structural(relation, form));
    prop_oneof![Just(SpansetOperator::And), Just(SpansetOperator::Or), structural]
}

fn spansets() -> impl Strategy<Value = SpansetExpr> {
    filter().prop_recursive(2, 6, 2, |inner| {
        (operator(), inner.clone(), inner).prop_map(|(op, left, right)| {
            SpansetExpr::Op(Box::new(SpansetOp { op, left, right, pos: Pos::default() }))
        })
    })
}

fn stage() -> impl Strategy<Value = Stage> {
    let pos = Pos::default();
    let reference = move |field| FieldRef { field, pos };
    let functions = vec![AggregateOp::Max, AggregateOp::Min, AggregateOp::Avg, AggregateOp::Sum];
    let aggregate = prop_oneof![
        Just((AggregateOp::Count, None)),
        (select(functions), expression()).prop_map(|(op, e)| (op, Some(Box::new(e))))
    ];
    let comparisons =
        vec![BinaryOp::Eq, BinaryOp::Ne, BinaryOp::Lt, BinaryOp::Le, BinaryOp::Gt, BinaryOp::Ge];
    let scalar = (aggregate, select(comparisons), signed()).prop_map(move |((op, expr), cmp, value)| {
        Stage::Scalar(ScalarFilter {
            op: cmp,
            left: ScalarExpr::Aggregate(Aggregate { op, expr, pos }),
            right: ScalarExpr::Literal(value, pos),
            pos,
        })
    });
    prop_oneof![
        spansets().prop_map(Stage::Spanset),
        scalar,
        expression().prop_map(move |e| Stage::Group(e, pos)),
        Just(Stage::Coalesce(pos)),
        prop::collection::vec(field().prop_map(reference), 1..4)
            .prop_map(move |list| Stage::Select(list, pos)),
    ]
}

fn check(query: &Query) -> Result<(), TestCaseError> {
    let text = query.to_string();
    match parse(&text) {
        Ok(again) => {
            prop_assert_eq!(&again, query, "{}", text);
            prop_assert_eq!(again.to_string(), text);
        }
        // Ill typed trees parse, and are refused afterwards.
        Err(error) => prop_assert_ne!(error.kind, ErrorKind::Syntax, "{}: {}", text, error),
    }
    Ok(())
}

fn filtered(expr: Expr) -> Query {
    let filter = SpansetExpr::Filter(SpansetFilter { expr, pos: Pos::default() });
    Query { pipeline: Pipeline { stages: vec![Stage::Spanset(filter)] }, metrics: None, hints: Vec::new() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_expression_comes_back(expr in expression()) {
        check(&filtered(expr))?;
    }

    /// Well typed by construction, so that nothing is refused.
    #[test]
    fn any_field_against_any_literal_comes_back(field in field(), literal in literal(), mirrored in any::<bool>()) {
        let (field, literal) = (expr(ExprKind::Field(field)), expr(ExprKind::Literal(literal)));
        let (left, right) = if mirrored { (literal, field) } else { (field, literal) };
        check(&filtered(expr(ExprKind::Binary(BinaryOp::Eq, Box::new(left), Box::new(right)))))?;
    }

    #[test]
    fn any_pipeline_comes_back(first in spansets(), rest in prop::collection::vec(stage(), 0..4)) {
        let stages = std::iter::once(Stage::Spanset(first)).chain(rest).collect();
        check(&Query { pipeline: Pipeline { stages }, metrics: None, hints: Vec::new() })?;
    }
}
