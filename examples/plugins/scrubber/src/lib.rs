//! Removes secrets, masks card numbers, and puts pseudonyms in place of customers.
use cadenza_plugin_sdk::native::WellKnown;
use cadenza_plugin_sdk::plan::{attributes, place};
use cadenza_plugin_sdk::prelude::*;

/// The columns that hold customers' ids.
pub struct Customers(Vec<Column>);

/// Nothing can be configured.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

impl Plugin for Customers {
    type Config = Config;

    fn describe() -> Metadata {
        Metadata::new("customers", env!("CARGO_PKG_VERSION"), "keeps customers unknown").fail_closed()
    }

    fn configure(_: Config) -> Result<(Self, Plan), Errors> {
        let mut plan = Plan::default();
        let mut columns = Vec::new();
        for scope in [Scope::Resource, Scope::Span, Scope::Event] {
            // The server does these by itself, also while this plugin is out of order.
            plan.step(steps::delete(place(scope, KeySelector::Prefix("secret.".to_owned()))));
            let cards = vec![steps::well_known(WellKnown::CardNumber)];
            plan.step(steps::mask(
                steps::masked(place(scope, KeySelector::Any)),
                cards,
                steps::template("****"),
            ));
            let ids = place(scope, KeySelector::Glob("*customer.id".to_owned()));
            columns.push(plan.column(attributes(ids).update()));
        }
        Ok((Self(columns), plan))
    }
}

#[scrubber]
impl Transform for Customers {
    fn process(&mut self, _: &Context, batch: &Batch<'_>, edits: &mut Edits) -> Result<(), String> {
        for &column in &self.0 {
            let hashes = host::keyed_hashes(batch.column(column).entries().map(|entry| entry.text));
            for (entry, hash) in (0..).zip(hashes.iter()) {
                edits.update(column).str(entry, &format!("customer-{hash}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Customers;
    use cadenza_plugin_sdk::testing::{self, Data};

    #[test]
    fn one_customer_has_one_pseudonym() {
        let mut data = Data::default();
        for customer in ["ann", "bob", "ann"] {
            data.span("a", [("shop.customer.id", customer.into())]);
        }
        testing::run::<Customers>("{}", &mut data);
        let pseudonym = |span| data.get(span, "shop.customer.id").unwrap().text();
        assert!(pseudonym(0).starts_with("customer-"));
        assert_eq!(pseudonym(0), pseudonym(2));
        assert_ne!(pseudonym(0), pseudonym(1));
    }
}
