//! Durations and sizes for people: short, two units at most, never to be read back.

use std::time::Duration;

use orkestra_runtime::time::Wall;

/// A duration in two units at most: `850ms`, `3.2s`, `5m12s`, `2h5m`, `3d4h`.
pub fn duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{ms}ms"),
        1..10 => format!("{}.{}s", seconds, ms % 1_000 / 100),
        10..60 => format!("{seconds}s"),
        60..3_600 => pair(seconds / 60, "m", seconds % 60, "s"),
        3_600..86_400 => pair(seconds / 3_600, "h", seconds % 3_600 / 60, "m"),
        _ => pair(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

fn pair(large: u64, large_unit: &str, small: u64, small_unit: &str) -> String {
    if small == 0 {
        format!("{large}{large_unit}")
    } else {
        format!("{large}{large_unit}{small}{small_unit}")
    }
}

/// How long ago something was.
pub fn age(now: Wall, then: Wall) -> String {
    let whole = Duration::from_secs(now.since(then).as_secs());
    if whole < Duration::from_secs(10) {
        return format!("{}s", whole.as_secs());
    }
    duration(whole)
}

/// A number of bytes: `17 B`, `1.5 KiB`, `20 MiB`.
pub fn size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1_024 {
        return format!("{bytes} B");
    }
    let steps = (bytes.ilog2() / 10).clamp(1, 6);
    let unit = units.get(steps as usize - 1).copied().unwrap_or("EiB");
    let (whole, rest) = (bytes >> (10 * steps), bytes & ((1 << (10 * steps)) - 1));
    let tenth = (u128::from(rest) * 10) >> (10 * steps);
    if whole < 10 && tenth > 0 {
        format!("{whole}.{tenth} {unit}")
    } else {
        format!("{whole} {unit}")
    }
}

/// So many of what has this name: one of it has no s.
pub fn counted(count: u64, name: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {name}{s}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units_at_most() {
        let told = |ms: u64| duration(Duration::from_millis(ms));
        assert_eq!(told(0), "0ms");
        assert_eq!(told(3_250), "3.2s");
        assert_eq!(told(59_999), "59s");
        assert_eq!(told(60_000), "1m");
        assert_eq!(told(312_000), "5m12s");
        assert_eq!(told(7_500_000), "2h5m");
        assert_eq!(told(273_600_000), "3d4h");
        assert_eq!(age(Wall::from_ms(5_900), Wall::from_ms(1_000)), "4s");
        assert_eq!(age(Wall::from_ms(1), Wall::from_ms(9)), "0s");
    }

    #[test]
    fn sizes_are_short() {
        assert_eq!(size(17), "17 B");
        assert_eq!(size(1_024), "1 KiB");
        assert_eq!(size(1_536), "1.5 KiB");
        assert_eq!(size(20 << 20), "20 MiB");
        assert_eq!(size(u64::MAX), "15 EiB");
    }
}
