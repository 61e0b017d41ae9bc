//! Times of things beside each other, and pages with what was measured.
//!
//! A difference of one microsecond between two things that each take two hundred is seen only if they are measured in
//! turns, and if of many turns the least disturbed count: other programs only ever make a turn longer.

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

/// What the command line asks for.
pub struct Asked {
    /// Turns per thing.
    pub turns: usize,
    /// The day, when the page is to be written.
    pub write: Option<String>,
}

impl Asked {
    /// `--quick`: only whether it runs. `--write DAY`: write the page too. What cargo adds is ignored.
    pub fn read() -> Self {
        let args: Vec<String> = std::env::args().skip(1).collect();
        let quick = args.iter().any(|arg| arg == "--quick");
        let write = args.windows(2).find(|pair| pair[0] == "--write").map(|pair| pair[1].clone());
        Self { turns: if quick { 3 } else { 4000 }, write }
    }

    /// Nanoseconds of one call of each: the mean over the calmest tenth of all turns.
    pub fn least<const N: usize>(&self, mut things: [&mut dyn FnMut(); N]) -> [f64; N] {
        const TURN: Duration = Duration::from_micros(100);
        let calls: Vec<u32> = things
            .iter_mut()
            .map(|thing| {
                let began = Instant::now();
                thing();
                thing();
                let each = began.elapsed() / 2;
                (TURN.as_nanos() / each.as_nanos().max(1)).clamp(1, 10_000) as u32
            })
            .collect();
        let mut turns: Vec<[f64; N]> = (0..self.turns)
            .map(|_| {
                let mut turn = [0.0; N];
                for ((thing, calls), nanos) in things.iter_mut().zip(&calls).zip(&mut turn) {
                    let began = Instant::now();
                    for _ in 0..*calls {
                        black_box(&mut *thing)();
                    }
                    *nanos = began.elapsed().as_nanos() as f64 / f64::from(*calls);
                }
                turn
            })
            .collect();
        let whole = |turn: &[f64; N]| {
            turn.iter().zip(&calls).map(|(nanos, calls)| nanos * f64::from(*calls)).sum::<f64>()
        };
        turns.sort_by(|one, other| whole(one).total_cmp(&whole(other)));
        turns.truncate((self.turns / 10).max(1));
        let calm = turns.len() as f64;
        std::array::from_fn(|thing| turns.iter().map(|turn| turn[thing]).sum::<f64>() / calm)
    }
}

/// Microseconds with two digits.
pub fn micros(nanos: f64) -> String {
    format!("{:.2}", nanos / 1000.0)
}

/// The machine in one line.
fn machine() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("an unnamed processor", |(_, model)| model);
    format!("one core of {}", model.trim())
}

/// Replaces what stands between the marks of that name in this page of `docs/reference`.
pub fn publish(page: &str, mark: &str, day: &str, table: &str) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join("docs/reference").join(page))
        .find(|page| page.is_file())
        .expect("the page is there");
    let text = std::fs::read_to_string(&page).expect("the page is readable");
    let (begin, end) = (format!("<!-- {mark}: begin -->\n"), format!("<!-- {mark}: end -->"));
    let (before, rest) = text.split_once(&begin).expect("the page has the mark");
    let (_, after) = rest.split_once(&end).expect("the mark ends");
    let mut out = format!("{before}{begin}");
    write!(out, "Measured {day} on {}.\n\n{table}{end}{after}", machine()).expect("a string takes it");
    std::fs::write(&page, out).expect("the page is writable");
}
