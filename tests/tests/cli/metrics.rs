//! Metrics over HTTP, read as strictly as they are written.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
};

use orkestra_coordinator::metrics::{AGENTS_MAX, METRICS};
use orkestra_tests::{
    command::{Desk, LIMIT, Running},
    openmetrics::Page,
};

use crate::{desk, slow};

/// Many short tasks, some that fail at first, and one that keeps the run going.
const BUSY: &str = r#"
[scenario]
name = "busy"

[agents.quick]
kind = "function"
function = "noop"
capacity = 4

[agents.fails]
kind = "function"
function = "demo-fail"

[agents.sleeper]
kind = "function"
function = "demo-sleep"

[[tasks]]
id = "quick-{{ n }}"
repeat = { n = 40 }
agents = ["quick"]
priority = "high"

[[tasks]]
id = "fail"
agents = ["fails"]
input = { times = 1 }
retry = { max = 2, base = "10ms", factor = 1, cap = "10ms", jitter = 0 }

[[tasks]]
id = "last"
agents = ["sleeper"]
input = { ms = 600000 }

[[tasks]]
id = "after"
agents = ["sleeper"]
needs = ["last"]
input = { ms = 1 }
"#;

/// Asks for something, and answers the status, the head and the body.
fn get(address: &str, path: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    // One connection is for one request: its end is the end of the answer.
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_owned(), body.to_owned())
}

fn scrape(address: &str) -> Page {
    let (status, head, body) = get(address, "/metrics");
    assert_eq!(status, 200, "{body}");
    let kind = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(head.contains(kind), "{head}");
    Page::read(&body).unwrap()
}

/// Scrapes until series have values: what is counted lags behind what is told, and what is asked
/// for may be a tenth of a second old.
fn scrape_until(address: &str, running: &Running, wanted: &[(&str, f64)]) -> Page {
    loop {
        let page = scrape(address);
        let is_so = |(series, value): &(&str, f64)| {
            page.find(series).is_some_and(|found| (found - value).abs() < f64::EPSILON)
        };
        let Some((series, value)) = wanted.iter().find(|wanted| !is_so(wanted)) else {
            return page;
        };
        let found = page.find(series);
        assert!(running.age() < LIMIT, "{series} never became {value}, but {found:?}");
    }
}

const COMPLETED: &str = "orkestra_tasks_total{state=\"completed\"}";
const RUNNING: &str = "orkestra_tasks_open{state=\"running\"}";

/// All that can be done in the busy scenario is done, and seen.
const SETTLED: [(&str, f64); 3] =
    [(COMPLETED, 41.0), (RUNNING, 1.0), ("orkestra_agents{health=\"unhealthy\"}", 1.0)];

/// Starts a scenario with its metrics at a port of the system's choice, which is answered.
fn start(desk: &Desk, scenario: &str) -> (Running, String) {
    let args = ["run", scenario, "--data-dir", "data", "-o", "ndjson", "--metrics", "127.0.0.1:0"];
    let mut running = desk.start(&args);
    let line = running.await_line("\"listening\"");
    let told: serde_json::Value = serde_json::from_str(&line).unwrap();
    (running, told["address"].as_str().unwrap().to_owned())
}

/// How many tasks `task list` shows in each state.
fn listed(desk: &Desk) -> BTreeMap<String, u64> {
    let list = ["task", "list", "-o", "json", "--data-dir", "data"];
    let mut states = BTreeMap::new();
    for task in desk.run(&list).expect(0).json().as_array().unwrap() {
        *states.entry(task["state"].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    states
}

#[expect(clippy::cast_precision_loss, reason = "the counts of these tests are small")]
fn is(page: &Page, series: &str, value: u64) {
    assert!((page.value(series) - value as f64).abs() < 1e-9, "{series} is {}", page.value(series));
}

#[test]
fn metrics_of_a_run_are_well_formed_and_agree_with_the_task_list() {
    let desk = desk().env("ORKESTRA_JOURNAL__SNAPSHOT_EVERY_RECORDS", "5");
    desk.write("busy.toml", BUSY);
    let (running, address) = start(&desk, "busy.toml");
    let first = scrape_until(&address, &running, &SETTLED);
    let states = listed(&desk);
    assert_eq!((states["completed"], states["running"], states["waiting"]), (41, 1, 1));
    is(&first, "orkestra_tasks_total{state=\"submitted\"}", 43);
    is(&first, RUNNING, states["running"]);
    is(&first, "orkestra_tasks_open{state=\"waiting\"}", states["waiting"]);
    is(&first, "orkestra_tasks_open{state=\"ready\"}", 0);
    is(&first, "orkestra_tasks_waiting{reason=\"dependency\"}", 1);
    is(&first, "orkestra_task_attempts_total{outcome=\"completed\"}", 41);
    is(&first, "orkestra_task_attempts_total{outcome=\"error\"}", 1);
    is(&first, "orkestra_task_duration_seconds_count{state=\"completed\"}", 41);
    is(&first, "orkestra_attempt_duration_seconds_count", 42);
    is(&first, "orkestra_incidents_total{recovered=\"true\",type=\"attempt_failed\"}", 1);
    is(&first, "orkestra_agent_up{agent=\"quick\"}", 1);
    is(&first, "orkestra_agent_attempts_running{agent=\"sleeper\"}", 1);
    is(&first, "orkestra_agent_health{agent=\"quick\"}", 0);
    is(&first, "orkestra_agent_health{agent=\"fails\"}", 2);
    is(&first, "orkestra_health", 0);
    is(&first, "orkestra_shard_leads", 1);
    is(&first, "orkestra_shard_parked", 0);
    let (records, appends) =
        ("orkestra_journal_records_total", "orkestra_journal_append_seconds_count");
    assert!(
        first.value(records) >= 3.0 && first.value("orkestra_journal_append_bytes_total") > 1e3
    );
    assert!((first.value(records) - first.value(appends)).abs() < 1e-9);

    let second = scrape(&address);
    assert_eq!(second.shrunk_since(&first), Vec::<String>::new(), "counters only grow");
    desk.run(&["task", "list", "--data-dir", "data"]).expect(0);

    // What is exported is what is written down, and nothing else.
    let known: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
    assert_eq!(second.families().collect::<BTreeSet<_>>(), known);
    for metric in METRICS {
        let (kind, labels) = second.shape(metric.name);
        assert_eq!((kind, &*labels), (metric.kind.as_str(), metric.labels), "{}", metric.name);
    }
    running.kill();
}

#[test]
fn every_metric_stands_in_its_manual_with_its_kind_its_labels_and_its_meaning() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/metrics.md");
    let manual = fs::read_to_string(path).unwrap();
    let rows: Vec<&str> = manual.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<String> = METRICS
        .iter()
        .map(|metric| {
            let ending = match metric.kind.as_str() {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            let labels: Vec<String> =
                metric.labels.iter().map(|label| format!("`{label}`")).collect();
            let labels = if labels.is_empty() { "-".to_owned() } else { labels.join(", ") };
            let (name, kind, help) = (metric.name, metric.kind.as_str(), metric.help);
            format!("| `{name}{ending}` | {kind} | {labels} | {help} |")
        })
        .collect();
    for row in &expected {
        assert!(rows.contains(&row.as_str()), "docs/metrics.md lacks this row:\n{row}");
    }
    let surplus: Vec<&&str> = rows
        .iter()
        .filter(|row| row.contains("orkestra_") || row.contains("process_"))
        .filter(|row| !expected.iter().any(|expected| expected == **row))
        .collect();
    assert!(surplus.is_empty(), "docs/metrics.md tells of what is not there: {surplus:?}");
}

#[test]
fn a_thousand_agents_and_ten_thousand_tasks_make_no_more_series() {
    let desk = desk();
    let agents = (0..1_000).map(|agent| {
        let capability = if agent == 999 { "last" } else { "any" };
        format!(
            "[agents.agent-{agent}]\nkind = \"function\"\nfunction = \"demo-sleep\"\n\
             capacity = 8\ncapabilities = [\"{capability}\"]\n"
        )
    });
    let mut scenario: String =
        std::iter::once("[scenario]\nname = \"large\"\n".to_owned()).chain(agents).collect();
    scenario.push_str(
        "[[tasks]]\nid = \"task-{{ n }}\"\nrepeat = { n = 10000 }\nrequires = [\"any\"]\n\
         input = { ms = 0 }\n\
         [[tasks]]\nid = \"last\"\nrequires = [\"last\"]\ninput = { ms = 600000 }\n",
    );
    desk.write("large.toml", &scenario);
    let (running, address) = start(&desk, "large.toml");
    let submitted = "orkestra_tasks_total{state=\"submitted\"}";
    let early = scrape_until(&address, &running, &[(submitted, 10_001.0)]);
    let late = scrape_until(&address, &running, &[(COMPLETED, 10_000.0), (RUNNING, 1.0)]);
    for page in [&early, &late] {
        for metric in ["orkestra_agent_up", "orkestra_agent_attempts_running"] {
            let series = page.series_of(metric).count();
            assert!(series <= AGENTS_MAX + 1, "{metric} has {series} series");
        }
        assert!(page.len() < 900, "{} series", page.len());
    }
    assert_eq!(late.series_of("orkestra_agent_up").count(), AGENTS_MAX + 1);
    is(&late, "orkestra_agent_up{agent=\"other\"}", 800);
    is(&late, "orkestra_tasks_open{state=\"running\"}", 1);
    running.kill();
}

#[test]
fn whoever_speaks_slowly_or_much_is_sent_away_and_the_run_goes_on() {
    let desk = desk();
    // Slow enough to outlast those who say nothing.
    desk.write("slow.toml", &crate::SLOW.replace("default = 300", "default = 4000"));
    let (mut running, address) = start(&desk, "slow.toml");
    let silent: Vec<TcpStream> = (0..16).map(|_| TcpStream::connect(&address).unwrap()).collect();
    // All places are taken; who comes now is let in when the others have been sent away.
    let (status, ..) = get(&address, "/livez");
    assert_eq!(status, 200);
    for mut stream in silent {
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        // It was closed, in one way or another.
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
    }
    let mut greedy = TcpStream::connect(&address).unwrap();
    greedy.set_read_timeout(Some(LIMIT)).unwrap();
    let mut sent = 0;
    while sent < 64 * 1024 * 1024 {
        let head = format!("GET /livez HTTP/1.1\r\nX-Much: {}\r\n", "x".repeat(8_000));
        if greedy.write_all(head.as_bytes()).is_err() {
            break;
        }
        sent += head.len();
    }
    assert!(sent < 64 * 1024 * 1024, "it listened for ever");
    running.await_line("task_ended");
    running.kill();
}

#[test]
fn others_may_ask_whether_it_lives_is_ready_and_well() {
    let desk = desk();
    desk.write("busy.toml", BUSY);
    let (running, address) = start(&desk, "busy.toml");
    scrape_until(&address, &running, &SETTLED);
    let answered = |path| {
        let (status, _, body) = get(&address, path);
        (status, body)
    };
    assert_eq!(answered("/livez"), (200, "ok\n".to_owned()));
    assert_eq!(answered("/readyz"), (200, "ok\n".to_owned()));
    let verbose = "[+] shard ok\n[+] journal ok\n[+] agents ok\nok\n";
    assert_eq!(answered("/readyz?verbose"), (200, verbose.to_owned()));
    let (status, body) = answered("/healthz");
    let health: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &health["health"], &health["agents"]), (200, &"healthy".into(), &3.into()));
    let (_, body) = answered("/version");
    let version: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&version["name"], &version["version"]), (&"orkestra".into(), &"0.1.0".into()));
    assert_eq!(answered("/").0, 404);
    running.kill();
}

#[test]
fn an_address_that_cannot_be_had_is_refused_before_anything_begins() {
    let desk = slow();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let run = ["run", "slow.toml", "--data-dir", "data", "--metrics"];
    desk.run(&[&run[..], &[&address]].concat())
        .expect(2)
        .says(&[&format!("cannot listen on {address} for whoever reads metrics")]);
    desk.run(&[&run[..], &["everywhere"]].concat())
        .expect(2)
        .says(&["\"everywhere\" is not an address with a port: write one like 127.0.0.1:9464"]);
    desk.run(&["task", "list", "--data-dir", "data"]).expect(2).says(&["there is no run yet"]);
}

#[test]
fn the_configuration_can_name_the_address() {
    let desk = desk().env("ORKESTRA_METRICS__LISTEN", "127.0.0.1:0");
    desk.write("busy.toml", BUSY);
    let mut running = desk.start(&["run", "busy.toml", "--data-dir", "data", "-o", "ndjson"]);
    let line = running.await_line("\"listening\"");
    let told: serde_json::Value = serde_json::from_str(&line).unwrap();
    let address = told["address"].as_str().unwrap();
    assert_eq!(get(address, "/livez").0, 200);
    running.kill();
    // A flag comes before an environment variable.
    let desk = slow().env("ORKESTRA_METRICS__LISTEN", "127.0.0.1:0");
    let run = ["run", "slow.toml", "--set", "ms=0", "--metrics", "", "--data-dir", "data"];
    let said = desk.run(&run).expect(0);
    assert!(!said.err.contains("metrics are at"), "{}", said.err);
    let run = ["run", "slow.toml", "--set", "ms=1", "--data-dir", "other"];
    desk.run(&run).expect(0).says(&["metrics are at http://127.0.0.1:"]);
}

#[test]
fn locks_are_counted_while_they_are_held_waited_for_and_stolen() {
    let desk = desk();
    desk.write("busy.toml", BUSY);
    let (running, address) = start(&desk, "busy.toml");
    let lock = |args: &[&str]| desk.run(&[&["lock"], args, &["--data-dir", "data"]].concat());
    lock(&["acquire", "deploy"]).expect(0);
    lock(&["acquire", "deploy", "--wait", "20ms"]).expect(1);
    lock(&["steal", "deploy", "--reason", "to see it counted"]).expect(0);
    let page = scrape_until(
        &address,
        &running,
        &[
            ("orkestra_locks", 1.0),
            ("orkestra_lock_holds_lost", 1.0),
            ("orkestra_lock_sessions", 1.0),
            ("orkestra_lock_steals_total", 1.0),
            ("orkestra_lock_requests_total{outcome=\"timed_out\"}", 1.0),
            ("orkestra_lock_wait_seconds_count", 1.0),
        ],
    );
    is(&page, "orkestra_lock_requests_total{outcome=\"granted\"}", 1);
    is(&page, "orkestra_lock_sessions_lost_total{reason=\"TIMEOUT\"}", 0);
    running.kill();
}

#[test]
fn votes_are_counted_while_they_are_open_and_by_what_they_come_to() {
    let desk = desk();
    desk.write("busy.toml", BUSY);
    let (running, address) = start(&desk, "busy.toml");
    let vote = |args: &[&str]| desk.run(&[&["vote"], args, &["--data-dir", "data"]].concat());
    for name in ["lunch", "dinner"] {
        vote(&["call", "--id", name, "--voter", "ada", "--voter", "bob"]).expect(0);
        vote(&["cast", name, "yes", "--as", "ada"]).expect(0);
    }
    vote(&["cast", "lunch", "yes", "--as", "bob"]).expect(0);
    let page = scrape_until(
        &address,
        &running,
        &[
            ("orkestra_votes{state=\"open\"}", 1.0),
            ("orkestra_ballots", 3.0),
            ("orkestra_votes_decided_total{decision=\"passed\"}", 1.0),
            ("orkestra_ballots_cast_total{outcome=\"cast\"}", 3.0),
        ],
    );
    is(&page, "orkestra_votes_decided_total{decision=\"vetoed\"}", 0);
    running.kill();
}
