//! How fast one key is used: a shortest time between the beginnings of two calls, and a pause for
//! everybody when the provider asks for one.
//!
//! Who must wait waits asleep; nobody else does. The order is that of asking.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use orkestra_runtime::time::{Clock, Moment};

/// The turns of one key on this node. Cheap to clone; clones share their turns.
#[derive(Clone, Debug)]
pub struct Pace {
    line: Arc<Mutex<Line>>,
    clock: Arc<dyn Clock>,
}

/// Who may begin when.
#[derive(Debug)]
struct Line {
    interval: Duration,
    next: Moment,
    paused_until: Moment,
}

impl Line {
    /// Takes the next turn: when it is.
    fn take(&mut self, now: Moment) -> Moment {
        let turn = self.next.max(now).max(self.paused_until);
        self.next = turn + self.interval;
        turn
    }
}

impl Pace {
    /// So many calls a minute; 0 means as many as anybody likes.
    pub fn per_minute(calls: u32, clock: Arc<dyn Clock>) -> Self {
        let interval = Duration::from_mins(1).checked_div(calls).unwrap_or_default();
        let line = Line { interval, next: Moment::START, paused_until: Moment::START };
        Self { line: Arc::new(Mutex::new(line)), clock }
    }

    /// Waits for a turn. Dropped before that, the turn is lost and nobody else's.
    pub async fn turn(&self) {
        loop {
            let (turn, now) = {
                let now = self.clock.now().moment;
                (self.line().take(now), now)
            };
            tokio::time::sleep(turn.since(now)).await;
            // A pause that was asked for meanwhile holds for those who were in line as well.
            if self.line().paused_until <= turn.max(self.clock.now().moment) {
                return;
            }
        }
    }

    /// Nobody begins before this has passed.
    pub fn pause(&self, span: Duration) {
        let until = self.clock.now().moment + span;
        let mut line = self.line();
        line.paused_until = line.paused_until.max(until);
        line.next = line.next.max(until);
    }

    /// How long the pause still lasts.
    pub fn paused_for(&self) -> Duration {
        self.line().paused_until.since(self.clock.now().moment)
    }

    fn line(&self) -> std::sync::MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;
    use orkestra_runtime::time::SystemClock;

    use super::*;

    /// When each of so many callers began, in milliseconds, if all ask at once.
    async fn begins(pace: &Pace, clock: &Arc<dyn Clock>, callers: usize) -> Vec<u128> {
        let from = clock.now().moment;
        join_all((0..callers).map(|_| async {
            pace.turn().await;
            clock.now().moment.since(from).as_millis()
        }))
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn at_fifty_a_minute_calls_begin_at_least_1200_ms_apart() {
        let clock: Arc<dyn Clock> = SystemClock::start();
        let pace = Pace::per_minute(50, Arc::clone(&clock));
        let begins = begins(&pace, &clock, 5).await;
        assert!(begins[0] < 1_200, "{begins:?}");
        let apart: Vec<_> = begins.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(apart.iter().all(|ms| (1_199..=1_202).contains(ms)), "{begins:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_who_waits_holds_nobody_else_up() {
        let clock: Arc<dyn Clock> = SystemClock::start();
        let (slow, quick) =
            (Pace::per_minute(1, Arc::clone(&clock)), Pace::per_minute(0, Arc::clone(&clock)));
        slow.turn().await;
        tokio::select! {
            () = slow.turn() => panic!("a minute has not passed"),
            all = begins(&quick, &clock, 100) => assert_eq!(all, vec![0; 100]),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_for_all_also_for_those_in_line() {
        let clock: Arc<dyn Clock> = SystemClock::start();
        let pace = Pace::per_minute(600, Arc::clone(&clock));
        pace.turn().await;
        let (begins, ()) = tokio::join!(begins(&pace, &clock, 3), async {
            // They are in line by now.
            tokio::task::yield_now().await;
            pace.pause(Duration::from_secs(30));
        });
        assert!(begins.iter().all(|ms| *ms >= 30_000), "{begins:?}");
        assert!(begins.iter().all(|ms| *ms <= 30_500), "{begins:?}");
        assert_eq!(pace.paused_for(), Duration::ZERO);
    }
}
