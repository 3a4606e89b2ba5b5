//! Cycles of a graph, as strongly connected components, by
//! [Kosaraju's algorithm](https://en.wikipedia.org/wiki/Kosaraju%27s_algorithm).

use std::collections::{BTreeMap, BTreeSet};

/// The cycles among `count` nodes: the strongly connected components of more than one node.
pub fn circles(count: usize, imports: &BTreeMap<usize, BTreeSet<usize>>) -> Vec<BTreeSet<usize>> {
    let mut reversed = BTreeMap::<usize, BTreeSet<usize>>::new();
    for (from, to) in imports {
        to.iter().for_each(|to| _ = reversed.entry(*to).or_default().insert(*from));
    }
    let mut order = Vec::new();
    let mut seen = BTreeSet::new();
    for start in 0..count {
        visit(start, imports, &mut seen, &mut order);
    }
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    while let Some(last) = order.pop() {
        let mut together = Vec::new();
        visit(last, &reversed, &mut seen, &mut together);
        if together.len() > 1 {
            found.push(together.into_iter().collect());
        }
    }
    found
}

/// Depth-first search: appends the unseen nodes reachable from `at` to `order`, in post-order.
fn visit(at: usize, edges: &BTreeMap<usize, BTreeSet<usize>>, seen: &mut BTreeSet<usize>, order: &mut Vec<usize>) {
    if seen.insert(at) {
        edges.get(&at).into_iter().flatten().for_each(|to| visit(*to, edges, seen, order));
        order.push(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reaches_itself_is_a_circle_and_nothing_else_is() {
        let graph = |edges: &[(usize, usize)]| {
            let mut imports = BTreeMap::<usize, BTreeSet<usize>>::new();
            edges.iter().for_each(|(from, to)| _ = imports.entry(*from).or_default().insert(*to));
            imports
        };
        assert_eq!(circles(4, &graph(&[(0, 1), (1, 2), (0, 2), (2, 3)])), []);
        let two = circles(6, &graph(&[(0, 1), (1, 2), (2, 0), (2, 3), (3, 4), (4, 3), (5, 0)]));
        assert_eq!(two, [BTreeSet::from([0, 1, 2]), BTreeSet::from([3, 4])]);
    }
}
