//! Where a canary is, however it is spelled.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

/// A text that must be found nowhere, in all its spellings.
pub(super) struct Canary {
    pub(super) name: &'static str,
    pub(super) text: String,
    spellings: Vec<(&'static str, Vec<u8>)>,
}

impl Canary {
    pub(super) fn new(name: &'static str, text: &str) -> Self {
        let bytes = text.as_bytes();
        let json = serde_json::to_string(text).unwrap();
        let json = &json[1..json.len() - 1];
        let mut spellings = vec![
            ("plain", bytes.to_vec()),
            ("as JSON", json.as_bytes().to_vec()),
            ("as JSON within JSON", json.replace('\\', "\\\\").replace('"', "\\\"").into_bytes()),
            ("as JSON in ASCII", ascii(json).into_bytes()),
            ("in hexadecimal", hex(bytes, false).into_bytes()),
            ("in HEXADECIMAL", hex(bytes, true).into_bytes()),
            ("as in a URL", url(bytes).into_bytes()),
        ];
        // Within a longer text its first and last digits depend on what stands beside it.
        for (shift, name) in [(0, "in base64"), (1, "in base64, by one"), (2, "in base64, by two")]
        {
            spellings.push((name, base64_core(bytes, shift)));
        }
        Self { name, text: text.to_owned(), spellings }
    }

    /// How it stands in some bytes.
    pub(super) fn spelling_in(&self, bytes: &[u8]) -> Option<&'static str> {
        let is_in = |spelled: &[u8]| bytes.windows(spelled.len()).any(|part| part == spelled);
        self.spellings.iter().find(|(_, spelled)| is_in(spelled)).map(|(name, _)| *name)
    }

    /// All its spellings.
    pub(super) fn spellings(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        self.spellings.iter().map(|(name, spelled)| (*name, spelled.as_slice()))
    }
}

/// What stands where it must not, one line each, and how many files were looked at.
pub(super) fn search(
    folder: &Path,
    canaries: &[Canary],
    allowed: &dyn Fn(&[u8]) -> bool,
) -> (Vec<String>, usize) {
    let (mut found, mut looked_at) = (Vec::new(), 0);
    for path in files(folder) {
        // A file may go while its folder is read.
        let Ok(bytes) = fs::read(&path) else { continue };
        looked_at += 1;
        if allowed(&bytes) {
            continue;
        }
        for canary in canaries {
            if let Some(spelling) = canary.spelling_in(&bytes) {
                found.push(format!("{} stands {spelling} in {}", canary.name, path.display()));
            }
        }
    }
    (found, looked_at)
}

pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        // What looks at it says which file it is, and a socket is none.
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files(&path)),
            Ok(kind) if kind.is_file() => found.push(path),
            Ok(_) | Err(_) => {}
        }
    }
    found
}

fn ascii(json: &str) -> String {
    let mut text = String::new();
    for unit in json.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => text.push(char::from(byte)),
            _ => write!(text, "\\u{unit:04x}").unwrap(),
        }
    }
    text
}

fn hex(bytes: &[u8], upper: bool) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        if upper { write!(text, "{byte:02X}") } else { write!(text, "{byte:02x}") }.unwrap();
        text
    })
}

fn url(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let is_plain = byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
        if is_plain { write!(text, "{}", char::from(*byte)) } else { write!(text, "%{byte:02X}") }
            .unwrap();
        text
    })
}

/// The digits that stand in base64 whatever comes before and after, `shift` bytes into a group.
fn base64_core(bytes: &[u8], shift: usize) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let skipped = (3 - shift) % 3;
    let whole = bytes[skipped..].chunks_exact(3);
    let digits = whole.flat_map(|group| {
        let bits = group.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        [18, 12, 6, 0].map(|by| DIGITS[bits >> by & 63])
    });
    digits.collect()
}

#[test]
fn each_spelling_is_found() {
    let canary = Canary::new("canary", "k/é\"y+canary");
    let shown: Vec<String> = canary
        .spellings()
        .map(|(_, spelled)| String::from_utf8_lossy(spelled).into_owned())
        .collect();
    assert_eq!(
        shown,
        [
            "k/é\"y+canary",
            "k/é\\\"y+canary",
            "k/é\\\\\\\"y+canary",
            "k/\\u00e9\\\"y+canary",
            "6b2fc3a922792b63616e617279",
            "6B2FC3A922792B63616E617279",
            "k%2F%C3%A9%22y%2Bcanary",
            "ay/DqSJ5K2NhbmFy",
            "w6kieStjYW5h",
            "L8OpInkrY2FuYXJ5"
        ]
        .map(str::to_owned)
    );
}
