//! Removes, masks and makes pseudonyms, all by itself: nothing is left to native steps.
use cadenza_plugin_sdk::plan::{attributes, place};
use cadenza_plugin_sdk::prelude::*;

/// Removes, masks and makes pseudonyms.
pub struct Scrubber {
    removed: [Column; 2],
    hashed: Column,
    masked: [Column; 3],
    out: Vec<u8>,
}

/// Nothing can be configured.
#[derive(serde::Deserialize)]
pub struct Config {}

impl Plugin for Scrubber {
    type Config = Config;

    fn describe() -> Metadata {
        Metadata::new("bench-scrubber", env!("CARGO_PKG_VERSION"), "removes, masks and hashes").fail_closed()
    }

    fn configure(_: Config) -> Result<(Self, Plan), Errors> {
        let mut plan = Plan::default();
        let prefix = place(Scope::Span, KeySelector::Prefix(bench_logic::REMOVED_PREFIX.to_owned()));
        let removed = attribute(Scope::Span, bench_logic::REMOVED).values(ValueType::Presence).delete();
        let prefixed = attributes(prefix).values(ValueType::Presence).delete();
        let removed = [plan.column(removed), plan.column(prefixed)];
        let hashed = plan.column(attribute(Scope::Span, bench_logic::HASHED).update());
        let masked = bench_logic::MASKED.map(|key| plan.column(attribute(Scope::Span, key).update()));
        Ok((Self { removed, hashed, masked, out: Vec::new() }, plan))
    }
}

#[scrubber]
impl Transform for Scrubber {
    fn process(&mut self, _: &Context, batch: &Batch<'_>, edits: &mut Edits) -> Result<(), String> {
        for column in self.removed {
            for entry in batch.column(column).entries() {
                edits.delete(column, entry.index);
            }
        }
        let hashed = batch.column(self.hashed);
        let hashes = host::keyed_hashes(hashed.entries().map(|entry| entry.text));
        let mut writer = edits.update(self.hashed);
        for (entry, hash) in hashed.entries().zip(hashes.iter()) {
            writer.str(entry.index, hash);
        }
        for column in self.masked {
            let mut writer = edits.update(column);
            for entry in batch.column(column).entries() {
                self.out.clear();
                if bench_logic::mask(entry.text.as_bytes(), &mut self.out)
                    && let Ok(text) = std::str::from_utf8(&self.out)
                {
                    writer.str(entry.index, text);
                }
            }
        }
        Ok(())
    }
}
