//! planner and executors over live data, log and blocks.
