//! The order in which vertices are contracted: nested dissection.
//!
//! Separate because it is somebody else's: RoutingKit's inertial flow, by way of the crate `routingkit-cch`. Measured on
//! the turns of Porto Alegre against orders derived from one of the junctions, it has the smallest search spaces.

use super::Graph;

/// The vertices in order, least important first.
pub(super) fn by_nested_dissection(graph: &Graph<'_>) -> Vec<u32> {
    let count = graph.places.len() as u32;
    let (tails, heads): (Vec<u32>, Vec<u32>) = graph.edges().filter(|(tail, head)| tail != head).unzip();
    if tails.is_empty() {
        return (0..count).collect();
    }
    let (lats, lngs): (Vec<f32>, Vec<f32>) = graph.places.iter().copied().unzip();
    routingkit_cch::compute_order_inertial(count, &tails, &heads, &lats, &lngs)
}
