//! Planted bugs: what the rules are there to catch. Each is a mistake of the world around the desk (the shard's loop, the store's
//! reader, the clock), made where a program would make it; no line of the program itself is changed for it.

use crate::rules::Rule;

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// What was decided is told before it is written.
    SpeaksBeforeWriting,
    /// A commit that timed out is taken for written.
    GivesUpRetrying,
    /// A refused command is answered as done.
    AcksRefusals,
    /// Nobody wakes the desk when a deadline is due.
    SleepsThroughDeadlines,
    /// The time is read once, and used long after.
    StaleClock,
    /// A ride is written with a driver who has another one.
    AssignsTwice,
    /// A next ride is written as one under way.
    ForgetsNext,
    /// A next ride is written with a driver who has one.
    NextTwice,
    /// An offer goes out to a driver who has one.
    OffersTwice,
    /// A rider's new ride is written although the old one goes on.
    RequestsTwice,
    /// A fact is left out of the batch.
    LosesAFact,
    /// The stream begins anew after a restart.
    RestartsTheStream,
    /// A restart loses a live ride.
    LosesARide,
    /// A restart forgets who passed on a ride.
    ForgetsWhoPassed,
    /// A restart takes an ended ride for a live one.
    RaisesTheDead,
    /// A restart gives two rides one driver.
    SharesADriver,
    /// What went wrong with the store is never over.
    NeverCommits,
    /// Nobody is told that an offer ended.
    SwallowsWithdrawals,
    /// The winner of a race is told before the losers.
    WinnersFirst,
    /// A driver who was released is not told.
    SwallowsReleases,
    /// A restart tells again with the ride as it is now.
    TellsTheEndAgain,
}

impl Bug {
    /// All of them, and the rules one of which must catch it.
    pub const ALL: [(Self, &'static [Rule]); 21] = [
        (Self::SpeaksBeforeWriting, &[Rule::SaidIsWritten]),
        (Self::GivesUpRetrying, &[Rule::SaidIsWritten, Rule::Acknowledged]),
        (Self::AcksRefusals, &[Rule::Acknowledged]),
        (Self::SleepsThroughDeadlines, &[Rule::OffersEnd, Rule::Drains]),
        (Self::StaleClock, &[Rule::Deadlines]),
        (Self::AssignsTwice, &[Rule::OneUnderWay]),
        (Self::ForgetsNext, &[Rule::OneUnderWay]),
        (Self::NextTwice, &[Rule::OneNext]),
        (Self::OffersTwice, &[Rule::OneOffer]),
        (Self::RequestsTwice, &[Rule::OneForRider]),
        (Self::LosesAFact, &[Rule::AppendOnly, Rule::SaidIsWritten]),
        (Self::RestartsTheStream, &[Rule::StreamGrows]),
        (Self::LosesARide, &[Rule::Restored]),
        (Self::ForgetsWhoPassed, &[Rule::NotAskedAgain]),
        (Self::RaisesTheDead, &[Rule::Audit, Rule::Restored, Rule::AppendOnly]),
        (Self::SharesADriver, &[Rule::Audit]),
        (Self::NeverCommits, &[Rule::Drains]),
        (Self::SwallowsWithdrawals, &[Rule::AppsKnow]),
        (Self::WinnersFirst, &[Rule::LosersFirst]),
        (Self::SwallowsReleases, &[Rule::AppsKnow]),
        (Self::TellsTheEndAgain, &[Rule::ToldAgain]),
    ];
}
