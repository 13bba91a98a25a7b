//! What `cadenza plugin new` makes compiles, and its own tests pass.
#![allow(unreachable_pub, reason = "public in the crates that the templates become")]

#[path = "../template/enricher.rs"]
mod enricher;
#[path = "../template/head-sampler.rs"]
mod head_sampler;
#[path = "../template/scrubber.rs"]
mod scrubber;

use cadenza_plugin_sdk::testing::configure;

#[test]
fn the_configurations_of_the_templates_are_valid() {
    assert!(configure::<enricher::Enricher>(include_str!("../template/enricher.json")).is_ok());
    assert!(configure::<scrubber::Scrubber>(include_str!("../template/scrubber.json")).is_ok());
    assert!(configure::<head_sampler::Sampler>(include_str!("../template/head-sampler.json")).is_ok());
}
