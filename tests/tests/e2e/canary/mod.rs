//! The canary proof: secrets in every place a span has, and none in anything the server keeps or says once a
//! scrubber has run, also when it traps, is missing, or the server is killed. The same search without a
//! scrubber finds them all.

mod load;
mod look;
mod traps;
mod whole;
