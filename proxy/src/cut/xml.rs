//! XML answers, of SOAP: elements that are not granted are left out, everything else stays byte for byte.

use forcefield_policy::request::Cut;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::{CutError, Keep};

pub(super) fn cut(cut: Cut, keep: &Keep<'_>, body: &[u8]) -> Result<Vec<u8>, CutError> {
    let root = read(body)?;
    let mut out = Vec::new();
    collect(&root, cut, keep, &mut out);
    let (mut kept, mut from) = (Vec::with_capacity(body.len()), 0);
    for (start, end) in out {
        kept.extend_from_slice(body.get(from..start).unwrap_or_default());
        from = end;
    }
    kept.extend_from_slice(body.get(from..).unwrap_or_default());
    Ok(kept)
}

/// An element, and the bytes it stands in.
#[derive(Default)]
struct Element {
    name: String,
    start: usize,
    end: usize,
    text: String,
    children: Vec<Element>,
}

/// The spans of the elements that have to go, in order.
fn collect(element: &Element, cut: Cut, keep: &Keep<'_>, out: &mut Vec<(usize, usize)>) {
    let object = element.child_text("name");
    for child in &element.children {
        let stays = match (cut, &*child.name) {
            (Cut::Objects, "sobjects") => keep.object(child.child_text("name")),
            (Cut::Description, "fields") => keep.field(object, child.child_text("name")),
            (Cut::Description, "childRelationships") => keep.object(child.child_text("childSObject")),
            (Cut::Jobs, "jobInfo" | "records") => (keep.own)(child.child_text("id")),
            // The other cuts are of JSON doors; XML of theirs is not understood, so nothing of it stays.
            (Cut::RecentItems, "recentItems") | (Cut::UiRecord, _) => false,
            _ => true,
        };
        if stays { collect(child, cut, keep, out) } else { out.push((child.start, child.end)) }
    }
}

impl Element {
    fn child_text(&self, name: &str) -> &str {
        self.children.iter().find(|child| child.name == name).map_or("", |child| child.text.trim())
    }
}

fn read(body: &[u8]) -> Result<Element, CutError> {
    let unreadable = |error: &dyn std::fmt::Display| CutError::Unreadable(error.to_string());
    let mut reader = Reader::from_reader(body);
    let mut open = vec![Element::default()];
    loop {
        let start = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let event = reader.read_event().map_err(|error| unreadable(&error))?;
        let end = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        match event {
            Event::Start(tag) => {
                open.push(Element {
                    name: tag.local_name().as_ref().to_owned(),
                    start,
                    ..Element::default()
                });
            }
            Event::Empty(tag) => {
                let element =
                    Element { name: tag.local_name().as_ref().to_owned(), start, end, ..Element::default() };
                if let Some(parent) = open.last_mut() {
                    parent.children.push(element);
                }
            }
            Event::End(_) => {
                let closed = open.pop().map(|element| Element { end, ..element });
                let parent = open.last_mut().ok_or_else(|| unreadable(&"an end without a start"))?;
                parent.children.extend(closed);
            }
            Event::Text(text) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text);
                }
            }
            Event::Eof if open.len() == 1 => return Ok(open.pop().unwrap_or_default()),
            Event::Eof => return Err(unreadable(&"it ends too early")),
            Event::DocType(_) => return Err(unreadable(&"a document type declaration")),
            _ => {}
        }
        if open.len() > 64 {
            return Err(unreadable(&"nested too deeply"));
        }
    }
}
