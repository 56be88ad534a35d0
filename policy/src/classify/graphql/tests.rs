use crate::classify::spec::{ALL, Sample, allow, fields, grants, json, keeps_its_reading};
use crate::grant::{AllowSpec, FieldsSpec, Grants};

fn with(document: &str, variables: &str) -> Sample {
    let document = serde_json::to_string(document).unwrap();
    json("/services/data/v60.0/graphql", &format!("{{\"query\":{document},\"variables\":{variables}}}"))
}

fn ask(document: &str) -> Sample {
    with(document, "null")
}

fn root(rest: &str) -> String {
    format!("{{uiapi{{query{{{rest}}}}}}}")
}

#[test]
fn names_are_met_wherever_they_stand() {
    for (document, fields) in [
        ("Account{edges{node{Id Name@optional{value}}}}", "Account Account.Id,Account.Name"),
        ("x:Account{edges{y:node{Name:Phone{v:value}}}}", "Account Account.Phone"),
        ("Account{totalCount}", "Account -"),
        (
            "Account(orderBy:{Rating:{order:DESC},Owner:{Email:{order:ASC}}}){totalCount}",
            "Account,User Account.OwnerId,Account.Rating,User.Email",
        ),
        (
            "Account(where:{or:[{Site:{eq:\"x\"}},{not:{Fax:{ne:null}}}]}){totalCount}",
            "Account Account.Fax,Account.Site",
        ),
        (
            "Account(where:{CreatedDate:{DAY_IN_MONTH:{value:{gt:5}}}}){totalCount}",
            "Account Account.CreatedDate",
        ),
        ("Account{edges{node{DisplayValue}}}", "Account Account.Name"),
        (
            "Account{edges{node{Contacts(where:{Email:{like:\"%\"}}){edges{node{Id}}}}}}",
            "Account,Contact Contact.AccountId,Contact.Email,Contact.Id",
        ),
        (
            "Task{edges{node{Who{...on Contact{Email{value}}...on Lead{Id}}}}}",
            "Contact,Lead,Task Contact.Email,Lead.Id,Task.WhoId",
        ),
    ] {
        assert_eq!(ask(&root(document)).read(), format!("graphql query {fields}"), "{document}");
    }
}

#[test]
fn every_branch_is_taken() {
    let document = "query($n:Boolean!=false){uiapi{query{Account{edges{node{Id @skip(if:true) ...f @include(if:$n)}}}}}} fragment f on Account{Phone{value}...g} fragment g on Record{Fax{value}}";
    assert_eq!(
        with(document, "{\"n\":false}").read(),
        "graphql query Account Account.Fax,Account.Id,Account.Phone"
    );
}

#[test]
fn variables_are_looked_up() {
    let document = "query($w:Account_Filter={Site:{eq:\"x\"}},$o:Account_OrderBy){uiapi{query{Account(where:{and:[$w]},orderBy:$o){totalCount}}}}";
    assert_eq!(ask(document).read(), "graphql query Account Account.Site");
    assert_eq!(
        with(document, r#"{"w":{"Fax":{"eq":"1"}},"o":{"Rating":{"order":"ASC"}}}"#).read(),
        "graphql query Account Account.Fax,Account.Rating"
    );
    assert!(with(document, r#"{"other":1}"#).refused());
    assert!(ask("{uiapi{query{Account(first:$n){totalCount}}}}").refused());
    assert!(ask("{uiapi{query{Account(where:$n){totalCount}}}}").refused());
}

#[test]
fn what_is_not_clear_is_refused() {
    for document in [
        "subscription{uiapi{query{Account{totalCount}}}}",
        "query A{uiapi{query{Account{totalCount}}}} query B{uiapi{query{User{totalCount}}}}",
        "{uiapi{query{Account{edges{node{...f}}}}}} fragment f on Account{...g} fragment g on Account{...f}",
        "{uiapi{query{Account{edges{node{...missing}}}}}}",
        "{uiapi{query{Account{edges{node{...f}}}}}} fragment f on Account{Id} fragment f on Account{Phone{value}}",
        "{uiapi{query{Account{edges{node{Phone(as:\"x\"){value}}}}}}}",
        "{uiapi{query{Account{edges{node{Phone{value{Name}}}}}}}}",
        "{uiapi{query{Account(filter:{}){totalCount}}}}",
        "{uiapi{query{Account(where:{Site:{matches:\"x\"}}){totalCount}}}}",
        "{uiapi{query{Account(where:{Site:{eq:{Contact:{}}}}){totalCount}}}}",
        "{uiapi{query{Account(where:{Id:{inq:{Contact:{},Lead:{},ApiName:\"Id\"}}}){totalCount}}}}",
        "{uiapi{query{Account(where:{Site:{eq:\"a\"},Site:{eq:\"b\"}}){totalCount}}}}",
        "{uiapi{query{Account{edges{node{Id @export(as:\"x\")}}}}}}",
        "{uiapi{query{Account{edges{node{...on Contact{Email{value}}}}}}}}",
        "{uiapi{query{Account{edges{node{Site{eq:value}Contacts{value}}}}}}}",
        "{uiapi{query{Account{edges{node{Name{value}}}}}}} type A{b:Int}",
        "{uiapi{query{Account(where:{Site:{eq:\"\"\"block\"\"\"}}){totalCount}}}}",
        "{setup{query{Account{totalCount}}}}",
        "{uiapi{query{Account(first:\"5\"){totalCount}}}}",
        "{uiapi{query{Account(first:-5){totalCount}}}}",
        "{uiapi{other}}",
        "",
        "{}",
        "{uiapi{query{}}}",
    ] {
        assert!(ask(document).refused(), "{document}: {}", ask(document).read());
    }
    assert_eq!(ask(&root("Nothing__c{totalCount}")).unknown_name().unwrap(), "Nothing__c");
    assert_eq!(ask(&root("Account{edges{node{Nothing__c{value}}}}")).unknown_name().unwrap(), "Nothing__c");
    assert!(json("/services/data/v60.0/graphql", r#"{"query":"{__typename}","extensions":{}}"#).refused());
    let named = |name: &str| {
        json(
            "/services/data/v60.0/graphql",
            &format!(
                r#"{{"query":"query A{{uiapi{{query{{Account{{totalCount}}}}}}}}","operationName":"{name}"}}"#
            ),
        )
    };
    assert!(!named("A").refused() && named("B").refused());
}

#[test]
fn documents_are_bounded() {
    let deep = format!("{}{}", "{a".repeat(100), "}".repeat(100));
    assert!(ask(&deep).refused());
    assert!(
        ask(&root(&format!("Account(where:{}{}){{totalCount}}", "{and:[".repeat(60), "]}".repeat(60))))
            .refused()
    );
    assert!(ask(&format!("{}{}", root("Account{totalCount}"), " ".repeat(60_000))).refused());
    // Fragments that double each other: 2^16 selections from 17 lines.
    let mut bomb = root("Account{edges{node{...f0}}}");
    for number in 0..16 {
        bomb.push_str(&format!(" fragment f{number} on Account{{...f{0} ...f{0}}}", number + 1));
    }
    bomb.push_str(" fragment f16 on Account{Id}");
    assert!(ask(&bomb).refused());
}

#[test]
fn mutations_write_and_read() {
    for (document, expected) in [
        (
            "AccountCreate(input:{Account:{Name:\"x\",Site:null}}){Record{Phone{value}}success}",
            "create+read Account Account.Name,Account.Phone,Account.Site",
        ),
        (
            "a:AccountCreate(input:{Account:{}}){success} b:CaseDelete(input:{Id:\"5002E00001AbCdEQAV\"}){Id}",
            "create+delete Account,Case -",
        ),
        (
            "Order_Event__eCreate(input:{Order_Event__e:{Total__c:1}}){success}",
            "create Order_Event__e Order_Event__e.Total__c",
        ),
    ] {
        assert_eq!(
            ask(&format!("mutation{{uiapi{{{document}}}}}")).read(),
            format!("graphql {expected}"),
            "{document}"
        );
    }
    for odd in [
        "ContactUpdate(input:{Contact:{LastName:\"B\"}}){success}",
        "ContactUpdate(input:{Id:\"001D000000IRt53IAD\",Contact:{LastName:\"B\"}}){success}",
        "ContactUpdate(input:{Id:\"003D000000QV9n2IAD\",Lead:{LastName:\"B\"}}){success}",
        "ContactUpdate(input:{Id:\"003D000000QV9n2IAD\",Contact:{Account:{Name:\"B\"}}}){success}",
        "ContactDelete(input:{Id:\"003D000000QV9n2IAD\"}){Record{Id}}",
        "ContactUpsert(input:{Contact:{}}){success}",
        "ContactCreate{success}",
        "ContactCreate(input:{Contact:{}},where:{}){success}",
    ] {
        assert!(ask(&format!("mutation{{uiapi{{{odd}}}}}")).refused(), "{odd}");
    }
    assert!(ask("{uiapi{AccountCreate(input:{Account:{}}){success}}}").refused(), "a query does not write");
    assert!(ask("mutation{uiapi{query{Account{totalCount}}}}").refused(), "a mutation does not query");
}

#[test]
fn grants_are_held() {
    let mut account = allow("Account");
    account.read = fields(&["Name"]);
    let narrow = grants(vec![account]);
    assert!(ask(&root("Account{edges{node{Name{value}}}}")).decide(&narrow).is_ok());
    for forbidden in [
        "Account{edges{node{Phone{value}}}}",
        "Account(orderBy:{Phone:{order:ASC}}){totalCount}",
        "Account{edges{node{Contacts{totalCount}}}}",
    ] {
        assert!(ask(&root(forbidden)).decide(&narrow).is_err(), "{forbidden}");
    }
    let introspection = ask("{__schema{types{name}}}");
    assert!(introspection.decide(&ALL).is_err(), "introspection wants a pattern of its own");
}

/// The grants of everything, but for a condition and a number of rows on Account.
fn limited(condition: Option<&str>, max_rows: Option<u64>) -> Grants {
    let every = |name: &str| AllowSpec { read: Some(FieldsSpec::Every), ..allow(name) };
    let condition = condition.map(str::to_owned);
    grants(vec![
        AllowSpec { condition, max_rows, ..every("Account") },
        every("Contact"),
        every("User"),
        every("Opportunity"),
    ])
}

/// The document and the variables that are sent, or why none is.
fn sent(sample: &Sample, grants: &Grants) -> Result<String, String> {
    let permit = sample.decide(grants).map_err(|denial| denial.to_string())?;
    let body: serde_json::Value = serde_json::from_slice(&permit.body("").unwrap()).unwrap();
    assert!(!sample.as_sent(&permit).refused(), "what is sent must be understood");
    let document = body["query"].as_str().unwrap().to_owned();
    Ok(match body.get("variables") {
        Some(variables) => format!("{document} {variables}"),
        None => document,
    })
}

#[test]
fn rows_are_clamped_where_they_are_asked() {
    let few = limited(None, Some(5));
    let clamped = |connection: &str| sent(&ask(&root(connection)), &few);
    for (connection, expected) in [
        ("Account{totalCount}", "Account(first:5){totalCount}"),
        ("Account(first:3){totalCount}", "Account(first:3){totalCount}"),
        ("Account(first:2000,scope:MINE){totalCount}", "Account(first:5,scope:MINE){totalCount}"),
        ("Account(first:null,after:null){totalCount}", "Account(first:5,after:null){totalCount}"),
        ("Contact(first:50){totalCount}", "Contact(first:50){totalCount}"),
        (
            "User{edges{node{a:Id}}}x:Account(first:9){edges{node{Contacts(first:7){totalCount}}}}",
            "User{edges{node{a:Id}}} x:Account(first:5){edges{node{Contacts(first:7){totalCount}}}}",
        ),
        (
            "Account{edges{node{ChildAccounts(first:9){totalCount}}}}",
            "Account(first:5){edges{node{ChildAccounts(first:5){totalCount}}}}",
        ),
    ] {
        assert_eq!(clamped(connection).unwrap(), format!("query{}", root(expected)), "{connection}");
    }
    let aggregate = |rows: &str| {
        format!("query{{uiapi{{aggregate{{Account{rows}{{edges{{node{{aggregate{{Name{{value}}}}}}}}}}}}}}}}")
    };
    assert_eq!(sent(&ask(&aggregate("(first:50)")), &few).unwrap(), aggregate("(first:5)"));
    let paged = "Account(first:5,after:\"v1:MjAwMA==\"){totalCount}";
    assert!(clamped(paged).unwrap_err().contains("more than 5 rows of Account"));
    assert!(sent(&ask(&root(paged)), &limited(None, None)).is_ok());
}

#[test]
fn a_condition_joins_the_filter_of_every_connection() {
    let hot = limited(Some("Rating = 'Hot'"), None);
    let cond = "{Rating:{eq:\"Hot\"}}";
    for (connection, expected) in [
        ("Account{totalCount}", format!("Account(where:{cond}){{totalCount}}")),
        ("Account(where:{},first:3){totalCount}", format!("Account(where:{cond},first:3){{totalCount}}")),
        (
            "Account(where:{or:[{Site:{eq:\"a\"}},{Fax:{ne:null}}]}){totalCount}",
            format!(
                "Account(where:{{and:[{{or:[{{Site:{{eq:\"a\"}}}},{{Fax:{{ne:null}}}}]}},{cond}]}}){{totalCount}}"
            ),
        ),
        (
            "User{edges{node{Id}}}Account{edges{node{ChildAccounts{totalCount}Contacts{totalCount}}}}",
            format!(
                "User{{edges{{node{{Id}}}}}} Account(where:{cond}){{edges{{node{{ChildAccounts(where:{cond}){{totalCount}} Contacts{{totalCount}}}}}}}}"
            ),
        ),
    ] {
        assert_eq!(sent(&ask(&root(connection)), &hot).unwrap(), format!("query{}", root(&expected)));
    }
    let twice = "query{uiapi{query{a:Account{...f}}}} fragment f on AccountConnection{edges{node{ChildAccounts{totalCount}}}}";
    assert_eq!(sent(&ask(twice), &hot).unwrap().matches(cond).count(), 2);
}

#[test]
fn other_ways_to_rows_under_a_condition_are_refused() {
    let hot = limited(Some("Rating = 'Hot'"), None);
    for document in [
        "Contact{edges{node{Account{Name{value}}}}}",
        "Contact(where:{Account:{Name:{like:\"A%\"}}}){totalCount}",
        "Contact(orderBy:{Account:{Name:{order:ASC}}}){totalCount}",
        "Contact(where:{AccountId:{inq:{Account:{},ApiName:\"Id\"}}}){totalCount}",
        "Account{edges{node{Parent{Name{value}}}}}",
        "Account(where:{Parent:{Name:{eq:\"x\"}}}){totalCount}",
        "Account(where:{Id:{inq:{Account:{Name:{eq:\"x\"}},ApiName:\"ParentId\"}}}){totalCount}",
        "Contact{edges{node{Id}}}Opportunity{edges{node{Account{Id}}}}Account{totalCount}",
    ] {
        let refused = sent(&ask(&root(document)), &hot).unwrap_err();
        assert!(refused.contains("limited by a condition"), "{document}: {refused}");
        assert!(sent(&ask(&root(document)), &limited(None, None)).is_ok(), "{document}");
    }
    let created = ask("mutation{uiapi{AccountCreate(input:{Account:{}}){Record{Name{value}}}}}");
    assert!(created.decide(&hot).is_err());
}

#[test]
fn conditions_become_filters_or_a_refusal() {
    let filter = |condition: &str| {
        let document = sent(&ask(&root("Account{totalCount}")), &limited(Some(condition), None))?;
        let filter =
            document.split_once("where:").and_then(|(_, rest)| rest.strip_suffix("){totalCount}}}}"));
        Ok::<_, String>(filter.unwrap().to_owned())
    };
    for (condition, expected) in [
        (
            "rating != null AND (NOT Name LIKE 'A_%')",
            "{and:[{Rating:{ne:null}},{not:{Name:{like:\"A_%\"}}}]}",
        ),
        (
            "NumberOfEmployees >= 10 OR AnnualRevenue < -1.5",
            "{or:[{NumberOfEmployees:{gte:10}},{AnnualRevenue:{lt:-1.5}}]}",
        ),
        (
            "Site IN ('a', 'it\\'s \"b\"\\n') AND IsDeleted = false",
            "{and:[{Site:{in:[\"a\",\"it's \\\"b\\\"\\u000A\"]}},{IsDeleted:{eq:false}}]}",
        ),
        ("Parent.Site NOT IN ('x')", "{Parent:{Site:{nin:[\"x\"]}}}"),
        ("CreatedDate > 2026-01-01T00:00:00Z", "{CreatedDate:{gt:{value:\"2026-01-01T00:00:00Z\"}}}"),
        ("Owner.Email = '\\u0041'", "{Owner:{Email:{eq:\"A\"}}}"),
    ] {
        assert_eq!(filter(condition).unwrap(), expected, "{condition}");
    }
    for condition in [
        "CreatedDate = TODAY",
        "CreatedDate > LAST_N_DAYS:30",
        "CreatedDate IN (2026-01-01T00:00:00Z)",
        "CALENDAR_YEAR(CreatedDate) = 2026",
        "Id IN (SELECT AccountId FROM Contact)",
        "Rating INCLUDES ('a')",
        "Name LIKE 'a\\%'",
        "AnnualRevenue > USD5",
        "AnnualRevenue > +5",
        "Site IN ('a', null)",
        "Rating < null",
        "Rating = 5",
        "Name = '\\ud800'",
    ] {
        let refused = filter(condition).unwrap_err();
        assert!(refused.contains("limited by a condition"), "{condition}: {refused}");
    }
}

#[test]
fn variables_keep_working_and_none_is_left_unused() {
    let both = limited(Some("Rating = 'Hot'"), Some(5));
    let document = "query Q($n:Int=50,$w:Account_Filter,$s:String){uiapi{query{Account(first:$n,where:$w){edges{node{Name@include(if:true){value}}}}Contact(where:{LastName:{eq:$s}}){totalCount}}}}";
    assert_eq!(
        sent(&with(document, r#"{"n":3,"s":"x","w":{"Site":{"eq":"y"}}}"#), &both).unwrap(),
        "query Q($w:Account_Filter,$s:String){uiapi{query{Account(where:{and:[$w,{Rating:{eq:\"Hot\"}}]},first:3){edges{node{Name @include(if:true){value}}}} Contact(where:{LastName:{eq:$s}}){totalCount}}}} {\"s\":\"x\",\"w\":{\"Site\":{\"eq\":\"y\"}}}"
    );
    assert_eq!(
        sent(&with(document, r#"{"w":null}"#), &both).unwrap(),
        "query Q($s:String){uiapi{query{Account(where:{Rating:{eq:\"Hot\"}},first:5){edges{node{Name @include(if:true){value}}}} Contact(where:{LastName:{eq:$s}}){totalCount}}}}"
    );
    let used = "query($n:Int){uiapi{query{Account(first:$n,where:{NumberOfEmployees:{gt:$n}}){totalCount}}}}";
    assert!(sent(&with(used, r#"{"n":9}"#), &both).unwrap().starts_with("query($n:Int){"));
    let unused = "query($n:Int){uiapi{query{Account{totalCount}}}}";
    assert!(sent(&ask(unused), &both).unwrap().starts_with("query($n:Int){"), "Salesforce says so itself");
}

#[test]
fn changed_documents_never_panic_and_keep_one_reading() {
    keeps_its_reading(
        &[
            ask(&root(
                "x:Account(first:5,where:{Site:{in:[\"a\\n\",\"é\"]}}){edges{node{Id Name@optional(fields:[\"Name\"]){value}...on Account{Owner{...on User{Email{value}}}}}}}",
            )),
            with(
                "query A($w:[Account_Filter!]=[{Site:{eq:1.5e3}}],$n:Int=2){uiapi{query{Account(where:{and:$w},first:$n){edges{node{...f}}}}}} fragment f on Account{Phone{value}}",
                r#"{"w":[{"Owner":{"Email":{"like":"a%\u0041"}}}],"n":null}"#,
            ),
            ask(
                "{uiapi{aggregate{Opportunity(groupBy:{StageName:{group:true}}){edges{node{aggregate{StageName{value}Amount{sum{value}}}}}}}}}",
            ),
            ask(
                "mutation{uiapi(input:{allOrNone:true}){AccountCreate(input:{Account:{Name:\"x\"}}){Record{Id}}}}",
            ),
            ask("{uiapi{objectInfos(apiNames:[\"Account\",\"Lead\"]){ApiName fields{ApiName}}}}"),
        ],
        6_000,
    );
}
