//! A plan in short: what the host does by itself, what the guest sees, what it may write.

use cadenza_transform::plan::{CellEdits, Field, KeySelector, NativeOp, Plan};

/// What there is to say of a plan.
pub(super) struct Outline {
    /// Steps that the host carries out itself.
    pub(super) native_steps: usize,
    /// Kinds of those steps, in order, with how many follow each other.
    pub(super) steps: Vec<(&'static str, usize)>,
    pub(super) calls_guest: bool,
    /// What the guest sees, and what it may do to it.
    pub(super) sees: Vec<String>,
    /// What the guest may write.
    pub(super) writes: Vec<String>,
    pub(super) secret: Option<String>,
}

impl Outline {
    pub(super) fn new(plan: &Plan, calls_guest: bool) -> Self {
        let mut steps: Vec<(&'static str, usize)> = Vec::new();
        for step in &plan.steps {
            let name = op_name(&step.op);
            match steps.last_mut() {
                Some((last, count)) if *last == name => *count += 1,
                _ => steps.push((name, 1)),
            }
        }
        let target = |scope: &str, key: &str| format!("{scope} attribute {key}");
        Self {
            native_steps: plan.steps.iter().filter(|step| !matches!(step.op, NativeOp::Guest)).count(),
            steps,
            calls_guest,
            sees: plan.fields.iter().map(field).collect(),
            writes: plan.targets.iter().map(|t| target(t.scope.name(), &t.key)).collect(),
            secret: plan.hmac_secret.clone(),
        }
    }
}

fn field(field: &Field) -> String {
    match field {
        Field::Attribute(field) => {
            let only_if = match &field.only_if {
                Some(pattern) => format!(" where its value matches {pattern}"),
                None => String::new(),
            };
            let scope = field.place.scope.name();
            format!("{scope} {}{only_if}{}", attributes(&field.place.key), edits(field.edits))
        }
        Field::Intrinsic(field) => {
            format!("{} {}{}", field.intrinsic.scope().name(), field.intrinsic.name(), edits(field.edits))
        }
    }
}

fn attributes(key: &KeySelector) -> String {
    match key {
        KeySelector::Exact(key) => format!("attribute {key}"),
        KeySelector::Prefix(prefix) => format!("attributes {prefix}*"),
        KeySelector::Glob(glob) => format!("attributes {glob}"),
        KeySelector::Pattern(pattern) => format!("attributes matching {pattern}"),
        KeySelector::Any => "attributes, all of them".to_owned(),
    }
}

fn edits(edits: CellEdits) -> String {
    let may = [(edits.update, "update"), (edits.delete, "delete"), (edits.drop_row, "drop the row")];
    let may: Vec<_> = may.iter().filter(|(may, _)| *may).map(|(_, name)| *name).collect();
    if may.is_empty() { String::new() } else { format!(" (may {})", may.join(", ")) }
}

fn op_name(op: &NativeOp) -> &'static str {
    match op {
        NativeOp::Insert(_) => "insert",
        NativeOp::Update(_) => "update",
        NativeOp::Upsert(_) => "upsert",
        NativeOp::Delete(_) => "delete",
        NativeOp::Replace(_) => "replace",
        NativeOp::KeepOnly(_) => "keep-only",
        NativeOp::Hash(_) => "hash",
        NativeOp::Convert(_) => "convert",
        NativeOp::Extract(_) => "extract",
        NativeOp::Mask(_) => "mask",
        NativeOp::Note(_) => "note",
        NativeOp::Report(_) => "report",
        NativeOp::Guest => "guest",
    }
}
