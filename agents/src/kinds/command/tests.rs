//! Real programs, and what becomes of what they say.

use std::{collections::BTreeMap, time::Duration};

use orkestra_runtime::{
    id::{LockKey, Token},
    protocol::{
        agent::Availability,
        lock::Grant,
        payload::Json,
        task::{Failure, FailureKind},
    },
};
use serde_json::Value;

use super::{CommandAgent, CommandSpec, PlainInput, PlainOutput, Protocol};
use crate::{
    agent::Agent as _,
    secret::{SecretSource, Secrets},
    testing::{Stage, json, stage, work},
};

fn sh(script: &str) -> CommandSpec {
    CommandSpec::new(["sh", "-c", script])
}

fn plain(script: &str) -> CommandSpec {
    CommandSpec { protocol: Protocol::plain(), ..sh(script) }
}

async fn run_on(stage: &Stage, spec: CommandSpec, input: &str) -> Result<Json, Failure> {
    CommandAgent::new(spec).unwrap().work(work(input), stage.context.clone()).await
}

async fn run(spec: CommandSpec) -> Result<Json, Failure> {
    run_on(&stage(), spec, "null").await
}

async fn value(spec: CommandSpec) -> Value {
    run(spec).await.unwrap().read().unwrap()
}

async fn failure(spec: CommandSpec) -> (FailureKind, String) {
    let failure = run(spec).await.unwrap_err();
    (failure.kind, failure.message)
}

const PYTHON: &str = r#"
import json, os, sys
assignment = json.loads(sys.stdin.readline())
assert sys.stdin.read() == ""
def say(**what): print(json.dumps(what), flush=True)
say(type="progress", percent=40.5, message="reading")
say(type="heartbeat")
open("scratch", "w").write("x")
assignment["works_in_its_folder"] = os.path.samefile(os.getcwd(), assignment.pop("folder"))
say(type="completed", output=assignment)
"#;

#[tokio::test]
async fn a_python_program_is_told_everything_and_answers() {
    let mut stage = stage();
    let spec = CommandSpec::new(["python3", "-c", PYTHON]);
    let output = run_on(&stage, spec, "{\"a\":\n1}").await.unwrap();
    let expected = serde_json::json!({
        "type": "assignment", "v": 1, "run": "run", "task": "task", "attempt": 2,
        "title": "a title", "instructions": "what to do", "input": {"a": 1},
        "results": {"before": [1, 2]}, "effect_key": "effect", "works_in_its_folder": true,
    });
    assert_eq!(output.read::<Value>().unwrap(), expected);
    let progress = stage.progress.recv().await.unwrap();
    assert_eq!((progress.percent, progress.message.as_str()), (40, "reading"));
    assert!(stage.root.path().join("attempt/scratch").exists());
}

#[tokio::test]
async fn a_program_is_given_the_tokens_of_the_locks_that_its_attempt_holds() {
    const TOKENS: &str = r#"
import json, os, sys
told = [json.loads(os.environ["ORKESTRA_LOCK_TOKENS"]), json.loads(sys.stdin.readline())["locks"]]
print(json.dumps({"type": "completed", "output": told}))
"#;
    let held = |key, token| Grant { key: LockKey::new(key).unwrap(), token: Token(token) };
    let stage = stage();
    let context = stage.context.clone().with_locks(vec![held("db", 17), held("gpu", 18)]);
    assert_eq!((context.token("gpu"), context.token("else")), (Some(Token(18)), None));
    let agent = CommandAgent::new(CommandSpec::new(["python3", "-c", TOKENS])).unwrap();
    let output = agent.work(work("null"), context).await.unwrap();
    let tokens = serde_json::json!({ "db": 17, "gpu": 18 });
    assert_eq!(output.read::<Value>().unwrap(), serde_json::json!([tokens, tokens]));
    let none = value(plain("echo \"${ORKESTRA_LOCK_TOKENS-none}\"")).await;
    assert_eq!(none["stdout"], "none\n");
}

#[tokio::test]
async fn a_program_may_fail_for_good() {
    let spec = sh(r#"echo '{"type":"failed","message":"no such file","retryable":false}'; exit 3"#);
    let failed = Failure::error("no such file").for_good();
    assert_eq!(run(spec).await, Err(failed));
}

#[tokio::test]
async fn a_last_line_may_lack_its_line_break_and_output_is_optional() {
    assert_eq!(value(sh(r#"printf '{"type":"completed"}'"#)).await, Value::Null);
}

#[tokio::test]
async fn what_is_not_of_the_protocol_is_shown_and_ends_the_program() {
    assert_eq!(
        failure(sh("echo 'Hello there'; sleep 1000")).await,
        (FailureKind::BadOutput, "this line is not of the protocol: Hello there".to_owned())
    );
    assert_eq!(
        failure(sh(r#"echo '{"type":"hello"}'"#)).await.1,
        r#"this line has a type that the protocol does not know: {"type":"hello"}"#
    );
    let twice = r#"echo '{"type":"completed"}'; echo '{"type":"completed"}'"#;
    assert_eq!(
        failure(sh(twice)).await,
        (
            FailureKind::BadOutput,
            r#"it wrote a line after its last one: {"type":"completed"}"#.to_owned()
        )
    );
    assert_eq!(
        failure(sh("echo wisdom >&2")).await,
        (
            FailureKind::BadOutput,
            "it ended without saying whether it completed or failed: wisdom".to_owned()
        )
    );
}

#[tokio::test]
async fn a_program_that_does_not_end_after_its_last_line_is_killed_and_its_word_counts() {
    let spec = sh(r#"echo '{"type":"completed","output":1}'; sleep 1000"#);
    assert_eq!(value(spec).await, Value::from(1));
}

#[tokio::test]
async fn an_exit_code_and_a_signal_are_told_with_the_end_of_standard_error() {
    assert_eq!(
        failure(sh("echo first >&2; echo second >&2; exit 7")).await,
        (FailureKind::ExitCode, "program \"sh\" ended with code 7: first\nsecond".to_owned())
    );
    assert_eq!(
        failure(sh("kill -SEGV $$")).await,
        (FailureKind::Killed, "program \"sh\" was killed by SIGSEGV".to_owned())
    );
    assert_eq!(failure(plain("kill -KILL $$")).await.0, FailureKind::Killed);
}

#[tokio::test]
async fn a_flood_and_an_endless_line_are_bad_output_and_end_the_program() {
    let mut flood = plain("yes");
    flood.limits.stdout_bytes_max = 100_000;
    let told = "it wrote more than 100000 bytes to standard output".to_owned();
    assert_eq!(failure(flood).await, (FailureKind::BadOutput, told));
    let mut endless = sh("yes | tr -d '\\n'");
    endless.limits.line_bytes_max = 1_000;
    let told = "it wrote a line of more than 1000 bytes".to_owned();
    assert_eq!(failure(endless).await, (FailureKind::BadOutput, told));
}

#[tokio::test]
async fn a_flood_of_standard_error_keeps_its_end() {
    let mut spec = plain("seq 1 200000 >&2; echo end >&2");
    spec.limits.stderr_bytes_kept = 11;
    assert_eq!(value(spec).await["stderr"], "200000\nend\n");
}

#[tokio::test]
async fn a_program_that_is_missing_makes_the_agent_unavailable_with_advice() {
    let agent = CommandAgent::new(CommandSpec::new(["no-such-program"])).unwrap();
    let Availability::Unavailable { reason } = agent.availability() else { panic!("available") };
    assert!(reason.starts_with("program \"no-such-program\" is not on PATH; install it or"));
    let failed = agent.work(work("null"), stage().context).await.unwrap_err();
    assert_eq!((failed.kind, failed.message), (FailureKind::Unavailable, reason));
    let agent = CommandAgent::new(sh("")).unwrap();
    assert_eq!(agent.availability(), Availability::Available);
    let told = CommandAgent::new(CommandSpec::new([""; 0])).unwrap_err().to_string();
    assert_eq!(told, "cannot use this as a command: no program is named");
}

#[tokio::test]
async fn a_plain_program_reads_its_input_and_is_judged_by_its_code() {
    let echo = plain("cat; echo aside >&2");
    let output = run_on(&stage(), echo, "{\"a\":1}").await.unwrap();
    assert_eq!(output.as_str(), r#"{"exit_code":0,"stdout":"{\"a\":1}\n","stderr":"aside\n"}"#);
    let grep = |script| CommandSpec {
        protocol: Protocol::Plain {
            input: PlainInput::Nothing,
            output: PlainOutput::Text,
            success_codes: [0, 1].into(),
        },
        ..sh(script)
    };
    let found = value(grep("cat; exit 1")).await;
    assert_eq!(found, serde_json::json!({"exit_code": 1, "stdout": "", "stderr": ""}));
    assert_eq!(failure(grep("exit 2")).await.0, FailureKind::ExitCode);
}

#[tokio::test]
async fn a_plain_program_may_write_json() {
    let spec = |script| CommandSpec {
        protocol: Protocol::Plain {
            input: PlainInput::Json,
            output: PlainOutput::Json,
            success_codes: [0].into(),
        },
        ..sh(script)
    };
    assert_eq!(value(spec("echo '{\"ok\": [1]}'")).await, serde_json::json!({"ok": [1]}));
    let (kind, told) = failure(spec("echo nonsense; echo why >&2")).await;
    assert_eq!(kind, FailureKind::BadOutput);
    assert!(told.starts_with("its standard output is not JSON: "), "{told}");
    assert!(told.ends_with("why"), "{told}");
}

fn validator(script: &str) -> CommandSpec {
    let protocol = Protocol::Plain {
        input: PlainInput::Result,
        output: PlainOutput::Answer,
        success_codes: [0].into(),
    };
    CommandSpec { protocol, ..sh(script) }
}

async fn validate(script: &str, result: Option<&str>) -> Result<Value, Failure> {
    let mut work = work("{}");
    work.results.truncate(1);
    match result {
        Some(result) => work.results[0].1 = json(result),
        None => work.results.clear(),
    }
    let agent = CommandAgent::new(validator(script)).unwrap();
    agent.work(work, stage().context).await.map(|output| output.read().unwrap())
}

#[tokio::test]
async fn a_program_whose_exit_code_is_its_answer_does_not_fail_by_it() {
    let told = validate("cat; exit 3", Some("\"a text\"")).await.unwrap();
    assert_eq!(told, serde_json::json!({"exit_code": 3, "output": "a text"}));
    let told = validate("cat; echo aside >&2", Some(r#"{"content": "a", "notes": "n"}"#)).await;
    assert_eq!(told.unwrap(), serde_json::json!({"exit_code": 0, "output": "a\naside\n"}));
    let told = validate("cat", Some("[1]")).await.unwrap();
    assert_eq!(told["output"], "[1]\n", "what has no text is given as it is");
}

#[tokio::test]
async fn a_signal_and_a_text_that_is_not_there_are_failures_whatever_the_answer() {
    assert_eq!(validate("kill -KILL $$", Some("1")).await.unwrap_err().kind, FailureKind::Killed);
    let failed = validate("cat", None).await.unwrap_err();
    assert_eq!(
        failed,
        Failure::error("it reads the result of another task, and its task depends on none")
            .for_good()
    );
    let mut flood = validator("yes");
    flood.limits.stdout_bytes_max = 1_000;
    assert_eq!(failure(flood).await.0, FailureKind::BadOutput);
}

#[tokio::test]
async fn only_what_is_listed_of_the_environment_reaches_a_program() {
    let mut spec = CommandSpec { protocol: Protocol::plain(), ..CommandSpec::new(["env"]) };
    spec.environment = ["PATH".to_owned()].into();
    spec.variables = [("COLOUR".to_owned(), "blue".to_owned())].into();
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let output = value(spec).await;
    let mut names: Vec<&str> = output["stdout"]
        .as_str()
        .unwrap()
        .lines()
        .map(|line| line.split_once('=').unwrap().0)
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["COLOUR", "PATH"]);
}

const CANARY: &str = "canary-\"0af3\"";

/// A stage whose context knows the secret `key`.
fn stage_with_secret() -> Stage {
    use std::os::unix::fs::PermissionsExt as _;
    let mut stage = stage();
    let path = stage.root.path().join("key");
    std::fs::write(&path, CANARY).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let sources = BTreeMap::from([("key".to_owned(), SecretSource::File(path))]);
    assert_eq!(sources.secret("key").unwrap().reveal(), CANARY);
    stage.context = stage.context.with_secrets(std::sync::Arc::new(sources));
    stage
}

#[tokio::test]
async fn a_secret_reaches_the_program_that_lists_it_and_nothing_that_it_says() {
    let mut stage = stage_with_secret();
    let secrets = BTreeMap::from([("API_KEY".to_owned(), "key".to_owned())]);
    let tell = r#"
import json, os, sys
key = os.environ["API_KEY"]
assert key == 'canary-"0af3"'
print(json.dumps({"type": "progress", "percent": 1, "message": key}))
print(key, file=sys.stderr)
"#;
    let python = |end: &str| CommandSpec {
        secrets: secrets.clone(),
        ..CommandSpec::new(["python3".to_owned(), "-c".to_owned(), format!("{tell}{end}")])
    };
    let complete = r#"print(json.dumps({"type": "completed", "output": [key]}))"#;
    let output = run_on(&stage, python(complete), "null").await.unwrap();
    assert_eq!(output.as_str(), r#"["[secret]"]"#);
    assert_eq!(stage.progress.recv().await.unwrap().message, "[secret]");
    for end in ["sys.exit(1)", "print(key)", "print('x' * 190 + key)"] {
        let failed = run_on(&stage, python(end), "null").await.unwrap_err();
        assert!(!failed.message.contains("canary"), "{failed}");
        assert!(failed.message.contains("[secret]") || end.contains('x'), "{failed}");
    }
    let plain = CommandSpec { secrets: secrets.clone(), ..plain("printenv; printenv >&2") };
    assert!(!format!("{plain:?}").contains("canary"));
    let output = run_on(&stage, plain, "null").await.unwrap();
    assert!(output.as_str().contains("API_KEY=[secret]"), "{output:?}");
    assert!(!output.as_str().contains("canary"), "{output:?}");
}

#[tokio::test]
async fn a_secret_that_is_not_listed_or_not_there_reaches_nobody() {
    let stage = stage_with_secret();
    let output = run_on(&stage, plain("printenv"), "null").await.unwrap();
    assert!(!output.as_str().contains("canary"), "{output:?}");
    let mut spec = plain("true");
    spec.secrets = [("API_KEY".to_owned(), "other".to_owned())].into();
    let failed = run_on(&stage, spec, "null").await.unwrap_err();
    assert_eq!(failed.kind, FailureKind::Unavailable);
    let told = "cannot read the secret \"other\": no source is configured for it";
    assert_eq!(failed.message, told);
}

#[tokio::test]
async fn a_program_that_takes_too_much_memory_fails() {
    // Waits for its input first, so that the limit stands.
    let greedy = "import sys; sys.stdin.read(); x = bytearray(1 << 30); print(len(x))";
    let mut spec = CommandSpec::new(["python3", "-c", greedy]);
    spec.protocol = Protocol::plain();
    assert_eq!(value(spec.clone()).await["exit_code"], 0);
    spec.limits.memory_bytes_max = Some(512 * 1024 * 1024);
    let (kind, told) = failure(spec).await;
    assert_eq!(kind, FailureKind::ExitCode);
    assert!(told.contains("MemoryError"), "{told}");
}

#[tokio::test]
async fn a_program_takes_no_more_than_it_may() {
    // Waits for its input first, so that the limits stand.
    let script =
        "read line; ulimit -t; ulimit -n; ulimit -c; dd if=/dev/zero of=big bs=1024 count=9";
    let mut spec = CommandSpec::new(["sh", "-c", script]);
    spec.protocol = Protocol::plain();
    spec.limits.cpu_max = Some(Duration::from_millis(6_500));
    spec.limits.open_files_max = Some(77);
    assert_eq!(value(spec.clone()).await["stdout"], "7\n77\n0\n");
    spec.limits.file_bytes_max = Some(4_096);
    let (kind, told) = failure(spec).await;
    assert!(matches!(kind, FailureKind::ExitCode | FailureKind::Killed), "{told}");
}

#[tokio::test]
async fn the_program_of_the_manual_is_an_agent() {
    let manual = include_str!("../../../../docs/command-agents.md");
    let (_, after) = manual.split_once("```python\n").unwrap();
    let (program, _) = after.split_once("```").unwrap();
    let spec = || CommandSpec::new(["python3", "-c", program]);
    let output = run_on(&stage(), spec(), r#"{"text": "two words"}"#).await.unwrap();
    assert_eq!(output.as_str(), r#"{"words": 2}"#);
    let failed = run_on(&stage(), spec(), "{}").await;
    assert_eq!(failed, Err(Failure::error("the input has no text").for_good()));
}
