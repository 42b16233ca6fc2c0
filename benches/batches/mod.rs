//! Batches to assign: drawn from a seed, and as lines of text that every contender reads.
//!
//! Separate from the measuring because `benches/peers/assignment.py` reads the same lines, and because the test of the
//! solver against the peer's costs keeps some of them: `benches/peers/assignment_golden.txt`.
//!
//! A batch is `batch ROWS COLUMNS` and, where it is known, what the cheapest assignment costs; then a line for each row: what
//! it costs to leave it out, and its edges as `COLUMN:COST`.

use std::fmt::Write;

use boda::matching::assignment::{Edge, Problem};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// A row: what it costs to leave it out, and its edges.
pub type Row = (i64, Vec<Edge>);

/// One problem.
pub struct Batch {
    pub column_count: u32,
    pub rows: Vec<Row>,
    /// By somebody else's reckoning.
    pub cost: Option<i64>,
}

/// Ways in which batches differ; they take turns.
const KINDS: usize = 8;

impl Batch {
    /// The same for the same number; `size_max` bounds rows and columns.
    pub fn random(number: u64, size_max: u32) -> Self {
        let mut rng = StdRng::seed_from_u64(number);
        let kind = number as usize % KINDS;
        let [row_count, column_count] = [1, 1].map(|least| rng.random_range(least..=size_max));
        let column_count = if kind == 4 { row_count } else { column_count };
        let density = rng.random_range(0.1..1.0);
        let unassigned = |rng: &mut StdRng| match kind {
            // Some would rather stay out.
            2 => rng.random_range(0..100_000),
            3 => rng.random_range(-20..20),
            _ => 1_000_000_000,
        };
        let cost = |rng: &mut StdRng| match kind {
            // Ties throughout.
            0 => rng.random_range(0..5),
            1 => 7,
            3 => rng.random_range(-20..20),
            _ => rng.random_range(0..100_000),
        };
        let places = Places::random(row_count, column_count, &mut rng);
        let row = |row: u32| {
            let unassigned = unassigned(&mut rng);
            let mut edges = Vec::new();
            for column in 0..column_count {
                if rng.random_bool(density) {
                    let drawn = cost(&mut rng);
                    let cost = if kind >= 6 { places.cost(row as usize, column as usize) } else { drawn };
                    edges.push(Edge { column, cost });
                }
            }
            // Some cannot be served at all.
            if kind == 5 && rng.random_ratio(1, 4) {
                edges.clear();
            }
            (unassigned, edges)
        };
        Self { column_count, rows: (0..row_count).map(row).collect(), cost: None }
    }

    /// As the solver wants it.
    pub fn problem(&self) -> Problem {
        let mut problem = Problem::new(self.column_count);
        self.rows.iter().for_each(|(unassigned, edges)| problem.push_row(*unassigned, edges));
        problem
    }

    /// Adds its lines.
    pub fn write(&self, text: &mut String) {
        write!(text, "batch {} {}", self.rows.len(), self.column_count).expect("memory takes it");
        self.cost.iter().for_each(|cost| write!(text, " {cost}").expect("memory takes it"));
        for (unassigned, edges) in &self.rows {
            write!(text, "\n{unassigned}").expect("memory takes it");
            edges.iter().for_each(|edge| write!(text, " {}:{}", edge.column, edge.cost).expect("memory takes it"));
        }
        text.push('\n');
    }

    /// All batches of a text.
    pub fn read(text: &str) -> Vec<Self> {
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        let mut batches = Vec::new();
        while let Some(heading) = lines.next() {
            let words: Vec<i64> = heading.split(' ').skip(1).map(number).collect();
            let rows = (0..words[0]).map(|_| read_row(lines.next().expect("a line for each row"))).collect();
            batches.push(Self { column_count: words[1] as u32, rows, cost: words.get(2).copied() });
        }
        batches
    }
}

fn number(word: &str) -> i64 {
    word.parse().expect("a number")
}

fn read_row(line: &str) -> Row {
    let mut words = line.split(' ');
    let unassigned = number(words.next().expect("what it costs to leave the row out"));
    let edge = |word: &str| {
        let (column, cost) = word.split_once(':').expect("a column and a cost");
        Edge { column: number(column) as u32, cost: number(cost) }
    };
    (unassigned, words.map(edge).collect())
}

/// Riders and drivers in a square of 10 km, in decimetres; costs are milliseconds at 6 m/s, straight.
pub struct Places {
    pub riders: Vec<[i64; 2]>,
    pub drivers: Vec<[i64; 2]>,
}

impl Places {
    /// Uniform.
    pub fn random(rider_count: u32, driver_count: u32, rng: &mut StdRng) -> Self {
        let mut draw = |count: u32| (0..count).map(|_| place(rng)).collect();
        Self { riders: draw(rider_count), drivers: draw(driver_count) }
    }

    /// A line `RIDERS DRIVERS`, then a line `X Y` for each.
    pub fn read(text: &str) -> Self {
        let mut lines = text.lines().map(|line| {
            let mut words = line.split(' ').map(number);
            [(); 2].map(|()| words.next().expect("two numbers"))
        });
        let [rider_count, _] = lines.next().expect("a heading");
        let riders = lines.by_ref().take(rider_count as usize).collect();
        Self { riders, drivers: lines.collect() }
    }

    /// What [`Places::read`] reads.
    pub fn write(&self) -> String {
        let mut text = format!("{} {}\n", self.riders.len(), self.drivers.len());
        let all = self.riders.iter().chain(&self.drivers);
        all.for_each(|[x, y]| writeln!(text, "{x} {y}").expect("memory takes it"));
        text
    }

    fn cost(&self, rider: usize, driver: usize) -> i64 {
        cost(self.riders[rider], self.drivers[driver])
    }

    /// The `k` nearest drivers of each rider, nearest first.
    pub fn edges(&self, k: usize) -> Vec<Vec<Edge>> {
        self.riders.iter().map(|rider| self.nearest(*rider, k)).collect()
    }

    /// The `k` nearest drivers, nearest first.
    pub fn nearest(&self, rider: [i64; 2], k: usize) -> Vec<Edge> {
        let edge = |(column, driver): (u32, &[i64; 2])| Edge { column, cost: cost(rider, *driver) };
        let mut edges: Vec<Edge> = (0..).zip(&self.drivers).map(edge).collect();
        edges.sort_unstable_by_key(|edge| (edge.cost, edge.column));
        edges.truncate(k);
        edges
    }
}

/// A place within the square.
pub fn place(rng: &mut StdRng) -> [i64; 2] {
    [(); 2].map(|()| rng.random_range(0..100_000))
}

fn cost([x, y]: [i64; 2], [to_x, to_y]: [i64; 2]) -> i64 {
    let squared_dm = (x - to_x).pow(2) + (y - to_y).pow(2);
    // Exact in doubles, and rounded the same way by everybody.
    ((squared_dm as f64).sqrt() * 100.0 / 6.0).floor() as i64
}
