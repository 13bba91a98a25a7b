//! What steps, columns and edits do, against a row-by-row model, the Collector's outputs and by example.

mod collector;
mod edits;
mod fuzz;
mod generate;
mod model;
mod parts;
mod plans;
mod property;
mod values;
