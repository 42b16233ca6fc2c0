//! What it costs to seal, to open and to index a phone: the price of a row of `users` that is written or read.
//!
//! Separate from the tests because only a release build says anything about time. The keys are of a directory of their own.

use std::hint::black_box;

use boda::vault::{KeyRing, Place, Vault};
use criterion::{Criterion, criterion_group, criterion_main};
use uuid::Uuid;

const PHONE: &str = "+250788123456";
const PLACE: Place = Place::new("users.phone", Uuid::from_u128(0x8f1b_2c3d << 96));

fn vault(criterion: &mut Criterion) {
    let home = tempfile::tempdir().expect("a directory can be made");
    let vault = Vault::new(KeyRing::load_or_create(home.path()).expect("keys can be made"));
    let sealed = vault.seal_text(PLACE, PHONE).expect("sealed");
    let mut group = criterion.benchmark_group("vault");
    group.bench_function("seal a phone", |bencher| bencher.iter(|| vault.seal_text(PLACE, black_box(PHONE))));
    group.bench_function("open a phone", |bencher| bencher.iter(|| vault.open_text(PLACE, black_box(&sealed))));
    group.bench_function("index a phone", |bencher| bencher.iter(|| vault.index("phone", black_box(PHONE))));
    group.finish();
}

criterion_group!(benches, vault);
criterion_main!(benches);
