//! The receipt as a page: no script, nothing loaded from anywhere, and every text escaped.

use std::fmt::Write as _;

use super::words::{Word, of_tender};
use super::{Receipt, kigali};
use crate::money::Francs;

const STYLE: &str = "body{font:14px/1.4 sans-serif;max-width:34em;margin:2em auto;padding:0 1em;color:#111}\
table{width:100%;border-collapse:collapse;margin:1em 0}td,th{padding:.25em 0;text-align:left;vertical-align:top}\
td.n,th.n{text-align:right;white-space:nowrap}tr.sum td{border-top:1px solid #111;font-weight:bold}\
p.not{border:1px solid #111;padding:.5em;text-align:center;font-weight:bold}small{color:#444}\
@media print{body{margin:0;max-width:none}}";

/// Text as it may stand between tags and in attributes.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// `1 186 Frw`, with a space that does not break.
fn francs(amount: Francs) -> String {
    let digits = amount.amount().unsigned_abs().to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push('\u{a0}');
        }
        grouped.push(digit);
    }
    let sign = if amount < Francs::ZERO { "-" } else { "" };
    format!("{sign}{grouped}\u{a0}Frw")
}

fn row(out: &mut String, class: &str, name: &str, note: Option<&str>, value: &str) {
    let note = note.map(|note| format!("<br><small>{}</small>", escaped(note))).unwrap_or_default();
    let (name, value) = (escaped(name), escaped(value));
    let written = write!(out, "<tr{class}><td>{name}{note}</td><td class=\"n\">{value}</td></tr>");
    written.expect("writing to a string cannot fail");
}

impl Receipt {
    /// The page.
    pub(super) fn page(&self) -> String {
        let say = |word| self.say(word);
        let mut facts = String::new();
        let mut fact = |word, value: Option<String>| {
            if let Some(value) = value {
                row(&mut facts, "", say(word), None, &value);
            }
        };
        fact(Word::Ride, Some(self.short_reference()));
        fact(Word::Driver, self.ridden.driver.clone());
        fact(Word::Plate, self.ridden.plate.clone());
        fact(Word::From, self.ridden.pickup.clone());
        fact(Word::To, self.ridden.destination.clone());
        fact(Word::Distance, Some(format!("{:.1} km", f64::from(self.ridden.distance_m) / 1_000.0)));
        fact(Word::Booked, Some(kigali(self.ridden.requested_at)));
        fact(Word::Started, self.ridden.started_at.map(kigali));
        fact(Word::Ended, self.ridden.ended_at.map(kigali));

        let mut money = String::new();
        for line in &self.lines {
            let letter = format!("{} {}", say(Word::Letter), line.tax.letter);
            row(&mut money, "", say(line.word), Some(&letter), &francs(line.amount));
        }
        row(&mut money, " class=\"sum\"", say(Word::Total), None, &francs(self.total));
        for piece in &self.paid {
            let reference = piece.reference.as_ref().map(|text| format!(", {} {text}", say(Word::Reference)));
            let note = format!("{}{}", kigali(piece.at), reference.unwrap_or_default());
            row(&mut money, "", say(of_tender(&piece.tender)), Some(&note), &francs(piece.amount));
            if piece.surplus > Francs::ZERO {
                row(&mut money, "", say(Word::ToCredit), None, &francs(piece.surplus));
            }
        }
        row(&mut money, " class=\"sum\"", say(Word::Paid), None, &francs(self.total_paid));
        if self.due() > Francs::ZERO {
            row(&mut money, "", say(Word::Due), None, &francs(self.due()));
        }
        for back in &self.refunds {
            let reference = back.reference.as_ref().map(|text| format!(", {} {text}", say(Word::Reference)));
            let note = format!("{}{}", kigali(back.at), reference.unwrap_or_default());
            row(&mut money, "", say(Word::Refund), Some(&note), &francs(Francs(-back.amount.amount())));
        }

        let mut taxes = String::new();
        for total in &self.taxes {
            let percent = f64::from(total.tax.rate_basis_points) / 100.0;
            let cells = format!(
                "<tr><td>{} ({percent} %)</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
                total.tax.letter,
                francs(total.amount),
                francs(total.included)
            );
            taxes.push_str(&cells);
        }
        let seller = [
            Some(self.seller.seller.clone()),
            self.seller.tin.as_ref().map(|tin| format!("TIN {tin}")),
            self.seller.address.clone(),
        ];
        let seller = seller.into_iter().flatten().collect::<Vec<_>>().join(", ");
        format!(
            "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
             content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style></head><body><h1>{title}</h1>\
             <p>{}: {}</p><table>{facts}</table><table>{money}</table><table><tr><th>{} · {}</th><th class=\"n\">{}</th>\
             <th class=\"n\">{}</th></tr>{taxes}</table><p class=\"not\">{}</p><p><small>{}: {}</small></p></body></html>",
            self.language.as_str(),
            escaped(say(Word::Seller)),
            escaped(&seller),
            escaped(say(Word::Tax)),
            escaped(say(Word::Letter)),
            escaped(say(Word::Amount)),
            escaped(say(Word::Tax)),
            escaped(say(Word::NotFiscal)),
            escaped(say(Word::Issued)),
            kigali(self.issued_at),
            title = escaped(say(Word::Receipt)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_cannot_become_a_tag() {
        assert_eq!(escaped("<b onclick='x'>\"A&B\"\u{0}"), "&lt;b onclick=&#39;x&#39;&gt;&quot;A&amp;B&quot; ");
    }

    #[test]
    fn francs_are_grouped_by_three() {
        for (amount, text) in [(0, "0 Frw"), (999, "999 Frw"), (1_186, "1 186 Frw"), (-1_234_567, "-1 234 567 Frw")] {
            assert_eq!(francs(Francs(amount)).replace('\u{a0}', " "), text);
        }
    }
}
