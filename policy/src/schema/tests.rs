use super::*;

fn starter() -> Schema {
    Schema::starter().unwrap()
}

#[test]
fn the_starter_knows_the_standard_objects() {
    let schema = starter();
    let (account, object) = schema.look_up("ACCOUNT").unwrap();
    assert_eq!(object.name(), "Account");
    assert_eq!(object.field(object.find("industry").unwrap()).name(), "Industry");
    assert_eq!(schema.with_prefix(KeyPrefix::parse("001").unwrap()).collect::<Vec<_>>(), [account]);
    assert_eq!(schema.with_prefix(KeyPrefix::parse("zzz").unwrap()).count(), 0);
    assert!(schema.find("Nonexistent__c").is_none());
    assert!(schema.len() > 100);
}

#[test]
fn relationships_lead_to_fields_and_children() {
    let schema = starter();
    let (_, contact) = schema.look_up("Contact").unwrap();
    let account_id = contact.parent("account").unwrap();
    assert_eq!(contact.field(account_id).name(), "AccountId");
    assert_eq!(&*contact.field(account_id).reference().unwrap().targets, ["Account".into()]);
    let (_, account) = schema.look_up("Account").unwrap();
    let contacts = account.child("CONTACTS").unwrap();
    assert_eq!((&*contacts.object, &*contacts.field), ("Contact", "AccountId"));
    assert!(account.child("Contact").is_none());
}

#[test]
fn a_wide_polymorphic_reference_says_so() {
    let schema = starter();
    let (_, task) = schema.look_up("Task").unwrap();
    let what = task.field(task.parent("What").unwrap()).reference().unwrap();
    assert!(what.more && what.targets.len() > 5);
}

#[test]
fn parts_of_a_compound_field_name_the_whole() {
    let schema =
        Schema::from_text("@Place__c a00\n F Loc__c:loc Loc__latitude__s:n Name:s\n P\n C\n").unwrap();
    let (_, place) = schema.look_up("Place__c").unwrap();
    let part = place.field(place.find("Loc__latitude__s").unwrap());
    assert_eq!(part.compound(), place.find("Loc__c"));
    let schema = starter();
    let (_, account) = schema.look_up("Account").unwrap();
    assert_eq!(
        account.field(account.find("BillingCity").unwrap()).compound(),
        account.find("BillingAddress")
    );
    assert_eq!(account.field(account.find("Name").unwrap()).compound(), None);
    let (_, contact) = schema.look_up("Contact").unwrap();
    assert_eq!(contact.field(contact.find("FirstName").unwrap()).compound(), contact.find("Name"));
}

#[test]
fn text_reads_back_as_it_was_written() {
    let once = starter().to_text();
    assert_eq!(Schema::from_text(&once).unwrap().to_text(), once);
}

#[test]
fn a_wrong_line_is_named() {
    assert_eq!(Schema::from_text("@A 001\n F Name:what").unwrap_err().text, "Name:what");
    assert_eq!(Schema::from_text(" F Name:s").unwrap_err().line, 1);
}
