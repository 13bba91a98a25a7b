//! From a plan to something that runs: everything is checked here, once, so that running cannot fail for
//! want of sense.

mod grants;
mod step;

pub(crate) use step::{Assign, CompiledStep, Const, MaskAt, Mode, Op, ReportOp, TextField, ValueSource};

use crate::error::PlanError;
use crate::hash::{Keyed, Secrets};
use crate::plan::{Field, KeySelector, Kind, Plan, Scope, ValueType};
use crate::selector::Selector;

/// Most steps of a program (`plan.steps`).
pub const STEPS_MAX: usize = 1024;
/// Most columns (`plan.fields`).
pub const FIELDS_MAX: usize = 256;
/// Most attributes that edits may write (`plan.targets`).
pub const TARGETS_MAX: usize = 256;
/// Tallies are bits of one number per attribute (`step.tally`).
pub const TALLIES_MAX: u32 = 16;
/// Most patterns and keys of all steps together. A compiled pattern may take 1 MiB, most take a few KiB; the
/// bound on their text below keeps the sum in hand.
pub const PATTERNS_MAX: usize = 4096;
/// Most bytes of all patterns together: compiled ones are about a hundred times larger.
pub const PATTERN_BYTES_MAX: usize = 256 << 10;
/// Longest key, name or separator: far above any real one, and every row may get a copy of its code.
pub const KEY_BYTES_MAX: usize = 4096;
/// Longest literal and template.
pub const LITERAL_BYTES_MAX: usize = 64 << 10;

/// A field ready to be projected.
#[derive(Debug)]
pub(crate) enum CompiledField {
    Attribute(AttributeColumn),
    Intrinsic(crate::plan::IntrinsicField),
}

impl CompiledField {
    pub(crate) fn scope(&self) -> Scope {
        match self {
            Self::Attribute(field) => field.scope,
            Self::Intrinsic(field) => field.intrinsic.scope(),
        }
    }
}

/// A column of attributes.
#[derive(Debug)]
pub(crate) struct AttributeColumn {
    pub(crate) scope: Scope,
    /// Index into [`Compiled::selectors`].
    pub(crate) selector: usize,
    pub(crate) exact: bool,
    pub(crate) value_type: ValueType,
    pub(crate) only_if: Option<regex::Regex>,
    pub(crate) edits: crate::plan::CellEdits,
}

/// An attribute that edits may write.
#[derive(Debug)]
pub(crate) struct CompiledTarget {
    pub(crate) scope: Scope,
    pub(crate) key: String,
    /// Index into [`Compiled::selectors`].
    pub(crate) selector: usize,
}

/// A plan that has been checked.
#[derive(Debug)]
pub struct Compiled {
    pub(crate) kind: Kind,
    pub(crate) steps: Vec<CompiledStep>,
    /// Where in `steps` the guest runs, if it does.
    pub(crate) guest_at: Option<usize>,
    pub(crate) guest_skip: u16,
    pub(crate) guest_tally: Option<u8>,
    pub(crate) selectors: Vec<(Scope, Selector)>,
    pub(crate) fields: Vec<CompiledField>,
    pub(crate) targets: Vec<CompiledTarget>,
    pub(crate) tables: Vec<Scope>,
    pub(crate) keyed: Keyed,
}

/// Everything that is wrong with a plan is collected here.
pub(crate) struct Compiler<'p> {
    plan: &'p Plan,
    kind: Kind,
    errors: Vec<PlanError>,
    selectors: Vec<(Scope, Selector)>,
    patterns: usize,
    pattern_bytes: usize,
}

impl Compiled {
    /// Checks a plan and prepares it.
    pub fn new(plan: &Plan, kind: Kind, secrets: &Secrets<'_>) -> Result<Self, Vec<PlanError>> {
        let mut compiler =
            Compiler { plan, kind, errors: Vec::new(), selectors: Vec::new(), patterns: 0, pattern_bytes: 0 };
        let hmac = compiler.hmac(secrets);
        compiler.limit("/steps", "steps", plan.steps.len(), STEPS_MAX);
        compiler.limit("/fields", "fields", plan.fields.len(), FIELDS_MAX);
        compiler.limit("/targets", "targets", plan.targets.len(), TARGETS_MAX);
        compiler.limit("/tables", "tables", plan.tables.len(), Scope::ALL.len());
        if !compiler.errors.is_empty() {
            return Err(compiler.errors);
        }
        let targets = compiler.targets();
        let fields = compiler.fields();
        let steps = compiler.steps();
        if !compiler.errors.is_empty() {
            return Err(compiler.errors);
        }
        let marker = steps.iter().position(|step| matches!(step.op, Op::Guest));
        let called = !fields.is_empty() || matches!(kind, Kind::HeadSampler | Kind::TailSampler);
        let (guest_skip, guest_tally) = marker.map_or((0, None), |at| (steps[at].skip, steps[at].tally));
        Ok(Self {
            kind,
            guest_at: called.then(|| marker.unwrap_or(steps.len())),
            guest_skip,
            guest_tally,
            steps,
            selectors: compiler.selectors,
            fields,
            targets,
            tables: plan.tables.clone(),
            keyed: Keyed::new(secrets.host, hmac.as_deref()),
        })
    }

    /// What the plugin is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// True if the plan needs the guest for every batch; otherwise its steps are all there is.
    pub fn calls_guest(&self) -> bool {
        self.guest_at.is_some()
    }

    /// True if there are native steps.
    pub fn has_steps(&self) -> bool {
        self.steps.iter().any(|step| !matches!(step.op, Op::Guest))
    }
}

impl Compiler<'_> {
    pub(crate) fn error(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.errors.push(PlanError { path: path.into(), message: message.into() });
    }

    fn limit(&mut self, path: &str, what: &str, count: usize, max: usize) {
        if count > max {
            self.error(path, format!("{count} {what}, where {max} are allowed"));
        }
    }

    fn hmac(&mut self, secrets: &Secrets<'_>) -> Option<Vec<u8>> {
        let name = self.plan.hmac_secret.as_ref()?;
        let secret = (secrets.named)(name);
        if secret.is_none() {
            self.error("/hmac-secret", format!("no secret `{name}` in the configuration"));
        }
        secret
    }

    /// Counts a pattern or key towards the limits of the plan.
    pub(crate) fn count_pattern(&mut self, path: &str, pattern: &str) -> bool {
        self.patterns += 1;
        self.pattern_bytes += pattern.len();
        if self.patterns == PATTERNS_MAX + 1 {
            self.error(path, format!("more than {PATTERNS_MAX} patterns and keys in the plan"));
        }
        if self.pattern_bytes > PATTERN_BYTES_MAX && self.pattern_bytes - pattern.len() <= PATTERN_BYTES_MAX {
            self.error(path, format!("more than {PATTERN_BYTES_MAX} bytes of patterns and keys in the plan"));
        }
        self.patterns <= PATTERNS_MAX && self.pattern_bytes <= PATTERN_BYTES_MAX
    }

    pub(crate) fn key(&mut self, path: &str, key: &str) {
        if key.is_empty() {
            self.error(path, "an empty key");
        }
        if key.len() > KEY_BYTES_MAX {
            self.error(path, format!("a key of {} bytes, where {KEY_BYTES_MAX} are allowed", key.len()));
        }
    }

    /// The index of a selector; equal ones share one.
    pub(crate) fn selector(&mut self, path: &str, scope: Scope, selector: &KeySelector) -> usize {
        let (text, is_pattern) = match selector {
            KeySelector::Exact(text) | KeySelector::Prefix(text) | KeySelector::Glob(text) => {
                (&**text, false)
            }
            KeySelector::Pattern(text) => (&**text, true),
            KeySelector::Any => ("", false),
        };
        if !is_pattern && text.len() > KEY_BYTES_MAX {
            self.error(path, format!("a key of {} bytes, where {KEY_BYTES_MAX} are allowed", text.len()));
            return 0;
        }
        if !self.count_pattern(path, text) {
            return 0;
        }
        match Selector::new(selector) {
            Ok(new) => {
                let same = |(at, known): &(Scope, Selector)| *at == scope && known.is_same(&new);
                self.selectors.iter().position(same).unwrap_or_else(|| {
                    self.selectors.push((scope, new));
                    self.selectors.len() - 1
                })
            }
            Err(message) => {
                self.error(path, message);
                0
            }
        }
    }

    pub(crate) fn exact(&mut self, path: &str, scope: Scope, key: &str) -> usize {
        self.key(path, key);
        self.selector(path, scope, &KeySelector::Exact(key.to_owned()))
    }

    fn targets(&mut self) -> Vec<CompiledTarget> {
        let targets = self.plan.targets.iter().enumerate();
        targets
            .map(|(i, target)| {
                let selector = self.exact(&format!("/targets/{i}/key"), target.scope, &target.key);
                CompiledTarget { scope: target.scope, key: target.key.clone(), selector }
            })
            .collect()
    }

    fn fields(&mut self) -> Vec<CompiledField> {
        let plan = self.plan;
        let fields = plan.fields.iter().enumerate();
        fields
            .map(|(i, field)| {
                let path = format!("/fields/{i}");
                self.grant_field(&path, field);
                match field {
                    Field::Attribute(field) => {
                        let scope = field.place.scope;
                        let selector = self.selector(&format!("{path}/place/key"), scope, &field.place.key);
                        let only_if = field.only_if.as_deref().and_then(|pattern| {
                            let path = format!("{path}/only-if");
                            if !self.count_pattern(&path, pattern) {
                                return None;
                            }
                            match crate::pattern::expression(pattern) {
                                Ok(search) => Some(search.regex),
                                Err(message) => {
                                    self.error(path, message);
                                    None
                                }
                            }
                        });
                        CompiledField::Attribute(AttributeColumn {
                            scope,
                            selector,
                            exact: matches!(field.place.key, KeySelector::Exact(_)),
                            value_type: field.value_type,
                            only_if,
                            edits: field.edits,
                        })
                    }
                    Field::Intrinsic(field) => CompiledField::Intrinsic(field.clone()),
                }
            })
            .collect()
    }
}
