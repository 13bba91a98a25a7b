//! The operator's pages: plain text tables, and the page at `/`.

use crate::routes::Table;
use crate::{Api, ConfigMode, Service};
use std::fmt::Write;

/// A page below `/status/`.
pub(crate) fn status_page(api: &Api, table: &Table, name: &str, mode: Option<&str>) -> Option<String> {
    let mode = match mode {
        Some("diff") => ConfigMode::Diff,
        Some("defaults") => ConfigMode::Defaults,
        _ => ConfigMode::Full,
    };
    Some(match name {
        "version" => version(api),
        "services" => services(&api.status.services()),
        "endpoints" => endpoints(table),
        "config" => format!("GET /status/config\n---\n{}", api.status.config(mode)),
        "runtime_config" => format!("GET /status/runtime_config\n---\n{}", api.status.runtime_config(mode)),
        "overrides" => api.status.overrides(None),
        "plugins" => api.status.plugins(),
        _ => return None,
    })
}

/// Everything at once.
pub(crate) fn status(api: &Api, table: &Table) -> String {
    let mut text = String::new();
    for name in ["version", "services", "endpoints", "runtime_config", "config"] {
        let page = status_page(api, table, name, None).unwrap_or_default();
        let heading = if page.starts_with("GET ") { String::new() } else { format!("GET /status/{name}\n") };
        text += &heading;
        text += page.trim_end();
        text += "\n\n";
    }
    text
}

fn version(api: &Api) -> String {
    let build = api.status.build();
    format!(
        "tempo, version {} (branch: {}, revision: {})\n  build user:       {}\n  build date:       {}\n  \
         tool chain:       {}\n  server:           cadenza\n",
        build.version, build.branch, build.revision, build.build_user, build.build_date, build.go_version
    )
}

fn services(services: &[Service]) -> String {
    let rows = services.iter().map(|s| [s.name.as_str(), s.state.as_str(), s.failure.as_str()]);
    text_table([["service name", "status", "failure case"]].into_iter().chain(rows))
}

fn endpoints(routes: &Table) -> String {
    let rows = routes.describe();
    let rows = rows.iter().map(|(path, methods)| [path.as_str(), *methods]);
    text_table([["path", "methods"]].into_iter().chain(rows))
}

/// Columns padded to their widest cell, two blanks between them.
fn text_table<'a, const N: usize>(rows: impl Iterator<Item = [&'a str; N]>) -> String {
    let rows: Vec<_> = rows.collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            write!(line, "{cell:<width$}  ").expect("writing to a string");
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// The page at `/`: where things are. Nothing of the request or of any tenant's data appears in it.
pub(crate) fn home(api: &Api) -> String {
    let prefix = escape(&api.config.http_api_prefix);
    let version = escape(&api.status.build().version);
    let state = if api.status.ready().is_ok() { "ready" } else { "not ready" };
    format!(
        r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Cadenza</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem}}
code{{background:#8882;padding:.1em .3em;border-radius:3px}}li{{margin:.3em 0}}</style></head><body>
<h1>Cadenza</h1>
<p>A drop-in for Grafana Tempo (API {version}). State: <strong>{state}</strong>.</p>
<p>Point a Grafana data source of type Tempo at this address, and an OpenTelemetry exporter at the OTLP
ports.</p>
<ul>
<li><a href="{prefix}/api/search?q=%7B%7D">The newest traces</a> — <code>{prefix}/api/search?q={{}}</code></li>
<li><a href="{prefix}/api/search?q=%7Bstatus%3Derror%7D">The newest failed traces</a> —
<code>{prefix}/api/search?q={{status=error}}</code></li>
<li>One trace: <code>{prefix}/api/v2/traces/&lt;id&gt;</code></li>
<li><a href="{prefix}/api/v2/search/tags">Attribute names</a>,
<a href="{prefix}/api/v2/search/tag/resource.service.name/values">service names</a></li>
<li><a href="/ready">Ready?</a> <a href="/status">Status</a> <a href="/status/services">Services</a>
<a href="/status/plugins">Plugins</a>
<a href="/status/config">Configuration</a> <a href="/status/overrides">Limits</a>
<a href="/status/endpoints">All paths</a> <a href="/metrics">Metrics</a></li>
</ul></body></html>
"#
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_align() {
        let services = services(&[
            Service { name: "query-frontend".into(), state: "Running".into(), failure: String::new() },
            Service { name: "store".into(), state: "Failed".into(), failure: "disk full".into() },
        ]);
        expect_test::expect![[r"
            service name    status   failure case
            query-frontend  Running
            store           Failed   disk full
        "]]
        .assert_eq(&services);
    }

    #[test]
    fn html_is_escaped() {
        assert_eq!(escape("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
    }
}
