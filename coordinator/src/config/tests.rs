//! Stories about configuration.

use std::time::Duration;

use super::*;
use crate::written::Faults;

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

fn load(file: &str, env: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Config, Faults> {
    let (env, flags) = (pairs(env), pairs(flags));
    Config::load(&Layers { file: Some(("orkestra.toml", file)), env: &env, flags: &flags })
}

#[test]
fn defaults_hold_when_nobody_says_anything() {
    let config = Config::load(&Layers::default()).unwrap();
    assert_eq!(config.tasks_lease, Duration::from_secs(30));
    assert_eq!(config.tasks_poison_after.get(), 5);
    assert_eq!(config.agents_output_max, Bytes(1 << 20));
    assert_eq!(config.explain("data_dir").unwrap().origin, Origin::Default);
    for (explained, key) in config.show().iter().zip(KEYS) {
        assert_eq!((explained.key, explained.value.as_str()), (key.name, key.default));
    }
    assert_eq!(config.show().len(), KEYS.len());
}

#[test]
fn a139_checks_are_switched_off_for_a_node_by_name() {
    let config = load("[checks]\noff = 'git_clean, disk_space'\n", &[], &[]).unwrap();
    assert_eq!(config.value("checks.off").unwrap(), "git_clean, disk_space");
    let faults = load("[checks]\noff = 'git_claen'\n", &[], &[]).unwrap_err().faults;
    let told = "there is no check \"git_claen\"; did you mean \"git_clean\"?";
    assert!(faults[0].message.contains(told), "{:?}", faults[0]);
}

#[test]
fn flags_come_before_environment_before_file() {
    let file = "[tasks]\nlease = '60s'\npoison_after = 7\nretain_count = 1\n";
    let env =
        [("ORKESTRA_TASKS__LEASE", "90s"), ("ORKESTRA_TASKS__POISON_AFTER", "8"), ("PATH", "x")];
    let config = load(file, &env, &[("tasks.poison_after", "9")]).unwrap();
    assert_eq!(config.tasks_retain_count, 1);
    assert_eq!(config.tasks_lease, Duration::from_secs(90));
    assert_eq!(config.tasks_poison_after.get(), 9);
    let origin = |key: &str| config.explain(key).unwrap().origin.to_string();
    assert_eq!(origin("tasks.retain_count"), "orkestra.toml:4");
    assert_eq!(origin("tasks.lease"), "environment variable ORKESTRA_TASKS__LEASE");
    assert_eq!(origin("tasks.poison_after"), "argument");
}

#[test]
fn all_faults_are_told_at_once() {
    let file = "data_dri = 'x'\n[tasks]\nlease = 'soon'\nretain_count = true\n[task]\nx = 1\n";
    let env = [("ORKESTRA_LOG__LEVLE", "info"), ("ORKESTRA_DATA_DIR", "")];
    let faults = load(file, &env, &[("nod.name", "x")]).unwrap_err().faults;
    let told: Vec<_> = faults
        .iter()
        .map(|fault| (fault.line, fault.message.as_str(), fault.help.as_deref().unwrap_or("")))
        .collect();
    assert_eq!(
        told,
        [
            (
                0,
                "the environment variable ORKESTRA_LOG__LEVLE sets no key",
                "did you mean \"ORKESTRA_LOG__LEVEL\"?"
            ),
            (0, "there is no key \"nod.name\"", "did you mean \"node.name\"?"),
            (0, "data_dir: a path is not empty (from environment variable ORKESTRA_DATA_DIR)", ""),
            (1, "there is no key \"data_dri\"", "did you mean \"data_dir\"?"),
            (3, "\"soon\" is not a duration (expected number at 0)", ""),
            (4, "a whole number is wanted here", ""),
            (5, "there is no key \"task\"", faults[6].help.as_deref().unwrap()),
        ]
    );
}

#[test]
fn a_lease_must_outlive_two_lost_beats() {
    let faults = load("tasks.lease = '10s'\n", &[], &[]).unwrap_err();
    assert!(faults.faults[0].message.contains("more than a third of tasks.lease"), "{faults}");
    assert!(load("tasks.lease = '10s'\ntasks.beat_every = '3s'\n", &[], &[]).is_ok());
}

#[test]
fn what_is_done_again_and_again_is_not_done_all_the_time() {
    let often = ["sweeps.assign_every", "sweeps.health_every", "sweeps.recovery_every"];
    for key in often.into_iter().chain(["context.snapshot_every"]) {
        for short in ["0s", "9ms"] {
            let faults = load("", &[], &[(key, short)]).unwrap_err().faults;
            let told = format!("{key}: {short:?} is too often: write 10ms or more (from argument)");
            assert_eq!(faults[0].message, told);
        }
        assert_eq!(load("", &[], &[(key, "10ms")]).unwrap().value(key).unwrap(), "10ms");
    }
}

#[test]
fn an_unknown_key_cannot_be_explained() {
    let config = Config::load(&Layers::default()).unwrap();
    let fault = &config.explain("tasks.leas").unwrap_err().faults[0];
    assert_eq!(fault.help.as_deref(), Some("did you mean \"tasks.lease\"?"));
    let told = config.explain("tasks.lease").unwrap().to_string();
    assert!(told.starts_with("tasks.lease = 30s\n  how long an attempt"), "{told}");
}

#[test]
fn the_written_out_table_is_what_holds_anyway() {
    let uncommented: String = cluster()
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(setting) if setting.contains(" = ") => format!("{setting}\n"),
            _ => format!("{line}\n"),
        })
        .fold(String::new(), |all, line| all + &line);
    let (written, defaults) =
        (load(&uncommented, &[], &[]).unwrap(), Config::load(&Layers::default()).unwrap());
    for key in KEYS {
        assert_eq!(written.value(key.name), defaults.value(key.name));
        assert!(matches!(written.explain(key.name).unwrap().origin, Origin::File(..)));
    }
}

#[test]
fn one_machine_is_told_nothing_of_clusters() {
    let (one, many) = (embedded(), cluster());
    for key in KEYS {
        let line = format!("\n# {} = ", key.name.split_once('.').map_or(key.name, |(_, key)| key));
        let said = format!("{} ({})", key.meaning, key.kind);
        assert_eq!(one.contains(&said), !key.is_of_clusters(), "{}", key.name);
        assert!(many.contains(&said) && many.contains(&line), "{}", key.name);
    }
    assert_eq!(many.matches("\n[node]\n").count(), 1);
}

#[test]
fn the_usual_variables_of_nats_count_less_than_ours() {
    let env = [("NATS_URL", "nats://a:1"), ("NATS_CREDS", "me.creds"), ("NATS_USER", "")];
    let config = load("[nats]\nurl = ['nats://f:1', 'nats://g:2']\nuser = 'ada'\n", &env, &[]);
    let config = config.unwrap();
    assert_eq!(config.value("nats.url").unwrap(), "nats://a:1");
    assert_eq!(config.value("nats.creds_file").unwrap(), "me.creds");
    assert_eq!(config.value("nats.user").unwrap(), "ada", "an empty variable says nothing");
    let ours = [("NATS_URL", "nats://a:1"), ("ORKESTRA_NATS__URL", "nats://b:1")];
    let config = load("", &ours, &[]).unwrap();
    let url = config.explain("nats.url").unwrap();
    assert_eq!(url.value, "nats://b:1");
    assert_eq!(url.origin.to_string(), "environment variable ORKESTRA_NATS__URL");
    let list = load("[nats]\nurl = ['nats://f:1', 'nats://g:2']\n", &[], &[]).unwrap();
    assert_eq!(list.nats_url.0, ["nats://f:1", "nats://g:2"]);
    assert!(load("nats.url = [1]\n", &[], &[]).is_err());
    assert!(load("nats.tls.required = true\n", &[], &[]).unwrap().nats_tls_required);
}

#[test]
fn a_node_is_not_taken_for_dead_for_one_lost_sign() {
    let faults = load("presence.down_after = '500ms'\n", &[], &[]).unwrap_err();
    assert!(faults.faults[0].message.contains("twice presence.beat_every"), "{faults}");
}
