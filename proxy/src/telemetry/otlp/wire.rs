//! Protocol Buffers, as far as writing OTLP needs them: tags, varints, fixed numbers, and what carries its length.

/// A message that is being written.
#[derive(Debug, Default)]
pub struct Message(Vec<u8>);

// === impl Message ===

impl Message {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The message as it goes over the wire.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The same with a text.
    #[must_use]
    pub fn text(self, field: u32, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    /// The same with bytes.
    #[must_use]
    pub fn bytes(mut self, field: u32, bytes: &[u8]) -> Self {
        self.tag(field, SIZED);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    /// The same with a message in it.
    #[must_use]
    pub fn message(self, field: u32, message: Self) -> Self {
        self.bytes(field, &message.0)
    }

    /// The same with several messages in it.
    #[must_use]
    pub fn messages(self, field: u32, messages: impl IntoIterator<Item = Self>) -> Self {
        messages.into_iter().fold(self, |all, message| all.message(field, message))
    }

    /// The same with a number of variable length.
    #[must_use]
    pub fn number(mut self, field: u32, number: u64) -> Self {
        self.tag(field, VARINT);
        self.varint(number);
        self
    }

    /// The same with a number of 64 bits.
    #[must_use]
    pub fn fixed(mut self, field: u32, number: u64) -> Self {
        self.tag(field, FIXED64);
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    /// The same with a number that may have a fraction.
    #[must_use]
    pub fn double(self, field: u32, number: f64) -> Self {
        self.fixed(field, number.to_bits())
    }

    /// The same with numbers of 64 bits, packed.
    #[must_use]
    pub fn packed(self, field: u32, numbers: impl IntoIterator<Item = u64>) -> Self {
        let bytes: Vec<u8> = numbers.into_iter().flat_map(u64::to_le_bytes).collect();
        self.bytes(field, &bytes)
    }

    fn tag(&mut self, field: u32, kind: u8) {
        self.varint((u64::from(field) << 3) | u64::from(kind));
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }
}

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const SIZED: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_written_as_the_encoding_has_them() {
        // The examples of the encoding's own guide: field 1 with 150; field 2 with `testing`.
        assert_eq!(Message::new().number(1, 150).into_bytes(), [0x08, 0x96, 0x01]);
        assert_eq!(Message::new().text(2, "testing").into_bytes(), b"\x12\x07testing");
        let within = Message::new().message(3, Message::new().number(1, 150));
        assert_eq!(within.into_bytes(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        assert_eq!(Message::new().packed(6, [1]).into_bytes(), [0x32, 8, 1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(Message::new().double(20, 1.0).into_bytes(), [0xa1, 0x01, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
    }
}
