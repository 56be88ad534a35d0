//! `login` and who one is.

use super::{Dialect, enveloped, fault, parse_version, read_envelope};
use crate::call::Call;
use crate::fault::Fault;
use crate::oauth::{self, Login};
use crate::wire::{Ask, Reply};
use crate::xml;

/// `login`: a session for a password.
pub(crate) fn answer(login: &mut Login<'_>, ask: &Ask) -> Reply {
    let segments = ask.segments(2);
    let [letter, version, ..] = segments.as_slice() else {
        return fault("u", &Fault::new(500, "UNSUPPORTED_API_VERSION", "Unsupported API version"));
    };
    let dialect = Dialect::of(letter);
    let (Some(dialect), Some(number)) = (dialect, parse_version(version).filter(|version| *version < 65))
    else {
        return fault(
            letter,
            &Fault::new(500, "UNSUPPORTED_API_VERSION", "login does not exist in this version"),
        );
    };
    let Some(envelope) = read_envelope(ask) else {
        return fault(letter, &Fault::new(500, "INVALID_SOAP_HEADER", "the envelope cannot be read"));
    };
    let (username, password) =
        (envelope.operation.text_of("username"), envelope.operation.text_of("password"));
    let Some((user, token)) = login.password(username, password) else {
        let message = "Invalid username, password, security token; or user locked out.";
        return fault(letter, &Fault::new(500, "INVALID_LOGIN", message));
    };
    let (url, org) = (&login.settings.url, &login.settings.org_id);
    let short = org.get(..15).unwrap_or(org);
    let name = xml::escape(username);
    let body = format!(
        "<loginResponse><result><metadataServerUrl>{url}/services/Soap/m/{number}.0/{short}</metadataServerUrl>\
         <passwordExpired>false</passwordExpired><sandbox>false</sandbox>\
         <serverUrl>{url}/services/Soap/{letter}/{number}.0/{short}</serverUrl><sessionId>{token}</sessionId>\
         <userId>{user}</userId><userInfo>{}</userInfo></result></loginResponse>",
        facts(org, &user, &name, login.state.sessions.lifetime.as_secs())
    );
    enveloped(dialect, "", &body)
}

/// `getUserInfo`
pub(super) fn user_info(call: &Call<'_>) -> String {
    let name = xml::escape(&oauth::name_of(call.state, &call.user));
    let seconds = call.state.sessions.lifetime.as_secs();
    format!("<result>{}</result>", facts(&call.settings.org_id, &call.user, &name, seconds))
}

fn facts(org: &str, user: &str, name: &str, seconds: u64) -> String {
    let nil = "xsi:nil=\"true\"";
    format!(
        "<accessibilityMode>false</accessibilityMode><chatterExternal>false</chatterExternal>\
         <currencySymbol>$</currencySymbol><orgAttachmentFileSizeLimit>5242880</orgAttachmentFileSizeLimit>\
         <orgDefaultCurrencyIsoCode>USD</orgDefaultCurrencyIsoCode>\
         <orgDefaultCurrencyLocale>en_US</orgDefaultCurrencyLocale>\
         <orgDisallowHtmlAttachments>false</orgDisallowHtmlAttachments>\
         <orgHasPersonAccounts>false</orgHasPersonAccounts><organizationId>{org}</organizationId>\
         <organizationMultiCurrency>false</organizationMultiCurrency><organizationName>Acme</organizationName>\
         <profileId {nil}/><roleId {nil}/><sessionSecondsValid>{seconds}</sessionSecondsValid>\
         <userDefaultCurrencyIsoCode {nil}/><userEmail>{name}</userEmail><userFullName>{name}</userFullName>\
         <userId>{user}</userId><userLanguage>en_US</userLanguage><userLocale>en_US</userLocale>\
         <userName>{name}</userName><userTimeZone>GMT</userTimeZone><userType>Standard</userType>\
         <userUiSkin>Theme3</userUiSkin>"
    )
}
