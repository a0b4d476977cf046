//! A tree of supervisors and their children, as it is shown.

use std::fmt;

use futures::future::{BoxFuture, join_all};
use serde::{Deserialize, Serialize};

use super::{
    event::{ChildState, ChildView},
    handle::SupervisorHandle,
    rules::Kind,
};
use crate::{error::Result, id::Incarnation, restart::Exit};

/// One child, and all below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// Its path.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// What it is doing.
    pub state: ChildState,
    /// Its present or last life; zero for a root, and for what never lived.
    pub incarnation: Incarnation,
    /// How often it was restarted.
    pub restarts: u32,
    /// How it ended last.
    pub last_exit: Option<Exit>,
    /// Its children, in the order of their start.
    pub children: Vec<Self>,
}

/// What is below a supervisor. It is the asker who walks the tree; no supervisor waits for another.
pub(super) fn below(handle: &SupervisorHandle) -> BoxFuture<'_, Result<Vec<Tree>>> {
    Box::pin(async move {
        let children = handle.views().await?;
        let trees = children.into_iter().map(|(view, under)| async move {
            let children = match under {
                Some(under) => below(&under).await.unwrap_or_default(),
                None => Vec::new(),
            };
            grown(handle.path(), view, children)
        });
        Ok(join_all(trees).await)
    })
}

fn grown(path: &str, view: ChildView, children: Vec<Tree>) -> Tree {
    Tree {
        path: format!("{path}/{}", view.id),
        kind: view.kind,
        state: view.state,
        incarnation: view.incarnation,
        restarts: view.restarts,
        last_exit: view.last_exit,
        children,
    }
}

impl Tree {
    fn draw(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        write!(f, "{:indent$}{name}  {}", "", self.state, indent = depth * 2)?;
        if self.restarts > 0 {
            write!(f, ", restarted {} times", self.restarts)?;
        }
        if let Some(exit) = &self.last_exit {
            write!(f, " (last: {exit})")?;
        }
        writeln!(f)?;
        self.children.iter().try_for_each(|child| child.draw(f, depth + 1))
    }
}

/// One line a child, indented.
impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.draw(f, 0)
    }
}
