//! The templates of a task.

use minijinja::Environment;
use orkestra_runtime::protocol::task::DependencyKind;
use serde_json::Value;

use super::{
    checks::WorkspaceTexts,
    councils::BriefTexts,
    locks::LockTexts,
    task_words::{NeedFull, NeedKind, NeedWritten, TaskWritten},
    text::{Shape, Text},
};

/// The templates of one task, compiled once for all its repetitions.
pub(super) struct Templates<'t> {
    pub(super) id: Text<'t>,
    pub(super) title: Text<'t>,
    pub(super) instructions: Text<'t>,
    pub(super) parent: Option<Text<'t>>,
    pub(super) when: Option<Text<'t>>,
    pub(super) needs: Vec<(Text<'t>, DependencyKind)>,
    pub(super) input: Option<Shape<'t>>,
    pub(super) workspace: Option<WorkspaceTexts<'t>>,
    pub(super) locks: LockTexts<'t>,
    pub(super) council: Option<BriefTexts<'t>>,
}

impl<'t> Templates<'t> {
    pub(super) fn compile(
        environment: &'t Environment<'t>,
        task: &'t TaskWritten,
    ) -> Result<Self, String> {
        let text = |text: &'t str| Text::compile(environment, text);
        let need = |need: &'t NeedWritten| match need {
            NeedWritten::Name(name) => Ok((text(name)?, DependencyKind::Hard)),
            NeedWritten::Full(full) => Ok((text(&full.task)?, kind(full))),
        };
        let workspace = task.workspace.as_ref().map(|w| WorkspaceTexts::compile(environment, w));
        let council = task.council.as_ref().map(|it| BriefTexts::compile(environment, it));
        Ok(Self {
            council: council.transpose()?,
            workspace: workspace.transpose()?,
            locks: LockTexts::compile(environment, &task.locks)?,
            id: text(&task.id)?,
            title: text(&task.title)?,
            instructions: text(&task.instructions)?,
            parent: task.parent.as_deref().map(text).transpose()?,
            when: task.when.as_deref().map(text).transpose()?,
            needs: task.needs.iter().map(need).collect::<Result<_, String>>()?,
            input: task.input.as_ref().map(|v| Shape::compile(environment, v)).transpose()?,
        })
    }
}

fn kind(need: &NeedFull) -> DependencyKind {
    match need.kind {
        NeedKind::Hard => DependencyKind::Hard,
        NeedKind::Soft => DependencyKind::Soft,
        NeedKind::Conditional => DependencyKind::Conditional {
            pointer: need.pointer.clone().unwrap_or_default(),
            equals: need.equals.as_ref().map_or_else(|| "null".to_owned(), Value::to_string),
        },
    }
}
