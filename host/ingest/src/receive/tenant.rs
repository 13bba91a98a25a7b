//! Who a request belongs to.

use crate::admit::table::Reason;
use crate::error::Refusal;
use cadenza_model::TenantId;
use http::HeaderMap;

/// HTTP header and gRPC metadata key.
const HEADER: &str = "x-scope-orgid";

/// The tenant of a request. With tenancy off, headers are not even looked at.
pub(super) fn tenant_of(headers: &HeaderMap, multitenancy_enabled: bool) -> Result<TenantId, Refusal> {
    if !multitenancy_enabled {
        return Ok(TenantId::single());
    }
    let mut values = headers.get_all(HEADER).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Refusal::new(Reason::NoTenant, "no org id", None));
    };
    let bad = |message: String| Refusal::new(Reason::BadTenant, message, None);
    let text = String::from_utf8_lossy(value.as_bytes());
    let mut tenants = Vec::new();
    // Several ids that mean one tenant are one tenant.
    for part in text.split('|').take(TENANTS_LISTED_MAX) {
        tenants.push(TenantId::parse(part).map_err(|error| bad(error.to_string()))?);
    }
    tenants.sort();
    tenants.dedup();
    match <[TenantId; 1]>::try_from(tenants) {
        Ok([tenant]) if text.matches('|').count() < TENANTS_LISTED_MAX => Ok(tenant),
        _ => Err(bad("multiple org IDs present".to_owned())),
    }
}

/// Ids looked at in one header; more than these are several tenants anyway.
const TENANTS_LISTED_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[&str], expect: Result<&str, (u16, &str)>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HEADER, http::HeaderValue::from_bytes(value.as_bytes()).expect("a header value"));
        }
        let found = tenant_of(&headers, true);
        let found = found.as_ref().map(TenantId::as_str);
        assert_eq!(found.map_err(|refusal| (refusal.reason.row().http, refusal.message.as_str())), expect);
    }

    #[test]
    fn tenant_header_is_read_as_tempo_reads_it() {
        check(&[], Err((503, "no org id")));
        check(&["a", "b"], Err((503, "no org id")));
        check(&[""], Err((400, "no org id")));
        check(&["a"], Ok("a"));
        check(&["a|a"], Ok("a"));
        check(&["a|b"], Err((400, "multiple org IDs present")));
        check(&["team:product=x"], Ok("team"));
        check(&["."], Err((400, "tenant ID is '.' or '..'")));
        check(&["a/b"], Err((400, "tenant ID 'a/b' contains unsupported character '/'")));
        check(&["é"], Err((400, "tenant ID 'é' contains unsupported character 'é'")));
        check(&["a".repeat(150).as_str()], Ok("a".repeat(150).as_str()));
        check(&["a".repeat(151).as_str()], Err((400, "tenant ID is too long: max 150 characters")));
        check(&["a|".repeat(20).as_str()], Err((400, "multiple org IDs present")));
    }

    #[test]
    fn without_tenancy_the_header_is_ignored() {
        let mut headers = HeaderMap::new();
        headers.append(HEADER, "a|b".parse().expect("a header value"));
        assert_eq!(tenant_of(&headers, false).expect("ignored").as_str(), "single-tenant");
    }
}
