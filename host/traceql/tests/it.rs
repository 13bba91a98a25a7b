//! TraceQL from the outside.

mod it {
    mod fixture;
    mod golden;
    mod limits;
}
