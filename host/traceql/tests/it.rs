//! TraceQL from the outside.

mod it {
    mod golden;
    mod limits;
}
