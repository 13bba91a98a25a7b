//! Whose credentials sign: the first source that has some.
//!
//! Tempo's order: the configuration, `AWS_*`, `MINIO_*`, Amazon's shared file, MinIO's client file, and then
//! what the surroundings hand out: a web identity (IRSA), a container's or a pod's, the instance's.

use super::shared_file::{Source, watched};
use super::{Config, StaticKeys};
use crate::{ObjectsError, Secret, Variables};
use cadenza_env::Env;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key};
use std::path::PathBuf;

pub(super) fn credentials(
    env: &Env,
    variables: Variables<'_>,
    config: &Config,
    builder: AmazonS3Builder,
) -> Result<AmazonS3Builder, ObjectsError> {
    if let Some(keys) = written(&config.keys)?.or_else(|| of_variables(variables)) {
        let builder =
            builder.with_access_key_id(keys.access_key).with_secret_access_key(keys.secret_key.expose());
        return Ok(match keys.session_token.is_empty() {
            true => builder,
            false => builder.with_token(keys.session_token.expose()),
        });
    }
    for source in files(variables) {
        if let Some(provider) = watched(env, source)? {
            return Ok(builder.with_credentials(provider));
        }
    }
    // The client picks among what these say, and asks the instance where they say nothing.
    let surroundings = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", Key::WebIdentityTokenFile),
        ("AWS_ROLE_ARN", Key::RoleArn),
        ("AWS_ROLE_SESSION_NAME", Key::RoleSessionName),
        ("AWS_ENDPOINT_URL_STS", Key::StsEndpoint),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", Key::ContainerCredentialsRelativeUri),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", Key::ContainerCredentialsFullUri),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", Key::ContainerAuthorizationTokenFile),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", Key::MetadataEndpoint),
    ];
    Ok(surroundings.into_iter().fold(builder, |builder, (name, key)| match variables(name) {
        Some(value) if !value.is_empty() => builder.with_config(key, value),
        _ => builder,
    }))
}

fn written(keys: &StaticKeys) -> Result<Option<StaticKeys>, ObjectsError> {
    match (keys.access_key.is_empty(), keys.secret_key.is_empty()) {
        (true, true) => Ok(None),
        (false, false) => Ok(Some(keys.clone())),
        (true, false) => Err(ObjectsError::setting("s3.access_key", "is missing beside s3.secret_key")),
        (false, true) => Err(ObjectsError::setting("s3.secret_key", "is missing beside s3.access_key")),
    }
}

fn of_variables(variables: Variables<'_>) -> Option<StaticKeys> {
    let first = |names: &[&str]| {
        names.iter().find_map(|name| variables(name).filter(|value| !value.is_empty())).unwrap_or_default()
    };
    let pairs = [
        (
            first(&["AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"]),
            first(&["AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY"]),
            first(&["AWS_SESSION_TOKEN"]),
        ),
        (first(&["MINIO_ROOT_USER"]), first(&["MINIO_ROOT_PASSWORD"]), String::new()),
        (first(&["MINIO_ACCESS_KEY"]), first(&["MINIO_SECRET_KEY"]), String::new()),
    ];
    let (access_key, secret_key, session_token) =
        pairs.into_iter().find(|(access, secret, _)| !access.is_empty() && !secret.is_empty())?;
    Some(StaticKeys {
        access_key,
        secret_key: Secret::new(secret_key),
        session_token: Secret::new(session_token),
    })
}

fn files(variables: Variables<'_>) -> [Source; 2] {
    let home = variables("HOME").map(PathBuf::from).unwrap_or_default();
    let path = |name: &str, default: &str| variables(name).map_or_else(|| home.join(default), PathBuf::from);
    let word = |name: &str, default: &str| variables(name).unwrap_or_else(|| default.to_owned());
    [
        Source::Amazon {
            path: path("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"),
            profile: word("AWS_PROFILE", "default"),
        },
        Source::Minio {
            path: path("MINIO_SHARED_CREDENTIALS_FILE", ".mc/config.json"),
            alias: word("MINIO_ALIAS", "s3"),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_come_in_order_and_only_in_pairs() {
        let check = |variables: &[(&str, &str)], expect: Option<(&str, &str, &str)>| {
            let lookup = |name: &str| {
                variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
            };
            let keys = of_variables(&lookup);
            let keys = keys
                .as_ref()
                .map(|keys| (&*keys.access_key, keys.secret_key.expose(), keys.session_token.expose()));
            assert_eq!(keys, expect);
        };
        let amazon = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_SESSION_TOKEN", "c")];
        let minio = [("MINIO_ROOT_USER", "m"), ("MINIO_ROOT_PASSWORD", "n")];
        check(&[&amazon[..], &minio[..]].concat(), Some(("a", "b", "c")));
        check(&[&amazon[..1], &minio[..]].concat(), Some(("m", "n", "")));
        check(&[("AWS_ACCESS_KEY", "a"), ("AWS_SECRET_KEY", "b")], Some(("a", "b", "")));
        check(&[("MINIO_ACCESS_KEY", "m"), ("MINIO_SECRET_KEY", "")], None);
    }
}
