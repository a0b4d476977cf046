use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
};

use bytes::Bytes;
use orkestra_runtime::{
    ErrorKind,
    fabric::{BlobName, Fabric as _, embedded::Embedded},
    id::{Attempt, RunId, TaskId},
    protocol::payload::Json,
};
use serde_json::{Value, json};

use super::{cache::Bounds, *};
use crate::{
    Agent as _, Context, Work,
    kinds::command::{CommandAgent, CommandSpec, PlainInput, PlainOutput, Protocol},
};

const ROOM: usize = 1024 * 1024;

/// Git as somebody with a name.
fn git_in(folder: &Path, arguments: &[&str]) -> Output {
    Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@localhost", "-c", "tag.gpgsign=false"])
        .args(["-c", "commit.gpgsign=false", "-c", "protocol.file.allow=always"])
        .args(arguments)
        .env("GIT_AUTHOR_DATE", "1600000000 +0000")
        .env("GIT_COMMITTER_DATE", "1600000000 +0000")
        .output()
        .unwrap()
}

#[track_caller]
fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = git_in(folder, arguments);
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {talk}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A repository called `tidy`, and a node's folder beside it.
struct Scene {
    home: tempfile::TempDir,
    fabric: Embedded,
}

impl Scene {
    fn new() -> Self {
        let scene = Self { home: tempfile::tempdir().unwrap(), fabric: Embedded::strict() };
        fs::create_dir(scene.tidy()).unwrap();
        git(&scene.tidy(), &["init", "-q", "-b", "main"]);
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn tidy(&self) -> PathBuf {
        self.path("tidy")
    }

    fn commit(&self, file: &str, text: &[u8]) {
        fs::write(self.tidy().join(file), text).unwrap();
        git(&self.tidy(), &["add", "-A"]);
        git(&self.tidy(), &["commit", "-q", "-m", file]);
    }

    async fn node(&self, bounds: Bounds) -> Arc<Repositories> {
        Repositories::in_folder(self.path("node"), self.fabric.blobs(), bounds).await
    }

    async fn keep(&self, bytes: Bytes) -> BlobName {
        self.fabric.blobs().put(bytes).await.unwrap()
    }

    /// Ships the commit that the repository is at.
    async fn ship(&self) -> Reference {
        let bytes = made(&self.tidy(), ROOM).await.unwrap().bytes;
        self.reference(self.keep(bytes).await)
    }

    fn reference(&self, blob: BlobName) -> Reference {
        Reference::new(blob, &git(&self.tidy(), &["rev-parse", "HEAD"]), &self.tidy()).unwrap()
    }
}

fn source(folder: &Path) -> Source {
    let tags = |which: &str| {
        let format = "--format=%(objectname) %(refname)";
        let listed = git(folder, &["for-each-ref", format, &format!("{which}=HEAD"), "refs/tags"]);
        let tags = listed.lines().filter_map(|line| line.split_once(' '));
        tags.map(|(object, name)| (object.to_owned(), name.to_owned())).collect()
    };
    let shallow = fs::read_to_string(folder.join(".git/shallow")).unwrap_or_default();
    Source {
        objects: folder.join(".git/objects"),
        commit: git(folder, &["rev-parse", "HEAD"]),
        shallow: shallow.lines().map(str::to_owned).collect(),
        tags: tags("--merged"),
        own_tags: tags("--points-at"),
    }
}

async fn made(folder: &Path, most: usize) -> orkestra_runtime::Result<Made> {
    let scratch = tempfile::tempdir().unwrap();
    make(&source(folder), scratch.path(), most).await
}

/// Bytes that cannot be packed to fewer; the same for the same seed.
fn noise(bytes: usize, mut seed: u64) -> Vec<u8> {
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed.to_le_bytes()[3]
    };
    (0..bytes).map(|_| next()).collect()
}

#[tokio::test]
async fn what_is_laid_out_is_a_repository_at_the_commit_with_its_history_and_tags() {
    let scene = Scene::new();
    let tidy = scene.tidy();
    scene.commit("a.txt", b"one\n");
    git(&tidy, &["tag", "-a", "v1", "-m", "first"]);
    scene.commit("b.txt", b"two\n");
    git(&tidy, &["tag", "later"]);
    git(&tidy, &["checkout", "-q", "-b", "side"]);
    scene.commit("c.txt", b"three\n");
    git(&tidy, &["tag", "elsewhere"]);
    git(&tidy, &["checkout", "-q", "main"]);
    fs::write(tidy.join("a.txt"), "not committed").unwrap();
    let reference = scene.ship().await;
    fs::remove_dir_all(&tidy).unwrap();

    let node = scene.node(Bounds::default()).await;
    let laid = node.hold(&reference).await.unwrap();
    let repository = laid.repository.as_path();
    assert!(repository.ends_with("tidy"));
    assert_eq!(git(repository, &["rev-parse", "HEAD"]), reference.commit());
    git(repository, &["fsck", "--strict", "--no-progress"]);
    assert_eq!(git(repository, &["rev-list", "--count", "HEAD"]), "2");
    assert_eq!(git(repository, &["tag"]), "later\nv1");
    assert_eq!(git(repository, &["describe", "--abbrev=0"]), "v1");
    assert_eq!(git(repository, &["status", "--porcelain"]), "");
    assert_eq!(git(repository, &["rev-parse", "--is-shallow-repository"]), "false");
    git(repository, &["archive", "--output=../copy.tar", reference.commit()]);
    for folder in [repository, &laid.workspace] {
        assert_eq!(fs::read_to_string(folder.join("a.txt")).unwrap(), "one\n");
        assert!(!folder.join("c.txt").exists());
    }
    assert!(!laid.workspace.join(".git").exists());
    assert!(!repository.join(".git/hooks").exists());
    assert!(Arc::ptr_eq(&laid, &node.hold(&reference).await.unwrap()), "it is laid out once");
}

#[tokio::test]
async fn the_same_commit_is_the_same_blob_whoever_packs_it_and_however_his_objects_lie() {
    let scene = Scene::new();
    for n in 0_u64..20 {
        let lines: Vec<String> = (0..200).map(|line| format!("line {} of {n}", line * n)).collect();
        let text = lines.join("\n");
        scene.commit(&format!("f{}.txt", n % 4), text.as_bytes());
    }
    git(&scene.tidy(), &["tag", "-a", "v1", "-m", "first"]);
    let loose = made(&scene.tidy(), ROOM).await.unwrap();
    let url = format!("file://{}", scene.tidy().display());
    git(scene.home.path(), &["clone", "-q", &url, "clone"]);
    let clone = scene.path("clone");
    git(&clone, &["config", "pack.compression", "0"]);
    git(&clone, &["repack", "-q", "-a", "-d", "-f", "-b", "--window=50", "--depth=3"]);
    git(&clone, &["commit-graph", "write", "--reachable"]);
    fs::write(clone.join(".gitattributes"), "* -delta\n").unwrap();
    let packed = made(&clone, ROOM).await.unwrap();
    assert_eq!(BlobName::of(&loose.bytes), BlobName::of(&packed.bytes));
    assert!(loose.has_history);
}

#[tokio::test]
async fn what_does_not_fit_goes_without_its_history_and_what_fits_in_no_way_is_refused() {
    let scene = Scene::new();
    scene.commit("large", &noise(200_000, 7));
    git(&scene.tidy(), &["tag", "old"]);
    scene.commit("large", &noise(50_000, 8));
    git(&scene.tidy(), &["tag", "new"]);
    let alone = made(&scene.tidy(), 100_000).await.unwrap();
    assert!(!alone.has_history);
    let reference = scene.reference(scene.keep(alone.bytes).await);
    let laid = scene.node(Bounds::default()).await.hold(&reference).await.unwrap();
    let repository = laid.repository.as_path();
    assert_eq!(git(repository, &["rev-parse", "--is-shallow-repository"]), "true");
    assert_eq!(git(repository, &["rev-list", "--count", "HEAD"]), "1");
    assert_eq!(git(repository, &["tag"]), "new");
    git(repository, &["fsck", "--no-progress"]);

    let refused = made(&scene.tidy(), 40_000).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    let told = refused.to_string();
    assert!(told.contains("when packed") && told.contains("Git LFS"), "{told}");
}

#[tokio::test]
async fn a_shallow_clone_is_shipped_as_far_as_it_goes_and_a_broken_one_is_refused() {
    let scene = Scene::new();
    for n in 0..5 {
        scene.commit(&format!("f{n}"), b"text\n");
    }
    let url = format!("file://{}", scene.tidy().display());
    git(scene.home.path(), &["clone", "-q", "--depth=2", &url, "clone"]);
    let made_of = made(&scene.path("clone"), ROOM).await.unwrap();
    let reference = scene.reference(scene.keep(made_of.bytes).await);
    let laid = scene.node(Bounds::default()).await.hold(&reference).await.unwrap();
    assert_eq!(git(&laid.repository, &["rev-list", "--count", "HEAD"]), "2");
    git(&laid.repository, &["fsck", "--no-progress"]);

    let blob = git(&scene.tidy(), &["rev-parse", "HEAD:f3"]);
    let (folder, file) = blob.split_at(2);
    fs::remove_file(scene.tidy().join(".git/objects").join(folder).join(file)).unwrap();
    let told = made(&scene.tidy(), ROOM).await.unwrap_err().to_string();
    assert!(told.contains("git fsck"), "{told}");
}

#[tokio::test]
async fn nothing_that_a_repository_or_a_person_configures_is_run_at_either_end() {
    let scene = Scene::new();
    let (tidy, trace) = (scene.tidy(), scene.path("trace"));
    scene.commit(".gitattributes", b"*.txt filter=spy diff=spy\n");
    scene.commit("a.txt", b"one\n");
    let spy = format!("touch {}; cat", trace.display());
    let hook = format!("#!/bin/sh\ntouch {}\n", trace.display());
    for key in ["filter.spy.smudge", "filter.spy.clean", "diff.spy.textconv", "core.fsmonitor"] {
        git(&tidy, &["config", key, &spy]);
    }
    fs::create_dir_all(tidy.join(".git/hooks")).unwrap();
    for name in ["post-checkout", "reference-transaction", "post-index-change"] {
        use std::os::unix::fs::PermissionsExt as _;
        let path = tidy.join(".git/hooks").join(name);
        fs::write(&path, &hook).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let _ = fs::remove_file(&trace);
    let packed = made(&tidy, ROOM).await.unwrap();
    let reference = scene.reference(scene.keep(packed.bytes).await);
    let _ = fs::remove_file(&trace); // the test's own git may have run them
    let laid = scene.node(Bounds::default()).await.hold(&reference).await.unwrap();
    assert!(!trace.exists(), "something of the repository was run");
    assert_eq!(git(&laid.repository, &["config", "core.hooksPath"]), "/dev/null");
    assert_eq!(fs::read_to_string(laid.workspace.join("a.txt")).unwrap(), "one\n");
}

#[tokio::test]
async fn what_is_gone_or_damaged_is_told_with_what_to_do_and_the_next_attempt_may_find_it() {
    let scene = Scene::new();
    scene.commit("a.txt", &noise(5_000, 3));
    let good = made(&scene.tidy(), ROOM).await.unwrap().bytes;
    let node = scene.node(Bounds::default()).await;
    let cut = good.slice(..good.len() - 2_000);
    let mut bent = good.to_vec();
    let middle = bent.len() - 1_000;
    bent[middle] ^= 1;
    for spoiled in [Bytes::from_static(b"no repository"), cut, bent.into()] {
        let reference = scene.reference(scene.keep(spoiled).await);
        let refused = node.hold(&reference).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Corrupt, "{refused}");
        let told = refused.to_string();
        assert!(told.contains("\"tidy\" at commit") && told.contains("ships it anew"), "{told}");
    }
    let other = Reference::new(scene.keep(good.clone()).await, &"a".repeat(40), &scene.tidy());
    let told = node.hold(&other.unwrap()).await.unwrap_err().to_string();
    assert!(told.contains("the blob holds commit"), "{told}");

    let reference = scene.reference(BlobName::of(&good));
    scene.fabric.blobs().delete(reference.blob()).await.unwrap();
    let gone = node.hold(&reference).await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    assert!(gone.to_string().contains("no blob is named"), "{gone}");
    assert_eq!(fs::read_dir(scene.path("node")).unwrap().count(), 0, "something half is left");
    scene.keep(good).await;
    node.hold(&reference).await.unwrap();
}

#[tokio::test]
async fn what_nobody_uses_goes_when_there_are_too_many_and_an_earlier_life_leaves_nothing() {
    let scene = Scene::new();
    let mut references = Vec::new();
    for n in 0..3 {
        scene.commit(&format!("f{n}"), b"text\n");
        references.push(scene.ship().await);
    }
    let bounds = Bounds { commits_max: 1, ..Bounds::default() };
    let node = scene.node(bounds).await;
    let first = node.hold(&references[0]).await.unwrap();
    drop(node.hold(&references[1]).await.unwrap());
    assert!(first.repository.is_dir(), "an attempt works with it");
    drop(node.hold(&references[2]).await.unwrap());
    assert!(first.repository.is_dir());
    let folder = || fs::read_dir(scene.path("node")).unwrap().count();
    assert_eq!(folder(), 2, "the one that is used, and the latest");
    drop(first);
    drop(node.hold(&references[1]).await.unwrap());
    assert_eq!(folder(), 1);
    let tight = Bounds { files_bytes_max: 3, ..Bounds::default() };
    let next_life = scene.node(tight).await;
    assert!(!scene.path("node").exists());
    let refused = next_life.hold(&references[0]).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Full, "{refused}");
}

fn work(input: &Value) -> Work {
    Work {
        run: RunId::new("run").unwrap(),
        id: TaskId::new("task").unwrap(),
        attempt: Attempt(1),
        title: String::new(),
        instructions: String::new(),
        input: Json::of(input).unwrap(),
        results: Vec::new(),
        timeout_ms: None,
    }
}

#[tokio::test]
async fn a_program_is_started_where_the_commit_was_laid_out_and_with_its_path() {
    let scene = Scene::new();
    scene.commit("say.sh", b"#!/bin/sh\ncat \"$1\"\n");
    git(&scene.tidy(), &["update-index", "--chmod=+x", "say.sh"]);
    git(&scene.tidy(), &["commit", "-q", "-m", "mode"]);
    let reference = scene.ship().await;
    let argv =
        [format!("{}/say.sh", reference.path()), format!("{}/say.sh", reference.workspace())];
    let mut spec = CommandSpec::new(argv);
    let (input, output) = (PlainInput::Nothing, PlainOutput::Text);
    spec.protocol = Protocol::Plain { input, output, success_codes: [0].into() };
    spec.folder = Some(reference.path().into());
    let agent = CommandAgent::new(spec).unwrap();
    let alone = Context::alone(scene.path("attempt"));
    let refused = agent.work(work(&Value::Null), alone).await.unwrap_err();
    assert!(refused.message.contains("nothing is shipped to this process"), "{refused:?}");

    let node = scene.node(Bounds::default()).await;
    let context = Context::alone(scene.path("attempt")).with_repositories(node);
    let said = agent.work(work(&Value::Null), context).await.unwrap();
    let said: Value = said.read().unwrap();
    assert_eq!(said["stdout"], "#!/bin/sh\ncat \"$1\"\n");
}

#[tokio::test]
async fn what_an_attempt_is_given_names_folders_of_its_node() {
    let scene = Scene::new();
    scene.commit("a.txt", b"one\n");
    let reference = scene.ship().await;
    let node = scene.node(Bounds::default()).await;
    let context = Context::alone(scene.path("attempt")).with_repositories(node);
    let given = json!({
        "repository": { "path": reference.path(), "workspace": reference.workspace() },
        "file": format!("{}/a.txt", reference.path()),
    });
    let here: Value =
        place::json(Json::of(&given).unwrap(), &context).await.unwrap().read().unwrap();
    let text = |pointer: &str| here.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    assert!(Path::new(&text("/repository/path")).join(".git").is_dir());
    assert!(Path::new(&text("/repository/workspace")).is_dir());
    assert_eq!(fs::read_to_string(text("/file")).unwrap(), "one\n");
    let plain = Json::of(&json!({ "path": "/orkestra.repository/v1/of-old" })).unwrap();
    assert_eq!(place::json(plain.clone(), &context).await.unwrap(), plain);
}
