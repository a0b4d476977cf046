//! Decides what a person's word does, and what is done when the time is over.

use orkestra_runtime::{
    id::{AgentId, RunId, TaskId, TaskNo},
    limits::PAYLOAD_INLINE_BYTES_MAX,
    machine::ReplyTo,
    protocol::{
        ask::{Ask, AskKind, AskRule, OnTimeout},
        payload::Payload,
        task::TaskSpec,
    },
    time::Wall,
};
use serde::{Deserialize, Serialize};

use super::{
    PersonDecision, Said,
    settle::{self, Settled},
};
use crate::task::{
    command::{RefusalCode, Reply, Round, TaskCommand},
    event::TaskEvent,
    machine::TaskMachine,
    state::{Phase, Task},
    view::state_name,
};

/// How many people one question may be put to.
const PEOPLE_MAX: usize = 64;
/// The longest reason, in bytes.
const REASON_BYTES_MAX: usize = 4 * 1024;
/// How many questions one internal command ends, and how many bytes of results of which the last may
/// be the last straw, so that a step stays small.
const ASKS_MAX: usize = 100;
const ASKS_BYTES_MAX: usize = 32 * 1024;
/// After how many other events of the same command questions wait for the next one.
const OTHERS_MAX: usize = 100;

/// What a person says about a task that asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// Who.
    pub by: AgentId,
    /// What.
    pub said: Said,
    /// Why; may be empty.
    pub reason: String,
    /// By which account they came in.
    pub via: String,
}

/// What is wrong with a question, if anything is.
pub(in crate::task) fn check_ask(spec: &TaskSpec, ask: &Ask) -> Option<String> {
    let people = &spec.agents;
    let mut sorted = people.clone();
    sorted.sort_unstable();
    sorted.dedup();
    let fault = if people.is_empty() && ask.rule != AskRule::Any {
        format!("asks {} of its people, and names none: name them in `agents`", ask.rule)
    } else if people.len() > PEOPLE_MAX {
        format!("asks {} people, and at most {PEOPLE_MAX} are allowed", people.len())
    } else if sorted.len() != people.len() {
        "asks somebody twice: name each person once".to_owned()
    } else if ask.kind == AskKind::Answer && ask.on_timeout == OnTimeout::Approve {
        "asks for an answer, and nobody's silence is one: reject or escalate on timeout".to_owned()
    } else if let OnTimeout::Escalate { to } = &ask.on_timeout {
        if to.is_empty() || to.len() > PEOPLE_MAX {
            format!("escalates to {} people: name 1 to {PEOPLE_MAX}", to.len())
        } else if to.iter().any(|person| people.contains(person)) {
            "escalates to somebody whom it has asked already: name others".to_owned()
        } else if ask.timeout_ms.is_none() {
            "escalates on timeout, and has no timeout: set one".to_owned()
        } else {
            return None;
        }
    } else {
        return None;
    };
    Some(fault)
}

impl TaskMachine {
    pub(in crate::task) fn decide_word(
        &self,
        to: ReplyTo,
        (run, task): (&RunId, &TaskId),
        word: &Word,
        round: &mut Round<'_>,
    ) {
        let Some((no, task)) = self.find(to, run, task, round.out) else { return };
        let (ask, escalated) = match (&task.spec.ask, &task.phase) {
            (Some(ask), Phase::Asked { escalated, .. }) => (ask, *escalated),
            (ask, phase) => {
                let message = match ask {
                    None => format!("task {:?} asks nobody", task.spec.id),
                    Some(_) => format!(
                        "task {:?} does not ask now: it is {}",
                        task.spec.id,
                        state_name(phase)
                    ),
                };
                return round.out.refuse(to, RefusalCode::TaskState, message);
            }
        };
        let asked = settle::asked(task, ask, escalated);
        if let Err((code, message)) = admit(task, ask, asked, word) {
            return round.out.refuse(to, code, message);
        }
        if let Some(before) = task.decisions.iter().find(|before| before.by == word.by) {
            if before.said == word.said {
                return round.out.reply(to, Reply::Decided { settled: false });
            }
            let message = format!(
                "{} has {} task {:?} already, and a decision is final",
                word.by,
                before.said.as_str(),
                task.spec.id
            );
            return round.out.refuse(to, RefusalCode::TaskState, message);
        }
        let Word { by, said, reason, via } = word.clone();
        let at = round.now.wall;
        let mut decisions = task.decisions.clone();
        decisions.push(PersonDecision {
            by: by.clone(),
            said: said.clone(),
            reason: reason.clone(),
            via: via.clone(),
            at,
        });
        round.out.events.push(TaskEvent::PersonDecided { task: no, by, said, reason, via });
        let settled = settle::settled(ask, asked, &decisions);
        round.out.reply(to, Reply::Decided { settled: settled.is_some() });
        if let Some(settled) = settled {
            self.settle_ask((no, task), settled, round);
            round.out.then.push(TaskCommand::Sweep);
        }
    }

    fn settle_ask(&self, (no, task): (TaskNo, &Task), settled: Settled, round: &mut Round<'_>) {
        let event = match settled {
            Settled::Completed(output) => {
                TaskEvent::Completed { task: no, attempt: task.attempt, output, worked_ms: 0 }
            }
            Settled::Failed(reason) => TaskEvent::Failed { task: no, reason },
        };
        self.record(event, round.out);
    }

    /// Ends, or hands on, the questions whose time is over.
    pub(in crate::task) fn expire_asks(&self, round: &mut Round<'_>) {
        // A command of its own that does not fit a record is never done, and stops the shard.
        if round.out.events.len() > OTHERS_MAX {
            return;
        }
        let (now, mut bytes) = (round.now.wall, 0);
        for (_, no) in self.durable.asks.range(..=(now, TaskNo(u64::MAX))).take(ASKS_MAX) {
            let Some(task) = self.task(*no) else { continue };
            // Its deadline has passed as well, and has ended it.
            let overdue = task.deadline.is_some_and(|deadline| deadline <= now);
            let (Some(ask), Phase::Asked { escalated, .. }) = (&task.spec.ask, &task.phase) else {
                continue;
            };
            if overdue {
                continue;
            }
            if bytes > ASKS_BYTES_MAX {
                break;
            }
            if matches!(ask.on_timeout, OnTimeout::Escalate { .. }) && !escalated {
                round.out.events.push(TaskEvent::AskEscalated { task: *no });
            } else {
                let settled = settle::timed_out(ask, &task.decisions);
                bytes += settled.bytes();
                self.settle_ask((*no, task), settled, round);
            }
        }
    }

    /// When the next question comes to its time.
    pub(in crate::task) fn next_ask(&self) -> Option<Wall> {
        self.durable.asks.first().map(|(due, _)| *due)
    }
}

/// Whether somebody may say this.
fn admit(
    task: &Task,
    ask: &Ask,
    (people, rule): (&[AgentId], AskRule),
    word: &Word,
) -> Result<(), (RefusalCode, String)> {
    let id = &task.spec.id;
    if !people.is_empty() && !people.contains(&word.by) {
        let names: Vec<&str> = people.iter().map(AgentId::as_str).collect();
        let message = format!(
            "task {id:?} does not ask {}: it asks {}; `--as NAME` says as whom you decide",
            word.by,
            names.join(", ")
        );
        return Err((RefusalCode::NotAsked, message));
    }
    if word.reason.len() + word.via.len() > REASON_BYTES_MAX {
        let message = format!("the reason has more than {REASON_BYTES_MAX} bytes: shorten it");
        return Err((RefusalCode::Invalid, message));
    }
    match (&word.said, ask.kind) {
        (Said::Approved, AskKind::Answer) => {
            let message = format!(
                "task {id:?} asks for an answer: `orkestra task answer {id} --text …` gives one"
            );
            Err((RefusalCode::Invalid, message))
        }
        (Said::Answered(_), AskKind::Approval) => {
            let message = format!(
                "task {id:?} asks for yes or no: `orkestra task approve {id}` or \
                 `orkestra task reject {id}`"
            );
            Err((RefusalCode::Invalid, message))
        }
        (Said::Answered(answer), AskKind::Answer) => {
            // All answers together become one result.
            let max = if rule == AskRule::All {
                PAYLOAD_INLINE_BYTES_MAX / (2 * people.len().max(1))
            } else {
                PAYLOAD_INLINE_BYTES_MAX
            };
            match answer {
                Payload::Inline(json) if json.as_str().len() <= max => Ok(()),
                Payload::Blob { .. } if rule != AskRule::All => Ok(()),
                _ => {
                    let message = format!(
                        "the answer is too long: task {id:?} takes up to {max} bytes of JSON from \
                         each of those whom it asks"
                    );
                    Err((RefusalCode::Invalid, message))
                }
            }
        }
        (Said::Approved | Said::Rejected, _) => Ok(()),
    }
}
