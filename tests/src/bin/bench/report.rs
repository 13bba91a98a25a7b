//! The table at the end.

/// Lines of the report, in order of measurement.
#[derive(Default)]
pub(crate) struct Report(Vec<String>);

impl Report {
    /// A figure with its unit and what it is held against.
    pub(crate) fn line(&mut self, what: &str, value: f64, unit: &str, bar: &str) {
        self.push(format!("{what:<56} {value:>9.2} {unit:<8} {bar}"));
    }

    /// CPU seconds as a multiple of the floor's for the same requests.
    pub(crate) fn ratio(&mut self, what: &str, cpu_seconds: f64, floor: f64, bar: &str) {
        self.push(format!(
            "{what:<56} {:>9.2} x floor  {bar}  ({cpu_seconds:.2} CPU-s)",
            cpu_seconds / floor
        ));
    }

    fn push(&mut self, line: String) {
        println!("{line}");
        self.0.push(line);
    }

    pub(crate) fn print(&self) {
        println!("\n== bench\n{}", self.0.join("\n"));
    }
}
