//! How people pay, and through whom.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ledger::Account;
use crate::phone::Operator;

/// How a rider pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentMethod {
    /// To the driver, in the street.
    Cash,
    /// From a wallet of MTN MoMo, by a prompt on the phone.
    MtnMomo,
    /// From a wallet of Airtel Money, by a prompt on the phone.
    AirtelMoney,
    /// On a page of the card gateway.
    Card,
}

impl PaymentMethod {
    /// Every method.
    pub const ALL: [Self; 4] = [Self::Cash, Self::MtnMomo, Self::AirtelMoney, Self::Card];

    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cash => "cash",
            Self::MtnMomo => "mtn_momo",
            Self::AirtelMoney => "airtel_money",
            Self::Card => "card",
        }
    }

    /// From the name on the wire and in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }

    /// Who is asked for the money; nobody for cash.
    pub const fn provider(self) -> Option<ProviderId> {
        match self {
            Self::Cash => None,
            Self::MtnMomo => Some(ProviderId::Mtn),
            Self::AirtelMoney => Some(ProviderId::Airtel),
            Self::Card => Some(ProviderId::Card),
        }
    }
}

/// Who moves money for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProviderId {
    /// MTN MoMo.
    Mtn,
    /// Airtel Money.
    Airtel,
    /// The gateway for cards.
    Card,
}

impl ProviderId {
    /// Every provider.
    pub const ALL: [Self; 3] = [Self::Mtn, Self::Airtel, Self::Card];

    /// The name on the wire, in the database and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mtn => "mtn",
            Self::Airtel => "airtel",
            Self::Card => "card",
        }
    }

    /// From the name on the wire and in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.as_str() == name)
    }

    /// Whose wallet a number most likely is; people may say otherwise, since numbers move between networks.
    pub const fn of_operator(operator: Operator) -> Self {
        match operator {
            Operator::Mtn => Self::Mtn,
            Operator::Airtel => Self::Airtel,
        }
    }

    /// Where collected money lies.
    pub const fn collection(self) -> Account {
        match self {
            Self::Mtn => Account::MtnCollection,
            Self::Airtel => Account::AirtelCollection,
            Self::Card => Account::CardCollection,
        }
    }

    /// Where payouts and refunds are paid from.
    pub const fn disbursement(self) -> Account {
        match self {
            Self::Mtn => Account::MtnDisbursement,
            Self::Airtel => Account::AirtelDisbursement,
            // A card is credited by the gateway from what it collected.
            Self::Card => Account::CardCollection,
        }
    }
}

/// What a payer chose at booking besides the method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Plan {
    /// One of the payer's saved methods; the payer's own telephone when left out.
    pub saved_method: Option<Uuid>,
    /// Credit is used first.
    pub uses_credit: bool,
    /// A promotion that was reserved for this ride.
    pub promotion: Option<Uuid>,
}

impl Default for Plan {
    fn default() -> Self {
        Self { saved_method: None, uses_credit: true, promotion: None }
    }
}
