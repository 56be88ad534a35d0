//! GraphQL: queries with connections, filters, fragments and variables; aggregates; mutations.

use super::Soql;
use crate::ask::Ask;
use crate::random::Random;
use crate::world::World;
use forcefield_policy::schema::FieldKind;
use serde_json::json;

pub(crate) fn ask(random: &mut Random, world: &World) -> Ask {
    let (query, variables) = match random.below(8) {
        0 => (mutation(random, world), json!({})),
        1 => (aggregate(random), json!({})),
        2 => with_variables(random, world),
        _ => (query(random, world), json!({})),
    };
    let mut body = json!({ "query": query });
    if variables.as_object().is_some_and(|variables| !variables.is_empty()) {
        body["variables"] = variables;
    }
    Ask::new("graphql", "POST", "/services/data/v66.0/graphql").json(&body)
}

const OBJECTS: [&str; 6] = ["Account", "Contact", "Case", "Opportunity", "Invoice__c", "Lead"];

fn query(random: &mut Random, world: &World) -> String {
    let mut fragments = String::new();
    let connections: Vec<String> = (0..1 + random.below(2))
        .map(|number| {
            let object = random.pick(&OBJECTS);
            let node = node(random, world, object, 1);
            let node = if random.chance(20) {
                fragments.push_str(&format!(" fragment f{number} on {object} {{ {node} }}"));
                format!("Id ...f{number}")
            } else {
                node
            };
            let arguments = arguments(random, world, object);
            let total = if random.chance(30) { " totalCount" } else { "" };
            format!("c{number}: {object}{arguments} {{ edges {{ node {{ {node} }} }}{total} }}")
        })
        .collect();
    format!("query {{ uiapi {{ query {{ {} }} }} }}{fragments}", connections.join(" "))
}

fn arguments(random: &mut Random, world: &World, object: &str) -> String {
    let mut all = vec![format!("first: {}", 1 + random.below(6))];
    if random.chance(50) {
        all.push(format!("where: {}", filter(random, world, object, 1)));
    }
    if random.chance(25) {
        let field = text_field(random, world, object);
        all.push(format!("orderBy: {{ {field}: {{ order: DESC }} }}"));
    }
    format!("({})", all.join(", "))
}

fn filter(random: &mut Random, world: &World, object: &str, depth: usize) -> String {
    let field = text_field(random, world, object);
    match random.below(7) {
        0 if depth > 0 => {
            let (one, two) = (filter(random, world, object, 0), filter(random, world, object, 0));
            format!("{{ or: [{one}, {two}] }}")
        }
        1 if depth > 0 => format!("{{ not: {} }}", filter(random, world, object, 0)),
        2 if depth > 0 && matches!(object, "Contact" | "Case" | "Opportunity") => {
            format!("{{ Account: {} }}", filter(random, world, "Account", 0))
        }
        3 if depth > 0 && object == "Account" => {
            let inner = text_field(random, world, "Contact");
            format!(
                "{{ Id: {{ inq: {{ Contact: {{ {inner}: {{ like: \"C%\" }} }}, ApiName: \"AccountId\" }} }} }}"
            )
        }
        4 => format!("{{ {field}: {{ like: \"%1%\" }} }}"),
        5 => format!("{{ {field}: {{ in: [\"EU\", \"Sales\", \"Energy\"] }} }}"),
        _ => format!("{{ {field}: {{ ne: \"x\" }} }}"),
    }
}

/// What is asked of each node.
fn node(random: &mut Random, world: &World, object: &str, depth: usize) -> String {
    let mut items = vec!["Id".to_owned()];
    for _ in 0..=random.below(3) {
        let field = text_field(random, world, object);
        let alias = if random.chance(15) { format!("a{}: ", items.len()) } else { String::new() };
        items.push(format!("{alias}{field} {{ value }}"));
    }
    items.sort();
    items.dedup();
    if depth > 0 {
        match (object, random.below(4)) {
            ("Account", 0) => {
                items.push(format!(
                    "Contacts(first: 2) {{ edges {{ node {{ {} }} }} }}",
                    node(random, world, "Contact", 0)
                ));
            }
            ("Contact" | "Case" | "Opportunity", 0 | 1) => {
                items.push(format!("Account {{ {} }}", node(random, world, "Account", 0)));
            }
            ("Case" | "Lead", 2) => items.push("Owner { ... on User { Email { value } } }".to_owned()),
            ("Account", 2) => items.push("Owner { Email { value } }".to_owned()),
            _ => {}
        }
    }
    items.join(" ")
}

fn text_field(random: &mut Random, world: &World, object: &str) -> String {
    let (_, known) = world.schema.look_up(object).unwrap();
    loop {
        let name = Soql::new(random, world).plain(known);
        let kind = known.find(&name).map(|field| known.field(field).kind());
        if kind == Some(FieldKind::Text) {
            return name;
        }
    }
}

fn aggregate(random: &mut Random) -> String {
    let (object, group, number) = random.pick(&[
        ("Opportunity", "StageName", "Amount"),
        ("Account", "Region__c", "AnnualRevenue"),
        ("Invoice__c", "Status__c", "Amount__c"),
    ]);
    let function = random.pick(&["sum", "max", "min", "avg"]);
    format!(
        "{{ uiapi {{ aggregate {{ {object}(groupBy: {{ {group}: {{ group: true }} }}) {{ edges {{ node {{ aggregate {{ \
         {group} {{ value }} {number} {{ {function} {{ value }} }} }} }} }} }} }} }} }}"
    )
}

fn with_variables(random: &mut Random, world: &World) -> (String, serde_json::Value) {
    let object = random.pick(&OBJECTS);
    let field = text_field(random, world, object);
    let node = node(random, world, object, 0);
    let query = format!(
        "query Q($w: {object}_Filter, $n: Int) {{ uiapi {{ query {{ {object}(first: $n, where: $w) {{ edges {{ node {{ {node} }} }} }} }} }} }}"
    );
    let filter = if random.chance(30) {
        json!({ "and": [{ field: { "ne": "x" } }, { "Name": { "like": "%1%" } }] })
    } else {
        json!({ field: { "ne": "x" } })
    };
    (query, json!({ "w": filter, "n": 3 }))
}

fn mutation(random: &mut Random, world: &World) -> String {
    match random.below(3) {
        0 => {
            let back = text_field(random, world, "Account");
            format!(
                "mutation {{ uiapi {{ AccountCreate(input: {{ Account: {{ Name: \"G\", Site: \"s\" }} }}) {{ Record {{ Id {back} {{ value }} }} }} }} }}"
            )
        }
        1 => {
            let id = world.id(random, "Contact");
            format!(
                "mutation {{ uiapi {{ ContactUpdate(input: {{ Id: \"{id}\", Contact: {{ Title: \"g\" }} }}) {{ success }} }} }}"
            )
        }
        _ => {
            let id = world.id(random, "Task");
            format!("mutation {{ uiapi {{ TaskDelete(input: {{ Id: \"{id}\" }}) {{ Id }} }} }}")
        }
    }
}
