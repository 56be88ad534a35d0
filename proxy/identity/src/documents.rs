//! Documents about the user that clients see, in the shapes of Salesforce's.
//!
//! Every URL in them is on the host by which the client came. Nothing in them is of the org's real integration user.

use forcefield_config::config::Identity;
use forcefield_policy::id::RecordId;
use serde_json::{Value, json};

use crate::peer::Peer;
use crate::user::{self, UserId};

/// What the documents are about.
pub(crate) struct Subject<'a> {
    pub(crate) identity: &'a Identity,
    pub(crate) peer: &'a Peer,
    /// The org's id, in both lengths.
    pub(crate) org: String,
    pub(crate) org_15: &'a str,
    pub(crate) user: String,
}

// === impl Subject ===

impl<'a> Subject<'a> {
    pub(crate) fn new(identity: &'a Identity, org: &'a str, peer: &'a Peer) -> Option<Self> {
        Some(Self {
            identity,
            peer,
            org: RecordId::parse(org)?.to_string(),
            org_15: org,
            user: UserId::of(&identity.name)?.to_string(),
        })
    }

    /// The URL of the identity document: the `id` of a token answer.
    pub(crate) fn id_url(&self) -> String {
        format!("{}/id/{}/{}", self.peer.base_url(), self.org, self.user)
    }

    pub(crate) fn username(&self) -> String {
        user::name(&self.identity.name)
    }

    /// `/id/{org}/{user}`
    pub(crate) fn identity_document(&self) -> Value {
        let username = self.username();
        json!({
            "id": self.id_url(),
            "asserted_user": true,
            "user_id": self.user,
            "organization_id": self.org,
            "username": username,
            "nick_name": self.identity.name.as_str(),
            "display_name": self.identity.name.as_str(),
            "email": username,
            "email_verified": true,
            "first_name": null,
            "last_name": self.identity.name.as_str(),
            "timezone": "GMT",
            "photos": { "picture": null, "thumbnail": null },
            "addr_street": null, "addr_city": null, "addr_state": null, "addr_country": null, "addr_zip": null,
            "mobile_phone": null,
            "mobile_phone_verified": false,
            "is_lightning_login_user": false,
            "status": { "created_date": null, "body": null },
            "urls": self.urls(),
            "active": true,
            "user_type": "STANDARD",
            "language": "en_US",
            "locale": "en_US",
            "utcOffset": 0,
            "last_modified_date": "2025-01-01T00:00:00Z",
            "is_app_installed": true,
        })
    }

    /// `/services/oauth2/userinfo`
    pub(crate) fn userinfo(&self) -> Value {
        let username = self.username();
        json!({
            "sub": self.id_url(),
            "user_id": self.user,
            "organization_id": self.org,
            "preferred_username": username,
            "nickname": self.identity.name.as_str(),
            "name": self.identity.name.as_str(),
            "email": username,
            "email_verified": true,
            "given_name": null,
            "family_name": self.identity.name.as_str(),
            "zoneinfo": "GMT",
            "photos": { "picture": null, "thumbnail": null },
            "profile": format!("{}/{}", self.peer.base_url(), self.user),
            "picture": null,
            "address": {},
            "urls": self.urls(),
            "active": true,
            "user_type": "STANDARD",
            "language": "en_US",
            "locale": "en_US",
            "utcOffset": 0,
            "updated_at": "2025-01-01T00:00:00Z",
            "is_app_installed": true,
        })
    }

    /// `/services/data/vXX.0/sobjects/User/{own id}`, which the `sf` CLI reads to learn its user name.
    pub(crate) fn user_record(&self, version: &str) -> Value {
        let username = self.username();
        json!({
            "attributes": {
                "type": "User",
                "url": format!("/services/data/{version}/sobjects/User/{}", self.user),
            },
            "Id": self.user,
            "Username": username,
            "FirstName": null,
            "LastName": self.identity.name.as_str(),
            "Name": self.identity.name.as_str(),
            "Alias": "forcefld",
            "CommunityNickname": self.identity.name.as_str(),
            "Email": username,
            "IsActive": true,
            "UserType": "Standard",
            "TimeZoneSidKey": "GMT",
            "LocaleSidKey": "en_US",
            "LanguageLocaleKey": "en_US",
            "EmailEncodingKey": "UTF-8",
        })
    }

    /// The members of SOAP's `userInfo`, in the order of the WSDL. pyforce needs all of them.
    pub(crate) fn soap_user_info(&self) -> String {
        let (username, name) = (self.username(), self.identity.name.as_str());
        let seconds = self.identity.session.as_secs();
        format!(
            "<accessibilityMode>false</accessibilityMode><chatterExternal>false</chatterExternal>\
             <currencySymbol>$</currencySymbol><orgAttachmentFileSizeLimit>26214400</orgAttachmentFileSizeLimit>\
             <orgDefaultCurrencyIsoCode>USD</orgDefaultCurrencyIsoCode>\
             <orgDefaultCurrencyLocale>en_US</orgDefaultCurrencyLocale>\
             <orgDisallowHtmlAttachments>false</orgDisallowHtmlAttachments>\
             <orgHasPersonAccounts>false</orgHasPersonAccounts><organizationId>{org}</organizationId>\
             <organizationMultiCurrency>false</organizationMultiCurrency>\
             <organizationName>Forcefield</organizationName><profileId>00e000000000000AAA</profileId><roleId/>\
             <sessionSecondsValid>{seconds}</sessionSecondsValid><userDefaultCurrencyIsoCode/>\
             <userEmail>{username}</userEmail><userFullName>{name}</userFullName><userId>{user}</userId>\
             <userLanguage>en_US</userLanguage><userLocale>en_US</userLocale><userName>{username}</userName>\
             <userTimeZone>GMT</userTimeZone><userType>Standard</userType><userUiSkin>Theme3</userUiSkin>",
            org = self.org,
            user = self.user,
        )
    }

    fn urls(&self) -> Value {
        let base = self.peer.base_url();
        let (org, user) = (self.org_15, &self.user);
        json!({
            "enterprise": format!("{base}/services/Soap/c/{{version}}/{org}"),
            "metadata": format!("{base}/services/Soap/m/{{version}}/{org}"),
            "partner": format!("{base}/services/Soap/u/{{version}}/{org}"),
            "rest": format!("{base}/services/data/v{{version}}/"),
            "sobjects": format!("{base}/services/data/v{{version}}/sobjects/"),
            "search": format!("{base}/services/data/v{{version}}/search/"),
            "query": format!("{base}/services/data/v{{version}}/query/"),
            "recent": format!("{base}/services/data/v{{version}}/recent/"),
            "tooling_soap": format!("{base}/services/Soap/T/{{version}}/{org}"),
            "tooling_rest": format!("{base}/services/data/v{{version}}/tooling/"),
            "profile": format!("{base}/{user}"),
            "feeds": format!("{base}/services/data/v{{version}}/chatter/feeds"),
            "groups": format!("{base}/services/data/v{{version}}/chatter/groups"),
            "users": format!("{base}/services/data/v{{version}}/chatter/users"),
            "feed_items": format!("{base}/services/data/v{{version}}/chatter/feed-items"),
            "feed_elements": format!("{base}/services/data/v{{version}}/chatter/feed-elements"),
            "custom_domain": base,
        })
    }
}
