//! The complete key tree of Tempo 2.x and 3.0 as data: name, type, default, effect.
//!
//! The checker, the typed configuration, the status page and the documentation all read these tables, so
//! a key is written down once.

mod backend;
mod distributor;
mod generator;
mod limits;
mod live;
mod plugins;
mod query;
mod root;
mod server;
mod shared;
mod storage;

pub(crate) use limits::{FLAT, LIMITS};
pub(crate) use root::ROOT;
pub(crate) use storage::cache_roles;

/// What happens with a key that somebody set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The server does what it says.
    Used,
    /// Accepted without effect, and named in the warning at start: tuning of machinery that works
    /// differently here or does not exist.
    Ignored,
    /// Not implemented yet and harmless, but somebody will wait for it: a warning of its own.
    Missing(&'static str),
    /// Guards safety and is not implemented yet: a value other than the default refuses the start.
    Refused(&'static str),
    /// The same, and even an empty section counts.
    RefusedPresent(&'static str),
}

/// The type of a key.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number that may be negative.
    Int,
    /// A whole number from 0; bytes too.
    Count,
    /// A TCP or UDP port.
    Port,
    /// A number.
    Float,
    /// Any text.
    Text,
    /// Text that is never shown.
    Secret,
    /// Go's durations: `1h30m`.
    Duration,
    /// The same with days, weeks and years: `14d`.
    LongDuration,
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// A list of texts; a single text, or a comma-separated one, counts as a list.
    Texts,
    /// A list of numbers.
    Floats,
    /// A map from text to text.
    TextMap,
    /// A map whose values are never shown.
    SecretMap,
    /// A map from text to a list of whole numbers.
    CountsMap,
    /// Keys of their own.
    Section(&'static [Key]),
    /// A list of such sections.
    Sections(&'static [Key]),
    /// A map whose keys are `type` or `type/name`, the type being one of these keys.
    Typed(&'static [Key]),
    /// Limits of a tenant: scoped, or in the old flat spelling.
    Limits,
    /// Anything: a section that Tempo itself does not look into.
    Opaque,
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The name in YAML.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// The default as a YAML text; empty for none.
    pub default: &'static str,
    /// What setting it does. A key inside a section that is refused or missing as a whole inherits that.
    pub effect: Effect,
}

impl Key {
    const fn new(name: &'static str, kind: Kind, default: &'static str) -> Self {
        Self { name, kind, default, effect: Effect::Ignored }
    }

    const fn used(self) -> Self {
        Self { effect: Effect::Used, ..self }
    }

    const fn missing(self, reason: &'static str) -> Self {
        Self { effect: Effect::Missing(reason), ..self }
    }

    const fn refused(self, reason: &'static str) -> Self {
        Self { effect: Effect::Refused(reason), ..self }
    }

    const fn refused_present(self, reason: &'static str) -> Self {
        Self { effect: Effect::RefusedPresent(reason), ..self }
    }

    /// The keys below, for sections of every sort.
    pub fn children(&self) -> &'static [Self] {
        match self.kind {
            Kind::Section(keys) | Kind::Sections(keys) | Kind::Typed(keys) => keys,
            Kind::Limits => LIMITS,
            _ => &[],
        }
    }
}

const fn boolean(name: &'static str, default: &'static str) -> Key {
    Key::new(name, Kind::Bool, default)
}
const fn int(name: &'static str, default: &'static str) -> Key {
    Key::new(name, Kind::Int, default)
}
const fn count(name: &'static str, default: &'static str) -> Key {
    Key::new(name, Kind::Count, default)
}
const fn port(name: &'static str, default: &'static str) -> Key {
    Key::new(name, Kind::Port, default)
}
const fn float(name: &'static str, default: &'static str) -> Key {
    Key::new(name, Kind::Float, default)
}
const fn text(name: &'static str, default: &'static str) -> Key {
    Key::new(name, Kind::Text, default)
}
const fn secret(name: &'static str) -> Key {
    Key::new(name, Kind::Secret, "")
}
const fn duration(name: &'static str, default: &'static str) -> Key {
    Key::new(name, Kind::Duration, default)
}
const fn long_duration(name: &'static str, default: &'static str) -> Key {
    Key::new(name, Kind::LongDuration, default)
}
const fn choice(name: &'static str, words: &'static [&'static str], default: &'static str) -> Key {
    Key::new(name, Kind::Choice(words), default)
}
const fn texts(name: &'static str, default: &'static str) -> Key {
    Key::new(name, Kind::Texts, default)
}
const fn floats(name: &'static str, default: &'static str) -> Key {
    Key::new(name, Kind::Floats, default)
}
const fn text_map(name: &'static str) -> Key {
    Key::new(name, Kind::TextMap, "")
}
const fn secret_map(name: &'static str) -> Key {
    Key::new(name, Kind::SecretMap, "")
}
const fn section(name: &'static str, keys: &'static [Key]) -> Key {
    Key::new(name, Kind::Section(keys), "")
}
const fn sections(name: &'static str, keys: &'static [Key]) -> Key {
    Key::new(name, Kind::Sections(keys), "")
}
const fn opaque(name: &'static str) -> Key {
    Key::new(name, Kind::Opaque, "")
}

/// The key at a dotted path below `keys`.
pub(crate) fn find(mut keys: &'static [Key], path: &str) -> Option<&'static Key> {
    let mut found = None;
    for name in path.split('.') {
        let key = keys.iter().find(|key| key.name == name)?;
        keys = key.children();
        found = Some(key);
    }
    found
}

/// The sections and keys at the root: documentation derives from them.
pub fn keys() -> &'static [Key] {
    ROOT
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(keys: &'static [Key], path: &str, check: &mut impl FnMut(&str, &'static Key)) {
        for key in keys {
            let path = if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) };
            check(&path, key);
            walk(key.children(), &path, check);
        }
    }

    #[test]
    fn every_name_is_there_once_and_every_default_has_its_type() {
        fn twice(keys: &'static [Key]) {
            for (i, key) in keys.iter().enumerate() {
                assert!(keys[..i].iter().all(|other| other.name != key.name), "{} is listed twice", key.name);
                twice(key.children());
            }
        }
        twice(ROOT);
        let mut count = 0;
        walk(ROOT, "", &mut |path, key| {
            count += 1;
            if !key.default.is_empty() && !key.default.starts_with('[') {
                let typed = crate::check::well_typed(&key.kind, key.default);
                assert!(typed.is_ok(), "{path}: {typed:?}");
            }
            assert!(crate::yaml::parse(key.default).is_ok(), "{path}");
        });
        assert!(count > 1000, "{count} keys");
    }

    #[test]
    fn flat_limits_have_tempos_names() {
        for (flat, scoped) in [
            ("max_traces_per_user", "ingestion.max_traces_per_user"),
            ("ingestion_rate_limit_bytes", "ingestion.rate_limit_bytes"),
            ("ingestion_max_attribute_bytes", "ingestion.max_attribute_bytes"),
            ("max_bytes_per_trace", "global.max_bytes_per_trace"),
            ("block_retention", "compaction.block_retention"),
            ("compaction_disabled", "compaction.compaction_disabled"),
            ("max_search_duration", "read.max_search_duration"),
            ("parquet_dedicated_columns", "storage.parquet_dedicated_columns"),
            ("metrics_generator_processors", "metrics_generator.processors"),
            ("metrics_generator_forwarder_workers", "metrics_generator.forwarder.workers"),
            (
                "metrics_generator_processor_service_graphs_dimensions",
                "metrics_generator.processor.service_graphs.dimensions",
            ),
            (
                "metrics_generator_processor_span_metrics_intrinsic_dimensions",
                "metrics_generator.processor.span_metrics.intrinsic_dimensions",
            ),
        ] {
            assert_eq!(FLAT.get(flat).map(|path| path.join(".")).as_deref(), Some(scoped), "{flat}");
        }
    }
}
