//! A tree to bytes, in one canonical form, with holes where the decision writes.

use super::Node;
use crate::request::{Encoding, Template};

/// A document being written.
#[derive(Debug)]
pub(in crate::classify) struct Writer<'h> {
    template: Template,
    pending: Vec<u8>,
    holes: &'h [(usize, usize)],
}

impl<'h> Writer<'h> {
    /// A document that starts with its declaration. `holes` are elements, by [`Node::offset`], and the numbers of
    /// the needs that their text comes from.
    pub(in crate::classify) fn new(holes: &'h [(usize, usize)]) -> Self {
        let pending = br#"<?xml version="1.0" encoding="UTF-8"?>"#.to_vec();
        Self { template: Template::default(), pending, holes }
    }

    /// Writes an element with all that is in it.
    pub(in crate::classify) fn element(&mut self, node: Node<'_>) -> &mut Self {
        let hole = self.holes.iter().find(|(offset, _)| *offset == node.offset());
        let Some(element) = node.element() else { return self };
        if let Some((_, need)) = hole {
            self.open(node);
            self.flush();
            self.template.hole(*need, "", Encoding::Xml);
            return self.close(node);
        }
        if !node.has_children() && element.text.is_empty() {
            self.tag(node);
            return self.raw("/>");
        }
        self.open(node);
        Encoding::Xml.write(&element.text, &mut self.pending);
        for child in node.children() {
            self.element(child);
        }
        self.close(node)
    }

    /// Writes a start tag.
    pub(in crate::classify) fn open(&mut self, node: Node<'_>) -> &mut Self {
        self.tag(node);
        self.raw(">")
    }

    /// Writes an end tag.
    pub(in crate::classify) fn close(&mut self, node: Node<'_>) -> &mut Self {
        self.raw("</").raw(node.element().map_or("", |element| element.name)).raw(">")
    }

    /// Writes text as it is.
    pub(in crate::classify) fn raw(&mut self, text: &str) -> &mut Self {
        self.pending.extend_from_slice(text.as_bytes());
        self
    }

    /// Leaves a place for the org's session.
    pub(in crate::classify) fn session(&mut self) -> &mut Self {
        self.flush();
        self.template.session();
        self
    }

    /// The document.
    pub(in crate::classify) fn finish(mut self) -> Template {
        self.flush();
        self.template
    }

    fn tag(&mut self, node: Node<'_>) {
        let Some(element) = node.element() else { return };
        self.raw("<").raw(element.name);
        for attribute in &element.attributes {
            self.raw(" ").raw(&attribute.name).raw("=\"");
            attribute_escape(&attribute.value, &mut self.pending);
            self.raw("\"");
        }
    }

    fn flush(&mut self) {
        if !self.pending.is_empty() {
            self.template.text(std::mem::take(&mut self.pending));
        }
    }
}

fn attribute_escape(value: &str, out: &mut Vec<u8>) {
    for character in value.chars() {
        let escaped = match character {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '"' => "&quot;",
            '\t' => "&#9;",
            '\n' => "&#10;",
            '\r' => "&#13;",
            other => {
                out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
        };
        out.extend_from_slice(escaped.as_bytes());
    }
}
