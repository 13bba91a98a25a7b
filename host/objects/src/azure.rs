//! Azure Blob Storage.

use crate::http::{self, Connector};
use crate::{ObjectsError, Secret, Variables};
use object_store::ObjectStore;
use object_store::azure::MicrosoftAzureBuilder;
use std::sync::Arc;

/// `storage.trace.azure`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    /// `storage_account_name`; empty for `AZURE_STORAGE_ACCOUNT`.
    pub account_name: String,
    /// `storage_account_key`; empty for `AZURE_STORAGE_KEY`.
    pub account_key: Secret,
    /// `container_name`.
    pub container_name: String,
    /// `prefix`: in front of every key.
    pub prefix: String,
    /// `endpoint_suffix`: `blob.…` goes behind the account's name; anything else is a host of its own, as
    /// emulators have it, that speaks HTTP.
    pub endpoint_suffix: String,
    /// Who we are.
    pub identity: Identity,
    /// The client.
    pub http: http::Config,
}

/// Who signs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Identity {
    /// The account's key.
    #[default]
    AccountKey,
    /// `use_managed_identity`: the machine's.
    Managed {
        /// `user_assigned_id`: one of several; empty for the machine's own.
        client_id: String,
    },
    /// `use_federated_token`: workload identity, from the variables that Azure's webhook sets.
    Federated,
}

pub(crate) fn open(
    variables: Variables<'_>,
    config: &Config,
    connector: &Connector,
) -> Result<Arc<dyn ObjectStore>, ObjectsError> {
    let variable = |name: &str| variables(name).filter(|value| !value.is_empty());
    let given = |text: &str, name: &str| {
        Some(text.to_owned()).filter(|text| !text.is_empty()).or_else(|| variable(name))
    };
    let missing = |key: &str, name: &str| ObjectsError::setting(key, format!("is missing, and so is {name}"));
    if config.container_name.is_empty() {
        return Err(ObjectsError::setting("azure.container_name", "is missing"));
    }
    let account = given(&config.account_name, "AZURE_STORAGE_ACCOUNT");
    let account = account.ok_or_else(|| missing("azure.storage_account_name", "AZURE_STORAGE_ACCOUNT"))?;
    let endpoint = endpoint(&account, &config.endpoint_suffix);
    let plain = endpoint.starts_with("http://");
    let mut builder = MicrosoftAzureBuilder::new()
        .with_http_connector(connector.clone())
        .with_retry(config.http.retry())
        .with_client_options(config.http.client_options().with_allow_http(plain))
        .with_allow_http(plain)
        .with_endpoint(endpoint)
        .with_account(&account)
        .with_container_name(&config.container_name)
        // The service refuses tags on accounts with a hierarchical namespace, and nobody sets any.
        .with_disable_tagging(true);
    match &config.identity {
        Identity::AccountKey => {
            let key = given(config.account_key.expose(), "AZURE_STORAGE_KEY");
            let key = key.ok_or_else(|| missing("azure.storage_account_key", "AZURE_STORAGE_KEY"))?;
            builder = builder.with_access_key(key);
        }
        Identity::Managed { client_id } => {
            if !client_id.is_empty() {
                builder = builder.with_client_id(client_id);
            }
            if let Some(endpoint) = variable("IDENTITY_ENDPOINT") {
                builder = builder.with_msi_endpoint(endpoint);
            }
        }
        Identity::Federated => {
            let needed = |name: &str| {
                let reason = format!("needs {name}, which workload identity sets");
                variable(name).ok_or_else(|| ObjectsError::setting("azure.use_federated_token", reason))
            };
            builder = builder
                .with_client_id(needed("AZURE_CLIENT_ID")?)
                .with_tenant_id(needed("AZURE_TENANT_ID")?)
                .with_federated_token_file(needed("AZURE_FEDERATED_TOKEN_FILE")?);
            if let Some(host) = variable("AZURE_AUTHORITY_HOST") {
                builder = builder.with_authority_host(host);
            }
        }
    }
    Ok(Arc::new(builder.build()?))
}

fn endpoint(account: &str, suffix: &str) -> String {
    match suffix {
        "" => format!("https://{account}.blob.core.windows.net"),
        suffix if suffix.starts_with("blob.") => format!("https://{account}.{suffix}"),
        host => format!("http://{host}/{account}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_is_azures_or_a_host_of_its_own() {
        assert_eq!(endpoint("traces", ""), "https://traces.blob.core.windows.net");
        assert_eq!(
            endpoint("traces", "blob.core.chinacloudapi.cn"),
            "https://traces.blob.core.chinacloudapi.cn"
        );
        assert_eq!(endpoint("devstoreaccount1", "azurite:10000"), "http://azurite:10000/devstoreaccount1");
    }
}
