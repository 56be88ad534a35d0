//! What Forcefield believes about a request, against what an org does with it.
//!
//! Requests are made at random from the grammars of every door, and from the corpus, and some are spoilt a little.
//! Each that Forcefield understands is decided under the least grants that allow it (found by granting what each
//! denial names) and under narrower ones. What is permitted is sent to the emulated org as the permit has it. Then:
//!
//! - what the org touched was foreseen, and is granted: verb, object and field;
//! - no answer holds a secret of a field that is not granted, nor a record outside of a grant's condition, nor more
//!   rows than a grant's bound;
//! - wider grants never refuse what narrower ones allow, and what denials ask for is enough.
//!
//! Some of them also go through the running proxy ([`through`]): what the org touched is on record and granted, and
//! a refused request never arrives.
//!
//! `FORCEFIELD_DIFFERENTIAL=200000 cargo test -p forcefield-tests --test differential -- --nocapture` runs longer;
//! `FORCEFIELD_DIFFERENTIAL_SEED` chooses other requests.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that meets what it does not expect must fail there, and says what it did"
)]

mod ask;
mod belief;
mod generate;
mod holding;
mod laws;
mod mutate;
mod random;
mod tally;
mod through;
mod world;

use ask::Ask;
use holding::Holding;
use random::Random;
use tally::Tally;
use world::World;

/// Requests of the committed run.
const REQUESTS: usize = 2_000;

/// An org is replaced after so many requests, for writes wear it out.
const PER_ORG: usize = 1_000;

const CORPUS: [&str; 2] =
    [include_str!("../../policy/corpus/api-cases.tsv"), include_str!("../../policy/corpus/doors.tsv")];

#[tokio::test]
async fn what_the_org_does_was_foreseen_and_granted() {
    let requests = number("FORCEFIELD_DIFFERENTIAL").unwrap_or(REQUESTS);
    let mut random = Random::new(u64::try_from(number("FORCEFIELD_DIFFERENTIAL_SEED").unwrap_or(7)).unwrap());
    let corpus = corpus();
    let mut tally = Tally::default();
    let mut left = requests;
    while left > 0 {
        let mut world = Box::pin(World::start()).await;
        let full = Holding::full(&world).compile(&world);
        for _ in 0..left.min(PER_ORG) {
            let ask = one(&mut random, &world, &corpus);
            Box::pin(laws::hold(&mut world, &full, &mut random, &ask, &mut tally)).await;
        }
        left = left.saturating_sub(PER_ORG);
    }
    println!("{tally}");
    for broken in &tally.broken {
        println!("BROKEN {broken}\n");
    }
    assert!(tally.broken.is_empty(), "{} laws broken", tally.broken.len());
    assert_not_vacuous(&tally, requests);
}

/// Requests that go through the running proxy.
const THROUGH: usize = 400;

#[tokio::test]
async fn through_the_proxy_nothing_is_done_that_is_not_on_record_and_granted() {
    let requests = number("FORCEFIELD_DIFFERENTIAL").map_or(THROUGH, |requests| requests / 5);
    let seed = u64::try_from(number("FORCEFIELD_DIFFERENTIAL_SEED").unwrap_or(7)).unwrap();
    Box::pin(through::hold(&mut Random::new(seed), &corpus(), requests)).await;
}

/// One request: generated, spoilt, from the corpus, or both of the last.
fn one(random: &mut Random, world: &World, corpus: &[Ask]) -> Ask {
    match random.below(10) {
        0..=5 => generate::ask(random, world),
        6 | 7 => {
            let ask = generate::ask(random, world);
            Ask { family: "spoilt", ..mutate::mutated(random, &ask) }
        }
        8 => random.pick(corpus),
        _ => {
            let ask = random.pick(corpus);
            Ask { family: "spoilt corpus", ..mutate::mutated(random, &ask) }
        }
    }
}

/// The requests of the corpus. The org is described as the corpus is.
fn corpus() -> Vec<Ask> {
    let mut all = Vec::new();
    for table in CORPUS {
        forcefield_policy::explain::each(table, |_, head, body, _| {
            all.push(Ask {
                family: "corpus",
                method: head.method.to_owned(),
                target: head.target.to_owned(),
                headers: head
                    .headers
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), value.to_vec()))
                    .collect(),
                body: body.to_vec(),
            });
        })
        .unwrap();
    }
    all
}

/// A run that refuses everything, or that the org refuses, holds to every law.
fn assert_not_vacuous(tally: &Tally, requests: usize) {
    for (family, counts) in tally.families() {
        let (sent, done) = match family {
            "spoilt" | "spoilt corpus" => (5, 2),
            // Most of what is done with a job touches no record.
            "bulk" | "bulk1" => (50, 10),
            "corpus" => (20, 20),
            _ => (50, 30),
        };
        assert!(counts.asked * 100 >= requests / 2, "{family}: too few asked");
        assert!(counts.allowed * 100 >= counts.asked * sent, "{family}: too few sent");
        assert!(counts.touched * 100 >= counts.asked * done, "{family}: too few did anything");
    }
}

fn number(variable: &str) -> Option<usize> {
    std::env::var(variable).ok()?.parse().ok()
}
