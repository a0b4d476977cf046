//! Counts what is too long to be counted by the sequencer.
//!
//! Who leads hands over the ballots of a vote that is closed; they are counted on a thread of their
//! own, and what they come to goes back as a command. What is handed over outlives a restart of the
//! teller: it is kept beside it until it is settled. Whoever leads next asks for the same again, so
//! nothing is kept for a reign that is over.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{StreamExt as _, stream::FuturesUnordered};
use orkestra_runtime::{
    Result, duty,
    id::VoteNo,
    supervise::{ChildSpec, Started, Starting},
    time::Clock,
};
use tokio::sync::{Semaphore, mpsc};

use crate::{
    committee::{CommitteeCommand, Poll},
    reach::Here,
    shard::{actor::ShardError, machine::Command, pool::Pool},
};

/// How many votes are counted at a time.
const AT_ONCE: usize = 2;
/// How long one attempt to hand a count over takes.
const WITHIN: Duration = Duration::from_secs(30);
/// How long is waited before it is handed over again.
const AGAIN: Duration = Duration::from_millis(50);
/// How long a reign is waited for that may begin here.
const REIGN_WITHIN: Duration = Duration::from_secs(1);
/// How often counting is tried that breaks: a count is a function, so it will break again.
const TRIES: u32 = 3;

/// Votes that are to be counted, each with how often it was tried.
type Kept = Arc<Mutex<BTreeMap<VoteNo, (Arc<Poll>, u32)>>>;

/// The way to a teller. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Teller {
    words: mpsc::UnboundedSender<VoteNo>,
    kept: Kept,
}

/// Where a teller hears; survives its restarts.
#[derive(Clone, Debug)]
pub(crate) struct TellerInbox {
    words: Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<VoteNo>>>,
    kept: Kept,
}

/// A way to a teller that is not there yet, and where it will hear.
pub(crate) fn teller_of() -> (Teller, TellerInbox) {
    let (words, heard) = mpsc::unbounded_channel();
    let kept = Kept::default();
    let words_heard = Arc::new(tokio::sync::Mutex::new(heard));
    (Teller { words, kept: Arc::clone(&kept) }, TellerInbox { words: words_heard, kept })
}

impl Teller {
    /// Hands over the ballots of a vote; nothing here waits. The same vote again changes nothing
    /// while it is being counted: its ballots are those that they were.
    pub(crate) fn count(&self, vote: VoteNo, poll: Arc<Poll>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.insert(vote, (poll, 0)).is_none() {
            // Nobody hears once the shard is closed: then somebody else counts.
            let _ = self.words.send(vote);
        }
    }
}

impl TellerInbox {
    /// The teller, as a child of its supervisor.
    pub(crate) fn child(self, here: Here, clock: Arc<dyn Clock>) -> ChildSpec {
        ChildSpec::worker("teller", move |starting: Starting| {
            let (inbox, here, clock) = (self.clone(), here.clone(), Arc::clone(&clock));
            async move {
                let cell =
                    duty::spawn_linked(inbox.serve(here), clock, starting.supervisor).await?;
                Ok(Started::from(cell))
            }
        })
    }

    pub(super) async fn serve(self, here: Here) -> Result<()> {
        let mut words = self.words.lock().await;
        let room = Arc::new(Semaphore::new(AT_ONCE));
        // What an earlier life of this teller had not settled.
        let mut under_way: FuturesUnordered<_> =
            self.waiting().into_iter().map(|vote| self.settle(vote, &here, &room)).collect();
        loop {
            tokio::select! {
                Some(()) = under_way.next(), if !under_way.is_empty() => {}
                heard = words.recv() => match heard {
                    Some(vote) => under_way.push(self.settle(vote, &here, &room)),
                    None => return Ok(()),
                },
            }
        }
    }

    pub(super) fn waiting(&self) -> Vec<VoteNo> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.keys().copied().collect()
    }

    /// The ballots of a vote, if it is still to be counted; counts the try.
    fn tried(&self, vote: VoteNo) -> Option<(Arc<Poll>, u32)> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (poll, tries) = kept.get_mut(&vote)?;
        *tries += 1;
        Some((Arc::clone(poll), *tries))
    }

    /// Forgets what was counted, unless the same was handed over again by a reign that has not heard.
    fn forget(&self, vote: VoteNo, counted: &Arc<Poll>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.get(&vote).is_some_and(|(poll, _)| Arc::ptr_eq(poll, counted)) {
            kept.remove(&vote);
        }
    }

    /// Counts one vote and says what it comes to.
    async fn settle(&self, vote: VoteNo, here: &Here, room: &Semaphore) {
        let Ok(_room) = room.acquire().await else { return };
        while let Some((poll, tries)) = self.tried(vote) {
            let ballots = Arc::clone(&poll);
            let counted = tokio::task::spawn_blocking(move || ballots.count()).await;
            match counted {
                Ok(tallied) => {
                    let tallied = Box::new(tallied);
                    let command = CommitteeCommand::Settle { vote, tallied };
                    Self::hand_over(here, Command::Committee(command)).await;
                    self.forget(vote, &poll);
                }
                Err(error) if tries < TRIES => {
                    tracing::error!(%vote, %error, "counting a vote broke: it is tried again");
                }
                Err(error) => {
                    tracing::error!(
                        %vote, %error,
                        "counting a vote broke every time: it stays uncounted until this program is \
                         replaced, or the vote withdrawn"
                    );
                    self.forget(vote, &poll);
                }
            }
        }
    }

    /// Hands over what was counted while this process leads; whoever leads else asks for it again.
    async fn hand_over(here: &Here, command: Command) {
        loop {
            match here.tell(command.clone(), Pool::Control, WITHIN).await {
                Ok(()) => return,
                Err(ShardError::NoOne | ShardError::Full) if !here.is_closed() => {
                    tokio::time::sleep(AGAIN).await;
                    let mut reigns = here.reigns();
                    let open = tokio::time::timeout(REIGN_WITHIN, reigns.until_open_is(true)).await;
                    if here.may_be_led_elsewhere() && open.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "nobody to hear what a vote comes to");
                    return;
                }
            }
        }
    }
}
