//! Councils from a shell: in a scenario, and beside a run.

use std::path::Path;

use orkestra_tests::command::{Desk, Said};
use serde_json::Value;

use crate::{desk, example};

/// The editors of the example at work for a while, beside somebody who sleeps.
fn editors() -> Desk {
    let desk = desk();
    let program = |name: &str| example(&format!("agents/council/{name}.py"));
    let agent = |name: &str| {
        let path = program(name);
        format!(
            "[agents.{name}]\nkind = 'command'\nargv = ['python3', '-B', '{path}']\n\
             capabilities = ['council']\ncapacity = 2\n"
        )
    };
    let editors = ["brevity", "structure", "proofreading"].map(agent).concat();
    let scenario = format!(
        "[scenario]\nname = 'editors'\n{editors}[agents.checks]\nkind = 'function'\n\
         function = 'proposal-checks'\ncapabilities = ['proposal-checks']\n[agents.sleeper]\nkind = 'function'\n\
         function = 'demo-sleep'\n[[tasks]]\nid = 'nap'\nagents = ['sleeper']\n\
         input = {{ ms = 600000 }}\n"
    );
    desk.write("editors.toml", &scenario);
    desk.write(
        "text.md",
        "Teh plan is very simple; it has 3 parts, and everybody knows them.\n\n* one\n* two\n",
    );
    desk.write(
        "checks.toml",
        "[policy]\nforbidden = [{ text = 'very', words = true }]\n[lint]\nformat = 'markdown'\n",
    );
    desk
}

fn council(desk: &Desk, args: &[&str]) -> Said {
    desk.run(&[&["council"], args, &["--data-dir", "data"]].concat())
}

/// The example, run to its end: what its task came to, and the minutes that were written.
fn improved(more: &[&str]) -> (Value, String) {
    let desk = desk();
    let file = example("council.toml");
    let args = ["run", &file, "--data-dir", "data", "--report", "minutes.md"];
    desk.run(&[&args[..], more].concat()).expect(0);
    let get = ["task", "get", "improve", "--run", "council-1", "--data-dir", "data", "-o", "json"];
    let shown = desk.run(&get).expect(0).json();
    let output = serde_json::from_str(shown["output"]["inline"].as_str().unwrap()).unwrap();
    (output, desk.read("minutes.md"))
}

#[test]
fn three_editors_improve_a_text_and_the_minutes_say_who_did_what_and_why_one_won() {
    let (output, minutes) = improved(&[]);
    let content = output["content"].as_str().unwrap();
    for good in [
        "# Orkestra in five minutes\n\n",
        "\n## What you need\n\n- a machine with Linux or macOS (2 cores and 4 GB of memory",
        "- nothing else: no server",
        "If something fails, it is tried again until it works (3 times by default",
        "`.orkestra/journal`",
    ] {
        assert!(content.contains(good), "no {good:?} in:\n{content}");
    }
    for bad in [" very ", "recieves", "the the", "\n* ", "in order to"] {
        assert!(!content.contains(bad), "{bad:?} in:\n{content}");
    }
    // Who leaves asides out loses numbers, and who only proofreads keeps long sentences.
    assert_eq!(output["winner_id"], "agent-editor-002", "{minutes}");
    assert_eq!(output["score"], 1.0, "{minutes}");
    for told in [
        "agent-editor-001",
        "agent-editor-003",
        "a sentence of more than 22 words",
        "an aside in a long sentence",
        "dry run failed",
    ] {
        assert!(minutes.contains(told), "no {told:?} in:\n{minutes}");
    }
}

#[test]
fn another_text_comes_out_differently() {
    let text = "text=# A garden\n\nTeh garden has 12 trees.\n";
    let (output, minutes) = improved(&["--set", text]);
    assert_eq!(output["content"], "# A garden\n\nThe garden has 12 trees.\n", "{minutes}");
}

#[test]
fn a_council_is_made_beside_a_run_thinks_and_ends() {
    let desk = editors();
    let mut run = desk.start(&["run", "editors.toml", "--data-dir", "data", "-o", "ndjson"]);
    run.await_line("\"nap\"");
    let named = ["--agent", "brevity", "--agent", "structure", "--agent", "proofreading"];
    let create =
        [&["create", "EDITOR", "--exchange", "all", "--checks", "checks.toml"], &named[..]];
    council(&desk, &create.concat()).expect(0).shows(&["council-editor", "agent-editor-003"]);
    council(&desk, &["create", "editor"]).expect(4).says(&["has a council"]);
    council(&desk, &["create", "QA", "--agent", "nobody"]).expect(4).says(&["QA"]);
    let think = ["deliberate", "EDITOR", "--task", "Improve it", "--id", "d1", "--wait"];
    let told = council(&desk, &[&think[..], &["--metadata", "text=@text.md"]].concat()).expect(0);
    told.shows(&["deliberation d1 of role EDITOR: completed", "wins", "minutes:"]);
    let winner = council(&desk, &["get", "d1", "--winner"]).expect(0);
    assert!(winner.out.starts_with("The plan is"), "{}", winner.out);
    council(&desk, &["minutes", "d1"]).expect(0).shows(&["agent-editor-001", "agent-editor-002"]);
    council(&desk, &["cancel", "d1"]).expect(0).shows(&["was over already"]);
    council(&desk, &["get", "d2"]).expect(2).says(&["there is no deliberation \"d2\""]);
    council(&desk, &["unregister", "EDITOR", "agent-editor-003"]).expect(0);
    council(&desk, &["register", "EDITOR", "sleeper"]).expect(0).shows(&["council-editor"]);
    let listed = council(&desk, &["list", "-o", "json"]).expect(0).json();
    assert_eq!(listed[0]["seats"].as_array().unwrap().len(), 3, "{listed}");
    council(&desk, &["delete", "EDITOR"]).expect(0).shows(&["is gone, with 3 seats"]);
    run.kill();
}

/// The blocks of the page about councils in a language.
fn shown(language: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = std::fs::read_to_string(root.join("docs/councils.md")).unwrap();
    let fence = format!("```{language}\n");
    let blocks = page.split(&fence).skip(1).filter_map(|rest| rest.split("```").next());
    blocks.map(str::to_owned).collect()
}

#[test]
fn what_the_page_about_councils_shows_can_be_done_as_it_shows_it() {
    let desk = desk();
    desk.write("plan.toml", &shown("toml")[0]);
    desk.run(&["scenario", "check", "plan.toml"]).expect(0).says(&["for 3 agents, no fault"]);
    // Somebody must be there to take seats.
    desk.write("team.toml", "[scenario]\nname = 'team'\n[agents.ada]\nkind = 'function'\nfunction = 'demo-sleep'\n[agents.bob]\nkind = 'function'\nfunction = 'demo-sleep'\n[agents.carol]\nkind = 'function'\nfunction = 'demo-sleep'\n[[tasks]]\nid = 'nap'\nagents = ['carol']\ninput = { ms = 600000 }\n");
    let mut run = desk.start(&["run", "team.toml", "--data-dir", "data", "-o", "ndjson"]);
    run.await_line("\"nap\"");
    let mut done = 0;
    for line in shown("sh")[1].lines() {
        let mut words: Vec<&str> = Vec::new();
        for (index, part) in line.strip_prefix("orkestra ").unwrap().split('\'').enumerate() {
            if index % 2 == 1 { words.push(part) } else { words.extend(part.split_whitespace()) }
        }
        words.extend(["--data-dir", "data"]);
        desk.run(&words).expect(0);
        done += 1;
    }
    assert_eq!(done, 9);
    run.kill();
}
