//! Counts of passed and failed tests, parsed from the output of the test runners.

use serde_json::Value;
use std::ops::Add;

/// The number of tests or checks that passed and that failed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// The number that passed.
    pub passed: usize,
    /// The number that failed or timed out.
    pub failed: usize,
}

impl Add for Count {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { passed: self.passed + other.passed, failed: self.failed + other.failed }
    }
}

impl Count {
    /// The count of a single check.
    pub fn one(passed: bool) -> Self {
        Self { passed: usize::from(passed), failed: usize::from(!passed) }
    }

    /// Parses the last summary of `cargo nextest run` (`Summary [ 1.2s] 9 tests run: 8 passed (1 slow), 1 failed, …`), the
    /// last because a test may print such a line too; without one, sums all summaries of `cargo test`
    /// (`test result: ok. 8 passed; 0 failed; …`), which under nextest are output of single failed tests. A runner that
    /// failed without a count, because something did not compile, is one failure.
    pub fn of_cargo(output: &str, success: bool) -> Self {
        let lines = || output.lines().map(str::trim_start);
        let nextest = lines().rfind(|line| line.starts_with("Summary ["));
        let cargo = lines().filter(|line| nextest.is_none() && line.starts_with("test result:"));
        let count = nextest.into_iter().chain(cargo).fold(Self::default(), |total, line| {
            let failed = ["failed", "timed out", "exec failed"].map(|word| number_before(line, word)).iter().sum();
            total + Self { passed: number_before(line, "passed"), failed }
        });
        if success || count.failed > 0 { count } else { Self { failed: 1, ..count } }
    }

    /// Parses Playwright's JSON report. A flaky test counts as failed.
    pub fn of_playwright(report: &str, success: bool) -> Self {
        let report: Value = serde_json::from_str(report).unwrap_or_default();
        let number = |key: &str| report["stats"][key].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        let count = Self { passed: number("expected"), failed: number("unexpected") + number("flaky") };
        if success || count.failed > 0 { count } else { Self { failed: 1, ..count } }
    }
}

/// The number before `word`, where `word` ends a clause of `line`; 0 if there is none.
fn number_before(line: &str, word: &str) -> usize {
    line.split([',', ';', ':', '.'])
        .filter_map(|clause| {
            let (number, rest) = clause.trim().split_once(' ')?;
            let number = number.parse::<usize>().ok()?;
            let rest = rest.split(" (").next().unwrap_or(rest);
            (rest == word).then_some(number)
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nextest_is_counted() {
        let line = "     Summary [   0.043s] 11 tests run: 8 passed (1 slow), 2 failed, 1 timed out, 4 skipped";
        assert_eq!(Count::of_cargo(line, false), Count { passed: 8, failed: 3 });
    }

    #[test]
    fn a_test_that_nextest_saw_fail_is_counted_once() {
        let own_words = "test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 9 filtered out";
        let summary = "     Summary [  12.0s] 10 tests run: 9 passed, 1 failed, 2 skipped";
        let output = format!("        FAIL [ 0.1s] danmu a::b\n{own_words}\n{summary}\nerror: test run failed");
        assert_eq!(Count::of_cargo(&output, false), Count { passed: 9, failed: 1 });
    }

    #[test]
    fn cargo_test_is_counted_over_all_its_binaries() {
        let text = "test result: ok. 8 passed; 0 failed; 0 ignored\ntest result: FAILED. 1 passed; 2 failed; 0 ignored";
        assert_eq!(Count::of_cargo(text, false), Count { passed: 9, failed: 2 });
    }

    #[test]
    fn what_does_not_compile_is_a_failure() {
        assert_eq!(Count::of_cargo("error: could not compile `danmu`", false), Count { passed: 0, failed: 1 });
        assert_eq!(Count::of_playwright("", false), Count { passed: 0, failed: 1 });
    }

    #[test]
    fn a_flaky_browser_test_has_failed() {
        let report = r#"{"stats":{"expected":7,"unexpected":1,"flaky":1,"skipped":0}}"#;
        assert_eq!(Count::of_playwright(report, false), Count { passed: 7, failed: 2 });
    }
}
