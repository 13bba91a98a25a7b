//! Configuration as users write it: whole files in, what the server makes of them out.

mod it {
    mod args;
    mod errors;
    mod files;
    mod fuzz;
    mod mutation;
    mod overrides;
    mod plugins;
    mod printing;
    mod support;
    mod values;
}
