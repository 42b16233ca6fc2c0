//! The life of a driver's standing: who may do what to it, from where. Pure.

use crate::error::Error;
use crate::notifications::Key;

/// Where a driver stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DriverStatus)]
pub enum Status {
    /// Papers wait for review.
    Pending,
    /// May drive.
    Approved,
    /// Papers were not accepted; new ones may be sent.
    Rejected,
    /// May not drive until an admin says so.
    Suspended,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Approved, Self::Rejected, Self::Suspended];

    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Suspended => "suspended",
        }
    }

    /// From the word on the wire and in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// Where a driver stands after sending papers that differ from those before. A suspension is not shaken off by
    /// sending new papers.
    pub const fn after_new_papers(self) -> Self {
        match self {
            Self::Pending | Self::Approved | Self::Rejected => Self::Pending,
            Self::Suspended => Self::Suspended,
        }
    }
}

/// What a suspension came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuspendedFor {
    /// An admin decided it, and an admin ends it.
    Decision,
    /// A paper's last day passed; it ends when the papers were renewed and approved.
    Expiry,
}

impl SuspendedFor {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::Expiry => "expiry",
        }
    }

    /// From the word in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Decision, Self::Expiry].into_iter().find(|known| known.as_str() == name)
    }
}

/// What an admin decides about a driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The papers are fine.
    Approve,
    /// The papers are not fine, for this reason.
    Reject(String),
    /// No rides until further notice, for this reason.
    Suspend(String),
    /// The suspension is over.
    Restore,
}

impl Decision {
    /// Where a driver stands after the decision, from where and, of a suspension, for what; `expired` is a paper of theirs
    /// whose last day has passed. A suspension for a paper's end, which ends by itself, may become one that does not.
    ///
    /// # Errors
    /// [`Error::Conflict`] with code `wrong_state` when it cannot be taken from there, or `papers_expired` when it would
    /// let somebody drive with a paper that is no longer good.
    pub fn apply(
        &self,
        (from, suspended_for): (Status, Option<SuspendedFor>),
        expired: Option<&str>,
    ) -> Result<Status, Error> {
        let to = match (self, from) {
            (Self::Approve, Status::Pending | Status::Rejected) => Status::Approved,
            (Self::Reject(_), Status::Pending) => Status::Rejected,
            (Self::Suspend(_), Status::Approved | Status::Pending) => Status::Suspended,
            (Self::Suspend(_), Status::Suspended) if suspended_for == Some(SuspendedFor::Expiry) => Status::Suspended,
            (Self::Restore, Status::Suspended) => Status::Approved,
            _ => {
                let message = format!("a driver who is {} cannot be {}", from.as_str(), self.done());
                return Err(Error::conflict("wrong_state", message));
            }
        };
        if let Some(paper) = expired.filter(|_| to == Status::Approved) {
            return Err(Error::conflict("papers_expired", format!("the driver's {paper} has expired")));
        }
        Ok(to)
    }

    /// Why, where the driver is told.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Reject(reason) | Self::Suspend(reason) => Some(reason),
            Self::Approve | Self::Restore => None,
        }
    }

    /// What is recorded of it.
    pub const fn action(&self) -> &'static str {
        match self {
            Self::Approve => "drivers.approved",
            Self::Reject(_) => "drivers.rejected",
            Self::Suspend(_) => "drivers.suspended",
            Self::Restore => "drivers.restored",
        }
    }

    /// What the driver is told.
    pub const fn message(&self) -> Key {
        match self {
            Self::Approve => Key::AccountApproved,
            Self::Reject(_) => Key::AccountRejected,
            Self::Suspend(_) => Key::AccountSuspended,
            Self::Restore => Key::AccountRestored,
        }
    }

    const fn done(&self) -> &'static str {
        match self {
            Self::Approve => "approved",
            Self::Reject(_) => "rejected",
            Self::Suspend(_) => "suspended",
            Self::Restore => "restored",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_lead_where_the_table_says_and_nowhere_else() {
        use Status::{Approved, Pending, Rejected, Suspended};
        let table = [
            (Decision::Approve, [Some(Approved), None, Some(Approved), None]),
            (Decision::Reject("blurred".into()), [Some(Rejected), None, None, None]),
            (Decision::Suspend("complaints".into()), [Some(Suspended), Some(Suspended), None, None]),
            (Decision::Restore, [None, None, None, Some(Approved)]),
        ];
        for (decision, expected) in table {
            for (from, expected) in [Pending, Approved, Rejected, Suspended].into_iter().zip(expected) {
                let to = decision.apply((from, Some(SuspendedFor::Decision)), None);
                match expected {
                    Some(expected) => assert_eq!(to.expect("allowed"), expected, "{decision:?} from {from:?}"),
                    None => assert_eq!(to.expect_err("refused").code(), "wrong_state", "{decision:?} from {from:?}"),
                }
            }
        }
        let harder = Decision::Suspend("complaints".into()).apply((Suspended, Some(SuspendedFor::Expiry)), None);
        assert_eq!(harder.expect("allowed"), Suspended);
    }

    #[test]
    fn nobody_is_let_drive_with_an_expired_paper() {
        let approve = Decision::Approve.apply((Status::Pending, None), Some("insurance")).expect_err("expired");
        assert_eq!(
            (approve.code(), approve.to_string().as_str()),
            ("papers_expired", "the driver's insurance has expired")
        );
        assert!(Decision::Restore.apply((Status::Suspended, None), Some("insurance")).is_err());
        assert!(Decision::Reject("late".into()).apply((Status::Pending, None), Some("insurance")).is_ok());
    }
}
