//! Locks of tasks, as a scenario describes them.

use minijinja::{Environment, Value as Rendered};
use orkestra_runtime::{
    id::LockKey,
    protocol::lock::{Mode, Want},
};

use super::{lock_words::LockWritten, task_words::TaskWritten, text::Text};
use crate::written::{Findings, Path};

/// Checks what can be checked before templates are filled.
pub(super) fn check_locks(task: &TaskWritten, at: &Path, findings: &mut Findings<'_>) {
    let at = at.key("locks");
    if task.ask.is_some() && !task.locks.is_empty() {
        let help = Some("let a task that needs it declare them".to_owned());
        findings.add(&at, "a task that asks people has no attempts, and so no \"locks\"", help);
    }
    for (index, lock) in task.locks.iter().enumerate() {
        if let Err((key, why, help)) = lock.mode() {
            findings.add(&at.index(index).key(key), why, Some(help.to_owned()));
        }
    }
}

/// The templates of the locks of a task.
pub(super) struct LockTexts<'t>(Vec<(Text<'t>, Mode)>);

impl<'t> LockTexts<'t> {
    pub(super) fn compile(
        environment: &'t Environment<'t>,
        locks: &'t [LockWritten],
    ) -> Result<Self, String> {
        let text = |lock: &'t LockWritten| {
            // What has no mode is told where the file is read.
            Ok((Text::compile(environment, lock.key())?, lock.mode().unwrap_or_default()))
        };
        locks.iter().map(text).collect::<Result<_, String>>().map(Self)
    }

    /// The locks; one of an empty name is left out. The error says at which key, and why.
    pub(super) fn fill(&self, names: &Rendered) -> Result<Vec<Want>, (String, String)> {
        let mut wants: Vec<Want> = Vec::with_capacity(self.0.len());
        for (index, (text, mode)) in self.0.iter().enumerate() {
            let of = |why: String| (format!("locks.{index}"), why);
            let name = text.string(names).map_err(of)?;
            if name.trim().is_empty() {
                continue;
            }
            let key = LockKey::new(name.trim()).map_err(|error| of(error.to_string()))?;
            if wants.iter().any(|want| want.key == key) {
                return Err(of(format!("lock {:?} is named twice", key.as_str())));
            }
            wants.push(Want { key, mode: *mode });
        }
        Ok(wants)
    }
}

#[cfg(test)]
mod tests {
    use orkestra_runtime::{
        id::LockKey,
        protocol::lock::{Mode, Want},
    };

    use crate::scenario::tests::{prepare, read, told};

    fn want(key: &str, mode: Mode) -> Want {
        Want { key: LockKey::new(key).unwrap(), mode }
    }

    #[test]
    fn a_task_says_which_locks_its_attempts_hold_and_how() {
        let body = "[[tasks]]\nid = 't-{{ n }}'\nrepeat = { n = 2 }\nlocks = ['file-{{ n }}', \
            { key = 'db', mode = 'shared' }, { key = 'gpu', permits = 2, of = 4 }, \
            { key = 'slots', of = 3 }, '{% if n == 0 %}first{% endif %}']\n";
        let prepared = prepare(body).unwrap();
        let rest = [
            want("db", Mode::Shared),
            want("gpu", Mode::Permits { permits: 2, of: 4 }),
            want("slots", Mode::Permits { permits: 1, of: 3 }),
        ];
        let first = [&[want("file-0", Mode::Exclusive)], &rest[..]].concat();
        let first = [&first[..], &[want("first", Mode::Exclusive)]].concat();
        assert_eq!(prepared.tasks[0].locks, first);
        assert_eq!(
            prepared.tasks[1].locks,
            [&[want("file-1", Mode::Exclusive)], &rest[..]].concat()
        );
    }

    #[test]
    fn what_is_wrong_with_locks_is_told_with_its_place() {
        let body = "[agents.p]\nkind = 'person'\n\
            [[tasks]]\nid = 'a'\nlocks = [{ key = 'x', mode = 'shared', of = 2 }, \
            { key = 'y', permits = 1 }, { key = 'z', permits = 3, of = 2 }]\n\
            [[tasks]]\nid = 'b'\nagents = ['p']\nask = 'approval'\nlocks = ['x']\n";
        let mut faults = told(read(body));
        faults.sort();
        assert_eq!(
            faults,
            [
                "tasks[0].locks[0].mode: a lock with permits has no mode",
                "tasks[0].locks[1].permits: permits of how many?",
                "tasks[0].locks[2].permits: so many permits there are not",
                "tasks[1].locks: a task that asks people has no attempts, and so no \"locks\"",
            ]
        );
        let twice = "[[tasks]]\nid = 'a'\nlocks = ['x', { key = 'x', mode = 'shared' }]\n";
        assert_eq!(told(prepare(twice)), ["tasks[0].locks[1]: lock \"x\" is named twice"]);
        let wrong = told(prepare("[[tasks]]\nid = 'a'\nlocks = ['a key']\n"));
        assert!(wrong[0].starts_with("tasks[0].locks[0]: "), "{wrong:?}");
        let lost = told(read("[[tasks]]\nid = 'a'\nlocks = ['{{ inputs.nothing }}']\n"));
        assert!(lost[0].starts_with("tasks[0].locks[0]: there is no input"), "{lost:?}");
    }
}
