//! Where a value can come from.

use cadenza_plugin_sdk::Errors;
use regex_lite::Regex;
use serde::Deserialize;

/// As configured: one of the first five.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Source {
    resource: Option<String>,
    span: Option<String>,
    name: Option<String>,
    value: Option<String>,
    trace_id: bool,
    file: bool,
}

impl Source {
    pub(crate) fn resource(key: &str) -> Self {
        Self { resource: Some(key.to_owned()), ..Self::default() }
    }

    pub(crate) fn name(pattern: &str) -> Self {
        Self { name: Some(pattern.to_owned()), ..Self::default() }
    }

    pub(crate) fn file(mut self) -> Self {
        self.file = true;
        self
    }
}

/// A source that makes sense.
pub(crate) enum Compiled {
    Resource { key: String, file: bool },
    Span { key: String, file: bool },
    Name(Pattern),
    Value(String),
    TraceId,
}

/// A pattern for names.
pub(crate) struct Pattern {
    regex: Regex,
    /// `.+`, which needs no engine to say what it finds.
    is_whole: bool,
}

impl Pattern {
    /// The first group of a match, or all of it.
    pub(crate) fn find<'a>(&self, text: &'a str) -> Option<&'a str> {
        if self.is_whole && !text.contains('\n') {
            return Some(text).filter(|text| !text.is_empty());
        }
        let captures = self.regex.captures(text)?;
        captures.iter().skip(1).flatten().next().or(captures.get(0)).map(|found| found.as_str())
    }

    /// True if it matches.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

/// Checks the sources at `path`.
pub(crate) fn compile(sources: &[Source], path: &str, errors: &mut Errors) -> Vec<Compiled> {
    let mut compiled = Vec::new();
    for (i, source) in sources.iter().enumerate() {
        let path = format!("{path}/{i}");
        let (file, mut kinds) = (source.file, Vec::new());
        kinds.extend(source.resource.clone().map(|key| Compiled::Resource { key, file }));
        kinds.extend(source.span.clone().map(|key| Compiled::Span { key, file }));
        if let Some(name) = &source.name {
            kinds.extend(pattern(name, &format!("{path}/name"), errors).map(Compiled::Name));
        }
        kinds.extend(source.value.clone().map(Compiled::Value));
        kinds.extend(source.trace_id.then_some(Compiled::TraceId));
        if file && source.resource.is_none() && source.span.is_none() {
            errors.at(format!("{path}/file"), "is for the sources resource and span only");
        }
        match kinds.len() {
            1 => compiled.append(&mut kinds),
            // The pattern was in error.
            0 if source.name.is_some() => {}
            _ => errors.at(path, "needs exactly one of resource, span, name, value and trace_id"),
        }
    }
    compiled
}

/// Compiles a pattern.
pub(crate) fn pattern(pattern: &str, path: &str, errors: &mut Errors) -> Option<Pattern> {
    let compiled = Regex::new(pattern).map_err(|error| errors.at(path, error.to_string()));
    Some(Pattern { regex: compiled.ok()?, is_whole: pattern == ".+" })
}

/// The file name in a path or command.
pub(crate) fn file_name(text: &str) -> &str {
    // Paths of Windows may hold spaces, commands have arguments behind one: a path that is quoted is taken whole.
    let command = match text.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or(quoted),
        None if text.contains(":\\") => text,
        None => text.split(' ').next().unwrap_or(text),
    };
    let file = command.rsplit(['/', '\\']).next().unwrap_or(command);
    let without = |ending: &str| {
        let start = file.len().checked_sub(ending.len()).filter(|start| file.is_char_boundary(*start))?;
        file[start..].eq_ignore_ascii_case(ending).then_some(&file[..start])
    };
    [".exe", ".dll", ".jar"].into_iter().find_map(without).unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_lose_folders_arguments_and_known_endings() {
        let check = |text, expect| assert_eq!(file_name(text), expect, "{text}");
        check("/usr/bin/shop", "shop");
        check("shop --port 1", "shop");
        check("\"/opt/my app/shop.jar\" -x", "shop");
        check(r"C:\Program Files\Shop\Shop.EXE", "Shop");
        check("Honua.Cli.AI.dll", "Honua.Cli.AI");
        check("", "");
        check("é", "é");
    }
}
