//! Programs of the Collector's processors over its own inputs give its own outputs.
