//! Query parameters into validated requests, with Tempo's texts for what is refused.

use crate::duration::{format_go_seconds, parse_go, parse_prometheus};
use crate::query_string::QueryString;
use crate::{ApiError, Config, logfmt};
use cadenza_model::TraceId;
use cadenza_query::{LegacyFilter, SearchFilter, Sources, TagScope, TimeRange};

/// A search without its tenants.
#[derive(Debug)]
pub(crate) struct SearchParams {
    pub(crate) filter: SearchFilter,
    pub(crate) range: TimeRange,
    pub(crate) limit: usize,
    pub(crate) spans_per_spanset: usize,
}

/// Parses the id in a trace path.
pub(crate) fn trace_id(text: &str) -> Result<TraceId, ApiError> {
    if let Some((at, c)) = text.chars().enumerate().find(|(_, c)| !c.is_ascii_hexdigit()) {
        return Err(ApiError::bad_request(format!(
            "trace IDs can only contain hex characters: invalid character '{c}' at position {}",
            at + 1
        )));
    }
    TraceId::parse(text).ok_or_else(|| ApiError::bad_request("trace IDs can't be larger than 128 bits"))
}

/// Checks the parameters of a trace request. Times are only checked: they never hide a trace.
pub(crate) fn trace_sources(query: &QueryString) -> Result<Sources, ApiError> {
    let start = query.get("start").map(|text| int("start", text)).transpose()?;
    let end = query.get("end").map(|text| int("end", text)).transpose()?;
    if let (Some(start), Some(end)) = (start, end) {
        check_order(start, end)?;
    }
    for name in ["blockStart", "blockEnd"] {
        if let Some(text) = query.get(name)
            && !is_uuid(text)
        {
            return Err(ApiError::bad_request(format!("invalid value for {name}: {text:?} is not a UUID")));
        }
    }
    match query.get("mode").unwrap_or("all") {
        "all" => Ok(Sources::All),
        "ingesters" => Ok(Sources::Recent),
        "blocks" => Ok(Sources::Stored),
        "external" => {
            Err(ApiError::bad_request("mode external needs an external endpoint, none is configured"))
        }
        other => Err(ApiError::bad_request(format!("invalid value for mode {other:?}"))),
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// Parses a search. `range_max_s`: the tenant's longest range, 0 = the server's. `now_s`: the clock.
pub(crate) fn search(
    config: &Config,
    query: &QueryString,
    range_max_s: u64,
    now_s: u64,
) -> Result<SearchParams, ApiError> {
    let limit = match query.get("limit") {
        None => config.search_limit_default,
        Some(text) => {
            let limit = usize::try_from(int("limit", text)?).unwrap_or(0);
            if limit == 0 {
                return Err(ApiError::bad_request("invalid limit: must be a positive number"));
            }
            if config.search_limit_max > 0 && limit > config.search_limit_max {
                return Err(ApiError::bad_request(format!(
                    "limit {limit} exceeds max limit {}",
                    config.search_limit_max
                )));
            }
            limit
        }
    };
    let spans_per_spanset = match query.get("spss") {
        None => config.spans_per_spanset_default,
        Some(text) => {
            let spans = uint("spss", text)?;
            let max = config.spans_per_spanset_max as u64;
            if max > 0 && spans > max {
                return Err(ApiError::bad_request(format!(
                    "spans per span set exceeds {max}. received {spans}"
                )));
            }
            // Asked for explicitly, 0 means every span.
            if spans == 0 { usize::MAX } else { usize::try_from(spans).unwrap_or(usize::MAX) }
        }
    };
    let filter = filter(config, query)?;
    let range = range(config, query, now_s)?;
    let range_max_s = if range_max_s > 0 { range_max_s } else { config.search_range_max_s };
    if range_max_s > 0 && range.end_s - range.start_s > range_max_s {
        return Err(ApiError::bad_request(format!(
            "range specified by start and end exceeds {}. received start={} end={}",
            format_go_seconds(range_max_s),
            range.start_s,
            range.end_s
        )));
    }
    Ok(SearchParams { filter, range, limit, spans_per_spanset })
}

fn filter(config: &Config, query: &QueryString) -> Result<SearchFilter, ApiError> {
    let duration_min_ns = duration(query, "minDuration")?;
    let duration_max_ns = duration(query, "maxDuration")?;
    if duration_max_ns > 0 && duration_max_ns <= duration_min_ns {
        return Err(ApiError::bad_request("invalid maxDuration: must be greater than minDuration"));
    }
    let tags = query.get("tags");
    if let Some(text) = query.get("q") {
        if tags.is_some() {
            return Err(ApiError::bad_request("invalid request: can't specify tags and q in the same query"));
        }
        check_query_size(config, text)?;
        // Durations were checked, but a TraceQL query says its own.
        return Ok(SearchFilter::TraceQl(text.to_owned()));
    }
    let pairs = match tags {
        Some(text) => {
            logfmt::parse(text).map_err(|error| ApiError::bad_request(format!("invalid tags: {error}")))?
        }
        None if ["start", "end"].iter().any(|name| query.get(name).is_some()) => Vec::new(),
        None => query
            .pairs()
            .filter(|(name, _)| !SEARCH_PARAMS.contains(name))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    };
    let mut seen: Vec<(String, String)> = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        if seen.iter().any(|(other, _)| *other == key) {
            return Err(ApiError::bad_request(format!("invalid tags: tag {key} has been set twice")));
        }
        seen.push((key, value));
    }
    Ok(SearchFilter::Legacy(LegacyFilter { tags: seen, duration_min_ns, duration_max_ns }))
}

/// Parameters that never become legacy tag filters.
const SEARCH_PARAMS: [&str; 10] = [
    "q",
    "tags",
    "minDuration",
    "maxDuration",
    "limit",
    "start",
    "end",
    "since",
    "spss",
    "skip_ast_transformations",
];

/// Refuses an expression that is too long to be worth parsing.
pub(crate) fn check_query_size(config: &Config, text: &str) -> Result<(), ApiError> {
    if text.len() <= config.query_bytes_max {
        return Ok(());
    }
    Err(ApiError::bad_request(format!(
        "TraceQL expression exceeds the configured maximum size of {} bytes, reduce the query expression \
         size or contact your system administrator",
        config.query_bytes_max
    )))
}

/// Resolves `start`, `end` and `since`.
pub(crate) fn range(config: &Config, query: &QueryString, now_s: u64) -> Result<TimeRange, ApiError> {
    if let Some(text) = query.get("since") {
        let since_ns = parse_prometheus(text)
            .map_err(|error| ApiError::bad_request(format!("invalid since: {error}")))?;
        // The running second is included: what was acknowledged in it is found.
        let end_s = now_s + 1;
        return Ok(cutoff(config, now_s, end_s.saturating_sub(since_ns / 1_000_000_000), end_s));
    }
    let start = query.get("start").map(|text| seconds("start", text)).transpose()?.filter(|&s| s != 0);
    let end = query.get("end").map(|text| seconds("end", text)).transpose()?.filter(|&s| s != 0);
    match (start, end) {
        (Some(start), Some(end)) => {
            check_order(start as i64, end as i64)?;
            Ok(cutoff(config, now_s, start, end))
        }
        (None, None) => {
            let end_s = (now_s + 1).saturating_sub(config.query_end_cutoff_s);
            let start_s = now_s.saturating_sub(config.query_backend_after_s).min(end_s);
            Ok(TimeRange { start_s, end_s })
        }
        _ => Err(ApiError::bad_request(
            "error parsing date range: only one of start and end provided: must provide both or neither",
        )),
    }
}

/// Applies `query_end_cutoff` when it is set; unset, the future is searched too (clocks differ).
fn cutoff(config: &Config, now_s: u64, start_s: u64, end_s: u64) -> TimeRange {
    let latest = now_s.saturating_sub(config.query_end_cutoff_s);
    if config.query_end_cutoff_s == 0 || end_s <= latest {
        return TimeRange { start_s, end_s };
    }
    let start_s = if start_s > latest {
        now_s.saturating_sub(config.query_backend_after_s).min(latest)
    } else {
        start_s
    };
    TimeRange { start_s, end_s: latest }
}

fn check_order(start: i64, end: i64) -> Result<(), ApiError> {
    if start < end {
        return Ok(());
    }
    Err(ApiError::bad_request(format!(
        "http parameter start must be before end. received start={start} end={end}"
    )))
}

/// The scopes a `scope` parameter asks for; `v2` adds intrinsics to an unscoped request.
pub(crate) fn scopes(query: &QueryString, v2: bool) -> Result<Vec<TagScope>, ApiError> {
    let scope = query.get("scope").unwrap_or("none");
    if scope == "none" {
        let intrinsic = v2.then_some(TagScope::Intrinsic);
        return Ok(TagScope::ATTRIBUTES.into_iter().chain(intrinsic).collect());
    }
    // There is such a scope in the language, but no attribute lives in it.
    if scope == "trace" {
        return Ok(Vec::new());
    }
    TagScope::ATTRIBUTES
        .into_iter()
        .chain([TagScope::Intrinsic])
        .find(|known| known.name() == scope)
        .map(|known| vec![known])
        .ok_or_else(|| ApiError::bad_request(format!("invalid scope: {scope}")))
}

/// The `limit` of tag requests; 0 = none.
pub(crate) fn tag_limit(query: &QueryString) -> Result<usize, ApiError> {
    // Only checked: every block is asked, so no answer is stale.
    if let Some(text) = query.get("maxStaleValues") {
        uint("maxStaleValues", text)?;
    }
    let limit = query.get("limit").map_or(Ok(0), |text| uint("limit", text))?;
    Ok(usize::try_from(limit).unwrap_or(usize::MAX))
}

fn duration(query: &QueryString, name: &str) -> Result<u64, ApiError> {
    let Some(text) = query.get(name) else { return Ok(0) };
    let ns = parse_go(text).map_err(|error| ApiError::bad_request(format!("invalid {name}: {error}")))?;
    Ok(u64::try_from(ns).unwrap_or(0))
}

fn seconds(name: &str, text: &str) -> Result<u64, ApiError> {
    let number = uint(name, text)?;
    if number > u64::from(u32::MAX) {
        return Err(out_of_range(name, "ParseUint", text));
    }
    Ok(number)
}

fn uint(name: &str, text: &str) -> Result<u64, ApiError> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad_syntax(name, "ParseUint", text));
    }
    text.parse().map_err(|_| out_of_range(name, "ParseUint", text))
}

fn int(name: &str, text: &str) -> Result<i64, ApiError> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad_syntax(name, "ParseInt", text));
    }
    text.parse().map_err(|_| out_of_range(name, "ParseInt", text))
}

fn bad_syntax(name: &str, function: &str, text: &str) -> ApiError {
    ApiError::bad_request(format!("invalid {name}: strconv.{function}: parsing {text:?}: invalid syntax"))
}

fn out_of_range(name: &str, function: &str, text: &str) -> ApiError {
    ApiError::bad_request(format!("invalid {name}: strconv.{function}: parsing {text:?}: value out of range"))
}
