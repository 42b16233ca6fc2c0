//! Who asks in the access matrix, and the things that are theirs.
//!
//! Two of everything: a rider, a driver and an agent whose things are "one's own", and a second set of people whose things
//! are "somebody else's". A new kind of thing is one field, one line in `KINDS`, and its making in `gather`.

use serde_json::{Value, json};

use crate::api::Api;
use crate::house::House;
use crate::onboarding::{jpeg, paper, send_file};
use crate::patience::eventually;
use crate::people::{ADMIN_PASSWORD, OFFICIAL_PASSWORD, Person, fresh_phone, text};

const AGENT_PASSWORD: &str = "telefoni ku meza yanjye";

/// The columns of the table.
pub const CALLERS: &[&str] = &["nobody", "customer", "driver", "admin", "government", "agent"];

/// What nobody has.
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// Whose ids stand in a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The caller's, or of those the caller may deal with.
    Own,
    /// Somebody else's.
    Others,
}

/// A kind of thing with an id.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Session,
    Notification,
    Ride,
    AgentRide,
    Offer,
    Rider,
    Driver,
    Zone,
    Incident,
    Closure,
    Job,
    /// Somebody who signed up and does nothing: what an admin does to them ends nobody's questions.
    Bystander,
    /// A driver with a paper that waits.
    Applicant,
    Document,
    Export,
    Hold,
    Partner,
    Breach,
    /// No id: a number that anybody may write.
    Plain(&'static str),
}

/// Which kind a placeholder in a path is of: the first line whose beginning and placeholder fit.
const KINDS: &[(&str, &str, Kind)] = &[
    ("/auth/sessions/", "{id}", Kind::Session),
    ("/notifications/", "{id}", Kind::Notification),
    ("/drivers/me/riders/", "{id}", Kind::Rider),
    ("/riders/me/drivers/", "{id}", Kind::Driver),
    ("/rides/", "{id}", Kind::Ride),
    ("/rides/", "{n}", Kind::Plain("1")),
    ("/offers/", "{offer_id}", Kind::Offer),
    ("/agent/rides/", "{id}", Kind::AgentRide),
    ("/admin/rides/", "{id}", Kind::Ride),
    ("/admin/promotions/", "{id}", Kind::Plain(NOBODY)),
    ("/drivers/me/documents/", "{kind}", Kind::Plain("photo")),
    ("/admin/drivers/{id}/documents/", "{id}", Kind::Applicant),
    ("/admin/drivers/", "{id}", Kind::Driver),
    ("/admin/drivers/", "{document_id}", Kind::Document),
    ("/admin/driver-appeals/", "{id}", Kind::Plain(NOBODY)),
    ("/admin/adjustments/", "{id}", Kind::Plain(NOBODY)),
    ("/admin/payouts/", "{id}", Kind::Plain(NOBODY)),
    ("/admin/refunds/", "{id}", Kind::Plain(NOBODY)),
    ("/drivers/me/payouts/", "{id}", Kind::Plain(NOBODY)),
    ("/riders/me/payment-methods/", "{id}", Kind::Plain(NOBODY)),
    ("/admin/incidents/", "{id}", Kind::Incident),
    ("/admin/geofences/", "{id}", Kind::Zone),
    ("/admin/stages/", "{id}", Kind::Zone),
    ("/admin/stages/", "{driver_id}", Kind::Driver),
    ("/admin/road-closures/", "{id}", Kind::Closure),
    ("/admin/jobs/", "{id}", Kind::Job),
    ("/admin/payments/", "{id}", Kind::Plain(NOBODY)),
    ("/admin/payment-providers/", "{provider}", Kind::Plain("mtn")),
    ("/callbacks/mtn/", "{token}", Kind::Plain("0000")),
    ("/admin/money-cases/", "{id}", Kind::Plain(NOBODY)),
    ("/admin/cooperatives/", "{name}", Kind::Plain("nobodys")),
    ("/admin/reconciliation/", "{provider}", Kind::Plain("mtn")),
    ("/admin/breaches/", "{id}", Kind::Breach),
    ("/admin/tariffs/", "{id}", Kind::Plain(NOBODY)),
    ("/admin/terms/", "{id}", Kind::Plain(NOBODY)),
    ("/me/consents/", "{purpose}", Kind::Plain("marketing")),
    ("/me/exports/", "{id}", Kind::Export),
    ("/admin/privacy/people/", "{purpose}", Kind::Plain("marketing")),
    ("/admin/privacy/people/", "{id}", Kind::Bystander),
    ("/admin/privacy/exports/", "{id}", Kind::Export),
    ("/admin/privacy/holds/", "{id}", Kind::Hold),
    ("/admin/partners/", "{id}", Kind::Partner),
    // A number that changes takes the person's sessions away, and with a caller's the rest of the table.
    ("/admin/users/", "{id}", Kind::Bystander),
];

/// Somebody who asks.
pub struct Caller {
    pub role: &'static str,
    pub api: Api,
    session: String,
    notification: String,
    export: String,
}

/// Ids of the things of one set of people.
struct Things {
    session: String,
    notification: String,
    ride: String,
    agent_ride: String,
    offer: String,
    rider: String,
    driver: String,
    zone: String,
    incident: String,
    closure: String,
    job: String,
    bystander: String,
    applicant: String,
    document: String,
    export: String,
    hold: String,
    partner: String,
    breach: String,
}

/// Everybody, and everything.
pub struct Cast {
    pub callers: Vec<Caller>,
    own: Things,
    others: Things,
}

/// The people of one set.
struct People {
    rider: Person,
    driver: Person,
    agent: Person,
}

impl Cast {
    /// Makes two sets of people, each with a ride under way.
    pub async fn gather(house: &House) -> Self {
        let (mine, own) = set(house).await;
        let (_, others) = set(house).await;
        // An admin of its own: it signs out in the end.
        let (admin, official) = (Person::admin(house).await, Person::official(house).await);
        let nobody = Caller {
            role: CALLERS[0],
            api: house.api(),
            session: own.session.clone(),
            notification: own.notification.clone(),
            export: own.export.clone(),
        };
        let mut callers = vec![nobody];
        let signed_in = [&mine.rider, &mine.driver, &admin, &official, &mine.agent];
        for (role, person) in CALLERS[1..].iter().zip(signed_in) {
            callers.push(Caller {
                role,
                api: person.api.clone(),
                session: second_session(house, person).await,
                notification: first(person, "/notifications").await,
                export: export(person).await,
            });
        }
        Self { callers, own, others }
    }

    /// The path with ids in it.
    pub fn path(&self, template: &str, caller: &Caller, whose: Whose) -> String {
        let parts = template.split('/').map(|part| {
            if !part.starts_with('{') {
                return part.to_owned();
            }
            let kind = KINDS.iter().find(|(start, name, _)| template.starts_with(start) && *name == part);
            let kind = kind.unwrap_or_else(|| panic!("{template}: say in cast::KINDS what {part} is")).2;
            self.id(kind, caller, whose)
        });
        parts.collect::<Vec<_>>().join("/")
    }

    fn id(&self, kind: Kind, caller: &Caller, whose: Whose) -> String {
        let things = if whose == Whose::Own { &self.own } else { &self.others };
        let id = match kind {
            Kind::Session if whose == Whose::Own => &caller.session,
            Kind::Session => &things.session,
            Kind::Notification if whose == Whose::Own => &caller.notification,
            Kind::Notification => &things.notification,
            Kind::Ride => &things.ride,
            Kind::AgentRide => &things.agent_ride,
            Kind::Offer => &things.offer,
            Kind::Rider => &things.rider,
            Kind::Driver => &things.driver,
            Kind::Zone => &things.zone,
            Kind::Incident => &things.incident,
            Kind::Closure => &things.closure,
            Kind::Job => &things.job,
            Kind::Bystander => &things.bystander,
            Kind::Applicant => &things.applicant,
            Kind::Document => &things.document,
            Kind::Export if whose == Whose::Own => &caller.export,
            Kind::Export => &things.export,
            Kind::Hold => &things.hold,
            Kind::Partner => &things.partner,
            Kind::Breach => &things.breach,
            Kind::Plain(text) => return text.to_owned(),
        };
        id.clone()
    }
}

/// One set of people: a ride that a driver has taken, a booking of an agent, and what else can be pointed at.
async fn set(house: &House) -> (People, Things) {
    let (corner, admin) = (house.corner().await, house.admin().await);
    let people = People {
        driver: Person::driver_at(house, corner.pickup).await,
        rider: Person::rider(house).await,
        agent: agent(house).await,
    };
    let ride = people.rider.book(&corner.booking()).await;
    let offer = people.driver.offer().await;
    people.driver.accept_offer().await;
    let elsewhere = house.corner().await;
    let call = json!({
        "rider": {"phone": fresh_phone(), "first_name": "Keza", "language": "en"},
        "pickup": elsewhere.pickup.json(), "destination": elsewhere.destination.json(),
    });
    let agent_ride = people.agent.api.post("/agent/rides", &call).await.expect(201);
    let incident = json!({"kind": "accident", "severity": "low", "description": "we slid"});
    let incident = people.rider.api.post("/safety/incidents", &incident).await.expect(201);
    let zone = admin.api.post("/admin/geofences", &super::bodies::zone(house.corner().await.pickup)).await.expect(201);
    let (bystander, applicant) = (Person::rider(house).await, Person::applicant(house).await);
    let erasure = format!("/admin/privacy/people/{}/erasure", bystander.id);
    admin.api.post(&erasure, &json!({"reason": "for the matrix"})).await.expect(202);
    send_file(&applicant, "photo", "image/jpeg", jpeg(640, 480)).await.expect(200);
    let hold = json!({"kind": "ride", "subject": ride["id"], "reason": "for the matrix"});
    let hold = admin.api.post("/admin/privacy/holds", &hold).await.expect(201);
    let program = admin.api.post("/admin/partners", &super::bodies::body("POST /admin/partners")).await.expect(201);
    let breach = admin.api.post("/admin/breaches", &super::bodies::body("POST /admin/breaches")).await.expect(201);
    let id = |value: &Value| text(&value["id"]).to_owned();
    let notification = eventually("a notification", async || {
        Some(first(&people.driver, "/notifications").await).filter(|id| id != NOBODY)
    });
    let things = Things {
        session: first(&people.rider, "/auth/sessions").await,
        notification: notification.await,
        ride: id(&ride),
        agent_ride: id(&agent_ride),
        offer: text(&offer["offer_id"]).to_owned(),
        rider: people.rider.id.clone(),
        driver: people.driver.id.clone(),
        zone: id(&zone),
        incident: id(&incident),
        // There is no map in this house, and so nothing to close.
        closure: NOBODY.to_owned(),
        job: first(&admin, "/admin/jobs").await,
        export: export(&bystander).await,
        bystander: bystander.id,
        document: id(&paper(&applicant, "photo").await),
        applicant: applicant.id,
        hold: id(&hold),
        partner: id(&program),
        breach: id(&breach),
    };
    (people, things)
}

/// An export of a person's own data, made and ready.
async fn export(person: &Person) -> String {
    let asked = person.api.post_empty("/me/export").await.expect(202);
    eventually("an export", async || {
        let exports = person.api.get("/me/export").await.expect(200);
        (exports["items"][0]["state"] == "ready").then_some(())
    })
    .await;
    text(&asked["id"]).to_owned()
}

/// Somebody who books for people who call, made by the admin.
async fn agent(house: &House) -> Person {
    let (phone, password) = (fresh_phone(), AGENT_PASSWORD);
    let body = json!({
        "phone": phone, "first_name": "Diane", "last_name": "Ingabire", "role": "agent", "password": password,
    });
    house.admin().await.api.post("/admin/users", &body).await.expect(201);
    Person::with_password(house, &phone, password).await
}

/// Signs somebody in on another device: a session of one's own that can be ended without losing the token in use.
async fn second_session(house: &House, person: &Person) -> String {
    let password = "isaha ya kabiri";
    for known in [None, Some(ADMIN_PASSWORD), Some(OFFICIAL_PASSWORD), Some(AGENT_PASSWORD)] {
        let body = json!({"current_password": known, "new_password": password});
        if person.api.put("/me/password", &body).await.status == 204 {
            break;
        }
    }
    house.api().post("/auth/login", &json!({"phone": person.phone, "password": password})).await.expect(200);
    let sessions = person.api.get("/auth/sessions").await.expect(200);
    let other = sessions["items"].as_array().expect("a list").iter().find(|item| item["is_current"] == false);
    text(&other.expect("two devices")["id"]).to_owned()
}

/// A partner's program with these scopes.
pub async fn partner(house: &House, scopes: &[&str]) -> Api {
    let body = json!({"name": "City of Kigali", "scopes": scopes});
    let made = house.admin().await.api.post("/admin/partners", &body).await.expect(201);
    let ask = json!({"partner_id": made["id"], "secret": made["secret"]});
    let token = house.api().post("/auth/partner/token", &ask).await.expect(200);
    house.api().with_token(text(&token["access_token"]))
}

/// The id of the first thing in a list; nobody's when there is none.
async fn first(person: &Person, list: &str) -> String {
    let page = person.api.get(list).await.expect(200);
    page["items"][0]["id"].as_str().unwrap_or(NOBODY).to_owned()
}
