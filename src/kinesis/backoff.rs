//! Back-off before a retry: exponential with full jitter, so that clients that failed together do not retry together
//! ([Exponential Backoff And Jitter](https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)).

use std::time::Duration;

/// A wait from 0 to `base · 2^failures`, at most `cap`, drawn uniformly from the 64 random bits.
///
/// `failures` counts those before this one: 0 after the first failure. `base` and `cap` are in milliseconds.
pub fn full_jitter(base_ms: u32, cap_ms: u32, failures: u32, random: u64) -> Duration {
    let ceiling = (u64::from(base_ms) << failures.min(20)).min(u64::from(cap_ms));
    Duration::from_millis(random % (ceiling + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_doubles_up_to_its_cap_and_never_passes_it() {
        let longest = |failures| full_jitter(50, 2_000, failures, 0);
        assert_eq!(longest(0), Duration::ZERO);
        for failures in 0..100 {
            let ceiling = (50_u64 << failures.min(20)).min(2_000);
            assert_eq!(full_jitter(50, 2_000, failures, ceiling), Duration::from_millis(ceiling));
            for random in 0..5_000 {
                assert!(full_jitter(50, 2_000, failures, random) <= Duration::from_millis(ceiling));
            }
        }
    }
}
