//! Carries what workers say to the shard, in the order in which they say it.
//!
//! Workers must not wait, so their words queue here. The queue is bounded by what may be
//! outstanding: an agent reports only what it was given, and progress is throttled by its worker.

use std::{sync::Arc, time::Duration};

use orkestra_agents::worker::Sink;
use orkestra_runtime::{
    Result, duty,
    protocol::{
        agent::{FromAgent, Report},
        payload::Payload,
        task::Outcome,
    },
    supervise::{ChildSpec, Running, Started, Starting},
    time::Clock,
};
use tokio::sync::{Mutex, mpsc};

use crate::{
    context::ContextCommand,
    shard::{
        actor::{ShardError, ShardHandle},
        machine::{Command, ShardMachine},
        pool::Pool,
    },
    system::hands::TeamHands,
    task::TaskCommand,
};

/// How many reports one command carries: a step must fit its record.
const REPORTS_MAX: usize = 512;
/// How many bytes of outputs one command carries, unless one output alone is more.
const BYTES_MAX: usize = 96 * 1024;
/// What a check takes beside its texts.
const CHECK_BYTES: usize = 256;
/// How long one attempt to hand something over takes.
const WITHIN: Duration = Duration::from_secs(5);
/// Where others may lead the shard: how long words wait for a reign that is about to begin here.
const REIGN_WITHIN: Duration = Duration::from_secs(1);
/// How long nobody is asked again. Whoever asks one who has ended without a pause keeps its thread
/// from everybody else.
const AGAIN: Duration = Duration::from_millis(5);

/// What queues for the porter.
#[derive(Debug)]
pub(crate) enum Word {
    /// What a worker says.
    Said(FromAgent),
    /// What was said before this is the last.
    End,
}

/// Where words queue; survives a restart of the porter.
pub(crate) type Inbox = Arc<Mutex<mpsc::UnboundedReceiver<Word>>>;

/// The way to a porter. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Sayer(mpsc::UnboundedSender<Word>);

/// A way to a porter that is not there yet, and where it will read.
pub(crate) fn porter_of() -> (Sayer, Inbox) {
    let (words, inbox) = mpsc::unbounded_channel();
    (Sayer(words), Arc::new(Mutex::new(inbox)))
}

impl Sayer {
    /// Says what a worker says. The porter goes after the agents; what is said after it is for
    /// nobody.
    pub(crate) fn say(&self, news: FromAgent) {
        let _ = self.0.send(Word::Said(news));
    }

    /// The same, as workers speak.
    pub(crate) fn sink(&self) -> Sink {
        let this = self.clone();
        Arc::new(move |news| this.say(news))
    }

    /// The porter, as a child of its supervisor.
    pub(crate) fn child(
        &self,
        inbox: Inbox,
        shard: ShardHandle<ShardMachine, TeamHands>,
        clock: Arc<dyn Clock>,
    ) -> ChildSpec {
        let words = self.0.clone();
        ChildSpec::worker("porter", move |starting: Starting| {
            let (inbox, shard, clock) = (Arc::clone(&inbox), shard.clone(), Arc::clone(&clock));
            let words = words.clone();
            async move {
                let duty = carry(inbox, shard);
                let cell = duty::spawn_linked(duty, clock, starting.supervisor).await?;
                Ok(Started::from(Running::new(cell).stopped_by(move || {
                    // One that has ended already carries nothing more.
                    let _ = words.send(Word::End);
                })))
            }
        })
    }
}

/// Carries words until the last.
async fn carry(inbox: Inbox, shard: ShardHandle<ShardMachine, TeamHands>) -> Result<()> {
    let mut inbox = inbox.lock().await;
    while let Some(Word::Said(news)) = inbox.recv().await {
        let is_led = match news {
            FromAgent::Ended { agent, incarnation, reports } => {
                let mut is_led = true;
                for reports in split(reports) {
                    let agent = agent.clone();
                    let news = FromAgent::Ended { agent, incarnation, reports };
                    is_led = is_led && hand_over(&shard, news).await;
                }
                is_led
            }
            news => hand_over(&shard, news).await,
        };
        if !is_led && forgotten(&mut inbox) {
            return Ok(());
        }
    }
    Ok(())
}

/// Forgets what waits: it was said to a reign that is over, and whoever leads next asks for it again.
/// Says whether the last word was among it.
fn forgotten(inbox: &mut mpsc::UnboundedReceiver<Word>) -> bool {
    loop {
        match inbox.try_recv() {
            Ok(Word::Said(_)) => {}
            Ok(Word::End) => return true,
            Err(_) => return false,
        }
    }
}

/// Hands over, again and again while nobody leads: a word lost here would cost a lease. False where
/// others may lead, and it is not this node that does.
async fn hand_over(shard: &ShardHandle<ShardMachine, TeamHands>, news: FromAgent) -> bool {
    loop {
        let command = command_of(news.clone());
        match shard.tell(command, Pool::Outcomes, WITHIN).await {
            Ok(()) => return true,
            Err(ShardError::NoOne) if !shard.is_closed() => {
                tokio::time::sleep(AGAIN).await;
                // Words may come a moment before the reign that asked for them can be entered.
                let mut reigns = shard.reigns();
                let is_open = tokio::time::timeout(REIGN_WITHIN, reigns.until_open_is(true)).await;
                if shard.may_be_led_elsewhere() && is_open.is_err() {
                    return false;
                }
            }
            Err(error) => {
                tracing::debug!(%error, "nobody to hear a worker");
                return true;
            }
        }
    }
}

/// Whom of the shard a word is for.
fn command_of(news: FromAgent) -> Command {
    match news {
        FromAgent::Understood { agent, incarnation, understanding } => {
            Command::Context(ContextCommand::Understood { agent, incarnation, understanding })
        }
        news => Command::Task(TaskCommand::Heard(news)),
    }
}

/// Cuts reports into portions that fit a step.
fn split(reports: Vec<Report>) -> Vec<Vec<Report>> {
    let mut portions = Vec::new();
    let mut portion = Vec::new();
    let mut bytes = 0;
    for report in reports {
        let more = bytes_of(&report);
        if portion.len() >= REPORTS_MAX || (bytes + more > BYTES_MAX && !portion.is_empty()) {
            portions.push(std::mem::take(&mut portion));
            bytes = 0;
        }
        bytes += more;
        portion.push(report);
    }
    portions.push(portion);
    portions
}

fn bytes_of(report: &Report) -> usize {
    let texts = report.checks.iter().map(|check| {
        check.message.len() + check.details.len() + check.suggestion.len() + CHECK_BYTES
    });
    // Where files were checked, the record is checked too.
    let checks = if report.checks.is_empty() { 0 } else { texts.sum::<usize>() + 8 * CHECK_BYTES };
    checks
        + match &report.outcome {
            Outcome::Completed(Payload::Inline(json)) => json.as_str().len(),
            Outcome::Completed(Payload::Blob { .. } | Payload::Sensitive { .. })
            | Outcome::Cancelled => 0,
            Outcome::Failed(failure) => failure.message.len(),
        }
}

#[cfg(test)]
mod tests {
    use orkestra_runtime::{
        chance::Chance,
        fabric::embedded::Embedded,
        id::{AgentId, Attempt, Incarnation, ShardId, TaskNo},
        journal::Journal,
        protocol::payload::Json,
        time::SystemClock,
    };

    use super::*;
    use crate::shard::{
        actor::{Settings, ShardParts, shard},
        machine::ShardSettings,
    };

    /// On one thread: a porter that asked again and again without a pause would never let the time
    /// pass in which it is waited for.
    #[tokio::test(start_paused = true)]
    async fn words_for_a_reign_that_is_over_hold_up_nobody_and_are_forgotten() {
        let fabric = Embedded::memory();
        let (handle, _runner) = shard(ShardParts {
            journal: Journal::of(&fabric, ShardId(0)).unwrap(),
            genesis: Arc::new(|| ShardMachine::new(ShardSettings::default())),
            hands: Arc::new(|_| panic!("no reign begins")),
            clock: SystemClock::following_tokio(),
            chance: Chance::from_seed(1),
            settings: Settings { needs_lease: true, ..Settings::default() },
        });
        let (sayer, inbox) = porter_of();
        let (agent, incarnation) = (AgentId::new("ann").unwrap(), Incarnation(1));
        for _ in 0..1_000 {
            sayer.say(FromAgent::Left { agent: agent.clone(), incarnation });
        }
        let _ = sayer.0.send(Word::End);
        let carried = tokio::time::timeout(REIGN_WITHIN * 2, carry(inbox, handle)).await;
        carried.expect("it comes to the last word").unwrap();
    }

    fn report(bytes: usize) -> Report {
        let json = Json::of(&"x".repeat(bytes)).unwrap();
        let outcome = Outcome::Completed(Payload::Inline(json));
        Report { task: TaskNo(1), attempt: Attempt(1), outcome, worked_ms: 0, checks: Vec::new() }
    }

    #[test]
    fn reports_are_cut_by_number_and_by_bytes() {
        let sizes = |reports: Vec<Report>| split(reports).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(vec![report(1); 1_100]), [512, 512, 76]);
        assert_eq!(sizes(vec![report(60_000); 3]), [1, 1, 1]);
        assert_eq!(sizes(vec![report(40_000); 4]), [2, 2]);
    }
}
