//! SQL of checking the books: each query answers what is wrong, and nothing where all is well.

use sqlx::{PgPool, Postgres, Transaction};

/// What is told of one check at most.
const FINDINGS_MAX: i64 = 100;

/// Each check: its name, and a query of one text for each fault, bound to how many at most.
pub const CHECKS: &[(&str, &str)] = &[
    (
        "kept_balances",
        "SELECT format('account %s (%s): the entries sum to %s / %s, kept is %s / %s', account.id, account.kind,
                       coalesce(summed.debit, 0), coalesce(summed.credit, 0), coalesce(kept.debit, 0), coalesce(kept.credit, 0))
         FROM ledger_accounts account
         LEFT JOIN (SELECT account_id, coalesce(sum(amount_rwf) FILTER (WHERE amount_rwf > 0), 0) AS debit,
                           coalesce(-sum(amount_rwf) FILTER (WHERE amount_rwf < 0), 0) AS credit
                    FROM ledger_entries GROUP BY account_id) summed ON summed.account_id = account.id
         LEFT JOIN (SELECT account_id, sum(debit_rwf) AS debit, sum(credit_rwf) AS credit
                    FROM ledger_balances GROUP BY account_id) kept ON kept.account_id = account.id
         WHERE (coalesce(summed.debit, 0), coalesce(summed.credit, 0)) <> (coalesce(kept.debit, 0), coalesce(kept.credit, 0))
         ORDER BY account.id LIMIT $1",
    ),
    (
        "balanced_transactions",
        "SELECT format('transaction %s (%s) is off by %s RWF', t.id, t.cause, summed.total)
         FROM (SELECT transaction_id, sum(amount_rwf) AS total FROM ledger_entries GROUP BY transaction_id
               HAVING sum(amount_rwf) <> 0) summed
         JOIN ledger_transactions t ON t.id = summed.transaction_id LIMIT $1",
    ),
    (
        "transactions_have_entries",
        "SELECT format('transaction %s (%s) has no entries', t.id, t.cause) FROM ledger_transactions t
         WHERE NOT EXISTS (SELECT FROM ledger_entries e WHERE e.transaction_id = t.id) LIMIT $1",
    ),
    (
        "attempts_are_captured",
        "SELECT format('collection %s (%s RWF by %s) succeeded and has %s captures and %s postings', a.id, a.amount_rwf,
                       a.provider, found.captures, found.postings)
         FROM payment_attempts a,
              LATERAL (SELECT (SELECT count(*) FROM payment_captures c WHERE c.attempt_id = a.id) AS captures,
                              (SELECT count(*) FROM ledger_transactions t
                               WHERE t.cause = 'attempt:' || a.id || ':capture') AS postings) found
         WHERE a.operation = 'collection' AND a.state = 'succeeded' AND (found.captures <> 1 OR found.postings <> 1) LIMIT $1",
    ),
    (
        "captures_are_of_successes",
        "SELECT format('capture %s is of collection %s, which is %s', c.id, a.id, a.state)
         FROM payment_captures c JOIN payment_attempts a ON a.id = c.attempt_id
         WHERE a.state <> 'succeeded' OR a.operation <> 'collection' LIMIT $1",
    ),
    (
        "captured_amounts",
        "SELECT format('collection %s is of %s RWF, its capture of %s, and %s was posted to %s', a.id, a.amount_rwf,
                       c.amount_rwf + c.surplus_rwf, coalesce(posted.amount, 0), a.provider || '_collection')
         FROM payment_captures c JOIN payment_attempts a ON a.id = c.attempt_id
         LEFT JOIN LATERAL (
             SELECT sum(e.amount_rwf) AS amount FROM ledger_transactions t
             JOIN ledger_entries e ON e.transaction_id = t.id
             JOIN ledger_accounts account ON account.id = e.account_id AND account.kind = a.provider || '_collection'
             WHERE t.cause = 'attempt:' || a.id || ':capture') posted ON true
         WHERE (c.amount_rwf + c.surplus_rwf, coalesce(posted.amount, 0)) <> (a.amount_rwf, a.amount_rwf) LIMIT $1",
    ),
    (
        "orders_are_posted",
        "SELECT format('%s %s succeeded and the books have neither %s:%s:paid nor :late', a.operation, a.id, a.operation, a.subject_id)
         FROM payment_attempts a
         WHERE a.operation IN ('refund', 'payout') AND a.state = 'succeeded'
               AND NOT EXISTS (SELECT FROM ledger_transactions t
                               WHERE t.cause IN (a.operation || ':' || a.subject_id || ':paid',
                                                 a.operation || ':' || a.subject_id || ':late',
                                                 a.operation || ':' || a.subject_id || ':late:' || replace(a.id::text, '-', '')))
         LIMIT $1",
    ),
    (
        "intents_are_paid_by_captures",
        "SELECT format('intent %s says %s RWF are paid, its captures come to %s', i.id, i.paid_rwf, coalesce(c.paid, 0))
         FROM payment_intents i
         LEFT JOIN (SELECT intent_id, sum(amount_rwf) AS paid FROM payment_captures GROUP BY intent_id) c ON c.intent_id = i.id
         WHERE i.paid_rwf <> coalesce(c.paid, 0) LIMIT $1",
    ),
    (
        "nothing_is_overdrawn",
        "SELECT format('account %s (%s of %s) is overdrawn by %s RWF', account.id, account.kind,
                       coalesce(account.owner_id::text, 'the house'), kept.balance)
         FROM ledger_accounts account
         JOIN (SELECT account_id, sum(debit_rwf - credit_rwf) AS balance FROM ledger_balances GROUP BY account_id) kept
             ON kept.account_id = account.id
         WHERE account.kind IN ('rider_credit', 'refunds_in_flight', 'payouts_in_flight') AND kept.balance > 0
               -- A correction may: that is what it is for.
               AND NOT EXISTS (SELECT FROM ledger_entries e JOIN ledger_transactions t ON t.id = e.transaction_id
                               WHERE e.account_id = account.id AND t.cause ~ '^(correction|case):')
         LIMIT $1",
    ),
    (
        "books_come_to_zero",
        "SELECT format('all balances come to %s RWF', sum(debit_rwf) - sum(credit_rwf)) FROM ledger_balances
         HAVING sum(debit_rwf) <> sum(credit_rwf) LIMIT $1",
    ),
];

/// The books at one moment, for as many queries as are asked of it.
pub async fn moment(pool: &PgPool) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await
}

/// What one check finds wrong.
pub async fn faults(
    moment: &mut Transaction<'static, Postgres>,
    sql: &'static str,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(sql).bind(FINDINGS_MAX).fetch_all(&mut **moment).await
}

/// How much was looked at: transactions, accounts, orders.
pub async fn sizes(moment: &mut Transaction<'static, Postgres>) -> Result<(i64, i64, i64), sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT (SELECT count(*) FROM ledger_transactions) AS "transactions!",
                  (SELECT count(*) FROM ledger_accounts) AS "accounts!",
                  (SELECT count(*) FROM payment_attempts) AS "attempts!""#
    )
    .fetch_one(&mut **moment)
    .await?;
    Ok((row.transactions, row.accounts, row.attempts))
}
