//! A strict reader of the text format of metrics: what is not as it must be is an error.

use std::collections::{BTreeMap, BTreeSet};

/// A family, as its comments tell it.
#[derive(Clone, Debug, Default)]
struct Family {
    help: bool,
    kind: String,
    unit: Option<String>,
}

/// A page of metrics.
#[derive(Clone, Debug, Default)]
pub struct Page {
    families: BTreeMap<String, Family>,
    /// By name and sorted labels, as they are written.
    samples: BTreeMap<String, f64>,
    /// The family of each series, and the names of its labels.
    shapes: BTreeMap<String, (String, Vec<String>)>,
}

impl Page {
    /// Reads a page. It checks that the page ends; that each family is told once, with its help,
    /// its type and, if its name has one, its unit, before its samples, which stand together; that
    /// samples are named as their type asks; that no series occurs twice; and that histograms add up.
    pub fn read(text: &str) -> Result<Self, String> {
        let body = text.strip_suffix("# EOF\n").ok_or("it does not end with its end")?;
        let mut page = Self::default();
        let mut current = String::new();
        for line in body.lines() {
            let told = match line.strip_prefix("# ") {
                Some(comment) => page.comment(comment, &mut current),
                None => page.sample(line, &current),
            };
            told.map_err(|why| format!("{why}: {line}"))?;
        }
        page.check()?;
        Ok(page)
    }

    fn comment(&mut self, comment: &str, current: &mut String) -> Result<(), String> {
        let mut words = comment.splitn(3, ' ');
        let (what, name, rest) = (words.next(), words.next(), words.next());
        let (Some(what), Some(name), Some(rest)) = (what, name, rest) else {
            return Err("a comment that says nothing".to_owned());
        };
        if name != current {
            if self.families.contains_key(name) {
                return Err("a family that was told before".to_owned());
            }
            check_name(name)?;
            name.clone_into(current);
        }
        let family = self.families.entry(name.to_owned()).or_default();
        match what {
            "HELP" if !family.help && rest.ends_with('.') && rest.len() > 10 => family.help = true,
            "TYPE" if family.kind.is_empty() => rest.clone_into(&mut family.kind),
            "UNIT" if family.unit.is_none() => family.unit = Some(rest.to_owned()),
            _ => return Err("a comment that is out of place".to_owned()),
        }
        Ok(())
    }

    fn sample(&mut self, line: &str, current: &str) -> Result<(), String> {
        let (series, value) = line.rsplit_once(' ').ok_or("no value")?;
        let value: f64 = value.parse().map_err(|_| "a value that is no number")?;
        let (name, labels) = match series.split_once('{') {
            None => (series, Vec::new()),
            Some((name, rest)) => {
                (name, labels(rest.strip_suffix('}').ok_or("labels that do not end")?)?)
            }
        };
        let family = self.families.get(current).ok_or("a sample before its family")?;
        let ending = name.strip_prefix(current).ok_or("a sample of another family")?;
        let endings: &[&str] = match family.kind.as_str() {
            "counter" => &["_total"],
            "gauge" => &[""],
            "histogram" => &["_bucket", "_sum", "_count"],
            "info" => &["_info"],
            _ => return Err("a type that nobody knows".to_owned()),
        };
        if !endings.contains(&ending) {
            return Err(format!("a {} is not called so", family.kind));
        }
        if family.kind != "gauge" && (value < 0.0 || !value.is_finite()) {
            return Err("a count that cannot be".to_owned());
        }
        let mut sorted = labels.clone();
        sorted.sort_unstable();
        let names: BTreeSet<&String> = sorted.iter().map(|(name, _)| name).collect();
        if names.len() != sorted.len() {
            return Err("a label twice".to_owned());
        }
        let written: Vec<String> =
            sorted.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let key = if written.is_empty() {
            name.to_owned()
        } else {
            format!("{name}{{{}}}", written.join(","))
        };
        let names = labels.into_iter().map(|(name, _)| name).filter(|name| name != "le").collect();
        self.shapes.insert(key.clone(), (current.to_owned(), names));
        match self.samples.insert(key, value) {
            None => Ok(()),
            Some(_) => Err("a series twice".to_owned()),
        }
    }

    fn check(&self) -> Result<(), String> {
        for (name, family) in &self.families {
            if !family.help || family.kind.is_empty() {
                return Err(format!("{name} has no help or no type"));
            }
            let unit = ["seconds", "bytes"].into_iter().find(|unit| name.ends_with(unit));
            if unit != family.unit.as_deref() {
                return Err(format!("{name} has the unit {:?}", family.unit));
            }
            if family.kind == "histogram" {
                self.check_histogram(name)?;
            }
        }
        Ok(())
    }

    fn check_histogram(&self, name: &str) -> Result<(), String> {
        let count = format!("{name}_count");
        for (series, count_value) in self.samples.range(count.clone()..) {
            let Some(labels) = series.strip_prefix(&count) else { break };
            let labels = labels.trim_matches(['{', '}']);
            let bucket = format!("{name}_bucket{{");
            let mut buckets: Vec<(f64, f64)> = self
                .samples
                .range(bucket.clone()..)
                .take_while(|(series, _)| series.starts_with(&bucket))
                .filter(|(series, _)| series.contains(labels))
                .filter_map(|(series, value)| {
                    let (_, rest) = series.split_once("le=\"")?;
                    let (le, _) = rest.split_once('"')?;
                    Some((le.replace("+Inf", "inf").parse().ok()?, *value))
                })
                .collect();
            buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
            let is_rising = buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1);
            let last = buckets.last().copied().unwrap_or_default();
            let is_whole = last.0.is_infinite() && last.1.to_bits() == count_value.to_bits();
            if !is_rising || !is_whole {
                return Err(format!("the buckets of {series} do not add up: {buckets:?}"));
            }
        }
        Ok(())
    }

    /// The value of a series, written with its labels sorted.
    #[track_caller]
    #[expect(clippy::expect_used, reason = "a series that is not there ends the test")]
    pub fn value(&self, series: &str) -> f64 {
        self.find(series).expect(series)
    }

    /// The value of a series, if it is there.
    pub fn find(&self, series: &str) -> Option<f64> {
        self.samples.get(series).copied()
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// The names of all families.
    pub fn families(&self) -> impl Iterator<Item = &str> {
        self.families.keys().map(String::as_str)
    }

    /// The series of a family.
    pub fn series_of(&self, family: &str) -> impl Iterator<Item = &str> {
        let of_family = self.shapes.iter().filter(move |(_, (name, _))| name == family);
        of_family.map(|(series, _)| series.as_str())
    }

    /// What a family is, and which labels its series have.
    pub fn shape(&self, family: &str) -> (&str, Vec<&str>) {
        let kind = self.families.get(family).map(|family| family.kind.as_str());
        let mut shapes = self.shapes.values().filter(|(name, _)| name == family);
        let labels = shapes.next().map(|(_, labels)| labels.iter().map(String::as_str).collect());
        (kind.unwrap_or_default(), labels.unwrap_or_default())
    }

    /// What only grows, and did not: every counter and every part of a histogram that is less than
    /// before, or gone.
    pub fn shrunk_since(&self, before: &Self) -> Vec<String> {
        let is_less = |series: &&String| {
            let now = self.samples.get(*series).copied().unwrap_or(f64::NEG_INFINITY);
            now < before.samples[*series]
        };
        let grows = |series: &&String| {
            let family = before.shapes.get(*series).map(|(family, _)| family.as_str());
            let kind = family.and_then(|family| before.families.get(family));
            kind.is_some_and(|family| family.kind != "gauge")
        };
        before.samples.keys().filter(grows).filter(is_less).cloned().collect()
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let is_ours = name.starts_with("orkestra_") || name.starts_with("process_");
    let is_plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let is_bare = !["_total", "_info", "_count", "_sum", "_bucket"]
        .iter()
        .any(|ending| name.ends_with(ending));
    if is_ours && is_plain && is_bare {
        Ok(())
    } else {
        Err("a name against convention".to_owned())
    }
}

fn labels(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut labels = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").ok_or("a label without a value")?;
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
            return Err("a label against convention".to_owned());
        }
        let mut value = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next().ok_or("a label that does not end")? {
                (at, '"') => break at,
                (_, '\\') => match chars.next().ok_or("a label that does not end")?.1 {
                    'n' => value.push('\n'),
                    escaped @ ('"' | '\\') => value.push(escaped),
                    _ => return Err("an escape that nobody knows".to_owned()),
                },
                (_, c) => value.push(c),
            }
        };
        labels.push((name.to_owned(), value));
        rest = &after[end + 1..];
        if let Some(next) = rest.strip_prefix(',') {
            rest = next;
        } else if !rest.is_empty() {
            return Err("labels that are not parted".to_owned());
        }
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# HELP orkestra_x What it is, told.\n# TYPE orkestra_x counter\n\
                        orkestra_x_total{b=\"1\",a=\"q\\\"\"} 3\n# EOF\n";

    #[test]
    fn what_is_well_formed_is_read() {
        let page = Page::read(GOOD).unwrap();
        assert_eq!(page.shape("orkestra_x"), ("counter", vec!["b", "a"]));
        assert_eq!(
            page.samples.keys().collect::<Vec<_>>(),
            ["orkestra_x_total{a=\"q\"\",b=\"1\"}"]
        );
        let less = Page::read(&GOOD.replace(" 3\n", " 2\n")).unwrap();
        assert_eq!((less.shrunk_since(&page).len(), page.shrunk_since(&less).len()), (1, 0));
    }

    #[test]
    fn what_is_not_is_refused() {
        let line = "orkestra_x_total{b=\"1\",a=\"q\\\"\"} 3\n";
        for (from, to) in [
            ("# EOF\n", ""),
            ("_total", ""),
            ("counter", "gauge"),
            ("counter", "clock"),
            ("# HELP orkestra_x What it is, told.\n", ""),
            ("# TYPE orkestra_x counter\n", ""),
            (" 3\n", " many\n"),
            (" 3\n", " -3\n"),
            ("b=\"1\"", "a=\"1\""),
            ("b=\"1\",", "b=\"1\""),
            ("orkestra_x", "Orkestra_x"),
            (line, &format!("{line}{line}")),
        ] {
            let bad = GOOD.replace(from, to);
            assert!(Page::read(&bad).is_err(), "{from:?} as {to:?} was read");
        }
    }
}
