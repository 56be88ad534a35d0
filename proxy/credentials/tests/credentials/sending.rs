//! Where a token goes in an outgoing request, by the door.

use std::sync::Arc;
use std::time::Duration;

use forcefield_policy::decision::{Permit, decide};
use forcefield_policy::grant::{Enforcement, Grants, GrantsSpec};
use forcefield_policy::request::{
    Answer, Api, Body, Draft, Method, Named, Needs, Operation, Request, Template, What,
};
use forcefield_policy::schema::Schema;
use http::HeaderMap;

use super::{IDENTITY, ORG, start};
use crate::org::name;

fn permit(api: Api, body: Body) -> Permit {
    let schema = Arc::new(Schema::starter().unwrap());
    let spec = GrantsSpec {
        identity: name(IDENTITY),
        versions: "58.0-68.0".parse().unwrap(),
        allow: Vec::new(),
        named: vec![Named::Limits],
        patterns: Vec::new(),
        exports: Vec::new(),
        enforcement: Enforcement::Enforce,
    };
    let request = Request {
        api,
        operations: Operation::Meta.into(),
        version: None,
        part_versions: Vec::new(),
        needs: Needs::new(What::Named(Named::Limits)),
        export: false,
        draft: Draft { method: Method::Get, target: Template::default(), headers: Vec::new(), body },
        answer: Answer::PLAIN,
        job: None,
    };
    decide(&Grants::compile(&spec, &schema).0, request, &[]).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_token_goes_where_its_door_takes_it_and_replaces_what_was_there() {
    let (_root, _login, credentials) = start(Duration::ZERO);
    let token = credentials.token(&name(IDENTITY)).await.unwrap();
    let headers = |permit: &Permit| {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", "Bearer stolen".parse().unwrap());
        headers.append("authorization", "Bearer twice".parse().unwrap());
        headers.insert("x-sfdc-session", "stolen".parse().unwrap());
        token.apply(permit, &mut headers);
        headers
    };
    let text = format!("{ORG}!token.number.1");

    let rest = headers(&permit(Api::Limits, Body::Empty));
    assert_eq!(rest.len(), 1);
    assert_eq!(rest["authorization"], format!("Bearer {text}"));
    assert!(rest["authorization"].is_sensitive());

    let bulk = headers(&permit(Api::Bulk1, Body::Empty));
    assert_eq!(bulk.len(), 1);
    assert_eq!(bulk["x-sfdc-session"], text);
    assert!(bulk["x-sfdc-session"].is_sensitive());

    let mut envelope = Template::default();
    envelope.text("<sessionId>").session().text("</sessionId>");
    let soap = permit(Api::SoapPartner, Body::Whole(envelope));
    assert!(headers(&soap).is_empty());
    assert_eq!(token.body(&soap).unwrap(), format!("<sessionId>{text}</sessionId>"));
}
