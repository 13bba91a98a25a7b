//! TraceQL from the outside.

mod it {
    mod fixture;
    mod fuzz;
    mod golden;
    mod limits;
    mod patterns;
    mod roundtrip;
}
