use crate::classify::spec::{ALL, Sample, allow, fields, grants, json, keeps_its_reading};

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
    let narrow = grants(vec![account.clone()]);
    assert!(ask(&root("Account{edges{node{Name{value}}}}")).decide(&narrow).is_ok());
    for forbidden in [
        "Account{edges{node{Phone{value}}}}",
        "Account(orderBy:{Phone:{order:ASC}}){totalCount}",
        "Account{edges{node{Contacts{totalCount}}}}",
    ] {
        assert!(ask(&root(forbidden)).decide(&narrow).is_err(), "{forbidden}");
    }
    account.max_rows = Some(10);
    let bounded = grants(vec![account.clone()]);
    assert!(ask(&root("Account(first:10){totalCount}")).decide(&bounded).is_ok());
    assert!(ask(&root("Account{totalCount}")).decide(&bounded).is_ok(), "ten rows where it does not say");
    assert!(ask(&root("Account(first:11){totalCount}")).decide(&bounded).is_err());
    assert!(ask(&root("Account(first:5,after:\"v1:MjAwMA==\"){totalCount}")).decide(&bounded).is_err());
    account.condition = Some("Rating = 'Hot'".to_owned());
    assert!(
        ask(&root("Account{totalCount}")).decide(&grants(vec![account])).is_err(),
        "a condition cannot be held"
    );
    let introspection = ask("{__schema{types{name}}}");
    assert!(introspection.decide(&ALL).is_err(), "introspection wants a pattern of its own");
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
