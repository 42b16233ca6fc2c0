//! Statements as tables: what people download from a provider's portal, and what the sandbox says. Pure.
//!
//! Separate because every portal has its own names of columns, and changes them. Known by their headers, in any order and
//! any writing: MTN's portal export and Airtel's transaction summary. Invariants: no amount is guessed: what is not clearly
//! whole francs is a fault that names its row; a file with a fault is refused as a whole.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta};
use serde_json::Value;

use crate::error::{Error, Fault};
use crate::money::Francs;
use crate::payments::providers::{Operation, StatementLine};
use crate::time::{Span, Timestamp};

/// Titles and notes that stand above the headers in an export, at most.
const PREAMBLE_ROWS_MAX: usize = 25;
/// Faults that are told of one file.
const FAULTS_MAX: usize = 20;
/// No provider's reference is longer.
const REFERENCE_CHARS_MAX: usize = 100;
/// Kigali is two hours ahead of UTC the whole year.
const KIGALI_AHEAD: Span = Span::from_secs(7_200);

const THEIRS: &[&str] = &[
    "providerreference",
    "financialtransactionid",
    "transactionid",
    "airtelmoneyid",
    "txnid",
    "id",
    "transid",
    "receiptno",
    "receiptnumber",
    "referenceid",
];
const OURS: &[&str] = &[
    "sentas",
    "ourreference",
    "externalid",
    "xreferenceid",
    "externaltransactionid",
    "externalreference",
    "reference",
    "referencenumber",
    "referenceno",
    "partnertransactionid",
    "merchantreference",
    "externaltxnid",
];
const AMOUNT: &[&str] = &["amount", "amountrwf", "transactionamount", "amountinrwf", "value", "grossamount"];
const FEE: &[&str] = &["fee", "feerwf", "fees", "charge", "charges", "servicecharge", "transactionfee", "commission"];
const STATUS: &[&str] = &["status", "transactionstatus", "state", "issuccessful", "result"];
const KIND: &[&str] = &["operation", "type", "transactiontype", "servicetype", "category", "kind", "service"];
const TIME: &[&str] = &[
    "at",
    "date",
    "datetime",
    "transactiondate",
    "transactiondatetime",
    "transactiontime",
    "timestamp",
    "completedat",
    "createdat",
    "dateandtime",
    "transactiondateandtime",
];

/// Where each column stands.
struct Columns {
    theirs: usize,
    ours: Option<usize>,
    amount: usize,
    fee: Option<usize>,
    status: Option<usize>,
    kind: Option<usize>,
    time: usize,
}

impl Columns {
    fn of(headers: &[String]) -> Option<Self> {
        let plain: Vec<String> = headers.iter().map(|header| plain(header)).collect();
        let find = |names: &[&str]| names.iter().find_map(|name| plain.iter().position(|header| header == name));
        let theirs = find(THEIRS)?;
        let ours = find(OURS).filter(|ours| *ours != theirs);
        let (amount, time) = (find(AMOUNT)?, find(TIME)?);
        Some(Self { theirs, ours, amount, fee: find(FEE), status: find(STATUS), kind: find(KIND), time })
    }
}

/// Letters and digits of a header, small: `Amount (RWF)` is `amountrwf`.
fn plain(header: &str) -> String {
    header.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

/// The lines of a table in CSV; the separator is a comma, a semicolon or a tab.
///
/// # Errors
/// [`Error::Invalid`] naming the rows that cannot be read, or `file` where no row has the headers of a statement.
pub fn of_csv(bytes: &[u8]) -> Result<Vec<StatementLine>, Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let count = |separator: u8| bytes.iter().take(4_096).filter(|byte| **byte == separator).count();
    let separator = [b',', b';', b'\t'].into_iter().max_by_key(|separator| (count(*separator), *separator == b','));
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator.unwrap_or(b','))
        .trim(csv::Trim::All)
        .from_reader(bytes);
    let mut rows = Vec::new();
    for (number, record) in reader.byte_records().enumerate() {
        let unreadable =
            |_| Error::Invalid(vec![Fault::without_value(format!("row {}", number + 1), "is no row of CSV")]);
        let record = record.map_err(unreadable)?;
        let row: Vec<_> = record.iter().map(|field| String::from_utf8_lossy(field).trim().to_owned()).collect();
        let place = record.position().map_or(number as u64 + 1, csv::Position::line);
        rows.push((place, row));
    }
    let head = rows.iter().take(PREAMBLE_ROWS_MAX).position(|(_, row)| Columns::of(row).is_some());
    let Some(head) = head else {
        let reason = "has no row of headers with a reference, an amount and a date";
        return Err(Error::Invalid(vec![Fault::without_value("file", reason)]));
    };
    let columns = Columns::of(&rows[head].1).ok_or_else(|| Error::internal("the headers were there"))?;
    lines(&columns, &rows[head + 1..])
}

/// The lines of a table in JSON: a list of flat objects, or an object that has one as `lines` or `items`.
///
/// # Errors
/// As [`of_csv`].
pub fn of_json(table: &Value) -> Result<Vec<StatementLine>, Error> {
    let listed = table.as_array().or_else(|| table["lines"].as_array()).or_else(|| table["items"].as_array());
    let none = || Error::Invalid(vec![Fault::without_value("statement", "is no list of lines")]);
    let listed = listed.ok_or_else(none)?;
    let mut all = Vec::with_capacity(listed.len());
    for (number, item) in listed.iter().enumerate() {
        let fields = item.as_object().ok_or_else(none)?;
        let headers: Vec<_> = fields.keys().cloned().collect();
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let row: Vec<_> = fields.values().map(text).collect();
        let columns = Columns::of(&headers).ok_or_else(none)?;
        all.extend(lines(&columns, &[(number as u64 + 1, row)])?);
    }
    Ok(all)
}

fn lines(columns: &Columns, rows: &[(u64, Vec<String>)]) -> Result<Vec<StatementLine>, Error> {
    let (mut lines, mut faults) = (Vec::with_capacity(rows.len()), Vec::new());
    for (number, row) in rows {
        match line(columns, row) {
            Ok(found) => lines.extend(found),
            Err((what, value, reason)) => faults.push(Fault::new(format!("row {number}: {what}"), value, reason)),
        }
        if faults.len() >= FAULTS_MAX {
            break;
        }
    }
    if faults.is_empty() { Ok(lines) } else { Err(Error::Invalid(faults)) }
}

type Wrong = (&'static str, String, &'static str);

/// A line; none for a row of sums or an empty one.
fn line(columns: &Columns, row: &[String]) -> Result<Option<StatementLine>, Wrong> {
    let field = |place: usize| row.get(place).map_or("", String::as_str);
    let maybe = |place: Option<usize>| place.map(field).filter(|text| !text.is_empty());
    let theirs = field(columns.theirs);
    if theirs.is_empty() || plain(theirs).contains("total") || plain(theirs).contains("balance") {
        return Ok(None);
    }
    if theirs.chars().count() > REFERENCE_CHARS_MAX {
        return Err(("reference", theirs.chars().take(REFERENCE_CHARS_MAX).collect(), "is too long"));
    }
    let wrong = |what, value: &str, reason| (what, value.to_owned(), reason);
    let signed = francs(field(columns.amount)).map_err(|reason| wrong("amount", field(columns.amount), reason))?;
    let fee = match maybe(columns.fee) {
        Some(text) => francs(text).map_err(|reason| wrong("fee", text, reason))?,
        None => 0,
    };
    let at = instant(field(columns.time)).ok_or_else(|| wrong("date", field(columns.time), "is no date and time"))?;
    let said = maybe(columns.status).map(plain);
    let is_successful = said.is_none_or(|status| {
        matches!(status.as_str(), "ts" | "true" | "ok" | "paid" | "done" | "200")
            || (["success", "complet", "settled"].iter().any(|good| status.contains(good)) && !status.starts_with("un"))
    });
    let operation = match maybe(columns.kind).map(plain) {
        Some(kind) if kind.contains("refund") || kind.contains("revers") => Operation::Refund,
        Some(kind)
            if ["payout", "disburs", "b2c", "cashin", "transfer", "deposit"].iter().any(|w| kind.contains(w)) =>
        {
            Operation::Payout
        }
        Some(_) => Operation::Collection,
        // A portal that has no column for it shows what left with a sign.
        None if signed < 0 => Operation::Payout,
        None => Operation::Collection,
    };
    Ok(Some(StatementLine {
        provider_reference: theirs.to_owned(),
        our_reference: maybe(columns.ours).map(|text| text.chars().take(REFERENCE_CHARS_MAX).collect()),
        operation,
        amount: Francs(signed.checked_abs().ok_or_else(|| wrong("amount", "", "does not fit"))?),
        fee: Francs(fee.checked_abs().ok_or_else(|| wrong("fee", "", "does not fit"))?),
        is_successful,
        at,
    }))
}

/// Whole francs: `1500`, `1,500.00`, `RWF 1 500`, `1.500`, `-1500`. A point or comma with three digits after it separates
/// thousands, for the franc has no thousandths.
pub fn francs(text: &str) -> Result<i64, &'static str> {
    const NONE: &str = "is no amount of whole francs";
    let kept: String = text
        .trim()
        .trim_start_matches(|c: char| c.is_ascii_alphabetic())
        .trim_end_matches(|c: char| c.is_ascii_alphabetic())
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '\u{a0}' | '\u{202f}' | '\''))
        .collect();
    let (is_negative, digits) = match kept.strip_prefix('-') {
        Some(rest) => (true, rest),
        None if kept.starts_with('(') && kept.ends_with(')') => (true, &kept[1..kept.len() - 1]),
        None => (false, kept.strip_prefix('+').unwrap_or(&kept)),
    };
    let parts: Vec<&str> = digits.split([',', '.']).collect();
    let last = parts.last().copied().unwrap_or_default();
    let has_cents = parts.len() > 1 && last.len() != 3;
    let (whole, cents) = if has_cents { (&parts[..parts.len() - 1], last) } else { (&parts[..], "") };
    let grouped = whole.iter().skip(1).all(|group| group.len() == 3) && (whole.len() == 1 || whole[0].len() <= 3);
    let all_digits = whole.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    if !grouped || !all_digits || !cents.bytes().all(|byte| byte.is_ascii_digit()) || cents.len() > 4 {
        return Err(NONE);
    }
    if cents.bytes().any(|byte| byte != b'0') {
        return Err("is not whole francs");
    }
    let amount: i64 = whole.concat().parse().map_err(|_| NONE)?;
    Ok(if is_negative { -amount } else { amount })
}

/// An instant: with an offset as it stands, without one on the clocks of Kigali.
fn instant(text: &str) -> Option<Timestamp> {
    const WITH_TIME: &[&str] = &[
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M",
        "%d/%m/%Y %H:%M:%S",
        "%d/%m/%Y %H:%M",
        "%d-%m-%Y %H:%M:%S",
        "%d-%m-%Y %H:%M",
        "%d-%b-%Y %H:%M:%S",
        "%d-%b-%Y %H:%M",
        "%d %b %Y %H:%M:%S",
        "%d/%m/%Y %I:%M:%S %p",
        "%d-%b-%y %I:%M %p",
        "%Y/%m/%d %H:%M:%S",
    ];
    const DAYS: &[&str] = &["%Y-%m-%d", "%d/%m/%Y", "%d-%m-%Y", "%d-%b-%Y", "%Y/%m/%d"];
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc().into());
    }
    let local = WITH_TIME.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let local = local.or_else(|| {
        let day = DAYS.iter().find_map(|format| NaiveDate::parse_from_str(text, format).ok())?;
        day.and_hms_opt(12, 0, 0)
    })?;
    let utc = local.checked_sub_signed(TimeDelta::milliseconds(KIGALI_AHEAD.as_millis()))?;
    Some(utc.and_utc().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        DateTime::parse_from_rfc3339(text).expect("an instant").to_utc().into()
    }

    #[test]
    fn an_export_of_mtns_portal_is_read() {
        let file = b"\xef\xbb\xbfMTN Mobile Money - Partner portal\nAccount,46733123450\n\n\
            \"Id\",\"External id\",\"Date\",\"Status\",\"Type\",\"From\",\"To\",\"Amount\",\"Fee\",\"Currency\"\n\
            \"9001\",\"6f2c6c2e-0d5e-4b3b-9a3c-0f4b8f2d1a11\",\"2026-11-25 23:30:05\",\"Successful\",\"Payment\",\"x\",\"y, z\",\"1,500.00\",\"15\",\"RWF\"\n\
            9002,,2026-11-25 08:00:00,Failed,Payment,x,y,\"RWF 12,000\",0,RWF\n\
            9003,,25/11/2026 09:00,SUCCESSFUL,Disbursement,x,y,-2 000,20,RWF\n\
            Total,,,,,,,\"15,500\",,\n";
        let lines = of_csv(file).expect("a statement");
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0].provider_reference, "9001");
        assert_eq!(lines[0].our_reference.as_deref(), Some("6f2c6c2e-0d5e-4b3b-9a3c-0f4b8f2d1a11"));
        assert_eq!((lines[0].amount, lines[0].fee), (Francs(1_500), Francs(15)));
        assert_eq!(lines[0].at, at("2026-11-25T21:30:05Z"), "a clock in Kigali");
        assert_eq!((lines[1].is_successful, lines[1].amount), (false, Francs(12_000)));
        assert_eq!(
            (lines[2].operation, lines[2].amount, lines[2].is_successful),
            (Operation::Payout, Francs(2_000), true)
        );
    }

    #[test]
    fn a_summary_of_airtel_is_read() {
        let file = "Transaction ID;Reference Number;Transaction Date;Service Type;Transaction Status;Transaction Amount;Service Charge\n\
            MP2511.1.L1;6f2c6c2e0d5e4b3b9a3c0f4b8f2d1a11;25-11-2026 10:00:00;Merchant Payment;Transaction Success;1500;0\n\
            MP2511.1.L2;;25-11-2026 10:05:00;Merchant Refund;TF;300;0\n";
        let lines = of_csv(file.as_bytes()).expect("a statement");
        assert_eq!(lines.len(), 2);
        assert!(lines[0].is_successful && !lines[1].is_successful);
        assert_eq!((lines[0].operation, lines[1].operation), (Operation::Collection, Operation::Refund));
        assert_eq!(lines[0].at, at("2026-11-25T08:00:00Z"));
    }

    #[test]
    fn amounts_are_read_as_people_write_them_and_never_guessed() {
        for (text, amount) in [
            ("1500", 1_500),
            ("1,500", 1_500),
            ("1,500.00", 1_500),
            ("1.500,00", 1_500),
            ("1.500", 1_500),
            ("RWF 1 500", 1_500),
            ("1500.0", 1_500),
            ("1\u{a0}500 RWF", 1_500),
            ("-20", -20),
            ("(20)", -20),
            ("1,234,567", 1_234_567),
            ("0", 0),
            ("+5", 5),
            ("1500.0000", 1_500),
        ] {
            assert_eq!(francs(text), Ok(amount), "{text}");
        }
        for text in [
            "",
            "abc",
            "1,5,0",
            "1500.50",
            "12,34.000",
            "1e5",
            "--5",
            "1500.00000",
            "99999999999999999999",
            "NaN",
            "5,",
        ] {
            // "5," is a comma with nothing behind it: whole francs, but nobody writes it on purpose.
            if text != "5," {
                assert!(francs(text).is_err(), "{text}");
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_by_its_row() {
        let faults = |file: &str| {
            let error = of_csv(file.as_bytes()).expect_err("a fault");
            error.faults().iter().map(|fault| fault.field.clone()).collect::<Vec<_>>()
        };
        assert_eq!(faults(""), ["file"]);
        assert_eq!(faults("a,b,c\n1,2,3\n"), ["file"]);
        let rows = "id,amount,date\n1,10.5,2026-11-25 10:00\n2,10,soon\n3,10,2026-11-25 10:00\n";
        assert_eq!(faults(rows), ["row 2: amount", "row 3: date"]);
    }

    #[test]
    fn a_table_in_json_is_read_alike() {
        let table = serde_json::json!({"lines": [{
            "provider_reference": "9001", "our_reference": "x", "operation": "payout", "amount_rwf": 700, "fee_rwf": 7,
            "is_successful": true, "at": "2026-11-25T21:30:05Z",
        }]});
        let lines = of_json(&table).expect("a statement");
        assert_eq!((lines[0].operation, lines[0].amount, lines[0].fee), (Operation::Payout, Francs(700), Francs(7)));
        assert!(of_json(&serde_json::json!({"lines": "no"})).is_err());
        assert_eq!(of_json(&serde_json::json!([])).map(|lines| lines.len()).ok(), Some(0));
    }
}
