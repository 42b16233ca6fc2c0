//! The solver against a slow one that has nothing in common with it, and the certificate against planted faults.

use proptest::prelude::*;

use super::{COST_MAX, Edge, Means, Problem, Solution, Solver, Uncertified, certify};

const STEPS_MAX: u64 = u64::MAX;

/// Rows as a caller has them: the price of staying out, and edges.
type Rows = Vec<(i64, Vec<Edge>)>;

fn problem_of(column_count: u32, rows: &Rows) -> Problem {
    let mut problem = Problem::new(column_count);
    rows.iter().for_each(|(unassigned, edges)| problem.push_row(*unassigned, edges));
    problem
}

/// The Hungarian algorithm over the whole matrix, one column more for each row to stay out.
fn cheapest(column_count: u32, rows: &Rows) -> i64 {
    let (row_count, column_count) = (rows.len(), column_count as usize);
    const FORBIDDEN: i128 = 1 << 80;
    let width = column_count + row_count;
    let clamp = |cost: i64| i128::from(cost.clamp(-COST_MAX, COST_MAX));
    let mut costs = vec![vec![FORBIDDEN; width + 1]; row_count + 1];
    for (row, (unassigned, edges)) in rows.iter().enumerate() {
        costs[row + 1][column_count + row + 1] = clamp(*unassigned);
        for edge in edges {
            let cell = &mut costs[row + 1][edge.column as usize + 1];
            *cell = (*cell).min(clamp(edge.cost));
        }
    }
    let (mut u, mut v, mut row_of) = (vec![0_i128; row_count + 1], vec![0_i128; width + 1], vec![0; width + 1]);
    for row in 1..=row_count {
        row_of[0] = row;
        let (mut least, mut way, mut is_used) =
            (vec![i128::MAX; width + 1], vec![0; width + 1], vec![false; width + 1]);
        let mut column = 0;
        while row_of[column] != 0 {
            is_used[column] = true;
            let (from, mut next, mut delta) = (row_of[column], 0, i128::MAX);
            for to in 1..=width {
                if is_used[to] {
                    continue;
                }
                let reduced = costs[from][to] - u[from] - v[to];
                if reduced < least[to] {
                    (least[to], way[to]) = (reduced, column);
                }
                if least[to] < delta {
                    (delta, next) = (least[to], to);
                }
            }
            for to in 0..=width {
                if is_used[to] {
                    u[row_of[to]] += delta;
                    v[to] -= delta;
                } else if least[to] < i128::MAX {
                    least[to] -= delta;
                }
            }
            column = next;
        }
        while column != 0 {
            row_of[column] = row_of[way[column]];
            column = way[column];
        }
    }
    let sum =
        (1..=width).filter(|column| row_of[*column] != 0).map(|column| costs[row_of[column]][column]).sum::<i128>();
    sum.try_into().expect("a small sum")
}

/// Solves from these prices, and checks all that must hold.
fn solved(problem: &Problem, prices: &mut [i64], expected: i64) -> Result<Solution, TestCaseError> {
    let solution = Solver::default().solve(problem, prices, STEPS_MAX);
    prop_assert_eq!(certify(problem, &solution, prices), Ok(()));
    prop_assert_eq!(solution.means, Means::Exact);
    prop_assert_eq!(solution.cost, expected);
    Ok(solution)
}

fn costs() -> impl Strategy<Value = i64> {
    prop_oneof![4 => 0..20_i64, 4 => 0..100_000_i64, 1 => -50..50_i64, 1 => Just(i64::MAX), 1 => Just(i64::MIN), 1 => any::<i64>()]
}

fn edges(column_count: u32) -> impl Strategy<Value = Vec<Edge>> {
    prop::collection::vec((0..column_count, costs()), 0..12)
        .prop_map(|edges| edges.into_iter().map(|(column, cost)| Edge { column, cost }).collect())
}

fn rows(column_count: u32) -> impl Strategy<Value = Rows> {
    let unassigned = prop_oneof![2 => 0..60_i64, 4 => 50_000..200_000_i64, 1 => costs()];
    prop::collection::vec((unassigned, edges(column_count)), 0..24)
}

fn problems() -> impl Strategy<Value = (u32, Rows)> {
    (1..24_u32).prop_flat_map(|column_count| (Just(column_count), rows(column_count)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn it_is_as_cheap_as_the_hungarian_algorithm((column_count, rows) in problems()) {
        let problem = problem_of(column_count, &rows);
        solved(&problem, &mut vec![0; column_count as usize], cheapest(column_count, &rows))?;
    }

    #[test]
    fn whatever_prices_and_hints_it_starts_from_it_is_as_cheap(
        (column_count, rows) in problems(),
        stale in prop::collection::vec(prop_oneof![4 => 0..100_000_i64, 4 => 0..20_i64, 1 => any::<i64>()], 24),
        hints in prop::collection::vec(0..48_u32, 24),
    ) {
        let mut problem = problem_of(column_count, &rows);
        let expected = cheapest(column_count, &rows);
        solved(&problem, &mut stale[..column_count as usize].to_vec(), expected)?;
        let mut hinted = Problem::new(column_count);
        for ((unassigned, edges), hint) in rows.iter().zip(&hints) {
            hinted.push_row(*unassigned, edges);
            hinted.expect_column(*hint);
        }
        let mut prices = stale[..column_count as usize].to_vec();
        let solution = solved(&hinted, &mut prices, expected)?;
        // From its own end there is nothing left to do.
        problem.expect(&solution);
        let again = prices.clone();
        prop_assert_eq!(solved(&problem, &mut prices, expected)?.row_prices, solution.row_prices);
        prop_assert_eq!(prices, again);
    }

    #[test]
    fn a_round_after_another_is_as_cheap_as_from_scratch(
        (column_count, mut rows) in problems(),
        changes in prop::collection::vec((0..24_usize, 0..200_000_i64), 0..6),
        moved in prop::collection::vec((0..24_u32, -20_000..20_000_i64), 0..4),
    ) {
        let mut prices = vec![0; column_count as usize];
        let first = solved(&problem_of(column_count, &rows), &mut prices, cheapest(column_count, &rows))?;
        for (row, unassigned) in changes {
            if let Some(row) = rows.get_mut(row) {
                row.0 = unassigned;
                row.1.pop();
            }
        }
        for edge in rows.iter_mut().flat_map(|(_, edges)| edges) {
            let shift: i64 = moved.iter().filter(|(column, _)| *column == edge.column).map(|(_, shift)| shift).sum();
            edge.cost = edge.cost.saturating_add(shift);
        }
        let mut problem = problem_of(column_count, &rows);
        problem.expect(&first);
        solved(&problem, &mut prices, cheapest(column_count, &rows))?;
    }

    #[test]
    fn after_any_edits_it_solves_again_as_from_scratch(
        (column_count, mut rows) in problems(),
        edits in prop::collection::vec(prop::collection::vec((0..28_usize, 0..200_000_i64, edges(1)), 0..6), 1..6),
    ) {
        let mut problem = problem_of(column_count, &rows);
        let (mut solver, mut prices) = (Solver::default(), vec![0; column_count as usize]);
        solver.solve(&problem, &mut prices, STEPS_MAX);
        for (round, edits) in edits.into_iter().enumerate() {
            let mut changed = Vec::new();
            for (row, unassigned, mut edges) in edits {
                let spread = |(number, edge): (usize, &mut Edge)| edge.column = ((row + 5 * number) % column_count as usize) as u32;
                edges.iter_mut().enumerate().for_each(spread);
                if row < rows.len() {
                    problem.replace_row(row, unassigned, &edges);
                    rows[row] = (unassigned, edges);
                    changed.push(row as u32);
                } else {
                    problem.push_row(unassigned, &edges);
                    rows.push((unassigned, edges));
                }
            }
            // Some rounds run out of steps, and the next one has to cope.
            let steps_max = if round % 3 == 1 { 20 } else { STEPS_MAX };
            let solution = solver.solve_again(&problem, &mut prices, &changed, steps_max);
            let expected = cheapest(column_count, &rows);
            prop_assert!(solution.cost >= expected);
            if steps_max == STEPS_MAX || solution.means == Means::Exact {
                prop_assert_eq!(certify(&problem, &solution, &prices), Ok(()));
                prop_assert_eq!(solution.cost, expected);
            }
        }
    }

    #[test]
    fn when_steps_run_out_it_is_feasible_and_says_so((column_count, rows) in problems(), steps_max in 0..300_u64) {
        let problem = problem_of(column_count, &rows);
        let mut prices = vec![0; column_count as usize];
        let solution = Solver::default().solve(&problem, &mut prices, steps_max);
        let best = cheapest(column_count, &rows);
        prop_assert!(solution.cost >= best);
        match solution.means {
            Means::Exact => prop_assert_eq!(certify(&problem, &solution, &prices), Ok(())),
            Means::Greedy => {
                let fault = certify(&problem, &solution, &prices);
                let is_feasible = !matches!(fault, Err(Uncertified::Taken { .. } | Uncertified::NoEdge { .. } | Uncertified::Size { .. }));
                prop_assert!(is_feasible, "{:?}", fault);
            }
        }
        // What it leaves behind is as good a beginning as any.
        solved(&problem, &mut prices, best)?;
    }

    #[test]
    fn a_certificate_is_refused_after_any_change_that_matters(
        (column_count, rows) in problems(),
        at in 0..24_usize,
        shift in prop_oneof![1..1_000_i64, -1_000..-1_i64],
    ) {
        let problem = problem_of(column_count, &rows);
        let mut prices = vec![0; column_count as usize];
        let solution = Solver::default().solve(&problem, &mut prices, STEPS_MAX);
        let best = solution.cost;
        let dearer = Solution { cost: best + shift, ..solution.clone() };
        prop_assert!(certify(&problem, &dearer, &prices).is_err());
        if let Some(price) = solution.row_prices.get(at) {
            let mut planted = solution.clone();
            planted.row_prices[at] = price + shift;
            prop_assert!(certify(&problem, &planted, &prices).is_err());
            // Another answer for the row is proven only where it costs the same.
            for column in (0..column_count).map(Some).chain([None]).filter(|column| *column != solution.column_of[at]) {
                let mut planted = solution.clone();
                planted.column_of[at] = column;
                prop_assert!(certify(&problem, &planted, &prices).is_err() || shape_cost(&problem, &planted) == Some(best));
            }
        }
        let mut planted = prices.clone();
        planted[at % column_count as usize] += shift;
        let is_proven = certify(&problem, &solution, &planted).is_ok();
        // A price may have some play, but the row that has the column pays it.
        prop_assert!(!is_proven);
    }
}

/// What a shape costs, if it is one.
fn shape_cost(problem: &Problem, solution: &Solution) -> Option<i64> {
    let mut sum = 0;
    for (row, column) in solution.column_of.iter().enumerate() {
        sum += match *column {
            None => problem.unassigned(row),
            Some(column) => {
                problem.edges(row).iter().filter(|edge| edge.column == column).map(|edge| edge.cost).min()?
            }
        };
    }
    Some(sum)
}

fn edge(column: u32, cost: i64) -> Edge {
    Edge { column, cost }
}

#[test]
fn each_fault_of_a_proof_is_named() {
    let mut problem = Problem::new(3);
    problem.push_row(100, &[edge(0, 10), edge(1, 30)]);
    problem.push_row(100, &[edge(0, 20), edge(1, 90)]);
    let mut prices = [0; 3];
    let sound = Solver::default().solve(&problem, &mut prices, STEPS_MAX);
    assert_eq!((sound.column_of.as_slice(), sound.cost), ([Some(1), Some(0)].as_slice(), 50));
    assert_eq!((prices, sound.row_prices.as_slice()), ([70, 0, 0], [30, 90].as_slice()));
    let check = |change: &dyn Fn(&mut Solution, &mut Vec<i64>), expected: Uncertified| {
        let (mut solution, mut prices) = (sound.clone(), prices.to_vec());
        change(&mut solution, &mut prices);
        assert_eq!(certify(&problem, &solution, &prices), Err(expected));
    };
    check(&|_, prices| prices.truncate(2), Uncertified::Size { rows: 2, columns: 2 });
    check(&|solution, _| solution.column_of.truncate(1), Uncertified::Size { rows: 1, columns: 3 });
    check(&|solution, _| solution.row_prices.push(0), Uncertified::Size { rows: 2, columns: 3 });
    check(&|_, prices| prices[2] = -1, Uncertified::Negative { column: 2, price: -1 });
    check(&|_, prices| prices[2] = 1, Uncertified::Idle { column: 2, price: 1 });
    check(&|solution, _| solution.cost -= 1, Uncertified::Sum { said: 49, sum: 50 });
    check(&|solution, _| solution.column_of[0] = Some(2), Uncertified::NoEdge { row: 0, column: 2 });
    check(&|solution, _| solution.column_of[0] = Some(9), Uncertified::NoEdge { row: 0, column: 9 });
    check(&|solution, _| solution.row_prices[0] = 29, Uncertified::Loose { row: 0, price: 29, paid: 30 });
    let taken = |solution: &mut Solution, prices: &mut Vec<i64>| {
        solution.column_of[0] = Some(0);
        prices[0] = 20;
    };
    check(&taken, Uncertified::Taken { row: 1, column: 0 });
    let dear = |solution: &mut Solution, prices: &mut Vec<i64>| {
        prices[0] = 19;
        solution.row_prices[1] = 39;
    };
    check(&dear, Uncertified::Dear { row: 0, price: 30, cheaper: 29 });
}

#[test]
fn rows_that_nobody_can_serve_stay_out() {
    let mut problem = Problem::new(2);
    problem.push_row(5, &[]);
    problem.push_row(5, &[edge(0, 6), edge(1, 7)]);
    problem.push_row(5, &[edge(0, 1)]);
    problem.push_row(4, &[edge(0, 1)]);
    let mut prices = [0; 2];
    let solution = Solver::default().solve(&problem, &mut prices, STEPS_MAX);
    assert_eq!((solution.column_of, solution.cost), (vec![None, None, Some(0), None], 15));
    assert_eq!(problem.edge_count(), 2);
}

#[test]
fn components_that_are_solved_stay_solved_when_the_steps_run_out_in_the_largest() {
    // A chain of 200 rows, in which the last one pushes all others along, and a pair apart.
    let mut problem = Problem::new(204);
    for row in 0..200 {
        problem.push_row(1_000_000, &[edge(row, 10), edge(row + 1, 12)]);
    }
    problem.push_row(1_000_000, &[edge(0, 10)]);
    problem.push_row(1_000, &[edge(202, 1), edge(203, 7)]);
    problem.push_row(1_000, &[edge(202, 2), edge(203, 4)]);
    let mut exact = vec![0; 204];
    let best = Solver::default().solve(&problem, &mut exact, STEPS_MAX);
    assert_eq!(certify(&problem, &best, &exact), Ok(()));
    let short = Solver::default().solve(&problem, &mut vec![0; 204], 600);
    assert_eq!(short.means, Means::Greedy);
    assert_eq!(short.column_of[201..], [Some(202), Some(203)]);
}

/// The first 200 of the batches that `benches/peers/assignment.sh` compares; it compares 10,000.
#[test]
fn it_is_as_cheap_as_scipy() {
    let golden = include_str!("../../../benches/peers/assignment_golden.txt");
    let mut lines = golden.lines().filter(|line| !line.starts_with('#'));
    let (mut solver, mut batches) = (Solver::default(), 0);
    let number = |word: &str| word.parse::<i64>().expect("a number");
    while let Some(heading) = lines.next() {
        let heading: Vec<i64> = heading.split(' ').skip(1).map(number).collect();
        let [row_count, column_count, cost] = heading.try_into().expect("rows, columns, cost");
        let mut problem = Problem::new(column_count as u32);
        for line in lines.by_ref().take(row_count as usize) {
            let (unassigned, edges) = line.split_once(' ').unwrap_or((line, ""));
            let edges = edges.split_terminator(' ').map(|word| {
                let (column, cost) = word.split_once(':').expect("a column and a cost");
                edge(number(column) as u32, number(cost))
            });
            problem.push_row(number(unassigned), &edges.collect::<Vec<_>>());
        }
        let mut prices = vec![0; column_count as usize];
        let solution = solver.solve(&problem, &mut prices, STEPS_MAX);
        assert_eq!(solution.cost, cost, "batch {batches}");
        assert_eq!(certify(&problem, &solution, &prices), Ok(()), "batch {batches}");
        batches += 1;
    }
    assert_eq!(batches, 200);
}
