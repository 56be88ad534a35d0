//! What every door receives: one call, with its path, parameters, headers and body decoded once.
//!
//! A call is a request of its own, or a part of an envelope (composite, batch, graph) that is read by the same doors.

mod build;
mod names;

use super::body::{ContentType, Payload};
use super::headers::{self, Sent};
use super::parameters::Parameters;
use super::path::{Path, References, Segment};
use super::references::Known;
use super::{BodyUse, Place, Root, Unclear, UnclearKind, json};
use crate::names::ApiVersion;
use crate::request::{Head, Method};
use crate::schema::Schema;
pub(crate) use names::{Record, field_target, parents, targets_of, unknown_name};

/// One call.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// What its names are resolved against.
    pub(crate) schema: &'a Schema,
    /// The method.
    pub(crate) method: Method,
    /// The tree of resources that it goes to.
    pub(crate) root: Root,
    /// The version that its path names, under `/services/data`.
    pub(crate) version: Option<ApiVersion>,
    /// The segments behind the root, and behind the version under `/services/data`.
    pub(crate) segments: Vec<Segment<'a>>,
    /// The headers that pass, without those of the body.
    pub(crate) headers: Sent,
    /// The body.
    pub(crate) content: Content<'a>,
    /// The envelope that it is a part of.
    pub(crate) envelope: Envelope<'a>,
    /// Whether a suffix `.json` or `.xml` was taken off the last segment.
    pub(crate) suffixed: bool,
    query: Option<&'a str>,
}

/// The body of a call.
#[derive(Debug)]
pub(crate) enum Content<'a> {
    /// There is none.
    None,
    /// That of a request of its own.
    Payload(Payload<'a>),
    /// A value in the envelope's body.
    Part(json::Document<'a>),
}

/// The envelopes that hold calls.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Envelope<'a> {
    /// None: a request of its own.
    None,
    /// `/composite`, with what its earlier parts will answer.
    Composite(&'a Known),
    /// `/composite/graph`, likewise.
    Graph(&'a Known),
    /// `/composite/batch`
    Batch,
}

// === impl Call ===

impl<'a> Call<'a> {
    /// A request of its own, whose body is still to be read.
    pub(crate) fn of_head(schema: &'a Schema, head: &Head<'a>) -> Result<Self, Unclear> {
        let method = Method::parse(head.method).ok_or_else(|| {
            Unclear::new(UnclearKind::Door, Place::Path, "methods are GET, HEAD, POST, PATCH, PUT and DELETE")
        })?;
        let path = Path::parse(head.target, References::Refused)?;
        let mut call = Self {
            schema,
            method,
            root: Root::Web,
            version: None,
            segments: path.segments,
            headers: headers::clean(head)?,
            content: Content::None,
            envelope: Envelope::None,
            suffixed: false,
            query: path.query,
        };
        call.find_root()?;
        Ok(call)
    }

    /// Reads the body of a request of its own.
    pub(crate) fn with_body(
        mut self,
        head: &Head<'a>,
        raw: &'a [u8],
        use_: BodyUse,
    ) -> Result<Self, Unclear> {
        if let Some(payload) = Payload::read(head, self.method, raw, use_)? {
            self.content = Content::Payload(payload);
        }
        Ok(self)
    }

    /// Finds the tree that the path is in, and takes its root and version off the segments.
    fn find_root(&mut self) -> Result<(), Unclear> {
        let name = |at: usize| self.segments.get(at).and_then(Segment::name).unwrap_or_default();
        let (root, taken) = Root::of(name(0), name(1));
        if root == Root::Data && self.segments.len() > taken {
            let version = ApiVersion::from_segment(name(taken)).ok();
            let version = version.ok_or_else(|| {
                Unclear::new(UnclearKind::Door, Place::Path, "a version is written like `v62.0`")
            })?;
            self.version = Some(version);
            self.segments.drain(..=taken);
            if let Some(last) = self.segments.last_mut().filter(|_| version <= LAST_WITH_SUFFIX) {
                self.suffixed = last.strip_suffix(".json") || last.strip_suffix(".xml");
            }
        } else {
            self.segments.drain(..taken);
        }
        self.root = root;
        Ok(())
    }

    /// The segments as names; what is not a name (the value of an external id, a reference) is empty here.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.segments.iter().map(|segment| segment.name().unwrap_or_default()).collect()
    }

    /// The parameters, each at most once and among `known`.
    pub(crate) fn parameters(&self, known: &[&str]) -> Result<Parameters<'a>, Unclear> {
        self.repeatable(known, &[])
    }

    /// The parameters, of which those of `repeatable` may be there several times.
    pub(crate) fn repeatable(&self, known: &[&str], repeatable: &[&str]) -> Result<Parameters<'a>, Unclear> {
        self.parsed()?.only(known, repeatable)
    }

    /// All parameters, whatever their names, for opaque doors.
    pub(crate) fn any_parameters(&self) -> Result<Parameters<'a>, Unclear> {
        self.parsed()?.distinct()
    }

    /// All parameters, whatever their names, of which one may be there several times.
    pub(crate) fn any_but_repeated(&self, repeatable: &str) -> Result<Parameters<'a>, Unclear> {
        self.parsed()?.distinct_but(repeatable)
    }

    /// References are taken among `ids` only, where the door looks at each.
    fn parsed(&self) -> Result<Parameters<'a>, Unclear> {
        let parameters = self.query.map_or_else(|| Ok(Parameters::default()), Parameters::parse)?;
        for (name, value) in parameters.iter().filter(|(name, _)| !matches!(*name, "ids" | "q")) {
            self.no_references(value, Place::Parameter(name.into()))?;
        }
        Ok(parameters)
    }

    /// Whether the query string names a parameter, for pages whose query strings are not read otherwise.
    pub(crate) fn asks_for(&self, name: &str) -> bool {
        self.query.is_some_and(|query| query.split('&').any(|pair| pair.split('=').next() == Some(name)))
    }

    /// Whether there is a body.
    pub(crate) fn has_body(&self) -> bool {
        !matches!(self.content, Content::None)
    }

    /// The decoded bytes of the body of a request of its own, or their beginning where the door streams.
    pub(crate) fn payload(&self) -> Result<&Payload<'a>, Unclear> {
        match &self.content {
            Content::Payload(payload) => Ok(payload),
            Content::None => Err(Unclear::form(Place::Body, "it is missing")),
            Content::Part(_) => Err(Unclear::form(Place::Body, "a part has a JSON body")),
        }
    }

    /// The type of the body, for requests of their own.
    pub(crate) fn content_type(&self) -> Option<&ContentType> {
        match &self.content {
            Content::Payload(payload) => Some(&payload.kind),
            Content::None | Content::Part(_) => None,
        }
    }

    /// The body, which has to be JSON.
    pub(crate) fn json(&self) -> Result<json::Document<'_>, Unclear> {
        match &self.content {
            Content::Part(document) => Ok(document.clone()),
            Content::None => Err(Unclear::form(Place::Body, "it is missing")),
            Content::Payload(payload) if &*payload.kind.essence == "application/json" => {
                json::Document::parse(&payload.bytes)
            }
            Content::Payload(_) => {
                Err(Unclear::form(Place::Header("content-type".into()), "expected `application/json`"))
            }
        }
    }

    /// A path that no door knows, or a method that a known path does not have.
    pub(crate) fn unknown(&self) -> Unclear {
        Unclear::new(UnclearKind::Door, Place::Path, format!("no such resource is known for {}", self.method))
    }

    /// Whether Salesforce puts values of earlier answers into it.
    pub(crate) fn has_references(&self) -> bool {
        matches!(self.envelope, Envelope::Composite(_) | Envelope::Graph(_))
    }

    /// Whether it asks for an answer only.
    pub(crate) fn is_get(&self) -> bool {
        self.method.is_get()
    }
}

impl Call<'_> {
    /// A part of an envelope. `url` is a whole path, from its leading `/` on.
    pub(crate) fn part<'p>(
        &'p self,
        (method, url): (Method, &'p str),
        content: Content<'p>,
        envelope: Envelope<'p>,
    ) -> Result<Call<'p>, Unclear> {
        let references = match envelope {
            Envelope::Composite(_) | Envelope::Graph(_) => References::Kept,
            Envelope::None | Envelope::Batch => References::Refused,
        };
        if url.starts_with("//") || !url.starts_with("/services/data/") {
            return Err(Unclear::form(Place::Path, "a part's url starts with `/services/data/`"));
        }
        let path = Path::parse(url, references)?;
        let mut call = Call {
            schema: self.schema,
            method,
            root: Root::Web,
            version: None,
            segments: path.segments,
            headers: Sent::new(),
            content,
            envelope,
            suffixed: false,
            query: path.query,
        };
        call.find_root()?;
        if call.has_body() && (method.is_get() || method == Method::Delete) {
            return Err(Unclear::form(Place::Body, format!("{method} has no body")));
        }
        Ok(call)
    }
}

/// The last version in which a path may end in `.json` or `.xml` (reference, section 11.2).
const LAST_WITH_SUFFIX: ApiVersion = ApiVersion::new(57);
