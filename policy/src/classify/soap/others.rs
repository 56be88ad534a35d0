//! The other WSDLs: metadata, tooling, Apex, and the org's own web services (reference, section 6.5).

use super::{Ask, Meant};
use crate::classify::unclear::Unclear;
use crate::names::is_api_name;
use crate::request::{Api, Never, Operation};

/// Reads one of their operations. What changes code or configuration is refused always; what reads it can be granted
/// by method and path only.
pub(super) fn read(ask: &Ask<'_>) -> Result<Meant, Unclear> {
    let name = ask.node.local();
    match (ask.endpoint.api, name) {
        (Api::SoapClass, _) if is_api_name(name) => Ok(ask.opaque(Operation::Execute, Vec::new())),
        (_, "login" | "logout") => Ok(Meant::never(Operation::Auth, Never::Session)),
        (Api::SoapMetadata, _) => metadata(ask),
        (Api::SoapTooling, _) => tooling(ask),
        (Api::SoapApex, _) => apex(ask),
        _ => Err(ask.unknown()),
    }
}

fn metadata(ask: &Ask<'_>) -> Result<Meant, Unclear> {
    match ask.node.local() {
        "deploy"
        | "deployRecentValidation"
        | "cancelDeploy"
        | "createMetadata"
        | "updateMetadata"
        | "upsertMetadata"
        | "deleteMetadata"
        | "renameMetadata" => Ok(Meant::never(Operation::Deploy, Never::Deploy)),
        "retrieve" | "readMetadata" | "listMetadata" | "describeMetadata" | "describeValueType" => {
            Ok(ask.opaque(Operation::Describe, Vec::new()))
        }
        "checkDeployStatus" | "checkRetrieveStatus" => Ok(ask.opaque(Operation::Job, Vec::new())),
        _ => Err(ask.unknown()),
    }
}

fn tooling(ask: &Ask<'_>) -> Result<Meant, Unclear> {
    let operation = match ask.node.local() {
        "executeAnonymous" | "runTests" | "runTestsAsynchronous" => {
            return Ok(Meant::never(Operation::Execute, Never::Code));
        }
        // Tooling objects are code and configuration.
        "create" | "update" | "upsert" | "delete" | "undelete" => {
            return Ok(Meant::never(Operation::Deploy, Never::Deploy));
        }
        "setPassword" | "resetPassword" | "changeOwnPassword" => {
            return Ok(Meant::never(Operation::Admin, Never::Password));
        }
        "query" | "queryAll" | "queryMore" => Operation::Query,
        "search" => Operation::Search,
        "retrieve" | "getUpdated" | "getDeleted" => Operation::Read,
        "getUserInfo" | "getServerTimestamp" => Operation::Meta,
        name if name.starts_with("describe") && is_api_name(name) => Operation::Describe,
        _ => return Err(ask.unknown()),
    };
    Ok(ask.opaque(operation, Vec::new()))
}

fn apex(ask: &Ask<'_>) -> Result<Meant, Unclear> {
    match ask.node.local() {
        "executeAnonymous" | "runTests" | "wsdlToApex" => Ok(Meant::never(Operation::Execute, Never::Code)),
        "compileClasses" | "compileTriggers" | "compileAndTest" => {
            Ok(Meant::never(Operation::Deploy, Never::Code))
        }
        _ => Err(ask.unknown()),
    }
}
