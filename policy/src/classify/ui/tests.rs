use crate::classify::spec::{ALL, Sample, allow, fields, get, grants, json, keeps_its_reading};
use crate::decision::Narrowing;
use crate::request::{Cut, Rows};

fn ui(rest: &str) -> Sample {
    get(&format!("/services/data/v60.0/ui-api/{rest}"))
}

#[test]
fn fields_are_named_with_their_object() {
    let id = "001D000000IRt53IAD";
    assert_eq!(
        ui(&format!("records/{id}?optionalFields=Account.Owner.Email")).read(),
        "ui read Account,User Account.OwnerId,User.Email"
    );
    assert_eq!(
        ui(&format!("records/{id}?fields=account.name&childRelationships=Account.Contacts")).read(),
        "ui read Account,Contact Account.Name,Contact.*,Contact.AccountId"
    );
    assert_eq!(
        ui("records/batch/001D000000IRt53IAD,003D000000QV9n2IAD?fields=Account.Name,Contact.Email").read(),
        "ui read Account,Contact Account.Name,Contact.Email"
    );
    for odd in [
        "fields=Name",
        "fields=Contact.Name",
        "fields=",
        "",
        "fields=Account.",
        "modes=View",
        "fields=Account.Name&other=1",
    ] {
        assert!(ui(&format!("records/{id}?{odd}")).refused(), "{odd}");
    }
    assert!(
        ui("records/001D000000IRt53IAD,003D000000QV9n2IAD?fields=Account.Name").refused(),
        "several ids want `batch`"
    );
    assert!(ui("records/ZZZD000000IRt53?fields=Account.Name").refused());
}

#[test]
fn what_a_layout_shows_is_cut_to_the_grant() {
    let mut case = allow("Case");
    case.read = fields(&["Subject"]);
    let grants = grants(vec![case]);
    let permit = ui("records/5002E00001AbCdEQAV?layoutTypes=Full&modes=View").decide(&grants).unwrap();
    assert_eq!((permit.answer().cut, permit.answer().rows), (Cut::UiRecord, Rows::Known(1)));
    assert_eq!(permit.narrowings(), [Narrowing::Fields("Case".to_owned())]);
    assert!(
        ui("record-ui/5002E00001AbCdEQAV").decide(&grants).is_err(),
        "descriptions and layouts come with it"
    );
    assert!(ui("records/5002E00001AbCdEQAV?fields=Case.Description").decide(&grants).is_err());
}

#[test]
fn a_written_record_is_answered() {
    let records = "/services/data/v60.0/ui-api/records";
    let mut lead = allow("Lead");
    lead.create = fields(&["LastName", "Company"]);
    let create = json(records, r#"{"apiName":"Lead","fields":{"LastName":"A","Company":"B"}}"#);
    assert!(create.decide(&grants(vec![lead.clone()])).is_err(), "the answer reads");
    lead.read = fields(&["LastName"]);
    assert!(create.decide(&grants(vec![lead])).is_ok());
    for odd in [
        r#"{"fields":{"LastName":"A"}}"#,
        r#"{"apiName":"Lead","fields":{"LastName":"A","lastname":"B"}}"#,
        r#"{"apiName":"Lead","fields":{"Owner":{"Email":"B"}}}"#,
        r#"{"apiName":"Lead","fields":{"LastName":"A"},"more":1}"#,
        r#"[{"apiName":"Lead","fields":{"LastName":"A"}}]"#,
    ] {
        assert!(json(records, odd).refused(), "{odd}");
    }
    let patch = |body: &str| json(&format!("{records}/003D000000QV9n2IAD"), body).method("PATCH");
    assert_eq!(patch(r#"{"fields":{"Phone":"1"}}"#).read(), "ui update+read Contact Contact.*,Contact.Phone");
    assert!(patch(r#"{"apiName":"Lead","fields":{"Phone":"1"}}"#).refused());
}

#[test]
fn lists_need_what_is_stored() {
    assert_eq!(
        ui("list-records/Case/AllOpenCases?fields=Case.Account.Name&sortBy=-Case.Subject").read(),
        "ui read Account,Case Account.Name,Case.*"
    );
    assert_eq!(ui("list-records/00B5f00000AbCdE").read(), "ui read - -", "the object is not known");
    assert!(ui("list-records/00B5f00000AbCdE").decide(&ALL).is_err());
    assert_eq!(
        ui("related-list-records/001D000000IRt53IAD/Contacts").read(),
        "ui read Account,Contact Contact.*,Contact.AccountId"
    );
    assert_eq!(
        ui("related-list-count/001D000000IRt53IAD/Contacts").read(),
        "ui read Account,Contact Contact.AccountId"
    );
    let post = |body: &str| {
        json("/services/data/v60.0/ui-api/related-list-records/001D000000IRt53IAD/Contacts", body)
    };
    assert_eq!(
        post(r#"{"fields":["Contact.Email"],"sortBy":["Contact.Phone"]}"#).read(),
        "ui read Account,Contact Contact.AccountId,Contact.Email,Contact.Phone"
    );
    assert!(
        post(r#"{"fields":["Account.Name"]}"#).refused()
            && post(r#"{"where":"{Email:{like:\"a\"}}"}"#).refused()
    );
}

#[test]
fn lookups_search_the_target() {
    assert_eq!(
        ui("lookups/Contact/AccountId?q=Acm").read(),
        "ui search Account,Contact Account.Name,Contact.AccountId"
    );
    assert!(ui("lookups/Contact/AccountId/User?q=x").refused());
    assert!(ui("lookups/Contact/Phone?q=x").refused());
}

#[test]
fn the_rest_is_described_or_refused() {
    assert_eq!(ui("object-info/batch/Account,Lead").read(), "ui describe Account,Lead -");
    assert_eq!(ui("apps").read(), "ui meta - -");
    assert_eq!(ui("session/csrf").read(), "ui auth - -");
    assert!(ui("session/csrf").decide(&ALL).is_err());
    assert!(ui("favorites").decide(&ALL).is_err() && ui("object-info").decide(&ALL).is_err());
    assert!(ui("aggregate-ui").refused() && ui("composite").refused() && ui("").refused());
}

#[test]
fn changed_bodies_keep_one_reading() {
    let record = "/services/data/v60.0/ui-api/records/003D000000QV9n2IAD";
    keeps_its_reading(
        &[
            json(
                "/services/data/v60.0/ui-api/records",
                r#"{"apiName":"Lead","fields":{"LastName":"A","Company":"B"}}"#,
            ),
            json(record, r#"{"fields":{"Phone":"1"}}"#).method("PATCH"),
        ],
        2_000,
    );
}
