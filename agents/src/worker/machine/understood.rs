//! What an agent says that it understands: at a pace, the newest word, and no word twice.

use std::time::Duration;

use orkestra_runtime::{
    protocol::{agent::FromAgent, understanding::Understanding},
    time::Moment,
};

use super::WorkerMachine;
use crate::worker::words::Effect;

/// The shortest time between two words of one agent.
pub(super) const UNDERSTOOD_EVERY: Duration = Duration::from_secs(1);

/// What was said, and what is to be said next. Takes next to no room while nothing is.
#[derive(Debug, Default)]
pub(super) struct Understood(Option<Box<Words>>);

#[derive(Debug)]
struct Words {
    said: Understanding,
    at: Moment,
    next: Option<Understanding>,
}

impl Understood {
    /// Takes a word; answers it if it is to be said at once.
    pub(super) fn hear(&mut self, now: Moment, word: Understanding) -> Option<Understanding> {
        match &mut self.0 {
            Some(words) if words.said == word => {
                words.next = None;
                None
            }
            Some(words) if now < words.at + UNDERSTOOD_EVERY => {
                words.next = Some(word);
                None
            }
            Some(_) | None => Some(self.say(now, word)),
        }
    }

    /// The word whose time has come.
    pub(super) fn due(&mut self, now: Moment) -> Option<Understanding> {
        let words = self.0.as_mut().filter(|words| words.at + UNDERSTOOD_EVERY <= now)?;
        let next = words.next.take()?;
        Some(self.say(now, next))
    }

    /// When the next word is to be said.
    pub(super) fn wakeup(&self) -> Option<Moment> {
        let words = self.0.as_ref().filter(|words| words.next.is_some())?;
        Some(words.at + UNDERSTOOD_EVERY)
    }

    /// The word that waits, whether its time has come or not: nothing is said after it.
    pub(super) fn last_word(&mut self) -> Option<Understanding> {
        self.0.as_mut()?.next.take()
    }

    /// What was said last.
    pub(super) fn again(&self) -> Option<Understanding> {
        Some(self.0.as_ref()?.said.clone())
    }

    fn say(&mut self, at: Moment, word: Understanding) -> Understanding {
        self.0 = Some(Box::new(Words { said: word.clone(), at, next: None }));
        word
    }
}

impl WorkerMachine {
    pub(super) fn understands(&self, understanding: Understanding) -> Effect {
        let (agent, incarnation) = (self.profile.id.clone(), self.incarnation);
        Effect::Say(FromAgent::Understood { agent, incarnation, understanding })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> Understanding {
        Understanding::of(text)
    }

    fn ms(ms: u64) -> Moment {
        Moment::from_ms(ms)
    }

    #[test]
    fn the_newest_word_is_said_once_a_second_and_none_twice() {
        let mut words = Understood::default();
        assert_eq!(words.hear(ms(0), word("a")), Some(word("a")));
        assert_eq!((words.hear(ms(10), word("b")), words.wakeup()), (None, Some(ms(1_000))));
        assert_eq!(words.hear(ms(20), word("c")), None);
        assert_eq!(words.due(ms(999)), None);
        assert_eq!(words.due(ms(1_000)), Some(word("c")));
        assert_eq!((words.hear(ms(5_000), word("c")), words.wakeup()), (None, None));
        assert_eq!(words.again(), Some(word("c")));
        // Whoever comes back to what was said has nothing more to say.
        assert_eq!(words.hear(ms(5_001), word("d")), Some(word("d")));
        assert_eq!(words.hear(ms(5_002), word("e")), None);
        assert_eq!((words.hear(ms(5_003), word("d")), words.wakeup()), (None, None));
    }

    #[test]
    fn a_word_that_waits_is_said_before_the_worker_goes() {
        let mut words = Understood::default();
        assert_eq!(words.last_word(), None);
        assert_eq!(words.hear(ms(0), word("a")), Some(word("a")));
        assert_eq!(words.hear(ms(1), word("b")), None);
        assert_eq!((words.last_word(), words.last_word()), (Some(word("b")), None));
    }
}
