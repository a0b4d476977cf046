//! Answers that do not fit a frame, kept at the leader until whoever asked has fetched them.
//!
//! Promises: what is put together is one answer of one moment, whole; what is kept is bounded in
//! bytes and in time. What is not known any more (another leads, it was not fetched in time, too much
//! else was kept since) is asked for anew.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How long an answer may be, in bytes; a longer one is refused.
pub(super) const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How much of an answer one frame brings, in bytes: less than what a server allows by default, with
/// room for what stands around it.
const PART_BYTES: usize = 512 * 1024;
/// How many bytes are kept for everybody together.
const KEPT_BYTES_MAX: usize = 2 * ANSWER_BYTES_MAX;
/// How long nobody may fetch of an answer before it is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30);

/// The answers that a leader keeps.
#[derive(Default)]
pub(super) struct Parts(Mutex<HashMap<u64, Kept>>);

struct Kept {
    answer: Vec<u8>,
    fetched: Instant,
}

impl Parts {
    /// Keeps an answer under a token; whoever fetched least recently makes room for it.
    pub(super) fn keep(&self, token: u64, answer: Vec<u8>, now: Instant) {
        let mut all = self.all();
        all.retain(|_, kept| now.duration_since(kept.fetched) < FORGOTTEN_AFTER);
        let mut bytes = answer.len() + all.values().map(|kept| kept.answer.len()).sum::<usize>();
        while bytes > KEPT_BYTES_MAX {
            let oldest = all.iter().min_by_key(|(_, kept)| kept.fetched).map(|(token, _)| *token);
            let Some(gone) = oldest.and_then(|token| all.remove(&token)) else { break };
            bytes -= gone.answer.len();
        }
        all.insert(token, Kept { answer, fetched: now });
    }

    /// What an answer has from a place on, a part of it; none when it is not known (any more), or
    /// has nothing there. With its last part it is forgotten.
    pub(super) fn fetch(&self, token: u64, from: u64, now: Instant) -> Option<Vec<u8>> {
        let mut all = self.all();
        let kept = all.get_mut(&token)?;
        kept.fetched = now;
        let rest =
            kept.answer.get(usize::try_from(from).ok()?..).filter(|rest| !rest.is_empty())?;
        let part = rest[..rest.len().min(PART_BYTES)].to_vec();
        if part.len() == rest.len() {
            all.remove(&token);
        }
        Some(part)
    }

    /// Forgets all: a reign is over.
    pub(super) fn clear(&self) {
        self.all().clear();
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(bytes: usize) -> Vec<u8> {
        (0..bytes).map(|place| u8::try_from(place % 251).unwrap()).collect()
    }

    fn fetched(parts: &Parts, token: u64) -> Vec<u8> {
        let mut whole = Vec::new();
        while let Some(part) = parts.fetch(token, whole.len() as u64, crate::reach::now()) {
            assert!(!part.is_empty() && part.len() <= PART_BYTES);
            whole.extend_from_slice(&part);
        }
        whole
    }

    #[tokio::test]
    async fn an_answer_is_fetched_whole_and_then_forgotten() {
        let (parts, now) = (Parts::default(), crate::reach::now());
        for bytes in [1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES] {
            parts.keep(7, answer(bytes), now);
            assert_eq!(fetched(&parts, 7), answer(bytes));
            assert_eq!(parts.fetch(7, 0, now), None);
        }
        parts.keep(7, answer(9), now);
        for from in [9, 10, u64::MAX] {
            assert_eq!(parts.fetch(7, from, now), None);
        }
        parts.clear();
        assert_eq!(parts.fetch(7, 0, now), None);
    }

    #[tokio::test]
    async fn what_nobody_fetches_makes_room_and_is_forgotten_in_time() {
        let (parts, now) = (Parts::default(), crate::reach::now());
        let later = |seconds| now + Duration::from_secs(seconds);
        parts.keep(1, answer(ANSWER_BYTES_MAX), now);
        parts.keep(2, answer(ANSWER_BYTES_MAX), later(1));
        assert!(parts.fetch(1, 0, later(2)).is_some());
        parts.keep(3, answer(1), later(3));
        assert!(parts.fetch(2, 0, later(4)).is_none(), "it was fetched least recently");
        assert!(parts.fetch(1, 0, later(4)).is_some());
        parts.keep(4, answer(1), later(34));
        assert!(parts.fetch(1, 0, later(34)).is_none(), "its time was over");
        assert_eq!(fetched(&parts, 4), answer(1));
    }
}
