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

#[test]
fn an_org_describes_itself() {
    let json = br#"{"results":[{"statusCode":200,"result":{"name":"Thing__c","keyPrefix":"a07","custom":true,"fields":[
        {"name":"Id","type":"id","idLookup":true},
        {"name":"Key__c","type":"string","externalId":true},
        {"name":"City__c","type":"string","compoundFieldName":"Where__c"},
        {"name":"Where__c","type":"address"},
        {"name":"Account__c","type":"reference","referenceTo":["Account"],"relationshipName":"Account__r"}],
        "childRelationships":[{"childSObject":"Part__c","field":"Thing__c","relationshipName":"Parts__r"},
        {"childSObject":"Hidden__c","field":"Thing__c","relationshipName":null}]}},
        {"statusCode":404,"result":[{"errorCode":"NOT_FOUND"}]}]}"#;
    let mut builder = SchemaBuilder::default();
    builder.distinct(ObjectSpec::from_describe_batch(json).unwrap());
    let schema = builder.build();
    let (_, thing) = schema.look_up("thing__C").unwrap();
    let field = |name: &str| thing.field(thing.find(name).unwrap());
    assert!(field("Key__c").is_external_id() && !field("Id").is_external_id());
    assert_eq!(field("City__c").compound(), thing.find("Where__c"));
    assert_eq!(thing.parent("account__r"), thing.find("Account__c"));
    assert!(thing.child("Parts__r").is_some() && thing.children().len() == 1);
    assert!(describe::listed_objects(b"<html>").is_err());
}

#[test]
fn two_thousand_objects_are_small_and_quick_to_find() {
    let mut builder = SchemaBuilder::default();
    let field = |number: usize| FieldSpec {
        name: format!("Field_{number}__c"),
        kind: FieldKind::Text,
        external_id: false,
        compound: None,
        reference: None,
    };
    let object = |number: usize| ObjectSpec {
        name: format!("Object_{number}__c"),
        prefix: None,
        fields: (0..100).map(field).collect(),
        children: Vec::new(),
    };
    builder.distinct((0..2000).map(object));
    let schema = builder.build();
    let (_, last) = schema.look_up("object_1999__c").unwrap();
    assert!(last.find("FIELD_99__C").is_some() && last.find("Field_100__c").is_none());
}
