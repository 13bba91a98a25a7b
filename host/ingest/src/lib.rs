//! receivers, limits, live traces, cutting and flushing.
