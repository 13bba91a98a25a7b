//! Steps of a native program.

use super::{Compiler, LITERAL_BYTES_MAX, TALLIES_MAX};
use crate::condition::Condition;
use crate::pattern::{Finder, Sub, expression, template};
use crate::plan::{
    Assignment, Extraction, HashKind, Literal, Mask, MaskPlace, NativeOp, Notice, Pattern, Report, Scope,
    Source, Step, Substitute, ValueType,
};
use cadenza_model::otlp::any_value;

/// A step ready to run.
#[derive(Debug)]
pub(crate) struct CompiledStep {
    pub(crate) when: Option<Condition>,
    pub(crate) negate: bool,
    /// Bits of the tallies whose attributes are passed over.
    pub(crate) skip: u16,
    pub(crate) tally: Option<u8>,
    pub(crate) op: Op,
}

/// What a step does. `sel` are indexes into the plan's selectors.
#[derive(Debug)]
pub(crate) enum Op {
    Assign(Assign),
    Delete { scope: Scope, sel: usize },
    Replace { scope: Scope, sel: usize, value: Const },
    KeepOnly { scope: Scope, sels: Vec<usize> },
    Hash { scope: Scope, sel: usize, kind: HashKind },
    Convert { scope: Scope, sel: usize, to: ValueType },
    Extract { scope: Scope, sel: usize, regex: regex::Regex, groups: Vec<(usize, String, usize)> },
    Mask { at: MaskAt, finders: Vec<(Finder, Sub)>, unless: Vec<Finder>, all_types: bool },
    Note { scope: Scope, sel: usize, finders: Vec<Finder>, all_types: bool },
    Report(ReportOp),
    Guest,
}

/// `insert`, `update`, `upsert`.
#[derive(Debug)]
pub(crate) struct Assign {
    pub(crate) mode: Mode,
    pub(crate) scope: Scope,
    pub(crate) key: String,
    pub(crate) sel: usize,
    pub(crate) value: ValueSource,
}

/// See [`NativeOp::Report`]; keys with the selectors of what is there.
#[derive(Debug)]
pub(crate) struct ReportOp {
    pub(crate) scope: Scope,
    pub(crate) tally: u8,
    pub(crate) keys: Option<(String, usize)>,
    pub(crate) separator: String,
    pub(crate) count: Option<(String, usize)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Insert,
    Update,
    Upsert,
}

#[derive(Debug)]
pub(crate) enum ValueSource {
    Const(Const),
    Attribute(usize),
    ResourceAttribute(usize),
}

/// A literal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Const {
    Str(String),
    Int(i64),
    Double(f64),
    Bool(bool),
    /// An encoded AnyValue.
    Encoded(Vec<u8>),
}

#[derive(Debug)]
pub(crate) enum MaskAt {
    Attribute { scope: Scope, sel: usize },
    Text(TextField),
}

/// Text that is no attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextField {
    SpanName,
    StatusMessage,
    EventName,
    ScopeName,
    ScopeVersion,
    TraceState,
    LinkTraceState,
    ResourceSchemaUrl,
    ScopeSchemaUrl,
}

impl TextField {
    pub(crate) fn scope(self) -> Scope {
        match self {
            Self::SpanName | Self::StatusMessage | Self::TraceState => Scope::Span,
            Self::EventName => Scope::Event,
            Self::ScopeName | Self::ScopeVersion | Self::ScopeSchemaUrl => Scope::Instrumentation,
            Self::ResourceSchemaUrl => Scope::Resource,
            Self::LinkTraceState => Scope::Link,
        }
    }

    /// True if its text is in `names`, not in `values`.
    pub(crate) fn is_name(self) -> bool {
        match self {
            Self::StatusMessage | Self::TraceState | Self::LinkTraceState => false,
            Self::SpanName
            | Self::EventName
            | Self::ScopeName
            | Self::ScopeVersion
            | Self::ResourceSchemaUrl
            | Self::ScopeSchemaUrl => true,
        }
    }
}

impl Op {
    /// The table that it works on.
    pub(crate) fn scope(&self) -> Scope {
        match self {
            Self::Assign(assign) => assign.scope,
            Self::Report(report) => report.scope,
            Self::Delete { scope, .. }
            | Self::Replace { scope, .. }
            | Self::KeepOnly { scope, .. }
            | Self::Hash { scope, .. }
            | Self::Convert { scope, .. }
            | Self::Extract { scope, .. }
            | Self::Note { scope, .. }
            | Self::Mask { at: MaskAt::Attribute { scope, .. }, .. } => *scope,
            Self::Mask { at: MaskAt::Text(field), .. } => field.scope(),
            Self::Guest => Scope::Span,
        }
    }
}

impl Compiler<'_> {
    pub(super) fn steps(&mut self) -> Vec<CompiledStep> {
        let plan = self.plan;
        let mut guests = 0;
        let mut out = Vec::with_capacity(plan.steps.len());
        for (i, step) in plan.steps.iter().enumerate() {
            let path = format!("/steps/{i}");
            if step.op == NativeOp::Guest {
                guests += 1;
                if guests > 1 {
                    self.error(&path, "the guest is called once, and there is a second marker");
                }
                if step.when.is_some() || step.negate {
                    self.error(&path, "the guest's step takes no condition");
                }
            }
            self.grant_step(&format!("{path}/op"), &step.op);
            if let Some(step) = self.step(&path, step) {
                out.push(step);
            }
        }
        out
    }

    fn tally(&mut self, path: &str, tally: u32) -> u8 {
        if tally >= TALLIES_MAX {
            self.error(path, format!("tally {tally}, where {TALLIES_MAX} exist"));
            return 0;
        }
        tally as u8
    }

    fn step(&mut self, path: &str, step: &Step) -> Option<CompiledStep> {
        let mut skip = 0;
        for (i, &tally) in step.skip_tallies.iter().enumerate() {
            skip |= 1 << self.tally(&format!("{path}/skip-tallies/{i}"), tally);
        }
        let tally = step.tally.map(|tally| self.tally(&format!("{path}/tally"), tally));
        if step.negate && step.when.is_none() {
            self.error(format!("{path}/negate"), "there is no condition to be turned round");
        }
        let op = self.op(&format!("{path}/op"), &step.op)?;
        let when = match &step.when {
            Some(text) if self.count_pattern(path, text) => match Condition::new(text, op.scope()) {
                Ok(condition) => Some(condition),
                Err(message) => {
                    self.error(format!("{path}/when"), message);
                    None
                }
            },
            _ => None,
        };
        Some(CompiledStep { when, negate: step.negate, skip, tally, op })
    }

    fn op(&mut self, path: &str, op: &NativeOp) -> Option<Op> {
        let place = format!("{path}/place/key");
        Some(match op {
            NativeOp::Insert(a) => self.assignment(path, Mode::Insert, a),
            NativeOp::Update(a) => self.assignment(path, Mode::Update, a),
            NativeOp::Upsert(a) => self.assignment(path, Mode::Upsert, a),
            NativeOp::Delete(p) => {
                Op::Delete { scope: p.scope, sel: self.selector(&format!("{path}/key"), p.scope, &p.key) }
            }
            NativeOp::Replace(op) => Op::Replace {
                scope: op.place.scope,
                sel: self.selector(&place, op.place.scope, &op.place.key),
                value: self.literal(&format!("{path}/value"), &op.value)?,
            },
            NativeOp::KeepOnly(op) => Op::KeepOnly {
                scope: op.scope,
                sels: op
                    .keys
                    .iter()
                    .enumerate()
                    .map(|(i, key)| self.selector(&format!("{path}/keys/{i}"), op.scope, key))
                    .collect(),
            },
            NativeOp::Hash(op) => Op::Hash {
                scope: op.place.scope,
                sel: self.selector(&place, op.place.scope, &op.place.key),
                kind: op.kind,
            },
            NativeOp::Convert(op) => {
                use ValueType::{Boolean, Double, Int, Str};
                if !matches!(op.to, Str | Int | Double | Boolean) {
                    self.error(format!("{path}/to"), "values convert to str, int, double or boolean");
                }
                let sel = self.selector(&place, op.place.scope, &op.place.key);
                Op::Convert { scope: op.place.scope, sel, to: op.to }
            }
            NativeOp::Extract(op) => self.extraction(path, op)?,
            NativeOp::Mask(op) => self.mask(path, op)?,
            NativeOp::Note(op) => self.notice(path, op),
            NativeOp::Report(op) => self.report(path, op),
            NativeOp::Guest => Op::Guest,
        })
    }

    fn assignment(&mut self, path: &str, mode: Mode, a: &Assignment) -> Op {
        let sel = self.exact(&format!("{path}/key"), a.scope, &a.key);
        let path = format!("{path}/value");
        let value = match &a.value {
            Source::Literal(literal) => {
                ValueSource::Const(self.literal(&path, literal).unwrap_or(Const::Bool(false)))
            }
            Source::Attribute(key) => ValueSource::Attribute(self.exact(&path, a.scope, key)),
            Source::ResourceAttribute(key) => {
                ValueSource::ResourceAttribute(self.exact(&path, Scope::Resource, key))
            }
        };
        Op::Assign(Assign { mode, scope: a.scope, key: a.key.clone(), sel, value })
    }

    fn text_limit(&mut self, path: &str, text: &str) {
        if text.len() > LITERAL_BYTES_MAX {
            self.error(path, format!("{} bytes, where {LITERAL_BYTES_MAX} are allowed", text.len()));
        }
    }

    fn literal(&mut self, path: &str, literal: &Literal) -> Option<Const> {
        Some(match literal {
            Literal::Str(text) => {
                self.text_limit(path, text);
                Const::Str(text.clone())
            }
            Literal::Int(number) => Const::Int(*number),
            Literal::Double(number) => Const::Double(*number),
            Literal::Boolean(set) => Const::Bool(*set),
            Literal::Json(text) => {
                self.text_limit(path, text);
                match any_value::from_json(text) {
                    Ok(encoded) => Const::Encoded(encoded),
                    Err(error) => {
                        self.error(path, format!("not the JSON of a value: {error}"));
                        return None;
                    }
                }
            }
        })
    }

    fn extraction(&mut self, path: &str, op: &Extraction) -> Option<Op> {
        let sel = self.exact(&format!("{path}/key"), op.scope, &op.key);
        let path = format!("{path}/pattern");
        if !self.count_pattern(&path, &op.pattern) {
            return None;
        }
        let search = match expression(&op.pattern) {
            Ok(search) => search,
            Err(message) => {
                self.error(path, message);
                return None;
            }
        };
        let mut groups = Vec::new();
        for (i, name) in search.groups.iter().enumerate() {
            if let Some(name) = name {
                self.grant_key(&path, op.scope, name);
                groups.push((i + 1, name.clone(), self.exact(&path, op.scope, name)));
            }
        }
        if groups.is_empty() {
            self.error(path, "no named group, so nothing to write");
        }
        Some(Op::Extract { scope: op.scope, sel, regex: search.regex, groups })
    }

    fn finders(&mut self, path: &str, patterns: &[Pattern]) -> Vec<Finder> {
        let mut out = Vec::with_capacity(patterns.len());
        for (i, pattern) in patterns.iter().enumerate() {
            match pattern {
                Pattern::WellKnown(known) => out.push(Finder::Known(*known)),
                Pattern::Expression(text) => {
                    let path = format!("{path}/{i}");
                    if !self.count_pattern(&path, text) {
                        continue;
                    }
                    match expression(text) {
                        Ok(search) => out.push(Finder::Regex(search)),
                        Err(message) => self.error(path, message),
                    }
                }
            }
        }
        out
    }

    fn mask(&mut self, path: &str, op: &Mask) -> Option<Op> {
        let at = match &op.place {
            MaskPlace::Attribute(place) => MaskAt::Attribute {
                scope: place.scope,
                sel: self.selector(&format!("{path}/place/key"), place.scope, &place.key),
            },
            MaskPlace::SpanName => MaskAt::Text(TextField::SpanName),
            MaskPlace::StatusMessage => MaskAt::Text(TextField::StatusMessage),
            MaskPlace::EventName => MaskAt::Text(TextField::EventName),
            MaskPlace::ScopeName => MaskAt::Text(TextField::ScopeName),
            MaskPlace::TraceState => MaskAt::Text(TextField::TraceState),
            MaskPlace::LinkTraceState => MaskAt::Text(TextField::LinkTraceState),
            MaskPlace::ScopeVersion => MaskAt::Text(TextField::ScopeVersion),
            MaskPlace::ResourceSchemaUrl => MaskAt::Text(TextField::ResourceSchemaUrl),
            MaskPlace::ScopeSchemaUrl => MaskAt::Text(TextField::ScopeSchemaUrl),
        };
        if op.patterns.is_empty() {
            self.error(format!("{path}/patterns"), "no pattern, so nothing to mask");
        }
        let mut finders = Vec::new();
        for finder in self.finders(&format!("{path}/patterns"), &op.patterns) {
            let sub = match &op.substitute {
                Substitute::Hash(kind) => Sub::Hash(*kind),
                Substitute::Template(text) => {
                    self.text_limit(&format!("{path}/substitute"), text);
                    let groups = match &finder {
                        Finder::Regex(search) => search.groups.as_slice(),
                        Finder::Known(_) => &[],
                    };
                    match template(text, groups) {
                        Ok(sub) => sub,
                        Err(message) => {
                            self.error(format!("{path}/substitute"), message);
                            return None;
                        }
                    }
                }
            };
            finders.push((finder, sub));
        }
        let unless = self.finders(&format!("{path}/unless"), &op.unless);
        Some(Op::Mask { at, finders, unless, all_types: op.all_types })
    }

    fn notice(&mut self, path: &str, op: &Notice) -> Op {
        let sel = self.selector(&format!("{path}/place/key"), op.place.scope, &op.place.key);
        let finders = self.finders(&format!("{path}/matching"), &op.matching);
        Op::Note { scope: op.place.scope, sel, finders, all_types: op.all_types }
    }

    fn report(&mut self, path: &str, op: &Report) -> Op {
        let tally = self.tally(&format!("{path}/tally"), op.tally);
        self.text_limit(&format!("{path}/separator"), &op.separator);
        let mut key = |name: &str, key: &Option<String>| {
            let key = key.as_ref()?;
            Some((key.clone(), self.exact(&format!("{path}/{name}"), op.scope, key)))
        };
        let (keys, count) = (key("keys", &op.keys), key("count", &op.count));
        if keys.is_none() && count.is_none() {
            self.error(path, "a report writes keys, a count or both");
        }
        Op::Report(ReportOp { scope: op.scope, tally, keys, separator: op.separator.clone(), count })
    }
}
