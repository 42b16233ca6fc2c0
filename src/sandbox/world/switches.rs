//! What is unsure about the real providers, or a matter of taste: settings of the world while it runs.

use serde::{Deserialize, Serialize};

use crate::time::Span;

/// How callbacks of MTN go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum CallbackMethod {
    /// As in the classic API.
    Put,
    /// As in newer products.
    Post,
}

/// All of them. A patch of some is laid over those in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switches {
    /// How long people take to answer a prompt, in milliseconds, where the number does not say otherwise.
    pub prompt_delay_ms: u32,
    /// What a provider keeps of a payment, in hundredths of a percent; nothing in euros.
    pub fee_basis_points: u32,
    /// What a provider takes for a payout, in francs.
    pub payout_fee: u32,
    /// How callbacks of MTN go out.
    pub callback_method: CallbackMethod,
    /// Whether the reason of a failure is an object instead of a word.
    pub reason_object: bool,
    /// Whether the codes of 46733123455 and above are told by the order (HTTP 500) instead of by the status.
    pub config_errors_on_post: bool,
    /// The status of a callback address that is not the registered one: 500 or 400.
    pub callback_host_status: u16,
    /// Whether a callback says FAILED of 46733123453 and 454 when they are ordered.
    pub callbacks_contradict: bool,
    /// Whether the account in francs may ask for a status only ten times a second, as others.
    pub limit_own_account: bool,
    /// Whether Airtel wants v2 signed; v3 must be.
    pub airtel_signing: bool,
    /// Whether Airtel's callbacks carry a hash.
    pub airtel_callback_hash: bool,
    /// Where Airtel calls back, as set in its portal.
    pub airtel_callback_url: Option<String>,
    /// Where the card gateway calls back if the order does not say.
    pub card_callback_url: Option<String>,
    /// Whether cards are paid without anybody at the page.
    pub card_auto_pay: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            prompt_delay_ms: 0,
            fee_basis_points: 100,
            payout_fee: 0,
            callback_method: CallbackMethod::Put,
            reason_object: false,
            config_errors_on_post: false,
            callback_host_status: 500,
            callbacks_contradict: false,
            limit_own_account: false,
            airtel_signing: false,
            airtel_callback_hash: true,
            airtel_callback_url: None,
            card_callback_url: None,
            card_auto_pay: false,
        }
    }
}

impl Switches {
    /// How long people take.
    pub fn prompt_delay(&self) -> Span {
        Span::from_millis(i64::from(self.prompt_delay_ms))
    }
}
