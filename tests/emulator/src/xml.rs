//! XML, as far as the org needs it: elements by local name, text, and nothing that a namespace could change.

use quick_xml::events::Event;
use quick_xml::{Reader, XmlVersion};
use serde_json::{Map, Value as Json};

/// An element.
#[derive(Debug, Default, Clone)]
pub(crate) struct Element {
    /// Without its prefix.
    pub(crate) name: String,
    /// Attributes by local name.
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

// === impl Element ===

impl Element {
    /// The first child of that name.
    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// All children of that name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the first child of that name; empty without one.
    pub(crate) fn text_of(&self, name: &str) -> &str {
        self.child(name).map_or("", |child| child.text.as_str())
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn is_nil(&self) -> bool {
        self.attribute("nil").is_some_and(|nil| nil == "true" || nil == "1")
    }
}

/// The root element.
pub(crate) fn parse(bytes: &[u8]) -> Result<Element, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let mut reader = Reader::from_str(text);
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => {
                if open.len() > MAX_DEPTH {
                    return Err("the document is nested too deeply".to_owned());
                }
                open.push(element(&start)?);
            }
            Event::Empty(start) => attach(&mut open, element(&start)?)?,
            Event::End(_) => {
                let done = open.pop().ok_or("an element ends that never began")?;
                attach(&mut open, done)?;
            }
            Event::Text(text) => push(&mut open, &text.xml10_content()),
            Event::CData(text) => push(&mut open, &text.xml10_content()),
            Event::GeneralRef(reference) => push(&mut open, &resolve(&reference.xml10_content())?),
            Event::Eof => break,
            _ => {}
        }
    }
    let mut roots = open.pop().filter(|_| open.is_empty()).map(|top| top.children).unwrap_or_default();
    roots.pop().filter(|_| roots.is_empty()).ok_or_else(|| "not one whole document".to_owned())
}

/// The children of an element as the fields of a record.
pub(crate) fn record(element: &Element) -> Map<String, Json> {
    let mut fields = Map::new();
    for child in &element.children {
        let value = if child.is_nil() {
            Json::Null
        } else if child.children.is_empty() {
            Json::from(child.text.as_str())
        } else {
            Json::Object(record(child))
        };
        fields.insert(child.name.clone(), value);
    }
    fields
}

/// Text made safe to stand in an element.
pub(crate) fn escape(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

fn element(start: &quick_xml::events::BytesStart<'_>) -> Result<Element, String> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| error.to_string())?;
        let name = attribute.key.local_name().as_ref().to_owned();
        attributes.push((name, value.into_owned()));
    }
    let name = start.local_name().as_ref().to_owned();
    Ok(Element { name, attributes, ..Element::default() })
}

fn attach(open: &mut [Element], done: Element) -> Result<(), String> {
    open.last_mut().ok_or("more elements end than begin")?.children.push(done);
    Ok(())
}

fn push(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn resolve(name: &str) -> Result<String, String> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        let letter = code.ok().and_then(char::from_u32);
        return letter.map(String::from).ok_or_else(|| format!("&{name}; is not a character"));
    }
    let known = quick_xml::escape::resolve_predefined_entity(name);
    known.map(str::to_owned).ok_or_else(|| format!("&{name}; is not known"))
}

const MAX_DEPTH: usize = 64;
