//! Tests of the reader against the stock Parquet readers, a brute-force evaluator and damage.

mod damage;
mod distinct;
mod pages;
mod scans;
mod support;
