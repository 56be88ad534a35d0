//! The two requests that Forcefield makes for itself: what the org's objects are. No record data comes back.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;

use super::asked::Asked;
use super::{Permit, PermitBody};
use crate::names::{ApiVersion, is_api_name};
use crate::request::{Answer, Api, Method, Named, Needs, Operation, What};

impl Permit {
    /// The list of all objects.
    pub fn describe_list(version: ApiVersion) -> Self {
        let target = format!("/services/data/v{version}/sobjects");
        Self::own(Api::Sobject, version, Method::Get, target, PermitBody::Empty)
    }

    /// The descriptions of up to 25 objects in one call. Names that are not API names are left out.
    pub fn describe_batch(version: ApiVersion, objects: &[&str]) -> Self {
        let mut body = String::from("{\"batchRequests\":[");
        for (number, object) in objects.iter().filter(|name| is_api_name(name)).take(25).enumerate() {
            let comma = if number == 0 { "" } else { "," };
            let _ = write!(
                body,
                "{comma}{{\"method\":\"GET\",\"url\":\"v{version}/sobjects/{object}/describe\"}}"
            );
        }
        body.push_str("]}");
        let target = format!("/services/data/v{version}/composite/batch");
        Self::own(Api::Composite, version, Method::Post, target, PermitBody::Whole(vec![Bytes::from(body)]))
    }

    fn own(api: Api, version: ApiVersion, method: Method, target: String, body: PermitBody) -> Self {
        let mut headers: Vec<(Box<str>, Box<str>)> = vec![("accept".into(), "application/json".into())];
        if method == Method::Post {
            headers.push(("content-type".into(), "application/json".into()));
        }
        Self {
            api,
            operations: Operation::Describe.into(),
            version: Some(version),
            method,
            target,
            headers,
            body,
            answer: Answer::PLAIN,
            export: false,
            asked: Asked::new(Needs::new(What::Named(Named::DescribeGlobal)), Arc::default()),
            job: None,
            handles: Vec::new(),
            narrowings: Vec::new(),
            overlooked: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_asks_for_descriptions_only() {
        let permit = Permit::describe_batch(ApiVersion::new(62), &["Account", "x/../y", "Invoice__c"]);
        let body = permit.body("unused").unwrap();
        let parsed: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let urls: Vec<&str> = parsed["batchRequests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|part| part["url"].as_str().unwrap())
            .collect();
        assert_eq!(urls, ["v62.0/sobjects/Account/describe", "v62.0/sobjects/Invoice__c/describe"]);
        assert!(!permit.session_in_body());
    }
}
