//! What steps, columns and edits do, against a row-by-row model, the Collector's outputs and by example.

mod collector;
mod model;
mod property;
