//! Random requests that a client could mean, made from the grammars and the org's schema.

mod bulk;
mod envelope;
mod graphql;
mod record;
mod search;
mod soap;
mod soql;
mod ui;

use crate::ask::{Ask, escape};
use crate::random::Random;
use crate::world::World;

pub(crate) use soql::Soql;

/// One random request.
pub(crate) fn ask(random: &mut Random, world: &World) -> Ask {
    match random.below(20) {
        0..=4 => query(random, world),
        5..=6 => record::read(random, world),
        7..=8 => record::write(random, world),
        9 => record::collection(random, world),
        10..=12 => envelope::ask(random, world),
        13 => search::ask(random, world),
        14..=15 => bulk::ask(random, world),
        16 => soap::ask(random, world),
        17..=18 => graphql::ask(random, world),
        _ => ui::ask(random, world),
    }
}

fn query(random: &mut Random, world: &World) -> Ask {
    use forcefield_policy::request::HandleKind;
    if random.chance(4)
        && let Some(id) = world.handle(random, HandleKind::Locator)
    {
        let row = random.pick(&[0, 200, 400, 2000]);
        return Ask::new("query", "GET", format!("{}/query/{id}-{row}", base(random)));
    }
    let soql = Soql::new(random, world).query();
    let door = random.pick(&["query", "query", "query/", "queryAll"]);
    let ask = Ask::new("query", "GET", format!("{}/{door}?q={}", base(random), escape(&soql)));
    if random.chance(10) { ask.header("sforce-query-options", "batchSize=200") } else { ask }
}

/// The root of a version.
fn base(random: &mut Random) -> String {
    let version = random.pick(&["60.0", "60.0", "62.0", "66.0", "58.0", "50.0", "45.0"]);
    format!("/services/data/v{version}")
}
