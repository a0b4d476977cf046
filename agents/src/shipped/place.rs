//! Puts folders of this machine where references stand in what an attempt is given.

use std::{borrow::Cow, sync::Arc, time::Duration};

use orkestra_runtime::{
    fabric::BlobName,
    protocol::{agent::Assignment, check::Workspace, payload::Json, task::Failure},
};

use super::{
    cache::Laid,
    reference::{Reference, found, replaced},
};
use crate::Context;

/// How often an attempt gives a sign of life while it waits for a repository.
const SIGN_EVERY: Duration = Duration::from_millis(500);

/// The repositories that a text names, laid out here.
struct Places(Vec<(Reference, Arc<Laid>)>);

impl Places {
    /// Lays out what a text names; none if it names nothing.
    async fn of(text: &str, context: &Context) -> Result<Option<Self>, Failure> {
        let references = found(text);
        if references.is_empty() {
            return Ok(None);
        }
        let mut places = Vec::with_capacity(references.len());
        for reference in references {
            let laid = held(&reference, context).await?;
            context.keep_laid(Arc::clone(&laid));
            places.push((reference, laid));
        }
        Ok(Some(Self(places)))
    }

    fn fill(&self, text: &str, spell: impl Fn(&str) -> String) -> String {
        replaced(text, |reference, is_workspace| {
            let laid = self.0.iter().find(|(known, _)| known == reference);
            laid.map_or_else(
                || if is_workspace { reference.workspace() } else { reference.path() },
                |(_, laid)| {
                    let path = if is_workspace { &laid.workspace } else { &laid.repository };
                    spell(&path.to_string_lossy())
                },
            )
        })
    }
}

async fn held(reference: &Reference, context: &Context) -> Result<Arc<Laid>, Failure> {
    let Some(repositories) = context.repositories() else {
        let blob: &BlobName = reference.blob();
        let why = format!(
            "the task names a repository that was shipped (blob {blob}), and nothing is shipped to this \
             process: run it on a cluster, or run its scenario here"
        );
        return Err(Failure::error(why));
    };
    let holding = repositories.hold(reference);
    tokio::pin!(holding);
    let mut signs = tokio::time::interval(SIGN_EVERY);
    loop {
        tokio::select! {
            held = &mut holding => return held.map_err(|error| Failure::error(error.to_string())),
            _ = signs.tick() => context.heartbeat(),
        }
    }
}

/// A text with the folders of this machine in it.
pub(crate) async fn text(text: &str, context: &Context) -> Result<Option<String>, Failure> {
    let places = Places::of(text, context).await?;
    Ok(places.map(|places| places.fill(text, str::to_owned)))
}

/// JSON with the folders of this machine in it.
pub(crate) async fn json(json: Json, context: &Context) -> Result<Json, Failure> {
    let Some(places) = Places::of(json.as_str(), context).await? else { return Ok(json) };
    let quoted = |path: &str| {
        let text = serde_json::Value::from(path).to_string();
        text.strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
            .unwrap_or_default()
            .to_owned()
    };
    Json::parse(&places.fill(json.as_str(), quoted)).map_err(|error| {
        Failure::error(format!("cannot say where a shipped repository is: {error}"))
    })
}

/// What an assignment says beside its input, with the folders of this machine in it. Whoever works
/// elsewhere is told the words as they are; the files that its worker checks are here in any case.
pub(crate) async fn assignment(
    given: &mut Assignment,
    is_elsewhere: bool,
    context: &Context,
) -> Result<(), Failure> {
    if !is_elsewhere {
        for said in [&mut given.title, &mut given.instructions] {
            put(said, context).await?;
        }
    }
    if let Some(workspace) = &mut given.workspace {
        let Workspace { dir, output_dir, output_file, input_files } = workspace.as_mut();
        put(dir, context).await?;
        for said in output_dir.iter_mut().chain(output_file).chain(input_files) {
            put(said, context).await?;
        }
    }
    Ok(())
}

async fn put(said: &mut String, context: &Context) -> Result<(), Failure> {
    if let Some(here) = text(said, context).await? {
        *said = here;
    }
    Ok(())
}

/// Arguments with the folders of this machine in them.
pub(crate) async fn texts<'a>(
    said: &'a [String],
    context: &Context,
) -> Result<Cow<'a, [String]>, Failure> {
    let mut all = Cow::Borrowed(said);
    for (index, word) in said.iter().enumerate() {
        if let Some(here) = text(word, context).await?
            && let Some(word) = all.to_mut().get_mut(index)
        {
            *word = here;
        }
    }
    Ok(all)
}
