//! What a run asks of people, told to whoever watches it.

use std::collections::BTreeSet;

use orkestra_runtime::{
    Result,
    id::{AgentId, TaskId},
    protocol::ask::AskKind,
};
use serde::Serialize;

use crate::{
    output::{Console, Format, Progress},
    task::people::PendingView,
};

/// Which questions were told already.
#[derive(Debug, Default)]
pub(super) struct Asking {
    told: BTreeSet<(TaskId, Vec<AgentId>)>,
}

impl Asking {
    /// Tells what is asked and was not told: once for each question, and once more when others are
    /// asked it.
    pub(super) fn tell(
        &mut self,
        pending: &[PendingView],
        progress: &Progress,
        console: &mut Console,
    ) -> Result<()> {
        #[derive(Serialize)]
        struct Event<'a> {
            event: &'static str,
            #[serde(flatten)]
            question: &'a PendingView,
        }
        for question in pending {
            let is_new = self.told.insert((question.task.clone(), question.people.clone()));
            if !is_new {
                continue;
            }
            if console.format() == Format::Ndjson {
                console.line(&Event { event: "task_asks", question })?;
            } else {
                progress.say(console, told(question))?;
            }
        }
        Ok(())
    }
}

/// What is asked of whom, and what they can type.
pub(super) fn told(question: &PendingView) -> String {
    let PendingView { task, title, people, rule, due, on_timeout, .. } = question;
    let names: Vec<&str> = people.iter().map(AgentId::as_str).collect();
    let whom = match names.len() {
        0 => "somebody".to_owned(),
        1 => names.concat(),
        _ => format!("{rule} of {}", names.join(", ")),
    };
    let what = if title.is_empty() { String::new() } else { format!(" ({title})") };
    let how = match question.kind {
        AskKind::Approval => {
            format!("`orkestra task approve {task}` or `orkestra task reject {task}`")
        }
        AskKind::Answer => format!("`orkestra task answer {task} --text …`"),
    };
    let due = due.map(|due| format!(", by {due}, else: {on_timeout}")).unwrap_or_default();
    format!("task {task}{what} waits for {whom}: {how}{due}")
}
