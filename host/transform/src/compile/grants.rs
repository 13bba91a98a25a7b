//! What plugins of a kind may change.
//!
//! Scrubbers may do anything. Enrichers write the attributes that their plan names as targets and nothing
//! else, so that an operator sees from the plan what they touch. Head samplers write those and the trace
//! state. Tail samplers run on what is stored already.

use super::Compiler;
use crate::plan::{Field, Intrinsic, KeySelector, Kind, MaskPlace, NativeOp, Place, Scope};

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Enricher => "an enricher",
        Kind::Scrubber => "a scrubber",
        Kind::HeadSampler => "a head sampler",
        Kind::TailSampler => "a tail sampler",
    }
}

impl Compiler<'_> {
    fn is_target(&self, scope: Scope, key: &str) -> bool {
        self.plan.targets.iter().any(|target| target.scope == scope && target.key == key)
    }

    /// Records an error unless the attribute may be written.
    pub(super) fn grant_key(&mut self, path: &str, scope: Scope, key: &str) {
        if self.kind != Kind::Scrubber && !self.is_target(scope, key) {
            let message = format!(
                "{} writes only its targets, and `{key}` of table {} is none",
                kind_name(self.kind),
                scope.name()
            );
            self.error(path, message);
        }
    }

    fn grant_place(&mut self, path: &str, place: &Place) {
        match &place.key {
            KeySelector::Exact(key) => self.grant_key(path, place.scope, key),
            _ if self.kind == Kind::Scrubber => {}
            _ => {
                let message = format!("{} changes attributes by exact keys only", kind_name(self.kind));
                self.error(path, message);
            }
        }
    }

    fn refuse(&mut self, path: &str, what: &str) {
        if self.kind != Kind::Scrubber {
            self.error(path, format!("{} may not {what}", kind_name(self.kind)));
        }
    }

    pub(super) fn grant_step(&mut self, path: &str, op: &NativeOp) {
        match op {
            NativeOp::Insert(a) | NativeOp::Update(a) | NativeOp::Upsert(a) => {
                self.grant_key(&format!("{path}/key"), a.scope, &a.key);
            }
            NativeOp::Delete(place) => self.grant_place(&format!("{path}/key"), place),
            NativeOp::Replace(op) => self.grant_place(&format!("{path}/place/key"), &op.place),
            NativeOp::Hash(op) => self.grant_place(&format!("{path}/place/key"), &op.place),
            NativeOp::Convert(op) => self.grant_place(&format!("{path}/place/key"), &op.place),
            NativeOp::KeepOnly(_) => self.refuse(path, "delete all but some attributes"),
            NativeOp::Mask(op) => match &op.place {
                MaskPlace::Attribute(place) => self.grant_place(&format!("{path}/place/key"), place),
                MaskPlace::TraceState if self.kind == Kind::HeadSampler => {}
                MaskPlace::SpanName
                | MaskPlace::StatusMessage
                | MaskPlace::EventName
                | MaskPlace::ScopeName
                | MaskPlace::TraceState
                | MaskPlace::LinkTraceState
                | MaskPlace::ScopeVersion
                | MaskPlace::ResourceSchemaUrl
                | MaskPlace::ScopeSchemaUrl => {
                    self.refuse(&format!("{path}/place"), "change fields that are no attributes")
                }
            },
            // The keys that an extraction writes are known when its pattern is.
            NativeOp::Extract(_) | NativeOp::Note(_) | NativeOp::Guest => {}
            NativeOp::Report(op) => {
                for (name, key) in [("keys", &op.keys), ("count", &op.count)] {
                    if let Some(key) = key {
                        self.grant_key(&format!("{path}/{name}"), op.scope, key);
                    }
                }
            }
        }
    }

    pub(super) fn grant_field(&mut self, path: &str, field: &Field) {
        match field {
            Field::Attribute(field) => {
                if field.edits.update || field.edits.delete {
                    self.grant_place(&format!("{path}/edits"), &field.place);
                }
                if field.edits.drop_row {
                    self.refuse(&format!("{path}/edits"), "remove events and links");
                    self.drops(path, field.place.scope);
                }
            }
            Field::Intrinsic(field) => {
                let path = format!("{path}/edits");
                if field.edits.delete {
                    self.error(&path, format!("`{}` can't be deleted", field.intrinsic.name()));
                }
                if field.edits.drop_row {
                    self.refuse(&path, "remove events and links");
                    self.drops(&path, field.intrinsic.scope());
                }
                if field.edits.update && !field.intrinsic.is_text() {
                    self.error(&path, format!("`{}` can't be changed", field.intrinsic.name()));
                }
                let granted = self.kind == Kind::HeadSampler && field.intrinsic == Intrinsic::TraceState;
                if field.edits.update && !granted {
                    self.refuse(&path, "change fields that are no attributes");
                }
            }
        }
    }

    fn drops(&mut self, path: &str, scope: Scope) {
        if !matches!(scope, Scope::Event | Scope::Link) {
            self.error(path, format!("rows of table {} can't be removed", scope.name()));
        }
    }
}
