//! How a valid value is bent: a plan is drawn by the engine, so that it can be repeated and shrunk.

use bolero::{ValueGenerator, produce};

/// Which seed is taken, and what is done to it, one after another.
pub(crate) type Plan = (u16, Vec<Edit>);
/// What, where, how long, and with what.
pub(crate) type Edit = (u8, u32, u16, u64);

/// No input is longer.
pub(crate) const BYTES_MAX: usize = 64 * 1024;

/// Numbers at which readers break.
const NUMBERS: [&str; 14] = [
    "0",
    "-1",
    "1",
    "255",
    "65536",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e400",
    "0.000001",
    "99999999999999999999999999999999999999999",
];

/// Pieces of text at which readers break.
const PIECES: [&[u8]; 12] = [
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"\xe2\x80\xa8",
    b"\xef\xbb\xbf",
    b"\r",
    b"\n\n",
    b"\x1b[2J",
    b"../",
    b"\xf0\x9f\x98\x80",
];

/// Draws plans.
pub(crate) fn plans() -> impl ValueGenerator<Output = Plan> {
    (produce::<u16>(), produce::<Vec<Edit>>().with().len(0_usize..7))
}

/// What edits take from.
pub(crate) struct Stock<'a> {
    pub(crate) seeds: &'a [Vec<u8>],
    /// Words that mean something to the reader.
    pub(crate) words: &'a [&'a str],
}

/// Carries a plan out. Every sixteenth begins with nothing.
pub(crate) fn bent((choice, edits): &Plan, stock: &Stock<'_>) -> Vec<u8> {
    let seed = stock.seeds.get(usize::from(*choice) % stock.seeds.len().max(1));
    let mut bytes = match seed {
        Some(seed) if choice % 16 != 15 => seed.clone(),
        Some(_) | None => Vec::new(),
    };
    for edit in edits {
        bend(&mut bytes, *edit, stock);
        bytes.truncate(BYTES_MAX);
    }
    bytes
}

fn bend(bytes: &mut Vec<u8>, (what, at, length, value): Edit, stock: &Stock<'_>) {
    let place = at as usize % (bytes.len() + 1);
    let length = usize::from(length);
    let end = (place + 1 + length % 32).min(bytes.len());
    let number = usize::try_from(value % 1_000_003).unwrap_or(0);
    let word = stock.words.get(number % stock.words.len().max(1)).copied().unwrap_or("[");
    match what % 15 {
        0 => over(bytes, place, |byte| *byte ^= 1 << (value % 8)),
        1 => over(bytes, place, |byte| *byte = value.to_le_bytes()[0]),
        2 => insert(bytes, place, &value.to_be_bytes()[..=length % 8]),
        3 => drop(bytes.drain(place..end.max(place))),
        4 => bytes.truncate(place),
        5 => double(bytes, place, end.max(place)),
        6 => splice(bytes, place, stock.seeds.get(number % stock.seeds.len().max(1)), length),
        7 | 8 => insert(bytes, place, word.as_bytes()),
        9 => overwrite(bytes, place, &interesting(value, length)),
        10 => replace_number(bytes, place, NUMBERS[number % NUMBERS.len()]),
        11 => insert(bytes, place, word.repeat(1 + length % 300).as_bytes()),
        12 => overwrite(bytes, place, word.as_bytes()),
        13 => insert(bytes, place, PIECES[number % PIECES.len()]),
        _ => exchange(bytes, place, end),
    }
}

fn over(bytes: &mut [u8], place: usize, change: impl FnOnce(&mut u8)) {
    if let Some(byte) = bytes.get_mut(place) {
        change(byte);
    }
}

fn insert(bytes: &mut Vec<u8>, place: usize, piece: &[u8]) {
    bytes.splice(place..place, piece.iter().copied());
}

fn double(bytes: &mut Vec<u8>, place: usize, end: usize) {
    let copy: Vec<u8> = bytes.get(place..end).unwrap_or_default().into();
    bytes.splice(place..place, copy);
}

fn overwrite(bytes: &mut Vec<u8>, place: usize, piece: &[u8]) {
    let end = (place + piece.len()).min(bytes.len());
    bytes.splice(place..end, piece.iter().copied());
}

/// The rest comes from another value.
fn splice(bytes: &mut Vec<u8>, place: usize, other: Option<&Vec<u8>>, from: usize) {
    let Some(other) = other else { return };
    bytes.truncate(place);
    bytes.extend_from_slice(other.get(from % (other.len() + 1)..).unwrap_or_default());
}

fn exchange(bytes: &mut Vec<u8>, place: usize, end: usize) {
    let cut: Vec<u8> = bytes.drain(place..end.max(place)).collect();
    bytes.extend(cut);
}

/// A whole number of one to eight bytes, in either order, at a bound of its type.
fn interesting(value: u64, length: usize) -> Vec<u8> {
    let bound = match value % 5 {
        0 => 0,
        1 => u64::MAX,
        2 => u64::MAX >> 1,
        3 => 1 << 63,
        _ => value,
    };
    let width = [1, 2, 4, 8][length % 4];
    let mut bytes = bound.to_le_bytes()[8 - width..].to_vec();
    if length & 4 != 0 {
        bytes.reverse();
    }
    bytes
}

/// Puts another number where the next one stands.
fn replace_number(bytes: &mut Vec<u8>, place: usize, number: &str) {
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let Some(begin) = bytes[place..].iter().position(is_digit).map(|at| place + at) else { return };
    let end =
        bytes[begin..].iter().position(|byte| !is_digit(byte)).map_or(bytes.len(), |at| begin + at);
    bytes.splice(begin..end, number.bytes());
}

#[test]
fn each_edit_changes_what_it_should_and_none_breaks() {
    let seeds = vec![b"abc = 12, \"x\"".to_vec(), b"[1]".to_vec()];
    let stock = Stock { seeds: &seeds, words: &["{{"] };
    let one = |edit: Edit| String::from_utf8_lossy(&bent(&(0, vec![edit]), &stock)).into_owned();
    assert_eq!(one((0, 0, 0, 0)), "`bc = 12, \"x\"");
    assert_eq!(one((3, 1, 1, 0)), "a = 12, \"x\"");
    assert_eq!(one((4, 3, 0, 0)), "abc");
    assert_eq!(one((6, 3, 1, 1)), "abc1]");
    assert_eq!(one((7, 0, 0, 0)), "{{abc = 12, \"x\"");
    assert_eq!(one((10, 0, 0, 1)), "abc = -1, \"x\"");
    assert_eq!(bent(&(15, vec![]), &stock), b"");
    for what in 0..=u8::MAX {
        for at in [0, 5, 13, u32::MAX] {
            bent(&(0, vec![(what, at, u16::MAX, u64::MAX), (what, at, 7, 3)]), &stock);
        }
    }
}
