//! All SQL of this service: `users`, `sign_in_codes`, `sessions`, `refresh_tokens`, `second_factors`, `recovery_codes`,
//! `throttles`, `phone_proofs`, `partners`.

mod agencies;
mod codes;
mod partners;
mod phones;
mod proofs;
mod sealing;
mod second_factors;
mod seed;
mod sessions;
mod throttles;
mod users;

pub use agencies::{lock_official, set_agency};
pub use codes::{
    Guess, code_history, code_to_send, count_guess, delete_codes, insert_code, messages_sent, newest_code, repeat_code,
    use_all_codes, use_code,
};
pub use partners::{count_partners, insert_partner, partners, revoke_partner, use_partner};
pub use phones::{delete_unproven, is_guest, set_phone};
pub use proofs::{
    ProofToSend, count_proof_guess, delete_proofs, hold_phone, insert_proof, newest_proof, proof_history,
    proof_to_send, repeat_proof, use_all_proofs, use_proof,
};
pub use sealing::{lock_open_phones, replace_open_phones};
pub use second_factors::{
    confirm_factor, delete_factor, give_factor, has_factor, is_factor_given, lock_second_factor, put_pending,
    put_recovery_codes, recovery_codes_left, second_factor, use_recovery_code, use_step,
};
pub use seed::{hold_users, is_rehearsal, seed_sessions, seed_users};
pub use sessions::{
    Life, SessionView, delete_refresh_tokens, delete_sessions, end_all_sessions, end_due_sessions, end_oldest_sessions,
    end_other_sessions, end_session, ended_since, insert_refresh_token, insert_session, is_session_live,
    is_session_recent, live_sessions, lock_family, prolong_session, session_owner, use_refresh_token,
    use_session_tokens,
};
pub use throttles::{begin_attempt, delete_throttles, forgive_attempts, take_attempt_back, waits_until};
pub use users::{
    NewNationalId, RecipientRow, UserRow, change_profile, create_user, disable, drop_unproven_passwords, full_name,
    is_open, is_restricted, language, lock_by_phone, lock_user, people, prove, recipient, record_rating, set_password,
    upsert_guest, upsert_unproven, user, user_by_phone,
};
