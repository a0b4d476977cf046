//! How long a provider asks to be left alone.

use std::time::{Duration, SystemTime};

use orkestra_runtime::time::Wall;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// The longest that is believed: whatever is said beyond is an error of whoever says it.
pub const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);

/// Reads `retry-after-ms`, and `Retry-After` in seconds or as a date.
pub(super) fn retry_after(headers: &HeaderMap, now: Wall) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let ms = text("retry-after-ms").and_then(|ms| ms.parse::<f64>().ok()).map(|ms| ms / 1_000.0);
    let said = text(RETRY_AFTER.as_str());
    let seconds = ms.or_else(|| said.and_then(|said| said.parse().ok()));
    let after = if let Some(seconds) = seconds {
        Duration::try_from_secs_f64(seconds).ok()?
    } else {
        let until = httpdate::parse_http_date(said?).ok()?;
        let until = until.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        until.saturating_sub(Duration::from_millis(now.as_ms()))
    };
    Some(after.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&'static str, &'static str)]) -> Option<Duration> {
        let pairs = pairs.iter().map(|(name, value)| {
            (name.parse::<reqwest::header::HeaderName>().unwrap(), value.parse().unwrap())
        });
        // Fri, 21 Nov 2025 00:00:00 GMT
        retry_after(&pairs.collect(), Wall::from_ms(1_763_683_200_000))
    }

    #[test]
    fn seconds_and_dates_say_the_same() {
        assert_eq!(read(&[("retry-after", "30")]), Some(Duration::from_secs(30)));
        let date = [("retry-after", "Fri, 21 Nov 2025 00:00:30 GMT")];
        assert_eq!(read(&date), Some(Duration::from_secs(30)));
        assert_eq!(read(&[("retry-after", " 0 ")]), Some(Duration::ZERO));
        let both = [("retry-after", "9"), ("retry-after-ms", "1500")];
        assert_eq!(read(&both), Some(Duration::from_millis(1_500)));
    }

    #[test]
    fn what_is_past_odd_or_endless_does_no_harm() {
        let past = [("retry-after", "Fri, 21 Nov 2014 00:00:30 GMT")];
        assert_eq!(read(&past), Some(Duration::ZERO));
        assert_eq!(read(&[("retry-after", "999999999999")]), Some(RETRY_AFTER_MAX));
        for odd in ["", "soon", "-1", "NaN", "1e400"] {
            assert_eq!(read(&[("retry-after", odd)]), None, "{odd}");
        }
        assert_eq!(read(&[]), None);
    }
}
