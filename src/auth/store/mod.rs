//! All SQL of this service: `users`, `sign_in_codes`, `sessions`, `refresh_tokens`.

mod codes;
mod sealing;
mod seed;
mod sessions;
mod users;

pub use codes::{
    code_history, code_to_send, count_guess, delete_codes, insert_code, messages_sent, newest_code, repeat_code,
    use_code,
};
pub use sealing::{lock_open_phones, replace_open_phones};
pub use seed::{hold_users, is_rehearsal, seed_sessions, seed_users};
pub use sessions::{
    Life, SessionView, delete_refresh_tokens, delete_sessions, end_oldest_sessions, end_other_sessions, end_session,
    insert_refresh_token, insert_session, is_session_live, is_session_recent, live_sessions, lock_family,
    prolong_session, session_owner, use_refresh_token,
};
pub use users::{
    RecipientRow, change_profile, create_user, drop_unproven_passwords, is_open, is_restricted, language,
    lock_by_phone, lock_user, people, prove, recipient, record_rating, set_password, upsert_guest, upsert_unproven,
    user, user_by_phone,
};
