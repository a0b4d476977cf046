//! Times as people type them.

use orkestra_runtime::{Error, ErrorKind, Result, time::Wall};

/// Reads `2026-11-21`, `2026-11-21T09:00:00Z` or `2026-11-21 09:00:00` (all UTC).
pub fn time_of(text: &str) -> Result<Wall> {
    let refused = || {
        let shown: String = text.chars().take(60).collect();
        Error::new(
            ErrorKind::Invalid,
            format!("{shown:?} is not a time: write 2026-11-21 or 2026-11-21T09:00:00Z (UTC)"),
        )
    };
    let full = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let parsed = humantime::parse_rfc3339_weak(&full).map_err(|_| refused())?;
    let since_epoch = parsed.duration_since(std::time::UNIX_EPOCH).map_err(|_| refused())?;
    Ok(Wall::from_ms(u64::try_from(since_epoch.as_millis()).map_err(|_| refused())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_its_midnight_and_a_time_is_itself() {
        assert_eq!(time_of("2026-11-21").unwrap().to_string(), "2026-11-21T00:00:00.000Z");
        assert_eq!(
            time_of("2026-11-21T09:08:07Z").unwrap().to_string(),
            "2026-11-21T09:08:07.000Z"
        );
        assert_eq!(time_of("2026-11-21 09:08:07").unwrap().to_string(), "2026-11-21T09:08:07.000Z");
        assert!(time_of("yesterday").unwrap_err().to_string().contains("write 2026-11-21"));
    }
}
