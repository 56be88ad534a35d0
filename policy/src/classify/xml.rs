//! Strict XML: one reading or none.
//!
//! UTF-8, no document type, the five named entities and numeric references only. Text nodes, character references and
//! CDATA sections of an element are one string; an element has either child elements or text; comments and processing
//! instructions may stand between elements but not inside a value, for parsers disagree on whether they split it.
//! Elements are found by local name, since clients declare namespaces as they like (jsforce binds `sObjects` to one
//! that does not exist), and what is sent is written anew from the tree.

mod read;
#[cfg(test)]
mod tests;
mod write;

use std::borrow::Cow;
use std::collections::HashSet;

use super::unclear::{Place, Unclear};
pub(super) use write::Writer;

/// A document: at least its root element.
#[derive(Debug)]
pub(super) struct Xml<'a> {
    elements: Vec<Element<'a>>,
    namespaces: Vec<Box<str>>,
}

/// An element, by its place in the document's list.
#[derive(Debug)]
struct Element<'a> {
    /// With its prefix.
    name: &'a str,
    namespace: Option<u8>,
    attributes: Box<[Attribute]>,
    text: Cow<'a, str>,
    parent: Link,
    first: Link,
    next: Link,
    offset: u32,
}

/// The place of another element, or of none. Documents have many elements, so that four bytes less count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Link(u32);

#[derive(Debug)]
struct Attribute {
    name: Box<str>,
    namespace: Option<u8>,
    value: Box<str>,
}

/// An element of a document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'d> {
    xml: &'d Xml<'d>,
    at: usize,
}

/// The most bytes of a document.
pub(super) const MAX_BYTES: usize = 16 << 20;
/// The deepest nesting of elements.
const MAX_DEPTH: usize = 32;
/// The most elements of a document: a Bulk 1.0 batch of 10,000 records of 50 fields.
const MAX_ELEMENTS: usize = 520_000;

/// `xsi:`
pub(super) const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

// === impl Xml ===

impl Xml<'_> {
    /// The root element.
    pub(super) fn root(&self) -> Node<'_> {
        Node { xml: self, at: 0 }
    }

    fn namespace(&self, number: Option<u8>) -> Option<&str> {
        self.namespaces.get(usize::from(number?)).map(|name| &**name)
    }
}

// === impl Link ===

impl Link {
    const NONE: Self = Self(u32::MAX);

    fn to(at: usize) -> Self {
        u32::try_from(at).map_or(Self::NONE, Self)
    }

    fn place(self) -> Option<usize> {
        (self != Self::NONE).then(|| usize::try_from(self.0).ok())?
    }
}

// === impl Node ===

impl<'d> Node<'d> {
    fn element(self) -> Option<&'d Element<'d>> {
        self.xml.elements.get(self.at)
    }

    /// The name without its prefix.
    pub(super) fn local(self) -> &'d str {
        self.element().map_or("", |element| local(element.name))
    }

    /// The prefix with its colon, or nothing.
    pub(super) fn prefix(self) -> &'d str {
        let name = self.element().map_or("", |element| element.name);
        name.find(':').and_then(|colon| name.get(..=colon)).unwrap_or("")
    }

    /// The namespace that its prefix is bound to.
    pub(super) fn namespace(self) -> Option<&'d str> {
        self.xml.namespace(self.element()?.namespace)
    }

    /// Where it begins.
    pub(super) fn offset(self) -> usize {
        self.element().and_then(|element| usize::try_from(element.offset).ok()).unwrap_or(0)
    }

    /// The element around it.
    fn parent(self) -> Option<Self> {
        Some(Self { at: self.element()?.parent.place()?, ..self })
    }

    /// Its child elements, in order.
    pub(super) fn children(self) -> impl Iterator<Item = Node<'d>> {
        let next = move |node: &Self| Some(Self { at: node.element()?.next.place()?, ..self });
        let first = self.element().and_then(|element| element.first.place());
        std::iter::successors(first.map(|at| Self { at, ..self }), next)
    }

    /// Whether it has child elements.
    pub(super) fn has_children(self) -> bool {
        self.element().is_some_and(|element| element.first != Link::NONE)
    }

    /// Its text.
    ///
    /// # Errors
    /// When it has child elements.
    pub(super) fn text(self) -> Result<&'d str, Unclear> {
        match self.element() {
            Some(element) if element.first == Link::NONE => Ok(&element.text),
            _ => Err(self.unclear("has elements where text is expected")),
        }
    }

    /// The child with this local name.
    ///
    /// # Errors
    /// When there are several.
    pub(super) fn one(self, name: &str) -> Result<Option<Self>, Unclear> {
        let mut found = self.all(name);
        match (found.next(), found.next()) {
            (_, Some(second)) => Err(second.unclear("is given twice")),
            (first, None) => Ok(first),
        }
    }

    /// The one child with this local name.
    ///
    /// # Errors
    /// When there is none, or several.
    pub(super) fn need(self, name: &str) -> Result<Self, Unclear> {
        self.one(name)?.ok_or_else(|| self.unclear(format!("has no `{name}`")))
    }

    /// The children with this local name.
    pub(super) fn all(self, name: &str) -> impl Iterator<Item = Node<'d>> {
        self.children().filter(move |child| child.local() == name)
    }

    /// Holds the children to a list of local names.
    ///
    /// # Errors
    /// The first child that is not on the list.
    pub(super) fn only(self, names: &[&str]) -> Result<(), Unclear> {
        match self.children().find(|child| !names.contains(&child.local())) {
            Some(odd) => Err(odd.unclear(format!("is not known here; expected {}", names.join(", ")))),
            None => Ok(()),
        }
    }

    /// Checks that no two children have the same local name, whatever its letter case.
    ///
    /// # Errors
    /// The second of two.
    pub(super) fn distinct(self) -> Result<(), Unclear> {
        let mut seen = HashSet::new();
        match self.children().find(|child| !seen.insert(child.local().to_ascii_lowercase())) {
            Some(second) => Err(second.unclear("is given twice")),
            None => Ok(()),
        }
    }

    /// The value of an attribute of the `xsi` namespace.
    pub(super) fn xsi(self, name: &str) -> Option<&'d str> {
        let attributes = &self.element()?.attributes;
        let of_xsi = |attribute: &&Attribute| self.xml.namespace(attribute.namespace) == Some(XSI);
        let found = attributes.iter().filter(of_xsi).find(|attribute| local(&attribute.name) == name)?;
        Some(&found.value)
    }

    /// Its attributes but for namespace declarations, as namespace and local name.
    pub(super) fn attributes(self) -> impl Iterator<Item = (Option<&'d str>, &'d str)> {
        let attributes = self.element().map_or([].as_slice(), |element| &*element.attributes);
        let declares = |name: &str| name == "xmlns" || name.starts_with("xmlns:");
        attributes
            .iter()
            .filter(move |attribute| !declares(&attribute.name))
            .map(move |attribute| (self.xml.namespace(attribute.namespace), local(&attribute.name)))
    }

    /// The local names from the root to it, for errors.
    pub(super) fn path(self) -> String {
        let mut names: Vec<&str> =
            std::iter::successors(Some(self), |node| node.parent()).map(Node::local).collect();
        names.reverse();
        names.join("/")
    }

    /// A failure at this element.
    pub(super) fn unclear(self, what: impl std::fmt::Display) -> Unclear {
        Unclear::form(self, format!("{what} (byte {})", self.offset()))
    }
}

/// By its names from the root on, which takes a walk up the document.
impl From<Node<'_>> for Place {
    fn from(node: Node<'_>) -> Self {
        Self::Element(node.path().into())
    }
}

/// A name without its prefix.
fn local(name: &str) -> &str {
    name.split_once(':').map_or(name, |(_, local)| local)
}
