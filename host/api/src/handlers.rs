//! One function per kind of request: parameters in, answer out.

use crate::error::CLIENT_CLOSED;
use crate::metrics::{Op, QueryEnd};
use crate::negotiate::Form;
use crate::query_string::{QueryString, decode};
use crate::routes::Route;
use crate::server::{Call, Shared};
use crate::tempopb::LlmTagValues;
use crate::{Api, ApiError, convert, json, pages, params, tenant, trace_body};
use axum::response::{IntoResponse, Response};
use cadenza_model::TenantId;
use cadenza_query::{
    Inspected, Missing, SearchRequest, TagNamesRequest, TagSelector, TagValuesRequest, TraceRequest,
};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use std::time::Duration;

pub(crate) const JSON: &str = "application/json";
const PROTOBUF: &str = "application/protobuf";
const LLM: &str = "application/vnd.grafana.llm+json";
const TEXT: &str = "text/plain; charset=utf-8";
/// The exposition format's own type.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a trace by id v1 lacks: its body has no place to say so.
const PARTIAL_HEADER: HeaderName = HeaderName::from_static("x-cadenza-partial");

/// Answers a request to a route.
pub(crate) async fn answer(shared: &Shared, route: Route, call: &Call) -> Result<Response, ApiError> {
    let api = &shared.api;
    let query = QueryString::parse(call.uri.query().unwrap_or_default());
    match route {
        Route::TraceV1 => trace(api, call, &query, false).await,
        Route::TraceV2 => trace(api, call, &query, true).await,
        Route::Search => search(api, call, &query).await,
        Route::TagsV1 => tag_names(api, call, &query, false).await,
        Route::TagsV2 => tag_names(api, call, &query, true).await,
        Route::TagValuesV1 => tag_values(api, call, &query, false).await,
        Route::TagValuesV2 => tag_values(api, call, &query, true).await,
        Route::MetricsRange | Route::MetricsInstant => metrics_query(api, call, &query),
        Route::Echo => Ok(body(TEXT, "echo\n")),
        Route::BuildInfo => Ok(body(JSON, json::to_vec(&api.status.build()))),
        Route::Ready => match api.status.ready() {
            Ok(()) => Ok(body(TEXT, "ready\n")),
            Err(message) => Err(ApiError::unavailable(message)),
        },
        Route::Metrics => Ok(body(EXPOSITION, api.status.metrics())),
        Route::Status => Ok(body(TEXT, pages::status(api, &shared.table))),
        Route::StatusPage => pages::status_page(api, &shared.table, &call.param, query.get("mode"))
            .map(|page| body(TEXT, page))
            .ok_or_else(ApiError::no_such_page),
        Route::UsageStats => Ok(body(TEXT, "usage-stats is not enabled\n")),
        Route::TenantOverrides => {
            let name = decode(&call.param, false).ok_or_else(ApiError::no_such_page)?;
            Ok(body(TEXT, api.status.overrides(Some(&TenantId::parse(&name)?))))
        }
        Route::Flush => {
            let tenant = query.get("tenant").map(TenantId::parse).transpose()?;
            api.status.flush(tenant).await?;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        Route::Shutdown => {
            api.status.shutdown().await?;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        Route::PrepareDownscale if call.method == Method::GET => {
            let word = if api.status.is_downscale_prepared() { "set\n" } else { "unset\n" };
            Ok(body(TEXT, word))
        }
        Route::PrepareDownscale => {
            api.status.prepare_downscale(call.method == Method::POST).await?;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        Route::Home => Ok(body("text/html; charset=utf-8", pages::home(api))),
    }
}

fn body(content_type: &'static str, bytes: impl IntoResponse) -> Response {
    ([(header::CONTENT_TYPE, content_type)], bytes).into_response()
}

/// An answer in the form the client asked for; messages without a form for language models are JSON.
fn message<M: prost::Message + serde::Serialize>(form: Form, message: &M) -> Response {
    match form {
        Form::Protobuf => body(PROTOBUF, message.encode_to_vec()),
        Form::Json | Form::Llm => body(JSON, json::to_vec(message)),
    }
}

/// A query being counted. Dropped unfinished, it counts as canceled.
struct Counted<'a> {
    api: &'a Api,
    tenant: String,
    op: Op,
    started: Duration,
    end: QueryEnd,
}

impl<'a> Counted<'a> {
    fn new(api: &'a Api, tenants: &[TenantId], op: Op) -> Self {
        let slo_ms = if op == Op::Traces { api.config.trace_slo_ms } else { api.config.search_slo_ms };
        let end = QueryEnd {
            status: CLIENT_CLOSED,
            elapsed: Duration::ZERO,
            slo_ms,
            inspected_bytes: 0,
            partial: false,
        };
        let tenant = tenants.iter().map(TenantId::as_str).collect::<Vec<_>>().join("|");
        Self { api, tenant, op, started: api.clock.monotonic(), end }
    }

    /// Notes how the answer came about.
    fn inspected(&mut self, inspected: &Inspected, missing: &Missing) {
        self.end.inspected_bytes = inspected.bytes;
        self.end.partial = !missing.is_empty();
        if self.end.partial {
            tracing::warn!(tenant = self.tenant, op = self.op.name(), missing = ?missing.0, "partial answer");
        }
    }

    fn ended(mut self, answer: Result<Response, ApiError>) -> Result<Response, ApiError> {
        self.end.status = match &answer {
            Ok(response) => response.status().as_u16(),
            Err(error) => error.status.as_u16(),
        };
        if let Err(error) = &answer
            && error.status.is_server_error()
        {
            tracing::error!(tenant = self.tenant, op = self.op.name(), error = error.message, "query failed");
        }
        answer
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.end.elapsed = self.api.clock.monotonic().saturating_sub(self.started);
        self.api.metrics.query_ended(&self.tenant, self.op, self.end);
    }
}

async fn trace(api: &Api, call: &Call, query: &QueryString, v2: bool) -> Result<Response, ApiError> {
    let tenants = tenant::tenants(&api.config, &call.headers)?;
    let mut counted = Counted::new(api, &tenants, Op::Traces);
    let answer = async {
        let id = params::trace_id(&decode(&call.param, false).unwrap_or_else(|| call.param.clone()))?;
        let sources = params::trace_sources(query)?;
        let request = TraceRequest { tenants, id, allow_partial: v2, sources };
        let answer = api.query.trace(request).await?;
        counted.inspected(&answer.inspected, &answer.missing);
        let form = Form::of(&call.headers);
        if answer.rows.is_empty() && !v2 {
            // v1 has no word for "partial", and 404 says that the trace does not exist.
            return Err(match trace_body::partial_message(&answer) {
                Some(missing) => ApiError::incomplete(&missing),
                None => ApiError::not_found(),
            });
        }
        let (bytes, content_type) = match (form, v2) {
            (Form::Protobuf, true) => (trace_body::protobuf_v2(&answer), PROTOBUF),
            (Form::Protobuf, false) => (trace_body::protobuf_v1(&answer), PROTOBUF),
            (Form::Llm, true) => (trace_body::llm(&answer), LLM),
            (Form::Json, true) => (trace_body::json_v2(&answer), JSON),
            (Form::Json | Form::Llm, false) => (trace_body::json_v1(&answer), JSON),
        };
        let mut response = body(content_type, bytes);
        let partial = trace_body::partial_message(&answer).filter(|_| !v2);
        if let Some(partial) = partial.and_then(|text| HeaderValue::try_from(text).ok()) {
            response.headers_mut().insert(PARTIAL_HEADER, partial);
        }
        Ok(response)
    }
    .await;
    counted.ended(answer)
}

async fn search(api: &Api, call: &Call, query: &QueryString) -> Result<Response, ApiError> {
    let tenants = tenant::tenants(&api.config, &call.headers)?;
    let mut counted = Counted::new(api, &tenants, Op::Search);
    let answer = async {
        let range_max_s = tenants
            .iter()
            .map(|tenant| api.limits.query_limits(tenant).search_range_max_s)
            .filter(|&seconds| seconds > 0)
            .min()
            .unwrap_or(0);
        let params = params::search(&api.config, query, range_max_s, api.clock.unix_seconds())?;
        let request = SearchRequest {
            tenants,
            filter: params.filter,
            range: params.range,
            limit: params.limit,
            spans_per_spanset: params.spans_per_spanset,
        };
        let answer = api.query.search(request).await?;
        counted.inspected(&answer.inspected, &answer.missing);
        Ok(message(Form::of(&call.headers), &convert::search(answer)))
    }
    .await;
    counted.ended(answer)
}

async fn tag_names(api: &Api, call: &Call, query: &QueryString, v2: bool) -> Result<Response, ApiError> {
    let tenants = tenant::tenants(&api.config, &call.headers)?;
    let mut counted = Counted::new(api, &tenants, Op::Metadata);
    let answer = async {
        let scopes = params::scopes(query, v2)?;
        let filter = if v2 { query.get("q").unwrap_or_default() } else { "" };
        params::check_query_size(&api.config, filter)?;
        let request = TagNamesRequest {
            tenants,
            scopes,
            query: filter.to_owned(),
            range: params::range(&api.config, query, api.clock.unix_seconds())?,
            limit_per_scope: params::tag_limit(query)?,
        };
        let answer = api.query.tag_names(request).await?;
        counted.inspected(&answer.inspected, &answer.missing);
        let form = Form::of(&call.headers);
        Ok(if v2 {
            message(form, &convert::tags_v2(answer))
        } else {
            message(form, &convert::tags_v1(answer))
        })
    }
    .await;
    counted.ended(answer)
}

async fn tag_values(api: &Api, call: &Call, query: &QueryString, v2: bool) -> Result<Response, ApiError> {
    let tenants = tenant::tenants(&api.config, &call.headers)?;
    let mut counted = Counted::new(api, &tenants, Op::Metadata);
    let answer = async {
        let name = decode(&call.param, false)
            .ok_or_else(|| ApiError::bad_request("please provide a valid tagName: broken percent escape"))?;
        let filter = if v2 { query.get("q").unwrap_or_default() } else { "" };
        params::check_query_size(&api.config, filter)?;
        let request = TagValuesRequest {
            tenants,
            tag: if v2 { TagSelector::TraceQl(name) } else { TagSelector::Bare(name) },
            query: filter.to_owned(),
            range: params::range(&api.config, query, api.clock.unix_seconds())?,
            limit: params::tag_limit(query)?,
        };
        let answer = api.query.tag_values(request).await?;
        counted.inspected(&answer.inspected, &answer.missing);
        let form = Form::of(&call.headers);
        if !v2 {
            return Ok(message(form, &convert::tag_values_v1(answer)));
        }
        let answer = convert::tag_values_v2(answer);
        Ok(match form {
            Form::Llm => body(LLM, json::to_vec(&LlmTagValues(&answer))),
            _ => message(form, &answer),
        })
    }
    .await;
    counted.ended(answer)
}

/// TraceQL metrics are a later version's; say so instead of answering something else.
fn metrics_query(api: &Api, call: &Call, query: &QueryString) -> Result<Response, ApiError> {
    let tenants = tenant::tenants(&api.config, &call.headers)?;
    let counted = Counted::new(api, &tenants, Op::Metrics);
    let text = query.get("q").or_else(|| query.get("query")).unwrap_or_default();
    let function = METRICS_FUNCTIONS.iter().find(|name| text.contains(*name));
    let construct = match function {
        Some(name) => format!("{name}()"),
        None => "metrics queries".to_owned(),
    };
    counted.ended(Err(ApiError::bad_request(format!(
        "invalid TraceQL query: {construct} not yet supported: TraceQL metrics are not available in this version"
    ))))
}

/// Longest names first where one is the end of another's.
const METRICS_FUNCTIONS: [&str; 9] = [
    "count_over_time",
    "min_over_time",
    "max_over_time",
    "avg_over_time",
    "sum_over_time",
    "quantile_over_time",
    "histogram_over_time",
    "compare",
    "rate",
];
