//! The configuration as YAML, secrets masked.

use crate::check::differs;
use crate::schema::{Effect, Key, Kind, ROOT};
use crate::yaml::{self, Entry, Node, Value};

/// Which keys [`Loaded::print`](crate::Loaded::print) shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrintMode {
    /// Every key with an effect, and every other that was set.
    Effective,
    /// Every key with its default.
    Defaults,
    /// What differs from the defaults.
    Diff,
}

const MASK: &str = "********";

/// The same from inside: what a section shows may be narrowed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Show {
    Effective,
    Defaults,
    Diff,
    /// Only what was set, even if nothing is left inside.
    Set,
}

/// Prints a checked document.
pub(crate) fn print(root: &Node, mode: PrintMode) -> String {
    let mut out = String::new();
    let show = match mode {
        PrintMode::Effective => Show::Effective,
        PrintMode::Defaults => Show::Defaults,
        PrintMode::Diff => Show::Diff,
    };
    section(&mut out, ROOT, Some(root), show, 0);
    if out.is_empty() { "{}\n".to_owned() } else { out }
}

fn section(out: &mut String, keys: &'static [Key], node: Option<&Node>, show: Show, indent: usize) {
    let old = node.is_some_and(|node| node.get("ingester").is_some());
    for key in keys {
        // With both generations' sections, a printed default of one would override what the other set.
        let show = match (show, key.name) {
            (Show::Effective, "live_store") if old => Show::Set,
            (Show::Effective, "ingester" | "backend_scheduler" | "backend_worker") => Show::Set,
            _ => show,
        };
        let set = node.and_then(|node| node.get(key.name)).filter(|node| node.value != Value::Null);
        let before = out.len();
        pad(out, indent);
        out.push_str(key.name);
        out.push(':');
        let shown = match key.kind {
            Kind::Section(keys) => below(out, |out| section(out, keys, set, show, indent + 1)),
            Kind::Limits => below(out, |out| section(out, crate::schema::LIMITS, set, show, indent + 1)),
            Kind::Typed(keys) => below(out, |out| typed(out, keys, set, show, indent + 1)),
            _ => leaf(out, key, set, show, indent + 1),
        };
        if !shown {
            out.truncate(before);
            if show == Show::Set && set.is_some() {
                pad(out, indent);
                out.push_str(key.name);
                out.push_str(": {}\n");
            }
        }
    }
}

/// A section is shown when something in it is.
fn below(out: &mut String, print: impl FnOnce(&mut String)) -> bool {
    out.push('\n');
    let start = out.len();
    print(out);
    out.len() > start
}

fn typed(out: &mut String, keys: &'static [Key], node: Option<&Node>, show: Show, indent: usize) {
    let (Some(Node { value: Value::Map(entries), .. }), true) = (node, show != Show::Defaults) else {
        return;
    };
    for entry in entries {
        let kind = entry.key.split('/').next().unwrap_or_default();
        if let Some(key) = keys.iter().find(|key| key.name == kind) {
            pad(out, indent);
            quoted(out, &entry.key);
            out.push(':');
            // What is written there is there: an empty protocol is an enabled one.
            value(out, key.children(), &key.kind, &entry.node, indent + 1);
        }
    }
}

fn leaf(out: &mut String, key: &Key, set: Option<&Node>, show: Show, indent: usize) -> bool {
    let shown = match (show, set) {
        (Show::Defaults, _) => true,
        (Show::Set, set) => set.is_some(),
        (Show::Diff, set) => set.is_some_and(|node| differs(key, node)),
        (Show::Effective, set) => set.is_some() || key.effect == Effect::Used,
    };
    if !shown {
        return false;
    }
    match set.filter(|_| show != Show::Defaults) {
        Some(node) => value(out, key.children(), &key.kind, node, indent),
        None => {
            let node = yaml::parse(key.default).unwrap_or_default();
            let empty = match key.kind {
                Kind::Texts | Kind::Floats | Kind::Sections(_) => "[]",
                Kind::TextMap | Kind::SecretMap | Kind::CountsMap | Kind::Opaque => "{}",
                _ => "\"\"",
            };
            if node.value == Value::Null {
                out.push(' ');
                out.push_str(empty);
                out.push('\n');
            } else {
                value(out, key.children(), &key.kind, &node, indent);
            }
        }
    }
    true
}

/// A value behind `key:`, ending its line.
fn value(out: &mut String, keys: &'static [Key], kind: &Kind, node: &Node, indent: usize) {
    match &node.value {
        Value::Null => out.push_str(" null\n"),
        Value::Scalar(text) => {
            out.push(' ');
            match kind {
                Kind::Secret | Kind::SecretMap if !text.is_empty() => quoted(out, MASK),
                Kind::Bool | Kind::Int | Kind::Count | Kind::Port | Kind::Float if !text.is_empty() => {
                    out.push_str(text);
                }
                _ => quoted(out, &without_password(text)),
            }
            out.push('\n');
        }
        Value::List(nodes) if nodes.is_empty() => out.push_str(" []\n"),
        Value::List(nodes) => {
            out.push('\n');
            for node in nodes {
                pad(out, indent);
                out.push('-');
                value(out, keys, kind, node, indent + 1);
            }
        }
        Value::Map(entries) if entries.is_empty() => out.push_str(" {}\n"),
        Value::Map(entries) => {
            out.push('\n');
            for Entry { key, node, .. } in entries {
                pad(out, indent);
                quoted(out, key);
                out.push(':');
                match keys.iter().find(|known| known.name == key) {
                    Some(known) => value(out, known.children(), &known.kind, node, indent + 1),
                    // A map of free names, or a section nobody looks into: its words may be secrets.
                    None if matches!(kind, Kind::Opaque) => value(out, &[], &Kind::Secret, node, indent + 1),
                    None => value(out, &[], kind, node, indent + 1),
                }
            }
        }
    }
}

fn pad(out: &mut String, indent: usize) {
    for _ in 0..indent {
        out.push_str("  ");
    }
}

/// `https://user:password@host` without the password.
fn without_password(text: &str) -> String {
    let masked = text.split_once("://").and_then(|(scheme, rest)| {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        let (user, host) = authority.rsplit_once('@')?;
        let user = user.split(':').next().unwrap_or_default();
        Some(format!("{scheme}://{user}:{MASK}@{host}{tail}"))
    });
    masked.unwrap_or_else(|| text.to_owned())
}

/// A YAML scalar: bare where nothing could misread it, double-quoted otherwise.
fn quoted(out: &mut String, text: &str) {
    let bare = !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/'))
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '.')
        && !matches!(
            &*text.to_ascii_lowercase(),
            "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" | "null"
        );
    // Durations begin with a digit and are texts all the same.
    let duration = crate::scalar::long_duration(text).is_ok();
    if bare || duration {
        out.push_str(text);
        return;
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
