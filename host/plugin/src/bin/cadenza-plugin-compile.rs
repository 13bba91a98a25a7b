//! The compiler's process on its own, for tests: what the server's binary does for its hidden command.

fn main() -> std::process::ExitCode {
    cadenza_plugin::compile_child()
}
