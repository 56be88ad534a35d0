//! Building what will be sent, from what was parsed.

use super::{Call, Content, Envelope};
use crate::classify::body::ContentType;
use crate::classify::parameters::Parameters;
use crate::classify::{Place, Root, Unclear, json};
use crate::request::{
    Answer, Api, Body, Draft, Encoding, Mention, Needs, Opaque, Operation, Operations, Request, Template,
    What,
};

impl Call<'_> {
    /// Path and query string as they are sent, the parameters sorted by name.
    pub(crate) fn target(&self, parameters: &Parameters<'_>) -> Template {
        let mut target = self.path();
        parameters.write(&[], &mut target);
        Template::from(target)
    }

    /// The same with a hole for one parameter, which is written last, or not at all when nothing fills the hole.
    pub(crate) fn target_with(
        &self,
        parameters: &Parameters<'_>,
        holes: &[(&'static str, usize)],
    ) -> Template {
        let is_hole = |name: &str| holes.iter().any(|(marker, _)| parameter(marker) == name);
        let mut target = self.path();
        let bare = target.len();
        parameters.write_but(is_hole, &mut target);
        let alone = target.len() == bare;
        let encoding = if self.has_references() { Encoding::FormWithReferences } else { Encoding::Form };
        let mut template = Template::from(target);
        for (number, (marker, need)) in holes.iter().enumerate() {
            let first = alone && number == 0;
            let before = if first { marker } else { continued(marker) };
            template.hole(*need, before, encoding);
        }
        template
    }

    /// The canonical path. A part of a batch is written relative to `/services/data/`.
    pub(crate) fn path(&self) -> Vec<u8> {
        let mut path = Vec::with_capacity(128);
        let batch = matches!(self.envelope, Envelope::Batch);
        if !batch {
            path.extend_from_slice(self.root.prefix().as_bytes());
        }
        if let Some(version) = self.version {
            if !batch {
                path.push(b'/');
            }
            version.write_segment(&mut path);
        }
        for segment in &self.segments {
            path.push(b'/');
            segment.write(&mut path);
        }
        if path.is_empty() {
            path.push(b'/');
        }
        path
    }

    /// The path by which `also` grants an opaque door: decoded, in full.
    pub(crate) fn opaque_path(&self) -> String {
        let mut path = self.root.prefix().to_owned();
        if let Some(version) = self.version {
            path.push_str(&format!("/v{version}"));
        }
        for segment in &self.segments {
            path.push('/');
            path.push_str(segment.value().unwrap_or_default());
        }
        path
    }

    /// A request of one operation that answers no record data, with the body as it came.
    pub(crate) fn request(
        &self,
        api: Api,
        operation: impl Into<Operations>,
        needs: Needs,
        target: Template,
    ) -> Request {
        self.sending(api, operation, needs, self.draft(target, self.body_as_it_is()))
    }

    /// The same, with a body that was built anew.
    pub(crate) fn sending(
        &self,
        api: Api,
        operation: impl Into<Operations>,
        needs: Needs,
        draft: Draft,
    ) -> Request {
        Request {
            api,
            operations: operation.into(),
            version: self.version,
            part_versions: Vec::new(),
            needs,
            export: false,
            draft,
            answer: Answer::PLAIN,
            job: None,
        }
    }

    /// What will be sent, with the headers of the body; [`crate::classify::classify`] adds those that passed.
    pub(crate) fn draft(&self, target: Template, body: Body) -> Draft {
        let mut headers = Vec::new();
        if let (Some(kind), false) = (self.content_type(), matches!(body, Body::Empty)) {
            headers.push(("content-type".into(), kind.header().into()));
        }
        if let (Content::Payload(payload), Body::Streamed) = (&self.content, &body) {
            headers.extend(payload.encoding.map(|encoding| ("content-encoding".into(), encoding.into())));
        }
        Draft { method: self.method, target, headers, body }
    }

    /// The body as it was decoded. A part's stands in its envelope.
    fn body_as_it_is(&self) -> Body {
        match &self.content {
            Content::None => Body::Empty,
            Content::Part(document) => Body::Whole(document.as_sent()),
            Content::Payload(payload) => {
                let bytes = payload.bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&payload.bytes);
                Body::Whole(Template::from(bytes))
            }
        }
    }

    /// A door whose effects cannot be known. Whatever body it has must still have one reading only.
    pub(crate) fn opaque(
        &self,
        api: Api,
        operation: Operation,
        mentions: Vec<Mention>,
    ) -> Result<Request, Unclear> {
        if self.segments.iter().any(|segment| segment.name().is_none()) {
            return Err(self.unknown());
        }
        let parameters = self.any_parameters()?;
        self.body_has_one_reading()?;
        for (name, value) in parameters.iter() {
            self.no_references(value, Place::Parameter(name.into()))?;
        }
        let owned = |(name, value): (&str, &str)| (name.into(), value.into());
        let opaque = Opaque {
            method: self.method,
            path: self.opaque_path().into(),
            parameters: parameters.iter().map(owned).collect(),
            form: self.content_type().is_some_and(ContentType::is_form),
            mentions,
        };
        Ok(self.request(api, operation, Needs::new(What::Opaque(opaque)), self.target(&parameters)))
    }

    /// A door that no grant opens. Nothing of it is sent, so its parameters are not looked at.
    pub(crate) fn never(&self, api: Api, operation: Operation, never: crate::request::Never) -> Request {
        self.request(api, operation, Needs::new(What::Never(never)), Template::from(self.path()))
    }

    fn body_has_one_reading(&self) -> Result<(), Unclear> {
        match &self.content {
            Content::None | Content::Part(_) => Ok(()),
            Content::Payload(payload) => match &*payload.kind.essence {
                "application/json" => json::Document::parse(&payload.bytes).map(drop),
                _ => Ok(()),
            },
        }
    }
}

impl Root {
    /// The path in front of the segments of a call.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Data => "/services/data",
            Self::Async => "/services/async",
            Self::Soap => "/services/Soap",
            Self::ApexRest => "/services/apexrest",
            Self::OAuth => "/services/oauth2",
            Self::Cometd => "/cometd",
            Self::Identity => "/id",
            Self::Web => "",
        }
    }
}

/// The parameter that the marker of a hole names.
fn parameter(marker: &str) -> &str {
    marker.trim_matches(['?', '&', '='])
}

/// The marker of a hole that is not the first parameter.
fn continued(marker: &'static str) -> &'static str {
    MARKERS.iter().find(|(first, _)| *first == marker).map_or(marker, |(_, later)| later)
}

/// The holes that doors write, as first and as later parameters.
const MARKERS: &[(&str, &str)] = &[("?fields=", "&fields="), ("?q=", "&q="), ("?explain=", "&explain=")];

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
