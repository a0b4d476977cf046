//! How the supervision tree looks to a person.

use orkestra_runtime::time::Wall;

use super::fold::{Branch, Ending, State};
use crate::output::Table;

/// The longest reason that is shown.
const WHY_MAX: usize = 80;

/// The tree with branches, a line for each child.
pub(super) fn draw(tree: &Branch) -> String {
    let mut table = Table::new(["CHILD", "STATE", "RESTARTS", "LAST EXIT"]);
    row(tree, ("", ""), &mut table);
    table.render()
}

/// One line, and those below; the first stem is its own, the second that of its children.
fn row(branch: &Branch, (own, under): (&str, &str), table: &mut Table) {
    let name = branch.path.rsplit('/').next().unwrap_or(&branch.path);
    let last = branch.last_failure.as_ref().or(branch.last_exit.as_ref());
    table.row([
        format!("{own}{name}"),
        state(branch.state),
        branch.restarts.to_string(),
        last.map(exit).unwrap_or_default(),
    ]);
    let count = branch.children.len();
    for (index, child) in branch.children.iter().enumerate() {
        let (fork, stem) =
            if index + 1 == count { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        row(child, (&format!("{under}{fork}"), &format!("{under}{stem}")), table);
    }
}

fn state(state: State) -> String {
    match state {
        State::Starting => "starting".to_owned(),
        State::Running => "running".to_owned(),
        State::BackingOff(until) => format!("backing off until {}", time(until)),
        State::Stopping => "stopping".to_owned(),
        State::Stopped => "stopped".to_owned(),
        State::Parked => "parked".to_owned(),
        State::GaveUp => "gave up".to_owned(),
        State::Lost => "lost".to_owned(),
    }
}

fn exit(ending: &Ending) -> String {
    let why = ending.why.as_deref().unwrap_or_default();
    let why: String = why.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    let shown: String = if why.chars().count() > WHY_MAX {
        why.chars().take(WHY_MAX - 1).chain(['…']).collect()
    } else {
        why
    };
    let what = ending.what.as_str();
    if shown.is_empty() {
        format!("{what} at {}", time(ending.at))
    } else {
        format!("{what} at {}: {shown}", time(ending.at))
    }
}

/// The time of day.
fn time(at: Wall) -> String {
    let text = at.to_string();
    text.get(11..19).unwrap_or(&text).to_owned()
}
