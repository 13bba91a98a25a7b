//! `when`: a TraceQL filter that looks at one span and nothing beyond it.

use crate::plan::Scope;
use cadenza_model::{Columns, TraceId};
use cadenza_traceql::ast::{self, Attribute, Field, Intrinsic, SpansetExpr, Stage};
use cadenza_traceql::{Program, TraceInfo, TraceView};

/// A compiled condition.
#[derive(Debug)]
pub(crate) struct Condition {
    program: Program,
    /// Attributes that it reads, for knowing which tables must be in order.
    pub(crate) reads: Vec<Scope>,
}

impl Condition {
    /// Compiles a filter for a step on table `on`.
    pub(crate) fn new(text: &str, on: Scope) -> Result<Self, String> {
        let query = cadenza_traceql::parse(text).map_err(|error| error.to_string())?;
        let [Stage::Spanset(SpansetExpr::Filter(filter))] = query.pipeline.stages.as_slice() else {
            return Err(
                "a condition is one filter such as `{ name = \"a\" }`, without pipelines and operators \
                        between spansets"
                    .to_owned(),
            );
        };
        if query.metrics.is_some() || !query.hints.is_empty() {
            return Err("a condition has no metrics functions and no hints".to_owned());
        }
        let program = Program::compile_filter(filter).map_err(|error| error.to_string())?;
        let mut reads = Vec::new();
        for field in program.fields() {
            if let Some(what) = beyond_one_span(field) {
                return Err(format!("a condition looks at one span only, and {what} is not known from it"));
            }
            let scopes = scopes_of(field);
            if matches!(on, Scope::Resource | Scope::Instrumentation)
                && scopes.iter().any(|&scope| !on.is_within(scope))
            {
                return Err(format!(
                    "a condition of a step on table {} can't look at `{}`",
                    on.name(),
                    field_name(field)
                ));
            }
            reads.extend(scopes);
        }
        Ok(Self { program, reads })
    }

    /// Asks for each of `rows` (rows of spans) and reports the answers by position.
    pub(crate) fn each(&self, columns: &Columns, rows: &[u32], mut answer: impl FnMut(usize, bool)) {
        let info = TraceInfo {
            trace_id: TraceId::default(),
            start_ns: 0,
            end_ns: 0,
            root_name: "",
            root_service: "",
        };
        let trace = TraceView { rows, info: &info, tree: None };
        let mut bound = self.program.bind(columns);
        for position in 0..rows.len() {
            answer(position, bound.matches(&trace, position));
        }
    }
}

/// The name of what one span alone does not tell.
fn beyond_one_span(field: &Field) -> Option<String> {
    use Intrinsic as I;
    match field {
        Field::Attribute(Attribute { parent: true, .. }) => Some("its parent".to_owned()),
        Field::Attribute(_) => None,
        Field::Intrinsic(intrinsic) => match intrinsic {
            I::ChildCount
            | I::TraceDuration
            | I::RootName
            | I::RootServiceName
            | I::NestedSetLeft
            | I::NestedSetRight
            | I::NestedSetParent
            | I::Parent => Some(format!("`{}`", intrinsic.name())),
            I::Duration
            | I::Name
            | I::Status
            | I::StatusMessage
            | I::Kind
            | I::SpanId
            | I::ParentId
            | I::TraceId
            | I::EventName
            | I::EventTimeSinceStart
            | I::LinkTraceId
            | I::LinkSpanId
            | I::InstrumentationName
            | I::InstrumentationVersion => None,
        },
    }
}

fn scopes_of(field: &Field) -> Vec<Scope> {
    match field {
        Field::Attribute(attribute) => match attribute.scope {
            ast::Scope::None => vec![Scope::Span, Scope::Resource],
            ast::Scope::Span => vec![Scope::Span],
            ast::Scope::Resource => vec![Scope::Resource],
            ast::Scope::Event => vec![Scope::Event],
            ast::Scope::Link => vec![Scope::Link],
            ast::Scope::Instrumentation => vec![Scope::Instrumentation],
        },
        Field::Intrinsic(Intrinsic::InstrumentationName | Intrinsic::InstrumentationVersion) => {
            vec![Scope::Instrumentation]
        }
        Field::Intrinsic(Intrinsic::EventName | Intrinsic::EventTimeSinceStart) => vec![Scope::Event],
        Field::Intrinsic(Intrinsic::LinkTraceId | Intrinsic::LinkSpanId) => vec![Scope::Link],
        Field::Intrinsic(_) => vec![Scope::Span],
    }
}

fn field_name(field: &Field) -> String {
    match field {
        Field::Attribute(attribute) => format!("{}{}", attribute.scope.prefix(), attribute.name),
        Field::Intrinsic(intrinsic) => intrinsic.name().to_owned(),
    }
}
