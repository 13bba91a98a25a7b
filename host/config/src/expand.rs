//! `${VAR}` in configuration texts, with the shell-like operators Tempo has.

use crate::yaml::BYTES_MAX;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Where environment variables come from. The server has no other way to them, so that tests and
/// simulation see every input.
pub trait Env {
    /// The value of a variable, `None` when unset.
    fn var(&self, name: &str) -> Option<String>;
}

/// An environment without variables.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoEnv;

impl Env for NoEnv {
    fn var(&self, _: &str) -> Option<String> {
        None
    }
}

impl Env for BTreeMap<String, String> {
    fn var(&self, name: &str) -> Option<String> {
        self.get(name).cloned()
    }
}

impl Env for HashMap<String, String> {
    fn var(&self, name: &str) -> Option<String> {
        self.get(name).cloned()
    }
}

/// Begins a reference to a secret of a plugin: no variable, whatever `secret:` would mean otherwise.
const SECRET: &str = "${secret:";

/// Deepest `${A:-${B:-…}}`.
const DEPTH_MAX: usize = 16;

/// What an expansion met.
#[derive(Debug, Default)]
pub(crate) struct Met {
    /// Variables that were replaced.
    pub(crate) used: BTreeSet<String>,
    /// Those of them that had neither a value nor a default.
    pub(crate) unset: BTreeSet<String>,
}

/// A `${` that cannot be understood: byte offset and reason.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) offset: usize,
    pub(crate) message: String,
}

/// How much is taken for a variable.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// `-config.expand-env`: everything, and what cannot be understood is an error.
    Strict,
    /// Without the flag: only what is surely meant as a variable; the rest stays as it is, because a
    /// relabelling rule's `${1}` means something else.
    Lenient,
}

/// Replaces every variable in `text`.
pub(crate) fn expand(text: &str, env: &dyn Env, mode: Mode, met: &mut Met) -> Result<String, Malformed> {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(found) = text[at..].find("${").map(|i| at + i) {
        if text[..found].ends_with('$') && found > at {
            // `$${` is a literal `${`.
            out.push_str(&text[at..found]);
            out.push('{');
            at = found + 2;
            continue;
        }
        out.push_str(&text[at..found]);
        if let Some(end) = text[found..].strip_prefix(SECRET).and_then(|rest| rest.find('}')) {
            // Resolved much later, and never written anywhere.
            let end = found + SECRET.len() + end + 1;
            out.push_str(&text[found..end]);
            at = end;
            continue;
        }
        match variable(text, found, env, mode, met, 0) {
            Ok((value, end)) => {
                out.push_str(&value);
                at = end;
            }
            Err(_) if mode == Mode::Lenient => {
                out.push_str("${");
                at = found + 2;
            }
            Err(error) => return Err(error),
        }
        if out.len() > BYTES_MAX {
            let message = format!("the expanded text exceeds the limit of {BYTES_MAX} bytes");
            return Err(Malformed { offset: found, message });
        }
    }
    out.push_str(&text[at..]);
    Ok(out)
}

/// One `${…}` that begins at `start`: its value and the offset behind it.
fn variable(
    text: &str,
    start: usize,
    env: &dyn Env,
    mode: Mode,
    met: &mut Met,
    depth: usize,
) -> Result<(String, usize), Malformed> {
    let malformed = |message: &str| Malformed { offset: start, message: message.to_owned() };
    if depth >= DEPTH_MAX {
        return Err(malformed("variables nested too deeply (the most is 16)"));
    }
    let body = start + 2;
    let length = text[body..].starts_with('#');
    let name_at = body + usize::from(length);
    let name_end = text[name_at..]
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .map_or(text.len(), |i| name_at + i);
    let name = &text[name_at..name_end];
    let digit_first = name.starts_with(|c: char| c.is_ascii_digit());
    if name.is_empty() || (mode == Mode::Lenient && digit_first) {
        return Err(malformed("unable to parse variable name"));
    }
    // The operand runs to the brace that closes this variable, across nested ones.
    let mut operand = String::new();
    let mut at = name_end;
    loop {
        let rest = &text[at..];
        let Some(stop) = rest.find(['}', '$', '\n']) else {
            return Err(malformed("missing closing brace"));
        };
        operand.push_str(&rest[..stop]);
        at += stop;
        match text.as_bytes()[at] {
            b'}' => break,
            b'\n' => return Err(malformed("missing closing brace")),
            _ if text[at..].starts_with("${") => {
                let (value, end) = variable(text, at, env, mode, met, depth + 1)?;
                operand.push_str(&value);
                at = end;
            }
            _ => {
                operand.push('$');
                at += 1;
            }
        }
        if operand.len() > BYTES_MAX {
            return Err(malformed("the expanded text is too long"));
        }
    }
    let value = env.var(name);
    let result = if length {
        value.as_deref().map_or(0, |value| value.chars().count()).to_string()
    } else {
        let operated = apply(value.as_deref(), &operand).ok_or_else(|| malformed("unknown operator"))?;
        if value.is_none() && operated.is_empty() {
            met.unset.insert(name.to_owned());
        }
        operated
    };
    met.used.insert(name.to_owned());
    Ok((result, at + 1))
}

/// The operator behind a name, applied to the variable's value.
fn apply(value: Option<&str>, operand: &str) -> Option<String> {
    let text = value.unwrap_or_default();
    let or = |default: &str| if text.is_empty() { default.to_owned() } else { text.to_owned() };
    let first = operand.chars().next();
    let tail = first.map_or("", |c| &operand[c.len_utf8()..]);
    Some(match first {
        None => text.to_owned(),
        Some('-' | '=' | '?') => or(tail),
        Some('+') => if text.is_empty() { "" } else { tail }.to_owned(),
        Some(':') => match tail.chars().next() {
            Some('-' | '=' | '?') => or(&tail[1..]),
            Some('+') => if text.is_empty() { "" } else { &tail[1..] }.to_owned(),
            // Loki's and Mimir's `${VAR:default}`; a number would be the substring operator.
            _ => substring(text, tail).unwrap_or_else(|| or(tail)),
        },
        Some('^') => match tail {
            "^" => text.to_uppercase(),
            "" => first_letter(text, |c| c.to_ascii_uppercase()),
            _ => return None,
        },
        Some(',') => match tail {
            "," => text.to_lowercase(),
            "" => first_letter(text, |c| c.to_ascii_lowercase()),
            _ => return None,
        },
        Some('#') => {
            let (longest, pattern) = tail.strip_prefix('#').map_or((false, tail), |rest| (true, rest));
            let mut cuts = boundaries(text).filter(|&i| glob(pattern, &text[..i]));
            let cut = if longest { cuts.next_back() } else { cuts.next() };
            text[cut.unwrap_or(0)..].to_owned()
        }
        Some('%') => {
            let (longest, pattern) = tail.strip_prefix('%').map_or((false, tail), |rest| (true, rest));
            let mut cuts = boundaries(text).filter(|&i| glob(pattern, &text[i..]));
            let cut = if longest { cuts.next() } else { cuts.next_back() };
            text[..cut.unwrap_or(text.len())].to_owned()
        }
        Some('/') => {
            let (all, rest) = tail.strip_prefix('/').map_or((false, tail), |rest| (true, rest));
            let (from, to) = rest.split_once('/').unwrap_or((rest, ""));
            if from.is_empty() {
                text.to_owned()
            } else if all {
                text.replace(from, to)
            } else {
                text.replacen(from, to, 1)
            }
        }
        Some(_) => return None,
    })
}

fn boundaries(text: &str) -> impl DoubleEndedIterator<Item = usize> {
    text.char_indices().map(|(i, _)| i).chain(std::iter::once(text.len()))
}

fn first_letter(text: &str, change: impl Fn(char) -> char) -> String {
    let mut chars = text.chars();
    chars.next().map(change).into_iter().chain(chars).collect()
}

/// `2` or `2:3`: from the second character on, three of them.
fn substring(text: &str, range: &str) -> Option<String> {
    let (from, take) = match range.split_once(':') {
        Some((from, take)) => (from.parse::<usize>().ok()?, take.parse::<usize>().ok()?),
        None => (range.parse::<usize>().ok()?, usize::MAX),
    };
    Some(text.chars().skip(from).take(take).collect())
}

/// `*` and `?` patterns over the whole of `text`.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && (pattern[p] == '?' || (pattern[p] == text[t] && pattern[p] != '*')) {
            (p, t) = (p + 1, t + 1);
        } else if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, t));
            p += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            (p, t) = (at + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let env: BTreeMap<String, String> = [("HOST", "tempo.example"), ("EMPTY", ""), ("B", "bucket")]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let got = expand(text, &env, Mode::Strict, &mut Met::default());
        assert_eq!(got.unwrap_or_else(|error| format!("error: {}", error.message)), expect, "{text}");
    }

    #[test]
    fn operators_do_what_tempos_do() {
        check("a ${HOST} b", "a tempo.example b");
        check("${NOPE}", "");
        check("${NOPE:-x}${EMPTY:-y}${EMPTY-z}", "xyz");
        check("${NOPE:=x}${NOPE=y}${NOPE:?why}", "xywhy");
        check("${NOPE:localhost}", "localhost");
        check("${HOST:localhost}", "tempo.example");
        check("${HOST:2:3}|${HOST:6}", "mpo|example");
        check("${HOST^^} ${HOST^} ${HOST,,}", "TEMPO.EXAMPLE Tempo.example tempo.example");
        check("${HOST#tem} ${HOST#*e} ${HOST##*e} ${HOST%.*} ${HOST%%e*}", "po.example mpo.example  tempo t");
        check("${HOST/e/E} ${HOST//e/E}", "tEmpo.example tEmpo.ExamplE");
        check("${#HOST}", "13");
        check("$HOST", "$HOST");
        check("$${HOST}", "${HOST}");
        check("${NOPE:-${B}-1}", "bucket-1");
        check("${", "error: unable to parse variable name");
        check("${HOST", "error: missing closing brace");
        check("${HOST!x}", "error: unknown operator");
    }

    #[test]
    fn without_the_flag_only_names_are_taken() {
        let mut met = Met::default();
        let got = expand("${1} ${ ${B} ${NOPE}", &BTreeMap::new(), Mode::Lenient, &mut met);
        assert_eq!(got.as_deref(), Ok("${1} ${  "));
        assert_eq!(met.unset, ["B".to_owned(), "NOPE".to_owned()].into());
    }

    #[test]
    fn nesting_has_a_limit() {
        let deep = format!("{}x{}", "${A:-".repeat(40), "}".repeat(40));
        check(&deep, "error: variables nested too deeply (the most is 16)");
    }
}
