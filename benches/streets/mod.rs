//! The city that the road bench rides in: a real map, in two graphs, for us and for RoutingKit.
//!
//! Separate because the bench itself is long enough. Junctions as vertices, without turns, and arcs as vertices, with
//! turns: both as plain arrays, so that both programs get the same ones.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use boda::geo::{Area, LatLng};
use boda::road::hierarchy::{Customizer, Graph, Hierarchy, Metric};
use boda::road::import::import;
use boda::road::network::{ArcId, Network, NodeId};
use boda::road::profile::Profile;
use boda::road::router::{Router, contract};
use boda::road::snap::Snapper;
use boda::road::turns::TurnGraph;
use routingkit_cch::{CCH, compute_order_inertial};

/// A graph with weights.
pub struct Weighted {
    pub first_out: Vec<u32>,
    pub heads: Vec<u32>,
    pub places: Vec<(f32, f32)>,
    pub weights: Vec<u32>,
}

impl Weighted {
    /// Junctions, and arcs between them.
    pub fn of_junctions(network: &Network) -> Self {
        let nodes = || (0..network.node_count() as u32).map(NodeId);
        let arcs = || nodes().flat_map(|node| network.arcs_from(node));
        let mut first_out = vec![0];
        nodes().for_each(|node| first_out.push(first_out[first_out.len() - 1] + network.arcs_from(node).len() as u32));
        Self {
            first_out,
            heads: arcs().map(|arc| network.head(arc).0).collect(),
            places: nodes().map(|node| (network.node(node).lat() as f32, network.node(node).lng() as f32)).collect(),
            weights: arcs().map(|arc| network.durations_ms()[arc.0 as usize]).collect(),
        }
    }

    /// Arcs, and turns between them.
    pub fn of_turns(network: &Network, turns: &TurnGraph) -> Self {
        let vertices = || 0..turns.vertex_count() as u32;
        let mut first_out = vec![0];
        vertices().for_each(|vertex| first_out.push(first_out[first_out.len() - 1] + turns.turns(vertex).len() as u32));
        let place = |vertex| {
            let arc: ArcId = turns.arc_of(vertex);
            let (from, to) = (network.node(network.tail(arc)), network.node(network.head(arc)));
            ((from.lat() + to.lat()) as f32 / 2.0, (from.lng() + to.lng()) as f32 / 2.0)
        };
        Self {
            first_out,
            heads: vertices().flat_map(|vertex| turns.turns(vertex).map(|(head, _)| head)).collect(),
            places: vertices().map(place).collect(),
            weights: turns.weights(network.durations_ms()),
        }
    }

    /// As our hierarchy takes it.
    pub fn graph(&self) -> Graph<'_> {
        Graph { first_out: &self.first_out, heads: &self.heads, places: &self.places }
    }

    pub fn vertex_count(&self) -> u32 {
        self.places.len() as u32
    }

    /// RoutingKit's hierarchy of the same.
    pub fn routingkit(&self) -> CCH {
        let tails: Vec<u32> = (0..self.vertex_count())
            .flat_map(|tail| (self.first_out[tail as usize]..self.first_out[tail as usize + 1]).map(move |_| tail))
            .collect();
        let (lats, lngs): (Vec<f32>, Vec<f32>) = self.places.iter().copied().unzip();
        let order = compute_order_inertial(self.vertex_count(), &tails, &self.heads, &lats, &lngs);
        CCH::new(&order, &tails, &self.heads, |_| {}, false)
    }
}

/// A graph, and our hierarchy of it.
pub struct Ours {
    pub weighted: Weighted,
    pub hierarchy: Arc<Hierarchy>,
    pub metric: Metric,
}

impl Ours {
    pub fn new(weighted: Weighted, hierarchy: Arc<Hierarchy>) -> Self {
        let mut metric = Metric::default();
        Customizer::new(&hierarchy).customize(&hierarchy, &weighted.weights, &mut metric);
        Self { weighted, hierarchy, metric }
    }
}

/// The city.
pub struct City {
    pub network: Arc<Network>,
    pub turns: Arc<TurnGraph>,
    pub by_junctions: Ours,
    pub by_turns: Ours,
    pub router: Arc<Router>,
}

impl City {
    /// The centre of Porto Alegre; `None` where its map is not there.
    pub fn load() -> Option<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/reference/porto-alegre-centre.osm.pbf");
        if !path.exists() {
            println!("skipped: {} is not there", path.display());
            return None;
        }
        let profile = Profile::moto();
        let imported = import(&mut || File::open(&path), &profile, None, &mut |_| {}).expect("a sound extract");
        let (network, restrictions) = Network::new(imported.parts).expect("streets");
        let network = Arc::new(network);
        let turns = Arc::new(TurnGraph::new(&network, &restrictions, &profile.turn_costs()));
        let weighted = Weighted::of_junctions(&network);
        let hierarchy = Hierarchy::new(weighted.graph()).expect("a hierarchy");
        let by_junctions = Ours::new(weighted, hierarchy.into());
        let hierarchy = Arc::new(contract(&network, &turns).expect("a hierarchy"));
        let by_turns = Ours::new(Weighted::of_turns(&network, &turns), hierarchy.clone());
        let snapper = Arc::new(Snapper::new(&network));
        let router = Router::new(network.clone(), turns.clone(), hierarchy, snapper, 300.0).expect("of one map");
        let router = Arc::new(router);
        Some(Self { network, turns, by_junctions, by_turns, router })
    }
}

/// The box that holds a network.
pub struct Bounds {
    south_west: LatLng,
    north_east: LatLng,
}

impl Bounds {
    pub fn of(network: &Network) -> Self {
        let nodes = || (0..network.node_count() as u32).map(|node| network.node(NodeId(node)));
        let corner = |lat: Option<i32>, lng: Option<i32>| {
            LatLng::from_e7(lat.unwrap_or(0), lng.unwrap_or(0)).expect("on the globe")
        };
        Self {
            south_west: corner(nodes().map(LatLng::lat_e7).min(), nodes().map(LatLng::lng_e7).min()),
            north_east: corner(nodes().map(LatLng::lat_e7).max(), nodes().map(LatLng::lng_e7).max()),
        }
    }

    pub fn area(&self) -> Area {
        Area::new(self.south_west, self.north_east).expect("a box")
    }

    /// The place, or the nearest in the box.
    pub fn inside(&self, place: LatLng) -> LatLng {
        let lat_e7 = place.lat_e7().clamp(self.south_west.lat_e7(), self.north_east.lat_e7());
        let lng_e7 = place.lng_e7().clamp(self.south_west.lng_e7(), self.north_east.lng_e7());
        LatLng::from_e7(lat_e7, lng_e7).expect("on the globe")
    }
}
