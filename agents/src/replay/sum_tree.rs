//! A sum tree: numbers that are drawn in proportion to their size, in logarithmic time (Schaul et al. 2016, appendix
//! B.2.1).

/// A binary tree over weights, each inner node the sum of its two children.
///
/// As every node is computed from its children alone, its bits follow from the weights, in whichever order they were
/// set.
pub(super) struct SumTree {
    /// A power of two; leaf i is node `leaves + i`, the root node 1.
    leaves: usize,
    nodes: Vec<f64>,
}

impl SumTree {
    /// `n` weights of 0.
    pub(super) fn new(n: usize) -> Self {
        let leaves = n.next_power_of_two();
        Self { leaves, nodes: vec![0.0; 2 * leaves] }
    }

    /// Bytes of a tree over `n` weights.
    pub(super) fn bytes(n: usize) -> usize {
        n.next_power_of_two().saturating_mul(2 * size_of::<f64>())
    }

    /// The sum of all weights.
    pub(super) fn total(&self) -> f64 {
        self.nodes[1]
    }

    pub(super) fn get(&self, i: usize) -> f64 {
        self.nodes[self.leaves + i]
    }

    pub(super) fn set(&mut self, i: usize, weight: f64) {
        let mut node = self.leaves + i;
        self.nodes[node] = weight;
        while node > 1 {
            node /= 2;
            self.nodes[node] = self.nodes[2 * node] + self.nodes[2 * node + 1];
        }
    }

    /// Sets the first weights to these, the others to 0.
    pub(super) fn refill(&mut self, weights: &[f64]) {
        self.nodes.fill(0.0);
        self.nodes[self.leaves..][..weights.len()].copy_from_slice(weights);
        for node in (1..self.leaves).rev() {
            self.nodes[node] = self.nodes[2 * node] + self.nodes[2 * node + 1];
        }
    }

    /// The i for which the weights before it add up to `at` at most, and with its own to more. `at` is below the
    /// total; where rounding makes it none, the last weight that is not 0.
    pub(super) fn find(&self, mut at: f64) -> usize {
        let mut node = 1;
        while node < self.leaves {
            let [left, right] = [self.nodes[2 * node], self.nodes[2 * node + 1]];
            node *= 2;
            if at >= left && right > 0.0 {
                at -= left;
                node += 1;
            }
        }
        node - self.leaves
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(weights: &[f64]) -> SumTree {
        let mut tree = SumTree::new(weights.len());
        weights.iter().enumerate().for_each(|(i, weight)| tree.set(i, *weight));
        tree
    }

    #[test]
    fn found_by_hand() {
        let tree = tree(&[1.0, 0.0, 3.0, 0.5, 2.0]);
        assert_eq!(tree.total(), 6.5);
        let found = [0.0, 0.99, 1.0, 3.99, 4.0, 4.49, 4.5, 6.49].map(|at| tree.find(at));
        assert_eq!(found, [0, 0, 2, 2, 3, 3, 4, 4]);
        // Rounding may come to the total, and further: no weight of 0 is found for it.
        assert_eq!([tree.find(6.5), tree.find(7.0)], [4, 4]);
        assert_eq!(self::tree(&[2.0, 0.0, 0.0]).find(2.0), 0);
    }

    #[test]
    fn a_change_is_summed_up() {
        let mut tree = tree(&[1.0, 2.0, 3.0]);
        tree.set(1, 5.0);
        assert_eq!((tree.total(), tree.get(1), tree.find(5.9)), (9.0, 5.0, 1));
        tree.set(1, 0.0);
        assert_eq!((tree.total(), tree.find(1.0)), (4.0, 2));
        assert_eq!(SumTree::new(1).find(0.0), 0);
    }

    #[test]
    fn refilled_it_has_the_bits_of_one_set_step_by_step() {
        let weights: Vec<f64> = (1..=37).map(|i| 1.0 / f64::from(i)).collect();
        let mut refilled = tree(&[9.0; 37]);
        refilled.refill(&weights);
        assert_eq!(refilled.nodes, tree(&weights).nodes);
        assert_eq!(SumTree::bytes(37), 64 * 2 * 8);
    }
}
