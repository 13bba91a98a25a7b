//! Printing for a person: colour where it is seen, and nothing that a terminal would obey.

use clap::ValueEnum;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};

/// What a shell says of a process that a closed pipe ended.
const CLOSED_PIPE_EXIT_CODE: i32 = 141;

/// Prints a line. A reader who has seen enough, as `head` has, ends the tool: no more is wanted of it.
macro_rules! say {
    ($($line:tt)*) => {
        $crate::tools::term::put(format_args!($($line)*))
    };
}
pub(super) use say;

/// What [`say`] does.
pub(super) fn put(line: std::fmt::Arguments<'_>) {
    if writeln!(std::io::stdout().lock(), "{line}").is_err() {
        std::process::exit(CLOSED_PIPE_EXIT_CODE);
    }
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    Always,
    Never,
}

/// Colours, or none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    on: bool,
}

impl Paint {
    pub(super) fn new(choice: ColorChoice) -> Self {
        let on = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                // https://no-color.org: set to anything but nothing.
                let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                !unwanted && std::io::stdout().is_terminal()
            }
        };
        Self { on }
    }

    fn code(self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// What goes.
    pub(super) fn red(self, text: &str) -> String {
        self.code("31", text)
    }

    /// What comes.
    pub(super) fn green(self, text: &str) -> String {
        self.code("32", text)
    }

    /// Heads of parts.
    pub(super) fn bold(self, text: &str) -> String {
        self.code("1", text)
    }
}

/// Text from files and guests in one line, without characters that a terminal would obey.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{{{:x}}}", c as u32);
            }
            c => out.push(c),
        }
    }
    out
}

/// At most so many characters, and how many are not shown.
pub(super) fn cut(text: &str, chars_max: usize) -> String {
    let chars = text.chars().count();
    if chars <= chars_max {
        return text.to_owned();
    }
    let kept: String = text.chars().take(chars_max).collect();
    format!("{kept}… ({} characters more)", chars - chars_max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_spelled_out() {
        assert_eq!(plain("a\x1b[31mb\nc\u{9b}d\té"), "a\\u{1b}[31mb\\nc\\u{9b}d\\té");
    }

    #[test]
    fn long_values_say_how_much_of_them_is_missing() {
        assert_eq!(cut("größer", 4), "größ… (2 characters more)");
        assert_eq!(cut("abc", 3), "abc");
    }
}
