//! "Did you mean".

/// The known word that a mistyped one is most likely to stand for; none when nothing is near.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let reach = 1 + word.chars().count() / 4;
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= reach && *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// What to do about an unknown word: the nearest known one, or all of them while they are few.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    const LISTED_MAX: usize = 24;
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(near) = nearest(word, known.iter().copied()) {
        return Some(format!("did you mean {near:?}?"));
    }
    let shown = known.iter().take(LISTED_MAX).copied().collect::<Vec<_>>().join(", ");
    match known.len() {
        0 => None,
        1..=LISTED_MAX => Some(format!("known are: {shown}")),
        more => Some(format!("known are: {shown} and {} more", more - LISTED_MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_seen_through() {
        assert_eq!(nearest("titel", ["title", "tasks"]), Some("title"));
        assert_eq!(nearest("secret", ["secrets", "licences"]), Some("secrets"));
        assert_eq!(nearest("x", ["a", "b"]), None);
        assert_eq!(did_you_mean("zzz", ["a", "b"]).unwrap(), "known are: a, b");
        assert_eq!(did_you_mean("zzz", []), None);
    }
}
