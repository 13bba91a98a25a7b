//! Whose data a request is about: `X-Scope-OrgID`.

use crate::{ApiError, Config};
use cadenza_model::TenantId;
use http::HeaderMap;

/// The header that names the tenant, or several joined by `|`.
pub const TENANT_HEADER: &str = "x-scope-orgid";

/// More tenants than anyone joins in one query; each costs a snapshot and a block list.
const TENANTS_MAX: usize = 256;

/// The tenants of a query: sorted, each once.
pub(crate) fn tenants(config: &Config, headers: &HeaderMap) -> Result<Vec<TenantId>, ApiError> {
    if !config.multitenancy_enabled {
        return Ok(vec![TenantId::single()]);
    }
    let header = headers.get(TENANT_HEADER).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let header = header.unwrap_or_default();
    let mut tenants = Vec::new();
    for part in header.split('|') {
        tenants.push(TenantId::parse(part)?);
        if tenants.len() > TENANTS_MAX {
            return Err(ApiError::bad_request(format!("more than {TENANTS_MAX} org IDs in one query")));
        }
    }
    tenants.sort();
    tenants.dedup();
    if tenants.len() > 1 && !config.multi_tenant_queries_enabled {
        return Err(ApiError::bad_request("multiple org IDs present"));
    }
    Ok(tenants)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn resolve(config: &Config, header: Option<&[u8]>) -> Result<Vec<String>, (u16, String)> {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(TENANT_HEADER, HeaderValue::from_bytes(header).expect("a header value"));
        }
        tenants(config, &headers)
            .map(|ids| ids.iter().map(|id| id.as_str().to_owned()).collect())
            .map_err(|error| (error.status.as_u16(), error.message))
    }

    #[test]
    fn multi_tenant_headers() {
        let config = Config { multitenancy_enabled: true, ..Config::default() };
        let ok = |header: &str, expect: &[&str]| {
            let expect = expect.iter().map(|&id| id.to_owned()).collect();
            assert_eq!(resolve(&config, Some(header.as_bytes())), Ok(expect), "{header}");
        };
        ok("b|a|b", &["a", "b"]);
        ok("t1|t1", &["t1"]);
        ok("123:a=b", &["123"]);
        let refused = |header: Option<&[u8]>, status: u16, text: &str| {
            assert_eq!(resolve(&config, header), Err((status, text.to_owned())));
        };
        refused(None, 401, "no org id");
        refused(Some(b""), 401, "no org id");
        refused(Some(b"a b"), 400, "tenant ID 'a b' contains unsupported character ' '");
        refused(Some(b".."), 400, "tenant ID is '.' or '..'");
        refused(Some(&[b'x'; 151]), 400, "tenant ID is too long: max 150 characters");
        refused(Some("é".as_bytes()), 400, "tenant ID 'é' contains unsupported character 'é'");
        let many = (0..=TENANTS_MAX).map(|i| i.to_string()).collect::<Vec<_>>().join("|");
        refused(Some(many.as_bytes()), 400, "more than 256 org IDs in one query");
    }

    #[test]
    fn several_tenants_can_be_forbidden() {
        let config =
            Config { multitenancy_enabled: true, multi_tenant_queries_enabled: false, ..Config::default() };
        assert_eq!(resolve(&config, Some(b"a|b")), Err((400, "multiple org IDs present".to_owned())));
        assert_eq!(resolve(&config, Some(b"a|a")), Ok(vec!["a".to_owned()]));
    }

    #[test]
    fn a_single_tenant_server_ignores_the_header() {
        assert_eq!(resolve(&Config::default(), Some(b"..")), Ok(vec!["single-tenant".to_owned()]));
    }
}
