use super::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Happened {
    Opened { name: String },
    Closed,
}

fn head(first: u64, last: u64) -> Head {
    Head {
        shard: ShardId(3),
        epoch: Epoch(7),
        first: Number(first),
        last: Number(last),
        at: Wall::from_ms(1_000),
    }
}

fn events(of: &[Happened]) -> Vec<u8> {
    let mut buffer = Vec::new();
    for event in of {
        encode_event(event, &mut buffer).unwrap();
    }
    buffer
}

/// A record as another program may write it.
fn foreign(value: &serde_json::Value) -> Vec<u8> {
    rmp_serde::to_vec_named(value).unwrap()
}

#[test]
fn what_was_sealed_reads_back_the_same() {
    let happened = vec![Happened::Opened { name: "a".into() }, Happened::Closed];
    let record = seal(&head(5, 6), &events(&happened)).unwrap();
    let expected = Record { kind: Kind::Events, head: head(5, 6), events: happened };
    assert_eq!(decode::<Happened>(&record).unwrap(), expected);
    let record = seal_epoch(&head(7, 6)).unwrap();
    let expected = Record { kind: Kind::Epoch, head: head(7, 6), events: Vec::<Happened>::new() };
    assert_eq!(decode(&record).unwrap(), expected);
}

#[test]
fn the_head_never_outgrows_its_bound() {
    let widest = Head {
        shard: ShardId(u16::MAX),
        epoch: Epoch(u64::MAX),
        first: Number(u64::MAX - 1),
        last: Number(u64::MAX - 1),
        at: Wall::from_ms(u64::MAX),
    };
    assert!(seal(&widest, &[]).unwrap().len() <= HEAD_BYTES_MAX);
}

#[test]
fn fields_of_a_later_day_are_skipped() {
    let record = foreign(&serde_json::json!({
        "v": 1, "kind": "events", "checksum": [1, {"of": "what"}], "shard": 3, "epoch": 7,
        "first": 5, "last": 5, "at": 1_000, "events": ["Closed"], "more": null,
    }));
    assert_eq!(decode::<Happened>(&record).unwrap().events, [Happened::Closed]);
}

#[test]
fn what_a_newer_program_wrote_is_refused_with_advice() {
    let told = |v: u8, kind: &str, event: &str| {
        let record = foreign(&serde_json::json!({
            "v": v, "kind": kind, "shard": 3, "epoch": 7, "first": 5, "last": 5, "at": 1_000,
            "events": [event],
        }));
        decode::<Happened>(&record).unwrap_err().to_string()
    };
    let advice = "this program reads up to version 2: a newer program wrote this journal; run that \
                  one again, or restore what was kept before it ran";
    assert_eq!(told(3, "events", "Closed"), format!("a record has version 3, and {advice}"));
    assert_eq!(told(3, "events", "Sold"), format!("a record has version 3, and {advice}"));
    assert_eq!(told(0, "events", "Closed"), "a record has version 0");
    assert_eq!(
        told(1, "index", "Closed"),
        format!("a record is of the unknown kind \"index\", and {advice}")
    );
    assert!(told(1, "events", "Sold").starts_with("a record carries an event of an unknown kind"));
}

#[test]
fn a_record_whose_count_lies_is_refused() {
    let one = events(&[Happened::Closed]);
    let told = |record: Vec<u8>| decode::<Happened>(&record).unwrap_err().to_string();
    let lying = foreign(&serde_json::json!({
        "v": 1, "kind": "events", "shard": 3, "epoch": 7, "first": 5, "last": 9, "at": 1_000,
        "events": ["Closed"],
    }));
    assert_eq!(told(lying), "a record says that it carries the events 5 to 9, and carries 1");
    assert!(decode::<Happened>(&seal(&head(1, 0), &[]).unwrap()).is_err());
    let mut followed = seal(&head(5, 5), &one).unwrap();
    followed.push(0);
    assert_eq!(told(followed), "1 bytes follow the end of a record");
}

#[test]
fn a_torn_or_mangled_record_is_an_error_and_never_a_panic() {
    let record = seal(&head(5, 6), &events(&[Happened::Closed, Happened::Closed])).unwrap();
    for end in 0..record.len() {
        assert!(decode::<Happened>(&record[..end]).is_err(), "torn at {end}");
    }
    let mut chance = crate::chance::Chance::from_seed(11);
    for _ in 0..2_000 {
        let mut mangled = record.clone();
        let at = usize::try_from(chance.below(mangled.len() as u64)).unwrap();
        mangled[at] = u8::try_from(chance.below(256)).unwrap();
        let _ = decode::<Happened>(&mangled); // any answer is right, as long as there is one
    }
    assert!(decode::<Happened>(&vec![0; RECORD_BYTES_MAX + 1]).is_err());
}
