//! Nested dissection: a few vertices whose removal leaves two halves, then each half again.
//!
//! Separate from the order because it is an algorithm of its own. Inertial flow (Schild and Sommer, "On Balanced
//! Separators in Road Networks", 2015), but the flow runs through vertices, each of which lets one unit through: what is
//! full is the smallest set of vertices between the two ends. RoutingKit's inertial flow cuts edges and makes vertices of
//! them afterwards: in the turns of Porto Alegre that leaves a hierarchy of 11.6 arcs for each vertex, this one of 8.9, and
//! searches that take half the time. Flows by blocking paths (Dinic, 1970; Even and Tarjan, 1975).

const NONE: u32 = u32::MAX;
/// Parts so small are taken as they are.
const SMALL: usize = 4;
/// Parts so large are divided by fewer attempts: they are few, and each attempt is long.
const LARGE: usize = 16_384;
/// How much of a part is a source, and a sink, of a hundred. A large end finds balance, a small one a narrow place.
const END_PERCENTS: [usize; 3] = [20, 33, 45];
const END_PERCENTS_OF_LARGE: [usize; 1] = [30];
/// How much balance counts beside the size of the separator. Measured on Porto Alegre and Kigali; it hardly matters.
const BALANCE: f64 = 0.5;
/// East, north-east, north and north-west, as (lat, lng).
const DIRECTIONS: [(f32, f32); 4] = [(0.0, 1.0), (0.7, 0.7), (1.0, 0.0), (0.7, -0.7)];

/// An undirected graph as lists of neighbours.
pub(super) struct Neighbours {
    pub(super) first: Vec<u32>,
    pub(super) all: Vec<u32>,
}

impl Neighbours {
    pub(super) fn new(count: usize, edges: impl Iterator<Item = (u32, u32)>) -> Self {
        let mut pairs: Vec<(u32, u32)> = edges.filter(|(a, b)| a != b).flat_map(|(a, b)| [(a, b), (b, a)]).collect();
        pairs.sort_unstable();
        pairs.dedup();
        let mut first = vec![0; count + 1];
        pairs.iter().for_each(|(a, _)| first[*a as usize + 1] += 1);
        (1..first.len()).for_each(|vertex| first[vertex] += first[vertex - 1]);
        Self { first, all: pairs.into_iter().map(|(_, b)| b).collect() }
    }

    fn of(&self, vertex: u32) -> &[u32] {
        &self.all[self.first[vertex as usize] as usize..self.first[vertex as usize + 1] as usize]
    }

    /// The part of the graph between some vertices, numbered as they come. `numbers` is `NONE` everywhere, and again after.
    fn part(&self, vertices: &[u32], numbers: &mut [u32]) -> Self {
        for (number, vertex) in (0..).zip(vertices) {
            numbers[*vertex as usize] = number;
        }
        let mut part = Self { first: vec![0], all: Vec::new() };
        for vertex in vertices {
            let inside = self.of(*vertex).iter().map(|other| numbers[*other as usize]).filter(|number| *number != NONE);
            part.all.extend(inside);
            part.first.push(part.all.len() as u32);
        }
        for vertex in vertices {
            numbers[*vertex as usize] = NONE;
        }
        part
    }
}

/// The vertices in order, least important first.
pub(super) fn order(graph: &Neighbours, places: &[(f32, f32)]) -> Vec<u32> {
    let mut numbers = vec![NONE; places.len()];
    let mut order = Vec::with_capacity(places.len());
    // From the end: separators come out before what they separate.
    let mut parts = vec![(0..places.len() as u32).collect::<Vec<u32>>()];
    while let Some(part) = parts.pop() {
        if part.len() <= SMALL {
            order.extend(part);
            continue;
        }
        let inner = graph.part(&part, &mut numbers);
        let sides = divide(&inner, &part, places);
        let of_side = |wanted: Side| {
            let members = part.iter().zip(&sides).filter(move |(_, side)| **side == wanted);
            members.map(|(vertex, _)| *vertex).collect::<Vec<u32>>()
        };
        order.extend(of_side(Side::Separator));
        parts.extend([of_side(Side::Source), of_side(Side::Sink)].into_iter().filter(|side| !side.is_empty()));
    }
    order.reverse();
    order
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Source,
    Separator,
    Sink,
}

/// The best division among several directions.
fn divide(inner: &Neighbours, part: &[u32], places: &[(f32, f32)]) -> Vec<Side> {
    let mut best: Option<(f64, Vec<Side>)> = None;
    let mut flow = Flow::new(inner);
    let end_percents = if part.len() < LARGE { &END_PERCENTS[..] } else { &END_PERCENTS_OF_LARGE[..] };
    for (lat, lng) in DIRECTIONS {
        let along = |number: &u32| {
            let (north, east) = places[part[*number as usize] as usize];
            north * lat + east * lng
        };
        let mut sorted: Vec<u32> = (0..part.len() as u32).collect();
        sorted.sort_by(|a, b| along(a).total_cmp(&along(b)).then(a.cmp(b)));
        for percent in end_percents {
            let end = (part.len() * percent / 100).max(1);
            let sides = flow.divide(&sorted[..end], &sorted[part.len() - end..]);
            let count = |wanted| sides.iter().filter(|side| **side == wanted).count() as f64;
            let smaller = count(Side::Source).min(count(Side::Sink));
            let cost = (count(Side::Separator) + 0.5) / (smaller + 0.5).powf(BALANCE);
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, sides));
            }
        }
    }
    best.expect("there are directions").1
}

/// A flow of vertex-disjoint paths. Each vertex has a way in and a way out: node `2 v` and node `2 v + 1`.
struct Flow<'g> {
    graph: &'g Neighbours,
    is_sink: Vec<bool>,
    /// Whether a path leads through a vertex, and from where; `NONE` when from the source.
    is_used: Vec<bool>,
    before: Vec<u32>,
    /// By node: steps from the source, and the next edge to try.
    levels: Vec<u32>,
    tried: Vec<u32>,
    queue: Vec<u32>,
}

impl<'g> Flow<'g> {
    fn new(graph: &'g Neighbours) -> Self {
        let count = graph.first.len() - 1;
        Self {
            graph,
            is_sink: vec![false; count],
            is_used: vec![false; count],
            before: vec![NONE; count],
            levels: vec![NONE; 2 * count],
            tried: vec![0; 2 * count],
            queue: Vec::new(),
        }
    }

    /// The smallest separator, nearest the sources.
    fn divide(&mut self, sources: &[u32], sinks: &[u32]) -> Vec<Side> {
        self.is_sink.fill(false);
        self.is_used.fill(false);
        self.before.fill(NONE);
        sinks.iter().for_each(|sink| self.is_sink[*sink as usize] = true);
        let mut path = Vec::new();
        while self.measure(sources) {
            self.tried.fill(0);
            for source in sources {
                if self.levels[2 * *source as usize] == 0 && self.find(2 * source, &mut path) {
                    self.push(&path);
                }
            }
        }
        let side = |vertex: usize| match [2 * vertex, 2 * vertex + 1].map(|node| self.levels[node] != NONE) {
            [_, true] => Side::Source,
            [true, false] => Side::Separator,
            [false, false] => Side::Sink,
        };
        (0..self.is_used.len()).map(side).collect()
    }

    /// An edge that is not full, by number; `None` after the last, `NONE` for one that is full.
    fn edge(&self, node: u32, number: u32) -> Option<u32> {
        let vertex = node / 2;
        if node.is_multiple_of(2) {
            let to = if self.is_used[vertex as usize] {
                match self.before[vertex as usize] {
                    NONE => NONE,
                    before => 2 * before + 1,
                }
            } else {
                2 * vertex + 1
            };
            (number == 0).then_some(to)
        } else {
            let neighbours = self.graph.of(vertex);
            match neighbours.get(number as usize) {
                Some(other) => Some(2 * other),
                None if number as usize == neighbours.len() => {
                    Some(if self.is_used[vertex as usize] { 2 * vertex } else { NONE })
                }
                None => None,
            }
        }
    }

    fn is_end(&self, node: u32) -> bool {
        !node.is_multiple_of(2) && self.is_sink[node as usize / 2]
    }

    /// Levels of all nodes within reach; whether the sink is.
    fn measure(&mut self, sources: &[u32]) -> bool {
        self.levels.fill(NONE);
        self.queue.clear();
        for source in sources {
            self.levels[2 * *source as usize] = 0;
            self.queue.push(2 * source);
        }
        let mut is_reached = false;
        let mut at = 0;
        while let Some(node) = self.queue.get(at).copied() {
            at += 1;
            is_reached |= self.is_end(node);
            let mut number = 0;
            while let Some(to) = self.edge(node, number) {
                number += 1;
                if to != NONE && self.levels[to as usize] == NONE {
                    self.levels[to as usize] = self.levels[node as usize] + 1;
                    self.queue.push(to);
                }
            }
        }
        is_reached
    }

    /// A path along growing levels, from a node to the sink.
    fn find(&mut self, from: u32, path: &mut Vec<u32>) -> bool {
        path.clear();
        path.push(from);
        while let Some(node) = path.last().copied() {
            if self.is_end(node) {
                return true;
            }
            match self.edge(node, self.tried[node as usize]) {
                None => {
                    // A dead end.
                    path.pop();
                    if let Some(before) = path.last() {
                        self.tried[*before as usize] += 1;
                    }
                }
                Some(to) if to != NONE && self.levels[to as usize] == self.levels[node as usize] + 1 => path.push(to),
                Some(_) => self.tried[node as usize] += 1,
            }
        }
        false
    }

    /// Sends one unit along a path.
    fn push(&mut self, path: &[u32]) {
        let source = path[0] / 2;
        let mut came_from = NONE;
        if !self.is_used[source as usize] {
            self.before[source as usize] = NONE;
        }
        for (index, node) in path.iter().enumerate() {
            // Nodes of a path are not visited again in this phase.
            self.tried[*node as usize] = NONE;
            let vertex = (node / 2) as usize;
            let next = path.get(index + 1).copied();
            if node.is_multiple_of(2) {
                if next == Some(node + 1) {
                    self.is_used[vertex] = true;
                    self.before[vertex] = came_from;
                } else if came_from != vertex as u32 {
                    // The path that was here before is led elsewhere; this one goes on in its place.
                    self.before[vertex] = came_from;
                }
            } else if next == Some(node - 1) {
                self.is_used[vertex] = false;
            }
            came_from = if node.is_multiple_of(2) { came_from } else { vertex as u32 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(rows: u32, columns: u32) -> (Neighbours, Vec<(f32, f32)>) {
        let vertices = || 0..rows * columns;
        let right = vertices().filter(|vertex| vertex % columns + 1 < columns).map(|vertex| (vertex, vertex + 1));
        let down =
            vertices().filter(|vertex| vertex + columns < rows * columns).map(|vertex| (vertex, vertex + columns));
        let places = vertices().map(|vertex| ((vertex / columns) as f32, (vertex % columns) as f32)).collect();
        (Neighbours::new((rows * columns) as usize, right.chain(down)), places)
    }

    fn count(sides: &[Side], wanted: Side) -> usize {
        sides.iter().filter(|side| **side == wanted).count()
    }

    #[test]
    fn a_grid_is_divided_across_its_shorter_side() {
        for (rows, columns) in [(5, 40), (40, 5), (12, 30)] {
            let (graph, places) = grid(rows, columns);
            let all: Vec<u32> = (0..rows * columns).collect();
            let sides = divide(&graph, &all, &places);
            assert_eq!(count(&sides, Side::Separator), rows.min(columns) as usize, "{rows} x {columns}");
            assert!(count(&sides, Side::Source).min(count(&sides, Side::Sink)) > all.len() / 5);
            let is_split = |vertex: &u32| {
                let is_across = |other: &u32| sides[*other as usize] == Side::Sink;
                sides[*vertex as usize] != Side::Source || !graph.of(*vertex).iter().any(is_across)
            };
            assert!(all.iter().all(is_split));
        }
    }

    #[test]
    fn a_bridge_is_found_wherever_it_is() {
        // Two grids that vertex 100 joins; it lies far from the middle.
        let (side, _) = grid(10, 10);
        let edges = |offset| {
            let side = &side;
            (0..100).flat_map(move |a| side.of(a).iter().map(move |b| (a + offset, *b + offset)))
        };
        let graph = Neighbours::new(201, edges(0).chain(edges(101)).chain([(99, 100), (100, 101)]));
        let places: Vec<(f32, f32)> = (0..201).map(|vertex| (0.0, vertex as f32)).collect();
        let sides = divide(&graph, &(0..201).collect::<Vec<u32>>(), &places);
        assert_eq!(count(&sides, Side::Separator), 1);
        assert!(count(&sides, Side::Sink).abs_diff(count(&sides, Side::Source)) <= 2);
    }

    #[test]
    fn the_order_holds_every_vertex_once() {
        let (graph, places) = grid(17, 23);
        let mut order = order(&graph, &places);
        order.sort_unstable();
        assert!(order.into_iter().eq(0..17 * 23));
    }
}
