//! Random spans in random places, asked random questions, against an evaluator that is slow and plain.
#![expect(clippy::disallowed_methods, reason = "tests choose their seeds and places themselves")]

mod data;
mod naive;
mod oracle;
mod plain;
mod promises;
mod queries;
mod rig;
mod shown;
mod tags;
mod traces;
mod values;
