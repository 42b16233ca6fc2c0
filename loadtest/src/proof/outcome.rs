//! What a proof says: JSON for machines, the same as indented lines for people.

use serde::Serialize;
use serde_json::{Value, json};

use crate::measure::machine::Machine;
use crate::play::Stop;

/// The outcome of a scenario.
#[derive(Debug)]
pub struct Outcome {
    /// The JSON object.
    pub value: Value,
}

impl Outcome {
    /// Of a scenario's figures, with the machine they were seen on.
    ///
    /// # Errors
    /// When the figures are not JSON, which they are.
    pub fn new(scenario: &str, machine: &Machine, figures: &impl Serialize) -> Result<Self, Stop> {
        let figures = serde_json::to_value(figures).map_err(|err| Stop::Failed(err.to_string()))?;
        let mut value = json!({"scenario": scenario, "machine": machine});
        if let (Value::Object(all), Value::Object(figures)) = (&mut value, figures) {
            all.extend(figures);
        }
        Ok(Self { value })
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut text = String::new();
        lines(&self.value, 0, &mut text);
        text
    }
}

/// One line a figure; long lists, which are for plots, are left out.
fn lines(value: &Value, depth: usize, text: &mut String) {
    let Value::Object(fields) = value else { return };
    for (name, value) in fields {
        let indent = "  ".repeat(depth);
        match value {
            Value::Object(_) => {
                text.push_str(&format!("{indent}{name}\n"));
                lines(value, depth + 1, text);
            }
            Value::Array(items) if items.iter().any(|item| item.is_array() || item.is_object()) => {}
            Value::Array(items) => {
                let items: Vec<_> = items.iter().map(|item| item.to_string().trim_matches('"').to_owned()).collect();
                text.push_str(&format!("{indent}{name:<28} {}\n", items.join("  ")));
            }
            Value::String(words) => text.push_str(&format!("{indent}{name:<28} {words}\n")),
            other => text.push_str(&format!("{indent}{name:<28} {other}\n")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_the_same_figures_without_the_curves() {
        let figures = json!({"us": 1.5, "ok": true, "inner": {"rounds": [1, 2], "curve": [[1, 2]], "note": "x"}});
        let outcome = Outcome::new("idle", &Machine::default(), &figures).expect("is JSON");
        let table = outcome.table();
        for part in ["scenario", "us                           1.5", "  rounds                       1  2", "note"] {
            assert!(table.contains(part), "{part} in\n{table}");
        }
        assert!(!table.contains("curve"));
    }
}
