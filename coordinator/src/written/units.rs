//! Durations and sizes, as people write them and as they are shown again.

use std::time::Duration;

/// The longest duration that is accepted: ten years.
const DURATION_MAX: Duration = Duration::from_hours(10 * 365 * 24);

/// No duration is written with more.
const DURATION_BYTES_MAX: usize = 200;

/// A text in a message: what is long is cut.
fn shown(text: &str) -> String {
    let cut: String = text.chars().take(60).collect();
    if cut.len() < text.len() { format!("{cut:?}…") } else { format!("{cut:?}") }
}

/// Reads a duration: `250ms`, `30s`, `2m`, `1h 30m`, `7d`; at most ten years.
///
/// The error says what is wrong and how it is written.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    if text.len() > DURATION_BYTES_MAX {
        return Err(format!("{} is not a duration", shown(text)));
    }
    let duration = humantime::parse_duration(text.trim())
        .map_err(|error| format!("{} is not a duration ({})", shown(text), error))?;
    if duration > DURATION_MAX {
        return Err(format!("{} is longer than ten years", shown(text)));
    }
    Ok(duration)
}

/// Shows a duration so that [`parse_duration`] reads it again.
pub fn show_duration(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Reads a number of bytes: `512MiB`, `64 KiB`, `1.5GB`, `4096`.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let trimmed = text.trim();
    let end = trimmed
        .find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_')
        .unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(end);
    let not_a_size = || format!("{} is not a size", shown(text));
    let factor = match unit.trim() {
        "" => 1,
        named => {
            UNITS.iter().find(|(name, _)| *name == named).map(|(_, bytes)| *bytes).ok_or_else(
                || format!("{} is not a size (there is no unit {})", shown(text), shown(named)),
            )?
        }
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole: u64 = whole.replace('_', "").parse().map_err(|_| not_a_size())?;
    let mut bytes = whole.checked_mul(factor).ok_or_else(not_a_size)?;
    if !fraction.is_empty() {
        let digits = u32::try_from(fraction.len()).ok().filter(|n| *n <= 6);
        let scale = digits.map(|n| 10_u64.pow(n)).ok_or_else(not_a_size)?;
        let part: u64 = fraction.parse().map_err(|_| not_a_size())?;
        let added = part.checked_mul(factor).ok_or_else(not_a_size)? / scale;
        bytes = bytes.checked_add(added).ok_or_else(not_a_size)?;
    }
    Ok(bytes)
}

/// Shows a number of bytes so that [`parse_bytes`] reads it again: the largest unit that divides it.
pub fn show_bytes(bytes: u64) -> String {
    let units = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.iter().find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit)) {
        Some((name, unit)) => format!("{}{name}", bytes / unit),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_shown() {
        assert_eq!(parse_duration("1h 30m"), Ok(Duration::from_mins(90)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert!(parse_duration("soon").unwrap_err().starts_with("\"soon\" is not a duration"));
        assert!(parse_duration("100y").unwrap_err().contains("ten years"));
        assert_eq!(show_duration(Duration::from_mins(90)), "1h 30m");
    }

    #[test]
    fn sizes_are_read_and_shown() {
        assert_eq!(parse_bytes("512MiB"), Ok(512 << 20));
        assert_eq!(parse_bytes("64 KiB"), Ok(65_536));
        assert_eq!(parse_bytes("1.5GB"), Ok(1_500_000_000));
        assert_eq!(parse_bytes("4096"), Ok(4_096));
        assert!(parse_bytes("12parsecs").unwrap_err().contains("no unit \"parsecs\""));
        assert!(parse_bytes("lots").is_err());
        assert!(parse_bytes("99999999999999GiB").is_err());
        assert_eq!(show_bytes(512 << 20), "512MiB");
        assert_eq!(show_bytes(1_000), "1000B");
    }
}
