//! The spool under attack: processes that are killed, files that are torn, disks that are full.

use portcullis_model::record::{Capture, Outcome, Timing};
use portcullis_model::{Record, RequestId, Timestamp};
use portcullis_store::spool::SpoolError;
use portcullis_store::{Spool, SpoolOptions, SpoolReader, WhenFull};
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

fn record(n: u64) -> Record {
    let at = Timestamp::from_micros(1_763_798_950_000_000 + i64::try_from(n).unwrap() * 1_000);
    let mut entropy = [0; 10];
    entropy[2..].copy_from_slice(&n.to_be_bytes());
    Record {
        id: RequestId::new(at, entropy),
        at,
        outcome: Outcome::Completed,
        status: 200,
        code: None,
        detail: None,
        would_refuse: None,
        tenant: None,
        user: None,
        application: None,
        api_key: None,
        service: Some("ai".into()),
        operation: None,
        model: Some("fast".into()),
        provider: None,
        deployment: None,
        batch: None,
        method: "POST".into(),
        path: "/v1/chat/completions".to_owned(),
        source: "192.0.2.7".to_owned(),
        trace: None,
        token: None,
        usage: None,
        upstream_status: None,
        bytes_in: n,
        bytes_out: 0,
        attempts: 1,
        tried: Vec::new(),
        dialect: None,
        dropped: None,
        tools: None,
        cost: None,
        timing: Timing::default(),
        capture: None,
    }
}

fn large(n: u64, bytes: usize) -> Record {
    Record {
        capture: Some(Box::new(Capture { request: "x".repeat(bytes), ..Capture::default() })),
        ..record(n)
    }
}

fn options() -> SpoolOptions {
    SpoolOptions { fsync_interval: Duration::from_millis(5), ..SpoolOptions::default() }
}

/// Everything that is there, committed as it is read.
async fn read_all(reader: &mut SpoolReader) -> Vec<Record> {
    let mut all = Vec::new();
    loop {
        let batch = reader.try_next(7).await.unwrap();
        if batch.is_empty() {
            return all;
        }
        all.extend(batch.records().map(|json| serde_json::from_slice::<Record>(json).unwrap()));
        reader.commit(&batch);
    }
}

fn segments(directory: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.retain(|path| path.extension().is_some_and(|extension| extension == "spool"));
    all.sort();
    all
}

#[tokio::test]
async fn what_was_appended_is_read_in_order_across_restarts() {
    let directory = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for round in 0..4 {
        let (spool, reader) = Spool::open(directory.path(), options()).unwrap();
        for n in 0..50 {
            // One of them longer than what is read at once.
            let record =
                if (round, n) == (1, 20) { large(round * 50 + n, 3 << 20) } else { record(round * 50 + n) };
            spool.append(&record).await.unwrap();
            expected.push(record);
        }
        drop(reader);
    }
    let (_spool, mut reader) = Spool::open(directory.path(), options()).unwrap();
    // Not committed: given again.
    let first = reader.try_next(3).await.unwrap();
    let again = reader.try_next(3).await.unwrap();
    assert!(first.records().eq(again.records()) && first.len() == 3);
    assert_eq!(read_all(&mut reader).await, expected);
    reader.close().await.unwrap();
    let (_spool, mut reader) = Spool::open(directory.path(), options()).unwrap();
    assert_eq!(read_all(&mut reader).await, []);
    assert_eq!(segments(directory.path()).len(), 1);
}

#[tokio::test]
async fn what_was_not_committed_comes_again_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (spool, mut reader) = Spool::open(directory.path(), options()).unwrap();
    spool.append(&record(1)).await.unwrap();
    assert_eq!(reader.next(10).await.unwrap().len(), 1);
    drop((spool, reader));
    let (_spool, mut reader) = Spool::open(directory.path(), options()).unwrap();
    assert_eq!(read_all(&mut reader).await, [record(1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_share_writes_and_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (spool, mut reader) = Spool::open(directory.path(), options()).unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..64 {
        let spool = spool.clone();
        tasks.spawn(async move {
            for n in 0..200 {
                let appended = spool.append(&record(task * 1_000 + n));
                // Some callers go away before it is written.
                if n % 5 == 0 { drop(appended) } else { appended.await.unwrap() }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    spool.sync().unwrap();
    let seen: Vec<u64> = read_all(&mut reader).await.iter().map(|record| record.bytes_in).collect();
    assert_eq!(seen.len(), 64 * 200);
    for task in 0..64 {
        assert!(
            seen.iter().filter(|n| **n / 1_000 == task).is_sorted(),
            "a caller's records keep their order"
        );
    }
}

/// One that is never polled again, as of a client that stops reading, holds up nobody and is written all the same.
#[tokio::test]
async fn nobody_waits_for_another_callers_task() {
    let directory = tempfile::tempdir().unwrap();
    let (spool, mut reader) = Spool::open(directory.path(), options()).unwrap();
    let mut stuck = Box::pin(spool.append(&record(1)));
    assert!(futures_util::poll!(&mut stuck).is_pending());
    spool.append(&record(2)).await.unwrap();
    assert_eq!(read_all(&mut reader).await, [record(1), record(2)]);
    let forgotten = Box::pin(spool.append(&record(3)));
    assert_eq!(reader.next(10).await.unwrap().len(), 1, "the flusher writes what nobody polls");
    drop((forgotten, stuck));
}

#[tokio::test]
async fn the_limit_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let limit = 256 << 10;
    let (spool, mut reader) = Spool::open(directory.path(), SpoolOptions { limit, ..options() }).unwrap();
    let mut written = 0;
    while spool.has_room() {
        spool.append(&record(written)).await.unwrap();
        written += 1;
        assert!(written < 10_000);
    }
    assert!(spool.bytes() >= limit);
    // Calls that were let in before may use the reserve, and not more.
    let error = loop {
        match spool.append(&record(written)).await {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error, SpoolError::Full);
    let on_disk: u64 = segments(directory.path()).iter().map(|path| path.metadata().unwrap().len()).sum();
    assert_eq!(on_disk, spool.bytes());
    assert!(on_disk <= limit + limit / 8, "{on_disk}");
    // The database takes them: there is room again, and the files are gone.
    assert_eq!(read_all(&mut reader).await.len() as u64, written);
    assert!(spool.has_room() && spool.bytes() <= limit / 16, "{}", spool.bytes());
    spool.append(&record(7)).await.unwrap();
    assert_eq!(read_all(&mut reader).await, [record(7)]);
}

#[tokio::test]
async fn records_are_dropped_when_that_is_the_policy() {
    let directory = tempfile::tempdir().unwrap();
    let limit = 64 << 10;
    let options = SpoolOptions { limit, when_full: WhenFull::Drop, ..options() };
    let (spool, mut reader) = Spool::open(directory.path(), options).unwrap();
    for n in 0..1_000 {
        assert!(spool.has_room());
        spool.append(&record(n)).await.unwrap();
    }
    assert!(spool.bytes() <= limit);
    let kept = read_all(&mut reader).await;
    assert!(!kept.is_empty() && kept.len() < 1_000);
}

#[tokio::test]
async fn torn_and_damaged_segments_give_what_is_sound() {
    let directory = tempfile::tempdir().unwrap();
    let (spool, reader) = Spool::open(directory.path(), options()).unwrap();
    for n in 0..10 {
        spool.append(&record(n)).await.unwrap();
    }
    drop((spool, reader));
    let path = segments(directory.path()).pop().unwrap();
    let whole = std::fs::read(&path).unwrap();
    let size = (whole.len() - 8) / 10;
    let expect = async |bytes: &[u8], expected: &[u64]| {
        let copy = tempfile::tempdir().unwrap();
        std::fs::write(copy.path().join(path.file_name().unwrap()), bytes).unwrap();
        let (spool, mut reader) = Spool::open(copy.path(), options()).unwrap();
        spool.append(&record(99)).await.unwrap();
        let read: Vec<u64> = read_all(&mut reader).await.iter().map(|record| record.bytes_in).collect();
        assert_eq!(read, [expected, &[99]].concat());
    };
    let all: Vec<u64> = (0..10).collect();
    expect(&whole, &all).await;
    // Torn anywhere in the last frame.
    for cut in 1..=size {
        expect(&whole[..whole.len() - cut], &all[..9]).await;
    }
    // Zeros at the end, as after a power cut.
    expect(&[&whole[..], &[0; 5_000]].concat(), &all).await;
    // A bit has flipped in the middle of one.
    let mut damaged = whole.clone();
    damaged[8 + size * 4 + size / 2] ^= 4;
    expect(&damaged, &[0, 1, 2, 3, 5, 6, 7, 8, 9]).await;
    // A length that cannot be: nothing after it can be found.
    let mut nonsense = whole.clone();
    nonsense[8 + size * 4 + 3] = 0xff;
    expect(&nonsense, &all[..4]).await;
    // Nothing but the beginning of a magic number.
    expect(&whole[..3], &[]).await;
}

/// The part of a test that runs in a process of its own: this binary, told which part by `SPOOL_CHILD`.
fn child(part: &str, directory: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "in_a_process_of_its_own", "--nocapture", "--test-threads=1"]);
    command.env("SPOOL_CHILD", part).env("SPOOL_DIRECTORY", directory).stdout(Stdio::piped());
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "how a test hands something to a process that it starts")]
async fn in_a_process_of_its_own() {
    let (Ok(part), Ok(directory)) = (std::env::var("SPOOL_CHILD"), std::env::var("SPOOL_DIRECTORY")) else {
        return;
    };
    match part.as_str() {
        "append_forever" => append_forever(directory.as_ref()).await,
        "meet_a_full_disk" => meet_a_full_disk(directory.as_ref()).await,
        other => panic!("no part `{other}`"),
    }
}

async fn append_forever(directory: &Path) {
    // Never synced by the flusher: what survives is what `append` itself promised.
    let options = SpoolOptions { fsync_interval: Duration::from_secs(3_600), ..SpoolOptions::default() };
    let (spool, _reader) = Spool::open(directory, options).unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..8_u64 {
        let spool = spool.clone();
        tasks.spawn(async move {
            for n in 0.. {
                let n = task * 1_000_000 + n;
                spool.append(&record(n)).await.unwrap();
                // Whole lines, so that the reader never sees half a number.
                std::io::stdout().write_all(format!("\nsafe {n}\n").as_bytes()).unwrap();
            }
        });
    }
    tasks.join_next().await;
}

#[tokio::test]
async fn a_killed_process_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    for round in 1..=3 {
        let mut process = child("append_forever", directory.path()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut safe = HashSet::new();
        let mut note = |line: std::io::Result<String>| {
            if let Some(n) = line.unwrap().strip_prefix("safe ") {
                safe.insert(n.parse::<u64>().unwrap());
            }
            safe.len()
        };
        for line in lines.by_ref() {
            if note(line) >= 500 * round {
                break;
            }
        }
        // SIGKILL, in the middle of whatever it does. What it has said by then counts.
        process.kill().unwrap();
        process.wait().unwrap();
        lines.for_each(|line| {
            note(line);
        });
        let (_spool, mut reader) = Spool::open(directory.path(), options()).unwrap();
        let found: HashSet<u64> = read_all(&mut reader).await.iter().map(|record| record.bytes_in).collect();
        assert!(safe.len() >= 500 * round);
        assert_eq!(safe.difference(&found).collect::<Vec<_>>(), Vec::<&u64>::new());
        reader.close().await.unwrap();
    }
}

async fn meet_a_full_disk(directory: &Path) {
    let options = SpoolOptions { fsync_interval: Duration::from_millis(20), ..SpoolOptions::default() };
    let (spool, mut reader) = Spool::open(directory, options).unwrap();
    let mut kept = 0;
    // Larger than a page of standard I/O, so that the write that fails is cut in the middle.
    let error = loop {
        match spool.append(&large(kept, 3_000)).await {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 1_000);
    };
    assert_eq!(error, SpoolError::Disk);
    assert!(kept > 3);
    // Seen before the next call is accepted, and not only by those that come too late.
    assert!(!spool.has_room());
    assert_eq!(spool.append(&record(0)).await, Err(SpoolError::Disk));
    assert_eq!(read_all(&mut reader).await.len() as u64, kept);
    // Half of a frame is not left behind, and the disk is tried again without anybody asking.
    let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize);
    let enough = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    rustix::process::setrlimit(rustix::process::Resource::Fsize, enough).unwrap();
    let begun = std::time::Instant::now();
    while !spool.has_room() {
        assert!(begun.elapsed() < Duration::from_secs(60), "never tried again");
        tokio::task::yield_now().await;
    }
    spool.append(&record(77)).await.unwrap();
    assert_eq!(read_all(&mut reader).await, [record(77)]);
    println!("\nall is well");
}

/// A file-size limit stands for a full disk: the kernel cuts the write short and refuses the next.
#[tokio::test]
async fn a_full_disk_is_said_and_survived() {
    let directory = tempfile::tempdir().unwrap();
    let inner = child("meet_a_full_disk", directory.path());
    let mut outer = Command::new("sh");
    // 64 blocks of 512 bytes; without the signal that would end the process.
    outer
        .args(["-c", "trap '' XFSZ; ulimit -S -f 64; exec \"$0\" \"$@\""])
        .arg(inner.get_program())
        .args(inner.get_args());
    for (name, value) in inner.get_envs() {
        outer.env(name, value.unwrap());
    }
    let output = outer.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("all is well"),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The directory is gone when the next segment is needed.
#[tokio::test]
async fn a_directory_that_is_gone_is_said_and_survived() {
    let parent = tempfile::tempdir().unwrap();
    let (directory, away) = (parent.path().join("spool"), parent.path().join("away"));
    let (spool, mut reader) =
        Spool::open(&directory, SpoolOptions { limit: 256 << 10, ..options() }).unwrap();
    spool.append(&record(1)).await.unwrap();
    std::fs::rename(&directory, &away).unwrap();
    let error = loop {
        if let Err(error) = spool.append(&large(2, 4_000)).await {
            break error;
        }
    };
    assert_eq!(error, SpoolError::Disk);
    assert!(!spool.has_room());
    std::fs::rename(&away, &directory).unwrap();
    let begun = std::time::Instant::now();
    while !spool.has_room() {
        assert!(begun.elapsed() < Duration::from_secs(60), "never tried again");
        tokio::task::yield_now().await;
    }
    spool.append(&record(3)).await.unwrap();
    let read = read_all(&mut reader).await;
    assert_eq!((read.first(), read.last()), (Some(&record(1)), Some(&record(3))));
}

/// Whoever lists records waits for those that were made by now, and for no others; a database that is down is not waited
/// for beyond what was said.
#[tokio::test]
async fn what_was_recorded_by_now_is_waited_for() {
    const LONG: Duration = Duration::from_secs(60);
    let directory = tempfile::tempdir().unwrap();
    let (spool, mut reader) = Spool::open(directory.path(), options()).unwrap();
    let stored = spool.stored();
    assert!(stored.catch_up(LONG).await, "nothing was recorded");
    spool.append(&record(1)).await.unwrap();
    assert!(!stored.catch_up(Duration::from_millis(1)).await, "nobody brought it anywhere");
    let batch = reader.next(1).await.unwrap();
    assert!(!stored.catch_up(Duration::from_millis(1)).await, "read, and not stored");
    let mut waiting = std::pin::pin!(stored.catch_up(LONG));
    assert!(futures_util::poll!(waiting.as_mut()).is_pending());
    // What comes later is not waited for.
    spool.append(&record(2)).await.unwrap();
    reader.commit(&batch);
    assert!(waiting.await);
    assert!(!stored.catch_up(Duration::from_millis(1)).await);
    read_all(&mut reader).await;
    assert!(stored.catch_up(LONG).await);
    // Into further segments, and over what an earlier process left.
    for n in 3..20 {
        spool.append(&large(n, 1 << 20)).await.unwrap();
    }
    read_all(&mut reader).await;
    assert!(stored.catch_up(LONG).await);
    spool.append(&record(20)).await.unwrap();
    drop((spool, reader));
    let (spool, mut reader) = Spool::open(directory.path(), options()).unwrap();
    let stored = spool.stored();
    assert!(!stored.catch_up(Duration::from_millis(1)).await, "left by an earlier process");
    read_all(&mut reader).await;
    assert!(stored.catch_up(LONG).await);
}
