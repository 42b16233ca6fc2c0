//! Streets that one can reach and leave again are kept; the others are dropped.
//!
//! Separate because it is an algorithm of its own: strongly connected components (Tarjan, 1972), here without recursion,
//! since a street can be longer than the stack. A driver who snapped to an island, or to a one-way street that leads
//! nowhere, would have no way to anybody.

use super::Summary;
use super::pieces::{Cut, Piece};

/// Drops pieces between components, and components of less than `length_m_min`, but never the largest.
pub fn keep_connected(cut: &mut Cut, length_m_min: f64, summary: &mut Summary) {
    let component_of = components(cut);
    let count = component_of.iter().map(|component| *component as usize + 1).max().unwrap_or(0);
    let mut lengths_m = vec![0.0_f64; count];
    let home = |piece: &Piece| {
        let [from, to] = [piece.from, piece.to].map(|vertex| component_of[vertex as usize]);
        (from == to).then_some(from as usize)
    };
    for piece in &cut.pieces {
        if let Some(component) = home(piece) {
            lengths_m[component] += piece.length_m;
        }
    }
    let largest = (0..count).max_by(|a, b| lengths_m[*a].total_cmp(&lengths_m[*b]));
    let is_kept = |component: usize| {
        lengths_m[component] >= length_m_min && lengths_m[component] > 0.0 || Some(component) == largest
    };
    cut.pieces.retain(|piece| {
        let is_kept = home(piece).is_some_and(is_kept);
        if is_kept {
            summary.length_m += piece.length_m;
        } else {
            summary.dropped_m += piece.length_m;
        }
        is_kept
    });
    summary.components = (0..count).filter(|component| is_kept(*component)).count() as u32;
    summary.islands_dropped =
        (0..count).filter(|component| lengths_m[*component] > 0.0 && !is_kept(*component)).count() as u32;
    summary.largest_component_m = largest.map_or(0.0, |largest| lengths_m[largest]);
}

/// Component of each vertex.
fn components(cut: &Cut) -> Vec<u32> {
    let out = Exits::new(cut);
    let count = cut.vertices.len();
    let mut search =
        Search { order: vec![UNSEEN; count], low: vec![0; count], component: vec![UNSEEN; count], ..Search::default() };
    for root in 0..count as u32 {
        if search.order[root as usize] == UNSEEN {
            search.from(root, &out);
        }
    }
    search.component
}

const UNSEEN: u32 = u32::MAX;

/// Vertices that can be reached directly, as lists in one array.
struct Exits {
    first: Vec<u32>,
    heads: Vec<u32>,
}

impl Exits {
    fn new(cut: &Cut) -> Self {
        let mut ends: Vec<(u32, u32)> = Vec::with_capacity(cut.pieces.len() * 2);
        for piece in &cut.pieces {
            ends.extend(piece.forward_ms.map(|_| (piece.from, piece.to)));
            ends.extend(piece.backward_ms.map(|_| (piece.to, piece.from)));
        }
        ends.sort_unstable();
        let mut first = vec![0; cut.vertices.len() + 1];
        ends.iter().for_each(|(tail, _)| first[*tail as usize + 1] += 1);
        for vertex in 1..first.len() {
            first[vertex] += first[vertex - 1];
        }
        Self { first, heads: ends.into_iter().map(|(_, head)| head).collect() }
    }
}

#[derive(Default)]
struct Search {
    /// When each vertex was seen.
    order: Vec<u32>,
    /// The first seen of those that can be reached and are still open.
    low: Vec<u32>,
    component: Vec<u32>,
    seen: u32,
    components: u32,
    open: Vec<u32>,
}

impl Search {
    fn from(&mut self, root: u32, out: &Exits) {
        // Vertices on the way, each with its next exit.
        let mut way = vec![(root, out.first[root as usize])];
        self.see(root);
        while let Some((vertex, exit)) = way.last_mut() {
            let (at, next) = (*vertex as usize, *exit);
            if next == out.first[at + 1] {
                way.pop();
                if let Some((before, _)) = way.last() {
                    self.low[*before as usize] = self.low[*before as usize].min(self.low[at]);
                }
                if self.low[at] == self.order[at] {
                    self.close(at as u32);
                }
                continue;
            }
            *exit += 1;
            let head = out.heads[next as usize];
            if self.order[head as usize] == UNSEEN {
                self.see(head);
                way.push((head, out.first[head as usize]));
            } else if self.component[head as usize] == UNSEEN {
                self.low[at] = self.low[at].min(self.order[head as usize]);
            }
        }
    }

    fn see(&mut self, vertex: u32) {
        self.order[vertex as usize] = self.seen;
        self.low[vertex as usize] = self.seen;
        self.seen += 1;
        self.open.push(vertex);
    }

    fn close(&mut self, root: u32) {
        while let Some(vertex) = self.open.pop() {
            self.component[vertex as usize] = self.components;
            if vertex == root {
                break;
            }
        }
        self.components += 1;
    }
}
