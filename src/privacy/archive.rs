//! A ZIP of JSON, written a part at a time: pure but for the memory it fills.
//!
//! Separate because it alone knows the format. An archive has a largest size: whoever adds a part asks first whether there
//! is room, so that memory is bounded whatever a person has.

use std::io::{Cursor, Write};

use serde_json::Value;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::error::Error;
use crate::personal::Part;

/// An archive that is being written.
pub struct Archive {
    zip: ZipWriter<Cursor<Vec<u8>>>,
    files: Vec<String>,
}

impl Archive {
    /// An empty one.
    pub fn new() -> Self {
        Self { zip: ZipWriter::new(Cursor::new(Vec::new())), files: Vec::new() }
    }

    /// Writes a part as one file. Takes as long as compressing takes: not for a thread that answers requests.
    ///
    /// # Errors
    /// When the format does not take it.
    pub fn add(&mut self, part: &Part) -> Result<(), Error> {
        self.write(&part.file, &part.content)?;
        self.files.push(part.file.clone().into_owned());
        Ok(())
    }

    /// The names of what was added, in order.
    pub fn files(&self) -> &[String] {
        &self.files
    }

    /// Bytes written so far.
    pub fn size_bytes(&self) -> usize {
        self.zip.get_ref().map_or(0, |cursor| cursor.get_ref().len())
    }

    /// The archive whole, with its manifest.
    ///
    /// # Errors
    /// When the format does not take it.
    pub fn finish(mut self, manifest: &Value) -> Result<Vec<u8>, Error> {
        self.write("README.json", manifest)?;
        Ok(self.zip.finish().map_err(Error::internal)?.into_inner())
    }

    fn write(&mut self, name: &str, content: &Value) -> Result<(), Error> {
        self.zip.start_file(name, SimpleFileOptions::default()).map_err(Error::internal)?;
        // By line, so that a large file can be read without special tools.
        let mut text = Vec::new();
        match content {
            Value::Array(rows) if !rows.is_empty() => {
                for (index, row) in rows.iter().enumerate() {
                    text.extend_from_slice(if index == 0 { b"[\n" } else { b",\n" });
                    serde_json::to_writer(&mut text, row).map_err(Error::internal)?;
                }
                text.extend_from_slice(b"\n]");
            }
            other => serde_json::to_writer_pretty(&mut text, other).map_err(Error::internal)?,
        }
        text.push(b'\n');
        self.zip.write_all(&text).map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_added_comes_out_as_json_under_its_name() {
        let mut archive = Archive::new();
        let (empty, rows) = (json!([]), json!([{"a": 1}, {"a": "é"}]));
        archive.add(&Part::new("empty.json", empty.clone())).expect("written");
        archive.add(&Part::new("positions/2026-01-02.json", rows.clone())).expect("written");
        assert_eq!(archive.files(), ["empty.json", "positions/2026-01-02.json"]);
        let bytes = archive.finish(&json!({"made": "now"})).expect("finished");
        let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).expect("a ZIP");
        let mut read = |name: &str| -> Value {
            let mut text = String::new();
            zip.by_name(name).expect("is there").read_to_string(&mut text).expect("text");
            serde_json::from_str(&text).expect("JSON")
        };
        assert_eq!(read("empty.json"), empty);
        assert_eq!(read("positions/2026-01-02.json"), rows);
        assert_eq!(read("README.json"), json!({"made": "now"}));
    }
}
