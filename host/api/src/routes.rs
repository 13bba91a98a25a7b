//! Which paths exist, which methods they take, and how they are named in metrics.

use http::Method;

/// What a path is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    TraceV1,
    TraceV2,
    Search,
    TagsV1,
    TagsV2,
    TagValuesV1,
    TagValuesV2,
    MetricsRange,
    MetricsInstant,
    Echo,
    BuildInfo,
    Ready,
    Status,
    StatusPage,
    TenantOverrides,
    UsageStats,
    Metrics,
    Flush,
    Shutdown,
    PrepareDownscale,
    Home,
}

/// Which methods a route answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Methods {
    /// Clients use GET; Tempo checks nothing.
    Any,
    Get,
    GetPost,
    GetPostDelete,
}

struct Entry {
    /// `{…}` stands for one element; before `/values` for one or more, since attribute names hold slashes.
    template: &'static str,
    methods: Methods,
    route: Route,
}

const fn entry(template: &'static str, methods: Methods, route: Route) -> Entry {
    Entry { template, methods, route }
}

/// Every path, for matching and for `/status/endpoints`. Paths under `/api` move with the prefix.
static ROUTES: [Entry; 23] = [
    entry("/api/traces/{traceID}", Methods::Any, Route::TraceV1),
    entry("/api/v2/traces/{traceID}", Methods::Any, Route::TraceV2),
    entry("/api/search", Methods::Any, Route::Search),
    entry("/api/search/tags", Methods::Any, Route::TagsV1),
    entry("/api/v2/search/tags", Methods::Any, Route::TagsV2),
    entry("/api/search/tag/{tagName}/values", Methods::Any, Route::TagValuesV1),
    entry("/api/v2/search/tag/{tagName}/values", Methods::Any, Route::TagValuesV2),
    entry("/api/metrics/query_range", Methods::Any, Route::MetricsRange),
    entry("/api/metrics/query", Methods::Any, Route::MetricsInstant),
    entry("/api/echo", Methods::Any, Route::Echo),
    entry("/api/status/buildinfo", Methods::Get, Route::BuildInfo),
    entry("/ready", Methods::Any, Route::Ready),
    entry("/metrics", Methods::Any, Route::Metrics),
    entry("/flush", Methods::GetPost, Route::Flush),
    entry("/shutdown", Methods::GetPost, Route::Shutdown),
    entry("/live-store/prepare-downscale", Methods::GetPostDelete, Route::PrepareDownscale),
    entry("/ingester/prepare-downscale", Methods::GetPostDelete, Route::PrepareDownscale),
    entry("/status", Methods::Get, Route::Status),
    entry("/status/overrides/{tenant}", Methods::Get, Route::TenantOverrides),
    entry("/status/usage-stats", Methods::Get, Route::UsageStats),
    entry("/status/{endpoint}", Methods::Get, Route::StatusPage),
    entry("/", Methods::Get, Route::Home),
    entry("/index.html", Methods::Get, Route::Home),
];

/// The label of requests to no route.
pub(crate) const NO_ROUTE: &str = "other";

/// A request's place in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Matched<'t, 'p> {
    pub(crate) route: Route,
    /// For metrics: a fixed set, whatever paths are asked for.
    pub(crate) label: &'t str,
    /// What stood at the `{…}`, still escaped.
    pub(crate) param: &'p str,
    pub(crate) method_allowed: bool,
}

/// The table under a prefix.
#[derive(Debug)]
pub(crate) struct Table {
    prefix: String,
    labels: Vec<String>,
}

impl Table {
    pub(crate) fn new(prefix: &str) -> Self {
        let prefix = prefix.trim_end_matches('/').to_owned();
        let labels = ROUTES.iter().map(|entry| label(&Self::under(&prefix, entry.template))).collect();
        Self { prefix, labels }
    }

    fn under(prefix: &str, template: &str) -> String {
        let moves = template.starts_with("/api/") || template == "/status/usage-stats";
        if moves { format!("{prefix}{template}") } else { template.to_owned() }
    }

    /// Finds a cleaned path.
    pub(crate) fn find<'t, 'p>(&'t self, method: &Method, path: &'p str) -> Option<Matched<'t, 'p>> {
        ROUTES.iter().zip(&self.labels).find_map(|(entry, label)| {
            let moves = entry.template.starts_with("/api/") || entry.route == Route::UsageStats;
            let path = if moves { path.strip_prefix(self.prefix.as_str())? } else { path };
            let method_allowed = match entry.methods {
                Methods::Any => true,
                Methods::Get => method == Method::GET,
                Methods::GetPost => [Method::GET, Method::POST].contains(method),
                Methods::GetPostDelete => [Method::GET, Method::POST, Method::DELETE].contains(method),
            };
            let param = matches(entry.template, path)?;
            Some(Matched { route: entry.route, label, param, method_allowed })
        })
    }

    /// All paths with their methods, for the endpoints page.
    pub(crate) fn describe(&self) -> Vec<(String, &'static str)> {
        let methods = |methods| match methods {
            Methods::Any => "any",
            Methods::Get => "GET",
            Methods::GetPost => "GET, POST",
            Methods::GetPostDelete => "GET, POST, DELETE",
        };
        ROUTES
            .iter()
            .map(|entry| (Self::under(&self.prefix, entry.template), methods(entry.methods)))
            .collect()
    }
}

/// What stands at the template's parameter, `""` for templates without one.
fn matches<'p>(template: &str, path: &'p str) -> Option<&'p str> {
    let Some((before, rest)) = template.split_once('{') else {
        return (path == template).then_some("");
    };
    let after = rest.split_once('}').map_or("", |(_, after)| after);
    let param = path.strip_prefix(before)?.strip_suffix(after)?;
    let one_element = after.is_empty();
    (!(param.is_empty() || one_element && param.contains('/'))).then_some(param)
}

/// Tempo's route label: everything but letters and digits collapsed to `_`, trimmed, lower case.
fn label(template: &str) -> String {
    let mut label = String::with_capacity(template.len());
    for c in template.chars() {
        if c.is_ascii_alphanumeric() {
            label.push(c.to_ascii_lowercase());
        } else if !label.is_empty() && !label.ends_with('_') {
            label.push('_');
        }
    }
    let trimmed = label.trim_end_matches('_');
    if trimmed.is_empty() { "root".to_owned() } else { trimmed.to_owned() }
}

/// The path without empty, `.` and `..` elements; `None` when it is clean already.
pub(crate) fn cleaned(path: &str) -> Option<String> {
    let dirty = path.contains("//") || path.split('/').any(|element| element == "." || element == "..");
    if !dirty {
        return None;
    }
    let mut elements: Vec<&str> = Vec::new();
    for element in path.split('/') {
        match element {
            "" | "." => {}
            ".." => drop(elements.pop()),
            other => elements.push(other),
        }
    }
    let slash = if path.ends_with('/') && !elements.is_empty() { "/" } else { "" };
    Some(format!("/{}{slash}", elements.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_find_their_route_parameter_and_label() {
        let table = Table::new("");
        let check = |path: &str, expect: Option<(Route, &str, &str)>| {
            let found = table.find(&Method::GET, path).map(|m| (m.route, m.label, m.param));
            assert_eq!(found, expect, "{path}");
        };
        check("/api/traces/12ab", Some((Route::TraceV1, "api_traces_traceid", "12ab")));
        check("/api/traces/", None);
        check("/api/traces/1/", None);
        check("/api/search", Some((Route::Search, "api_search", "")));
        check("/api/search/", None);
        check(
            "/api/v2/search/tag/span.http/url/values",
            Some((Route::TagValuesV2, "api_v2_search_tag_tagname_values", "span.http/url")),
        );
        check("/api/v2/search/tag//values", None);
        check("/status/config", Some((Route::StatusPage, "status_endpoint", "config")));
        check("/status/overrides/t1", Some((Route::TenantOverrides, "status_overrides_tenant", "t1")));
        check("/", Some((Route::Home, "root", "")));
        check("/api/overrides", None);
        check("/api/metrics/summary", None);
    }

    #[test]
    fn the_prefix_moves_api_paths_only() {
        let table = Table::new("/tempo/");
        let label = |path| table.find(&Method::GET, path).map(|m| m.label.to_owned());
        assert_eq!(label("/tempo/api/search").as_deref(), Some("tempo_api_search"));
        assert_eq!(label("/api/search"), None);
        assert_eq!(label("/ready").as_deref(), Some("ready"));
        assert_eq!(label("/tempo/status/usage-stats").as_deref(), Some("tempo_status_usage_stats"));
    }

    #[test]
    fn only_some_routes_look_at_the_method() {
        let table = Table::new("");
        let allowed = |method, path| table.find(&method, path).map(|m| m.method_allowed);
        assert_eq!(allowed(Method::DELETE, "/api/search"), Some(true));
        assert_eq!(allowed(Method::HEAD, "/api/status/buildinfo"), Some(false));
        assert_eq!(allowed(Method::HEAD, "/status"), Some(false));
        assert_eq!(allowed(Method::POST, "/flush"), Some(true));
        assert_eq!(allowed(Method::PUT, "/ready"), Some(true));
    }

    #[test]
    fn double_slashes_and_dots_are_cleaned() {
        let check = |path: &str, expect: Option<&str>| assert_eq!(cleaned(path).as_deref(), expect, "{path}");
        check("/api//search", Some("/api/search"));
        check("//api/search/", Some("/api/search/"));
        check("/api/../ready", Some("/ready"));
        check("/../..", Some("/"));
        check("/api/search", None);
    }
}
