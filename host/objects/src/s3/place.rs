//! Where a bucket is: endpoint, region, and how it is addressed.

use super::{Config, Lookup};
use crate::{ObjectsError, Variables};

/// What the requests of a store are sent to and signed for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// With its scheme; with the bucket in front where that is addressed by host.
    pub(super) endpoint: String,
    pub(super) region: String,
    pub(super) by_host: bool,
    pub(super) sts_endpoint: String,
}

/// Signed for where neither the configuration nor the environment says otherwise: what servers that only
/// speak the protocol expect.
const REGION_DEFAULT: &str = "us-east-1";

impl Place {
    pub(super) fn of(config: &Config, variables: Variables<'_>) -> Result<Self, ObjectsError> {
        let endpoint = config.endpoint.trim_end_matches('/');
        if endpoint.contains("://") {
            let reason = "is a host and a port, without a scheme (insecure: true makes it HTTP)";
            return Err(ObjectsError::setting("s3.endpoint", reason));
        }
        let from_variables = || {
            ["AWS_REGION", "AWS_DEFAULT_REGION"]
                .iter()
                .find_map(|name| variables(name))
                .filter(|r| !r.is_empty())
        };
        let region = Some(config.region.clone()).filter(|region| !region.is_empty());
        let region = region.or_else(|| region_of(endpoint)).or_else(from_variables);
        let region = match (region, endpoint.is_empty()) {
            (Some(region), _) => region,
            (None, false) => REGION_DEFAULT.to_owned(),
            (None, true) => {
                return Err(ObjectsError::setting("s3.region", "is missing, and so is s3.endpoint"));
            }
        };
        let domain = domain(&region);
        let host = match (endpoint.is_empty(), config.dual_stack) {
            (true, false) => format!("s3.{region}.{domain}"),
            (true, true) => format!("s3.dualstack.{region}.{domain}"),
            (false, true) if is_amazons(endpoint) && !endpoint.contains("dualstack") => {
                format!("s3.dualstack.{region}.{domain}")
            }
            (false, _) => endpoint.to_owned(),
        };
        let by_host = match config.lookup {
            Lookup::Host => true,
            Lookup::Path => false,
            // A certificate for all buckets does not cover a name with dots.
            Lookup::Auto => is_amazons(&host) && (config.http.insecure || !config.bucket.contains('.')),
        };
        let scheme = if config.http.insecure { "http" } else { "https" };
        let bucket = if by_host { format!("{}.", config.bucket) } else { String::new() };
        let sts_endpoint =
            ["AWS_ENDPOINT_URL_STS", "AWS_STS_ENDPOINT"].iter().find_map(|name| variables(name));
        Ok(Self {
            endpoint: format!("{scheme}://{bucket}{host}"),
            by_host,
            sts_endpoint: sts_endpoint.unwrap_or_else(|| format!("https://sts.{region}.{domain}")),
            region,
        })
    }
}

fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

fn is_amazons(host: &str) -> bool {
    host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn")
}

/// The region in one of Amazon's host names.
fn region_of(endpoint: &str) -> Option<String> {
    let name = endpoint.strip_suffix(".cn").unwrap_or(endpoint).strip_suffix(".amazonaws.com")?;
    let name = name.strip_prefix("s3.dualstack.").or(name.strip_prefix("s3.")).or(name.strip_prefix("s3-"))?;
    (!name.is_empty() && !name.contains('.')).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        change: impl FnOnce(&mut Config),
        variables: &[(&str, &str)],
        expect: Result<(&str, &str, bool), &str>,
    ) {
        let mut config = Config { bucket: "traces".to_owned(), ..Config::default() };
        change(&mut config);
        let variables = |name: &str| {
            variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
        };
        let place = Place::of(&config, &variables).map_err(|error| error.to_string());
        let got = place.as_ref().map(|place| (&*place.endpoint, &*place.region, place.by_host));
        assert_eq!(got.map_err(|error| &**error), expect);
    }

    #[test]
    fn a_bucket_at_amazon_is_found_by_region_or_endpoint() {
        check(
            |c| c.region = "eu-west-1".into(),
            &[],
            Ok(("https://traces.s3.eu-west-1.amazonaws.com", "eu-west-1", true)),
        );
        check(
            |c| c.endpoint = "s3.us-east-2.amazonaws.com".into(),
            &[("AWS_REGION", "eu-west-1")],
            Ok(("https://traces.s3.us-east-2.amazonaws.com", "us-east-2", true)),
        );
        check(
            |_| {},
            &[("AWS_REGION", "eu-west-1")],
            Ok(("https://traces.s3.eu-west-1.amazonaws.com", "eu-west-1", true)),
        );
        check(
            |c| c.region = "cn-north-1".into(),
            &[],
            Ok(("https://traces.s3.cn-north-1.amazonaws.com.cn", "cn-north-1", true)),
        );
        check(
            |c| {
                c.endpoint = "s3.us-east-2.amazonaws.com".into();
                c.dual_stack = true;
            },
            &[],
            Ok(("https://traces.s3.dualstack.us-east-2.amazonaws.com", "us-east-2", true)),
        );
        check(
            |c| {
                c.region = "us-east-1".into();
                c.bucket = "tra.ces".into();
            },
            &[],
            Ok(("https://s3.us-east-1.amazonaws.com", "us-east-1", false)),
        );
        check(|_| {}, &[], Err("storage.trace.s3.region: is missing, and so is s3.endpoint"));
    }

    #[test]
    fn other_servers_are_addressed_by_path_unless_told_otherwise() {
        let minio = |c: &mut Config| {
            c.endpoint = "minio:9000".into();
            c.http.insecure = true;
        };
        check(minio, &[], Ok(("http://minio:9000", "us-east-1", false)));
        check(
            |c| {
                minio(c);
                c.lookup = Lookup::Host;
            },
            &[],
            Ok(("http://traces.minio:9000", "us-east-1", true)),
        );
        check(
            |c| c.endpoint = "https://minio:9000".into(),
            &[],
            Err(
                "storage.trace.s3.endpoint: is a host and a port, without a scheme (insecure: true makes it HTTP)",
            ),
        );
    }
}
