//! Loading, swapping and uploading, with a workshop whose components are texts.
#![expect(clippy::disallowed_methods, reason = "tests lay out files and wait on a real clock")]

mod chain;
mod modes;
mod reload;
mod support;
mod uploads;
