//! What the org says about its objects, in the shape that loaders expect.

use crate::call::Call;
use crate::schema::{Child, Field, Kind, Object, Schema};
use crate::touch::Verb;
use serde_json::{Map, Value as Json, json};

/// Describe of every object.
pub(crate) fn global(call: &mut Call<'_>) -> Json {
    let schema = call.schema();
    let sobjects: Vec<Json> = schema
        .objects()
        .iter()
        .filter(|object| object.name != "Name")
        .map(|object| Json::Object(summary(call, object)))
        .collect();
    json!({ "encoding": "UTF-8", "maxBatchSize": 200, "sobjects": sobjects })
}

/// The flags of one object, as in describe global.
pub(crate) fn summary(call: &Call<'_>, object: &Object) -> Map<String, Json> {
    let satellite = satellite(&object.name);
    let writable = !READ_ONLY.contains(&object.name.as_str())
        && satellite.as_ref().is_none_or(|(kind, _)| *kind == "Share");
    let queryable = !object.is_event();
    let mut map = Map::new();
    for (name, value) in [
        ("activateable", false),
        ("custom", object.is_custom()),
        ("customSetting", false),
        ("createable", writable),
        ("deletable", writable && queryable),
        ("deprecatedAndHidden", false),
        ("feedEnabled", object.child("Feeds").is_some()),
        ("hasSubtypes", false),
        ("isInterface", false),
        ("isSubtype", false),
        ("layoutable", satellite.is_none() && queryable),
        ("mergeable", ["Account", "Contact", "Lead", "Case"].contains(&object.name.as_str())),
        ("mruEnabled", satellite.is_none() && queryable),
        ("queryable", queryable),
        ("replicateable", queryable),
        ("retrieveable", queryable),
        ("searchable", queryable && object.name_field().is_some() && satellite.is_none()),
        ("triggerable", writable),
        ("undeletable", writable && queryable),
        ("updateable", writable && queryable),
    ] {
        map.insert(name.to_owned(), json!(value));
    }
    map.insert("name".to_owned(), json!(object.name));
    map.insert("label".to_owned(), json!(label(&object.name)));
    map.insert("labelPlural".to_owned(), json!(format!("{}s", label(&object.name))));
    map.insert("keyPrefix".to_owned(), json!(object.prefix));
    map.insert("associateEntityType".to_owned(), json!(satellite.as_ref().map(|(kind, _)| kind)));
    map.insert("associateParentEntity".to_owned(), json!(satellite.as_ref().map(|(_, parent)| parent)));
    map.insert("urls".to_owned(), urls(call, object, false));
    map
}

/// Describe of one object.
pub(crate) fn object(call: &mut Call<'_>, object: &Object) -> Json {
    call.touches.object(Verb::Describe, &object.name);
    let schema = call.schema();
    let mut map = summary(call, object);
    let writable = map.get("createable").and_then(Json::as_bool).unwrap_or(false);
    map.insert("urls".to_owned(), urls(call, object, true));
    map.insert("compactLayoutable".to_owned(), json!(true));
    map.insert("searchLayoutable".to_owned(), json!(true));
    map.insert("listviewable".to_owned(), Json::Null);
    map.insert("lookupLayoutable".to_owned(), Json::Null);
    map.insert("networkScopeFieldName".to_owned(), Json::Null);
    map.insert("sobjectDescribeOption".to_owned(), json!("FULL"));
    map.insert("defaultImplementation".to_owned(), Json::Null);
    map.insert("extendedBy".to_owned(), Json::Null);
    map.insert("extendsInterfaces".to_owned(), Json::Null);
    map.insert("implementedBy".to_owned(), Json::Null);
    map.insert("implementsInterfaces".to_owned(), Json::Null);
    let fields = object.fields.iter().map(|each| field(object, each, writable)).collect();
    map.insert("fields".to_owned(), Json::Array(fields));
    let children = object.children.iter().map(|each| child(&schema, each)).collect();
    map.insert("childRelationships".to_owned(), Json::Array(children));
    let master =
        format!("/services/data/v{}.0/sobjects/{}/describe/layouts/{MASTER}", call.version, object.name);
    map.insert(
        "recordTypeInfos".to_owned(),
        json!([{ "active": true, "available": true, "defaultRecordTypeMapping": true, "developerName": "Master",
            "master": true, "name": "Master", "recordTypeId": MASTER, "urls": { "layout": master } }]),
    );
    let plural = label(&object.name).to_lowercase();
    map.insert(
        "supportedScopes".to_owned(),
        json!([{ "label": format!("All {plural}s"), "name": "everything" },
            { "label": format!("My {plural}s"), "name": "mine" }]),
    );
    map.insert("namedLayoutInfos".to_owned(), json!([]));
    map.insert("actionOverrides".to_owned(), json!([]));
    Json::Object(map)
}

fn child(schema: &Schema, child: &Child) -> Json {
    let owned = schema.object(&child.object).and_then(|object| object.field(&child.field));
    let required = owned.is_some_and(|(_, field)| !field.is_polymorphic() && child.field == "ParentId");
    json!({
        "cascadeDelete": required,
        "childSObject": child.object,
        "deprecatedAndHidden": false,
        "field": child.field,
        "junctionIdListNames": [],
        "junctionReferenceTo": [],
        "relationshipName": child.relationship,
        "restrictedDelete": false,
    })
}

fn field(object: &Object, field: &Field, writable: bool) -> Json {
    let kind = field.kind;
    let compound = matches!(kind, Kind::Address | Kind::Location);
    let system = crate::records::SYSTEM.contains(&field.name.as_str());
    let is_name = object.name_field().is_some_and(|name| name.name == field.name);
    let computed = is_name && object.field("LastName").is_some();
    let settable = writable && !system && !compound && !computed && kind != Kind::Id;
    let plain = !compound && !matches!(kind, Kind::Blob | Kind::Text("textarea" | "anyType"));
    let filterable = !compound && kind != Kind::Blob && field.name != "Description";
    let length = match kind {
        Kind::Id | Kind::Reference => 18,
        Kind::Text("textarea") => 32_000,
        Kind::Text(_) | Kind::MultiPicklist => 255,
        _ => 0,
    };
    let digits = if matches!(kind, Kind::Double(_)) { 18 } else { 0 };
    let mut map = Map::new();
    for part in [
        json!({
            "aggregatable": plain, "aiPredictionField": false, "autoNumber": field.name == "CaseNumber",
            "byteLength": length * 3, "calculated": false, "calculatedFormula": null, "cascadeDelete": false,
            "caseSensitive": false, "compoundFieldName": compound_of(object, field), "controllerName": null,
            "createable": settable, "custom": field.is_custom(), "defaultValue": null,
            "defaultValueFormula": null, "defaultedOnCreate": system || kind == Kind::Boolean,
            "dependentPicklist": false, "deprecatedAndHidden": false,
            "digits": if matches!(kind, Kind::Integer(_)) { 8 } else { 0 }, "displayLocationInDecimal": false,
            "encrypted": kind == Kind::Text("encryptedstring"), "externalId": field.external_id,
            "extraTypeInfo": null, "filterable": filterable, "filteredLookupInfo": null,
            "formulaTreatNullNumberAsZero": false,
            "groupable": plain && !matches!(kind, Kind::Double(_) | Kind::DateTime), "highScaleNumber": false,
        }),
        json!({
            "htmlFormatted": false, "idLookup": kind == Kind::Id || field.external_id, "inlineHelpText": null,
            "label": label(&field.name), "length": length, "mask": null, "maskType": null, "name": field.name,
            "nameField": is_name, "namePointing": field.is_polymorphic(),
            "nillable": !system && kind != Kind::Id, "permissionable": settable,
            "picklistValues": picklist(field), "polymorphicForeignKey": field.is_polymorphic(),
            "precision": digits, "queryByDistance": compound, "referenceTargetField": null,
            "referenceTo": field.targets, "relationshipName": field.relationship, "relationshipOrder": null,
            "restrictedDelete": false, "restrictedPicklist": false, "scale": if digits > 0 { 2 } else { 0 },
            "searchPrefilterable": kind == Kind::Reference, "soapType": kind.soap_type(), "sortable": plain,
            "type": kind.describe_type(), "unique": field.external_id, "updateable": settable,
            "writeRequiresMasterRead": false,
        }),
    ] {
        map.extend(part.as_object().cloned().unwrap_or_default());
    }
    Json::Object(map)
}

/// The compound that a field is a part of.
fn compound_of(object: &Object, field: &Field) -> Option<String> {
    if ["FirstName", "LastName", "Salutation"].contains(&field.name.as_str())
        && object.field("Name").is_some()
    {
        return Some("Name".to_owned());
    }
    let custom = ["__latitude__s", "__longitude__s"].iter().find_map(|part| field.name.strip_suffix(part));
    let standard =
        PARTS.iter().find_map(|part| field.name.strip_suffix(part)).map(|stem| format!("{stem}Address"));
    let compound = custom.map(|stem| format!("{stem}__c")).or(standard)?;
    object.field(&compound).map(|(_, field)| field.name.clone())
}

fn picklist(field: &Field) -> Json {
    let values: &[&str] = match field.name.as_str() {
        "Region__c" => &["EU", "US", "APAC"],
        "Industry" => &crate::data::INDUSTRIES,
        "StageName" => &crate::data::STAGES,
        "Interests__c" => &["Golf", "Wine", "Sailing"],
        _ => &[],
    };
    let entry = |value: &&str| json!({ "active": true, "defaultValue": false, "label": value, "validFor": null, "value": value });
    Json::Array(values.iter().map(entry).collect())
}

fn urls(call: &Call<'_>, object: &Object, full: bool) -> Json {
    let base = format!("/services/data/v{}.0/sobjects/{}", call.version, object.name);
    let mut map = Map::new();
    map.insert("sobject".to_owned(), json!(base));
    map.insert("describe".to_owned(), json!(format!("{base}/describe")));
    map.insert("rowTemplate".to_owned(), json!(format!("{base}/{{ID}}")));
    if full {
        map.insert("compactLayouts".to_owned(), json!(format!("{base}/describe/compactLayouts")));
        map.insert("layouts".to_owned(), json!(format!("{base}/describe/layouts")));
        map.insert("quickActions".to_owned(), json!(format!("{base}/quickActions")));
        let url = &call.settings.url;
        let prefix = object.prefix.as_deref().unwrap_or_default();
        map.insert("uiDetailTemplate".to_owned(), json!(format!("{url}/{{ID}}")));
        map.insert("uiEditTemplate".to_owned(), json!(format!("{url}/{{ID}}/e")));
        map.insert("uiNewRecord".to_owned(), json!(format!("{url}/{prefix}/e")));
    }
    Json::Object(map)
}

/// The kind and the parent of a satellite such as `AccountHistory` or `Invoice__Share`.
pub(crate) fn satellite(name: &str) -> Option<(&'static str, String)> {
    const NOT: [&str; 3] = ["OpportunityHistory", "LoginHistory", "ActivityHistory"];
    if NOT.contains(&name) {
        return None;
    }
    ["History", "Share", "Feed", "ChangeEvent"].into_iter().find_map(|kind| {
        let stem = name.strip_suffix(kind)?;
        let parent = match stem.strip_suffix("__") {
            Some(custom) => format!("{custom}__c"),
            None => stem.trim_end_matches("Field").to_owned(),
        };
        Some((kind, parent))
    })
}

/// `Invoice_Line__c` to `Invoice Line`.
fn label(name: &str) -> String {
    let bare =
        ["__c", "__e", "__x", "__b", "__mdt", "__kav"].iter().find_map(|suffix| name.strip_suffix(suffix));
    let bare = bare.unwrap_or(name).rsplit("__").next().unwrap_or(name).replace('_', " ");
    let mut label = String::with_capacity(bare.len() + 4);
    let mut before = ' ';
    for letter in bare.chars() {
        if letter.is_ascii_uppercase() && before.is_ascii_lowercase() {
            label.push(' ');
        }
        label.push(letter);
        before = letter;
    }
    label
}

const MASTER: &str = "012000000000000AAA";
const READ_ONLY: [&str; 12] = [
    "LoginHistory",
    "SetupAuditTrail",
    "EventLogFile",
    "ActivityHistory",
    "OpenActivity",
    "EntityDefinition",
    "FieldDefinition",
    "UserRecordAccess",
    "RecentlyViewed",
    "CombinedAttachment",
    "AttachedContentDocument",
    "Name",
];
const PARTS: [&str; 8] =
    ["Street", "City", "State", "PostalCode", "Country", "Latitude", "Longitude", "GeocodeAccuracy"];
