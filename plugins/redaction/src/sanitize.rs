//! What the guest does: paths and SQL in attributes and span names.

use crate::program::{SYSTEM_KEYS, survives};
use crate::sql::{self, Dialect};
use crate::{Config, url};
use cadenza_plugin_sdk::batch::Value;
use cadenza_plugin_sdk::batch::View;
use cadenza_plugin_sdk::plan::{attributes, place};
use cadenza_plugin_sdk::prelude::*;
use regex_lite::Regex;
use std::collections::{HashMap, HashSet};

const SCOPES: [Scope; 4] = [Scope::Resource, Scope::Instrumentation, Scope::Span, Scope::Event];
/// Values of `db.system` whose statements are SQL, and how they read it.
const SYSTEMS: [(&str, Dialect); 5] = [
    ("other_sql", Dialect::Standard),
    ("mysql", Dialect::MySql),
    ("postgresql", Dialect::Standard),
    ("mariadb", Dialect::MySql),
    ("sqlite", Dialect::Standard),
];
/// Attributes that tell a span of HTTP.
const HTTP_KEYS: &str = r"^(?:http\.(?:route|request\.method|request\.method_original|response\.status_code|scheme|target|method|url)|url\.full)$";
const KIND_INTERNAL: i64 = 1;
const KIND_SERVER: i64 = 2;
const KIND_CLIENT: i64 = 3;

/// What is sanitised.
pub(crate) struct Sanitizers {
    url_keys: HashSet<String>,
    sql_keys: HashSet<String>,
    tables: Vec<Table>,
    names: Option<Names>,
}

/// Columns of one table.
struct Table {
    scope: Scope,
    values: Column,
    systems: Vec<Column>,
}

/// Columns for span names.
struct Names {
    name: Column,
    kind: Column,
    http: Option<Column>,
    /// Empty unless SQL in names is sanitised.
    systems: Vec<Column>,
    allowed: Vec<Regex>,
}

impl Sanitizers {
    /// None if nothing is to be sanitised.
    pub(crate) fn new(config: &Config, plan: &mut Plan, errors: &mut Errors) -> Option<Self> {
        let (url, db) = (&config.url_sanitizer, &config.db_sanitizer);
        let keys = |enabled: bool, keys: &[String]| {
            if enabled { keys.iter().cloned().collect() } else { HashSet::new() }
        };
        let url_keys = keys(url.enabled, &url.attributes);
        let sql_keys = keys(db.sql.enabled, &db.sql.attributes);
        let tables = tables(config, &url_keys, &sql_keys, plan);
        let url_names = url.enabled && url.sanitize_span_name.unwrap_or(true);
        let sql_names = db.sql.enabled && db.sanitize_span_name.unwrap_or(true);
        let names = (url_names || sql_names).then(|| {
            let span = tables.iter().find(|table| table.scope == Scope::Span);
            // Names are looked at last, when attributes that are not allowed are gone.
            let staying = || SYSTEM_KEYS.into_iter().filter(|key| survives(config, key));
            let asked = span.filter(|table| !table.systems.is_empty()).map(|table| table.systems.clone());
            let systems = match asked {
                Some(asked) => asked
                    .into_iter()
                    .zip(SYSTEM_KEYS)
                    .filter(|(_, k)| survives(config, k))
                    .map(|(c, _)| c)
                    .collect(),
                None => staying().map(|key| plan.column(attribute(Scope::Span, key))).collect(),
            };
            Names {
                name: plan.column(intrinsic(Intrinsic::Name).update()),
                kind: plan.column(intrinsic(Intrinsic::Kind)),
                http: url_names.then(|| {
                    let keys = KeySelector::Pattern(HTTP_KEYS.to_owned());
                    plan.column(attributes(place(Scope::Span, keys)).values(ValueType::Presence))
                }),
                systems: if sql_names { systems } else { Vec::new() },
                allowed: allowed(config, errors),
            }
        });
        (!tables.is_empty() || names.is_some()).then_some(Self { url_keys, sql_keys, tables, names })
    }

    pub(crate) fn process(&mut self, batch: &Batch<'_>, edits: &mut Edits) {
        for table in &self.tables {
            self.values(table, batch, edits);
        }
        if let Some(names) = &self.names {
            names.process(batch, edits);
        }
    }

    fn values(&self, table: &Table, batch: &Batch<'_>, edits: &mut Edits) {
        let column = batch.column(table.values);
        // SQL depends on the row's system: entries under its keys are changed cell by cell.
        let mut paths = Vec::new();
        for entry in column.entries() {
            let path = self.url_keys.contains(entry.key).then(|| url::sanitize(entry.text));
            let is_sql = self.sql_keys.contains(entry.key);
            if let Some(path) = path.as_ref().filter(|path| !is_sql && *path != entry.text) {
                edits.update(table.values).str(entry.index, path);
            }
            paths.push((is_sql, path));
        }
        if !paths.iter().any(|(is_sql, _)| *is_sql) {
            return;
        }
        let systems = views(&table.systems, batch);
        let mut known: HashMap<(u32, Dialect), String> = HashMap::new();
        for cell in column.cells() {
            let (Some(entry), Value::Text(text)) = (column.entry_of(cell.index), cell.value) else {
                continue;
            };
            let (true, path) = &paths[entry as usize] else { continue };
            let before = path.as_deref().unwrap_or(text);
            let dialect = dialect(&systems, cell.row);
            let after = match dialect {
                Some(dialect) => {
                    known.entry((entry, dialect)).or_insert_with(|| sql::sanitize(before, dialect)).as_str()
                }
                None => before,
            };
            if after != text {
                edits.update_cells(table.values).str(cell.index, after);
            }
        }
    }
}

fn views<'a>(columns: &[Column], batch: &Batch<'a>) -> Vec<View<'a>> {
    columns.iter().map(|&column| batch.column(column)).collect()
}

fn dialect(systems: &[View<'_>], row: u32) -> Option<Dialect> {
    let system = systems.iter().filter_map(|column| column.text(row)).find(|text| !text.is_empty())?;
    SYSTEMS.iter().find(|(name, _)| system.eq_ignore_ascii_case(name)).map(|(_, dialect)| *dialect)
}

fn tables(
    config: &Config,
    url_keys: &HashSet<String>,
    sql_keys: &HashSet<String>,
    plan: &mut Plan,
) -> Vec<Table> {
    // Sorted: equal configurations must give equal plans.
    let mut keys: Vec<&String> = url_keys.union(sql_keys).collect();
    keys.sort();
    if keys.is_empty() {
        return Vec::new();
    }
    let pattern = keys.iter().map(|key| regex_lite::escape(key)).collect::<Vec<_>>().join("|");
    let values = if config.redact_all_types { ValueType::Text } else { ValueType::Str };
    let table = |scope| {
        let selector = KeySelector::Pattern(format!("^(?:{pattern})$"));
        let values = plan.column(attributes(place(scope, selector)).values(values).update());
        let systems = SYSTEM_KEYS.iter().filter(|_| !sql_keys.is_empty());
        let systems = systems.map(|key| plan.column(attribute(scope, *key))).collect();
        Table { scope, values, systems }
    };
    SCOPES.map(table).into()
}

fn allowed(config: &Config, errors: &mut Errors) -> Vec<Regex> {
    let mut allowed = Vec::new();
    for (i, pattern) in config.allowed_values.iter().enumerate() {
        match Regex::new(pattern) {
            Ok(regex) => allowed.push(regex),
            Err(error) => errors.at(
                format!("/allowed_values/{i}"),
                format!("cannot be matched against span names, which are sanitised: {error}"),
            ),
        }
    }
    allowed
}

impl Names {
    fn process(&self, batch: &Batch<'_>, edits: &mut Edits) {
        let names = batch.column(self.name);
        let kinds = batch.column(self.kind);
        let http = self.http.map(|column| batch.column(column));
        let systems = views(&self.systems, batch);
        let allowed: Vec<bool> = names
            .entries()
            .map(|entry| self.allowed.iter().any(|regex| regex.is_match(entry.text)))
            .collect();
        for span in 0..batch.spans() {
            let (Some(entry), Some(name), Some(kind)) =
                (names.entry_of(span), names.text(span), kinds.int(span))
            else {
                continue;
            };
            if allowed[entry as usize] {
                continue;
            }
            if let Some(new) = path(http, span, name, kind).or_else(|| statement(&systems, span, name, kind))
                && !new.is_empty()
                && new != "..."
            {
                edits.update_cells(self.name).str(span, &new);
            }
        }
    }
}

fn path(http: Option<View<'_>>, span: u32, name: &str, kind: i64) -> Option<String> {
    let http = http?;
    if !matches!(kind, KIND_CLIENT | KIND_SERVER) || http.cells_of(span).is_empty() && !name.contains('/') {
        return None;
    }
    let path = url::sanitize(name);
    (path != name && !url::all_ids(&path)).then_some(path)
}

fn statement(systems: &[View<'_>], span: u32, name: &str, kind: i64) -> Option<String> {
    if !matches!(kind, KIND_CLIENT | KIND_SERVER | KIND_INTERNAL) {
        return None;
    }
    let statement = sql::sanitize(name, dialect(systems, span)?);
    (statement != name).then_some(statement)
}
