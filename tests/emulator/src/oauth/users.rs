//! Users as the login endpoints know them.

use crate::call::{Settings, State};
use crate::id::Id;
use crate::records::{full_name, set};
use crate::value::Row;
use serde_json::{Map, Value as Json, json};

/// The user that an app without users of its own runs as.
pub(super) fn integration_user(client_id: &str) -> String {
    let clean: String = client_id.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
    format!("integration.{}@acme.example", clean.to_lowercase())
}

/// The id of the user of that name, who is created if nobody has it.
pub(crate) fn of_name(state: &mut State, username: &str, stamp: &str) -> Id {
    let schema = state.schema.clone();
    let Some(users) = schema.object("User") else { return Id::new() };
    let place = users.field("Username").map(|(place, _)| place).unwrap_or_default();
    let known = state.store.scan(users).find(|user| user.row.get(place).as_str() == Some(username));
    if let Some(user) = known {
        return user.id;
    }
    let mut row = Row::default();
    for (field, value) in [
        ("Username", username),
        ("Email", username),
        ("FirstName", "Integration"),
        ("LastName", username.split('@').next().unwrap_or(username)),
        ("Alias", "integ"),
        ("UserType", "Standard"),
        ("TimeZoneSidKey", "GMT"),
        ("LocaleSidKey", "en_US"),
        ("LanguageLocaleKey", "en_US"),
        ("EmailEncodingKey", "UTF-8"),
        ("CreatedDate", stamp),
        ("LastModifiedDate", stamp),
        ("SystemModstamp", stamp),
    ] {
        set(users, &mut row, field, value);
    }
    if let Some((place, _)) = users.field("IsActive") {
        row.set(place, crate::value::Value::Bool(true));
    }
    full_name(users, &mut row);
    state.store.insert(users, row)
}

/// The username of a user.
pub(crate) fn name_of(state: &State, user: &str) -> String {
    field(state, user, "Username")
}

fn field(state: &State, user: &str, name: &str) -> String {
    let found = state.schema.object("User").and_then(|users| {
        let (place, _) = users.field(name)?;
        Some(state.store.get(users, user)?.row.get(place).display())
    });
    found.unwrap_or_default()
}

/// The body of `/services/oauth2/userinfo`.
pub(super) fn userinfo(settings: &Settings, state: &State, user: &str) -> Json {
    let (url, org) = (&settings.url, &settings.org_id);
    json!({
        "sub": format!("{url}/id/{org}/{user}"),
        "user_id": user,
        "organization_id": org,
        "preferred_username": field(state, user, "Username"),
        "nickname": field(state, user, "Alias"),
        "name": field(state, user, "Name"),
        "email": field(state, user, "Email"),
        "email_verified": true,
        "given_name": field(state, user, "FirstName"),
        "family_name": field(state, user, "LastName"),
        "zoneinfo": "GMT",
        "photos": { "picture": format!("{url}/profilephoto/005/F"), "thumbnail": format!("{url}/profilephoto/005/T") },
        "profile": format!("{url}/{user}"),
        "picture": format!("{url}/profilephoto/005/F"),
        "urls": urls(settings),
        "active": true,
        "user_type": "STANDARD",
        "language": "en_US",
        "locale": "en_US",
        "utcOffset": 0,
        "updated_at": "2024-01-01T00:00:00Z",
        "is_app_installed": true,
    })
}

/// The body of `/id/{org}/{user}`.
pub(super) fn identity(settings: &Settings, state: &State, user: &str) -> Json {
    let (url, org) = (&settings.url, &settings.org_id);
    json!({
        "id": format!("{url}/id/{org}/{user}"),
        "asserted_user": true,
        "user_id": user,
        "organization_id": org,
        "username": field(state, user, "Username"),
        "nick_name": field(state, user, "Alias"),
        "display_name": field(state, user, "Name"),
        "email": field(state, user, "Email"),
        "email_verified": true,
        "first_name": field(state, user, "FirstName"),
        "last_name": field(state, user, "LastName"),
        "timezone": "GMT",
        "photos": { "picture": format!("{url}/profilephoto/005/F"), "thumbnail": format!("{url}/profilephoto/005/T") },
        "urls": urls(settings),
        "active": true,
        "user_type": "STANDARD",
        "language": "en_US",
        "locale": "en_US",
        "utcOffset": 0,
        "last_modified_date": "2024-01-01T00:00:00Z",
        "is_app_installed": true,
    })
}

/// Addresses of the org's APIs, `{version}` left to the reader.
fn urls(settings: &Settings) -> Map<String, Json> {
    let (url, org) = (&settings.url, settings.org_id.get(..15).unwrap_or_default());
    let paths = [
        ("enterprise", format!("/services/Soap/c/{{version}}/{org}")),
        ("metadata", format!("/services/Soap/m/{{version}}/{org}")),
        ("partner", format!("/services/Soap/u/{{version}}/{org}")),
        ("rest", "/services/data/v{version}/".to_owned()),
        ("sobjects", "/services/data/v{version}/sobjects/".to_owned()),
        ("search", "/services/data/v{version}/search/".to_owned()),
        ("query", "/services/data/v{version}/query/".to_owned()),
        ("recent", "/services/data/v{version}/recent/".to_owned()),
        ("tooling_soap", format!("/services/Soap/T/{{version}}/{org}")),
        ("tooling_rest", "/services/data/v{version}/tooling/".to_owned()),
        ("profile", "/{user}".to_owned()),
        ("feeds", "/services/data/v{version}/chatter/feeds".to_owned()),
        ("groups", "/services/data/v{version}/chatter/groups".to_owned()),
        ("users", "/services/data/v{version}/chatter/users".to_owned()),
        ("custom_domain", String::new()),
    ];
    paths.into_iter().map(|(name, path)| (name.to_owned(), json!(format!("{url}{path}")))).collect()
}
