//! Literals, and how Go writes a duration.

use std::fmt::{self, Write};

/// A literal.
#[derive(Debug, Clone, PartialEq)]
pub enum Static {
    /// `12`, `minInt`
    Int(i64),
    /// `1.5`
    Float(f64),
    /// `"x"`
    Str(Box<str>),
    /// `true`
    Bool(bool),
    /// `1h30m`, nanoseconds
    Duration(i64),
    /// `error`
    Status(Status),
    /// `server`
    Kind(Kind),
}

/// A span status, by its OTLP number; unknown numbers stay what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(pub i32);

/// A span kind, by its OTLP number; unknown numbers stay what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kind(pub i32);

impl Status {
    const NAMES: [&'static str; 3] = ["unset", "ok", "error"];

    /// The status with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().position(|n| *n == name).map(|i| Self(i as i32))
    }
}

impl Kind {
    const NAMES: [&'static str; 6] = ["unspecified", "internal", "server", "client", "producer", "consumer"];

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().position(|n| *n == name).map(|i| Self(i as i32))
    }
}

fn enum_name(names: &[&str], number: i32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match usize::try_from(number).ok().and_then(|i| names.get(i)) {
        Some(name) => f.write_str(name),
        None => write!(f, "{number}"),
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        enum_name(&Self::NAMES, self.0, f)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        enum_name(&Self::NAMES, self.0, f)
    }
}

impl fmt::Display for Static {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(i64::MIN) => f.write_str("minInt"),
            Self::Int(i) => write!(f, "{i}"),
            Self::Float(x) => write!(f, "{x:?}"),
            Self::Str(s) => quote(s, f),
            Self::Bool(b) => write!(f, "{b}"),
            Self::Duration(ns) => f.write_str(&go_duration(*ns)),
            Self::Status(s) => s.fmt(f),
            Self::Kind(k) => k.fmt(f),
        }
    }
}

/// A raw string where that is possible, else a quoted one.
fn quote(s: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if !s.contains(['`', '\r']) {
        return write!(f, "`{s}`");
    }
    f.write_char('"')?;
    for c in s.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

/// As Go's `Duration.String`: `1h0m0s`, `1.5s`, `100ms`, `0s`.
pub fn go_duration(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let n = ns.unsigned_abs();
    if n == 0 {
        return "0s".to_owned();
    }
    for (unit, scale) in [("ns", 1u64), ("µs", 1_000), ("ms", 1_000_000)] {
        if n < scale * 1_000 {
            return format!("{sign}{}{unit}", decimal(n / scale, n % scale, scale));
        }
    }
    let (seconds, rest) = (n / 1_000_000_000, n % 1_000_000_000);
    let (h, m) = (seconds / 3600, seconds / 60 % 60);
    let s = decimal(seconds % 60, rest, 1_000_000_000);
    match (h, m) {
        (0, 0) => format!("{sign}{s}s"),
        (0, m) => format!("{sign}{m}m{s}s"),
        (h, m) => format!("{sign}{h}h{m}m{s}s"),
    }
}

/// `whole.rest` with `rest` of `scale` parts and no trailing zeros.
fn decimal(whole: u64, rest: u64, scale: u64) -> String {
    if rest == 0 {
        return whole.to_string();
    }
    let digits = scale.ilog10() as usize;
    format!("{whole}.{}", format!("{rest:0digits$}").trim_end_matches('0'))
}
