//! One request with its route and the decision about it, whichever lane it came by.
//!
//! *Invariant:* every lane and explain ask here, so that none can refuse, decide, answer or count
//! differently. The policy's opinion ([`Routed::decision`]) and the deed ([`Routed::step`]) are two
//! values: a request can be refused, or forwarded, whatever its policy says.

use super::answer::Answer;
use super::check::{RequestError, check, check_body, check_client, check_length};
use super::facts::{Facts, Target};
use super::forward;
use super::noted::{Noted, SPAN_FIELDS};
use super::record::{Connection, Record};
use super::request_id::RequestId;
use super::rewrite;
use super::snapshot::{Route, RouteId, Snapshot};
use crate::access_log::AccessLog;
use crate::config::LogFields;
use crate::cors::{
    ActualOutcome, CorsRequest, Decision, HeaderPlan, Outcome, PreflightDecision, Reason,
    Rejection, RequestKind, SingleValue, WrittenAnswer, decide, default_port, host_and_port,
};
use crate::framing::{Encoding, GrpcWeb};
use crate::rejections::Rejected;
use crate::routing::{RouteRequest, Search, TooManyReadings, each_reading, single_line};
use crate::traces::Span;
use http::{HeaderValue, StatusCode};
use std::collections::BTreeMap;
use std::time::Instant;

/// A request, the route it takes, and what its rule says.
pub(crate) struct Routed<'a> {
    route_id: RouteId,
    route: &'a Route,
    request: &'a CorsRequest<'a>,
    facts: &'a Facts<'a>,
    snapshot: &'a Snapshot,
    decision: Decision<'a>,
    settled: Option<Settled>,
    /// The headers by which the route was chosen, which a cache has to know; see [`Routed::vary`].
    vary: Option<HeaderValue>,
}

/// The deed that follows from the decision.
pub(crate) enum Step<'a> {
    /// The gateway answers it.
    Answer(Answer<'a>),
    /// The route's upstream is asked; the plan is for its response.
    Forward(HeaderPlan),
}

/// An answer that neither CORS nor the route has a say in.
#[derive(Debug, Clone)]
enum Settled {
    Refused(RequestError),
    /// `OPTIONS *`: RFC 9110 §9.3.7.
    AboutTheServer,
    /// The listener sends everything but preflights to https.
    Redirected(HeaderValue),
}

// === impl Routed ===

impl<'a> Routed<'a> {
    /// Finds the route and decides. Counts nothing: a lane may still leave the request to another.
    pub(crate) fn of(snapshot: &'a Snapshot, facts: &'a Facts<'a>) -> Self {
        let bounded = check_length(facts.header, &snapshot.limits);
        let request = facts.route_request(bounded.is_ok(), snapshot.preflight_method);
        let search = snapshot.search(&request);
        let found = search.find(&facts.path);
        let route_id = snapshot.found(found.route);
        let route = snapshot.route(route_id);
        let listener = snapshot.listener(facts.client.via);
        let checked = bounded.and_then(|()| check(facts));
        let checked = checked.and_then(|()| check_client(facts, listener));
        let checked = checked.and_then(|()| check_readings(snapshot, facts, &search, route));
        let most = route.limits.max_request_body_bytes;
        let checked = checked.and_then(|()| check_body(facts, most));
        let checked = checked.and_then(|()| rewrite::check_target(facts, &route.edits));
        let redirect = listener.and_then(|listener| listener.https_redirect_port);
        // A request that is refused has a decision, too: its answer carries CORS headers.
        let mut decision = decide(&route.rule, facts.cors);
        let settled = match (checked, redirect) {
            (Err(error), _) => Some(Settled::Refused(error)),
            (Ok(()), _) if facts.is_about_the_server() => Some(Settled::AboutTheServer),
            (Ok(()), Some(port)) if facts.cors.kind() != RequestKind::Preflight => {
                Some(match https_location(facts, port) {
                    Ok(location) => Settled::Redirected(location),
                    Err(error) => Settled::Refused(error),
                })
            }
            (Ok(()), _) if decision.blocks_others() && !is_from_own_origin(snapshot, facts) => {
                decision.block();
                Some(Settled::Refused(RequestError::OriginBlocked))
            }
            (Ok(()), _) => None,
        };
        Self {
            route_id,
            route,
            request: facts.cors,
            facts,
            snapshot,
            decision,
            settled,
            // A preflight's answer is not cached, and says already that it depends on what is asked.
            vary: found
                .vary
                .filter(|_| facts.cors.kind() != RequestKind::Preflight),
        }
    }

    pub(crate) fn route(&self) -> &'a Route {
        self.route
    }

    /// Refuses the request for a reason that lies in the state of the gateway and not in the request.
    pub(crate) fn refuse(&mut self, error: RequestError) {
        self.settled = Some(Settled::Refused(error));
    }

    /// The error that the request is refused with, whatever its route.
    pub(crate) fn error(&self) -> Option<RequestError> {
        match self.settled {
            Some(Settled::Refused(error)) => Some(error),
            Some(Settled::AboutTheServer | Settled::Redirected(_)) | None => None,
        }
    }

    /// Whether the request is sent to https.
    pub(crate) fn is_redirected(&self) -> bool {
        matches!(self.settled, Some(Settled::Redirected(_)))
    }

    /// The plan for the CORS headers of the response, the upstream's or the gateway's own.
    pub(crate) fn plan(&self) -> HeaderPlan {
        self.decision.plan()
    }

    /// The names that the response's Vary has because routes are told apart by these headers. `None`
    /// if none are.
    pub(crate) fn vary(&self) -> Option<HeaderValue> {
        self.vary.clone()
    }

    /// Whether the request is refused because of its origin.
    pub(crate) fn is_blocked(&self) -> bool {
        self.error() == Some(RequestError::OriginBlocked)
    }

    /// Returns the scheme of the request's own origin.
    pub(crate) fn own_scheme(&self) -> &'static str {
        own_scheme(self.snapshot, self.facts)
    }

    /// Says whether the request, if it is forwarded, is translated from gRPC-Web, and how.
    pub(crate) fn grpc_web(&self) -> Option<GrpcWeb> {
        match self.route.grpc_web {
            true => self.asks_in_grpc_web(),
            false => None,
        }
    }

    /// Says whether the request is in gRPC-Web, whether or not its route translates it.
    pub(crate) fn asks_in_grpc_web(&self) -> Option<GrpcWeb> {
        let fields = self.facts.fields;
        let content_type = single_line(fields, "content-type", <[u8]>::to_vec)?;
        let mut accepted = None;
        fields.for_each_line_reversed("accept", &mut |line| {
            accepted = Encoding::accepted(line).or(accepted);
            true
        });
        GrpcWeb::of(self.request.method, &content_type, accepted)
    }

    /// The outcome that is counted. A settled request has none: what it would have been under CORS
    /// cannot be trusted. That of a blocked one is why it is settled.
    pub(crate) fn outcome(&self) -> Outcome {
        match self.settled {
            Some(Settled::Refused(RequestError::OriginBlocked)) | None => self.decision.outcome(),
            Some(_) => Outcome::NONE,
        }
    }

    /// Returns the answer that the operator wrote, if the request goes to an upstream that is only an answer.
    pub(crate) fn written(&self) -> Option<&'a WrittenAnswer> {
        let is_asked = match (&self.settled, &self.decision) {
            (Some(_), _) => false,
            (None, Decision::Preflight(preflight)) => {
                matches!(preflight, PreflightDecision::PassedThrough(..))
            }
            (None, Decision::Actual(_)) => true,
        };
        self.route.written().filter(|_| is_asked)
    }

    /// Whether an upstream of HTTP/1.1 is asked, and gets what the client sends: only such requests are forwarded by
    /// the express lane.
    pub(crate) fn is_relayed(&self) -> bool {
        let cluster = self.route.cluster();
        cluster.is_some_and(|cluster| !cluster.is_http2())
            && matches!(self.step(), Step::Forward(_))
            && self.grpc_web().is_none()
    }

    /// Says what is done with the request.
    pub(crate) fn step(&self) -> Step<'a> {
        if let Some(written) = self.written() {
            let answer = self.answer(written.status).with_json(&written.body);
            return Step::Answer(answer.without_own_field());
        }
        Step::Answer(match (&self.settled, &self.decision) {
            (Some(Settled::Refused(error)), _) => self.refusal(*error),
            (Some(Settled::AboutTheServer), _) => self.answer(StatusCode::NO_CONTENT),
            (Some(Settled::Redirected(to)), _) => {
                self.answer(StatusCode::PERMANENT_REDIRECT).at(to.clone())
            }
            (None, Decision::Preflight(preflight)) => match preflight {
                PreflightDecision::Handled(answer, _)
                | PreflightDecision::Rejected(_, Rejection::Answer(answer), _) => {
                    Answer::to_preflight(*answer)
                }
                PreflightDecision::Rejected(Reason::NoRoute, ..) => {
                    self.answer(StatusCode::NOT_FOUND)
                }
                PreflightDecision::Rejected(_, Rejection::Deny, _) => {
                    self.answer(StatusCode::FORBIDDEN)
                }
                PreflightDecision::Rejected(_, Rejection::Respond(written), _) => {
                    self.answer(written.status).with_json(&written.body)
                }
                PreflightDecision::PassedThrough(_, plan) => return Step::Forward(*plan),
            },
            (None, Decision::Actual(actual)) if self.route.cluster().is_some() => {
                return Step::Forward(actual.plan);
            }
            (None, Decision::Actual(_)) => self.answer(StatusCode::NOT_FOUND),
        })
    }

    /// Makes an answer with the CORS fields of the decision.
    fn answer(&self, status: StatusCode) -> Answer<'a> {
        let (rule, plan) = (&self.route.rule, self.plan());
        Answer::planned(status, rule, plan, self.request, self.vary())
    }

    /// Makes the answer to a request that is refused.
    fn refusal(&self, error: RequestError) -> Answer<'a> {
        self.answer(error.status()).refused_for(error)
    }

    /// Takes the request on, in the lane that will answer or forward it: what the client may send is less
    /// by one, which can be too much. Makes the record of the request, whose header had come at
    /// `started`, and notes it among the rejections if it is one: the record outlives what the client
    /// sent.
    ///
    /// Each request has one record, and so it counts once, however many lanes have looked at it.
    pub(crate) fn commit(&mut self, started: Instant) -> Record {
        if self.error().is_none()
            && let Some(rate) = &self.route.limits.rate
            && let Err(wait) = rate.take(self.facts, &self.snapshot.trusted_proxies, started)
        {
            self.refuse(RequestError::RateLimited {
                retry_after: wait.seconds(),
            });
        }
        let (outcome, reason) = (self.outcome(), self.reason());
        match reason {
            None | Some(Reason::Allowed | Reason::RoutePassthrough) => {}
            Some(reason) => self.note_rejection(reason, started),
        }
        let log = self.snapshot.access_log.as_ref().map(AccessLog::fields);
        let span = self.span();
        let is_sampled = span.is_some_and(|span| span.context.is_sampled());
        let told = log.into_iter().chain(is_sampled.then_some(SPAN_FIELDS));
        let noted = |fields| Box::new(Noted::of(self.facts, self.snapshot, fields));
        Record {
            route: self.route_id,
            kind: match outcome {
                // OPTIONS that is rejected because it is not one counts as one: the gateway answers it.
                Outcome::Preflight(..) => RequestKind::Preflight,
                Outcome::Actual(_) => self.request.kind(),
            },
            outcome,
            reason,
            plan: self.plan(),
            error: self.error(),
            started,
            request_id: (log.is_some() || self.tells_id())
                .then(|| RequestId::of(self.facts.fields)),
            connection: Connection::of(self.facts.client),
            noted: told.reduce(LogFields::union).map(noted),
            span,
        }
    }

    /// Begins the span of a request that is forwarded.
    fn span(&self) -> Option<Span> {
        let traces = self.snapshot.traces.as_ref()?;
        // Told from the others at once: most requests are preflights that the gateway answers.
        let is_forwarded = self.tells_id() && matches!(self.step(), Step::Forward(_));
        is_forwarded.then(|| traces.begin(self.facts.fields, self.own_scheme()))?
    }

    /// Whether the client or an upstream is told the request's id. Scripts can't read the answer to a preflight.
    fn tells_id(&self) -> bool {
        let is_passed_through = matches!(
            self.decision,
            Decision::Preflight(PreflightDecision::PassedThrough(..))
        );
        is_passed_through || self.request.kind() != RequestKind::Preflight
    }

    /// Returns the reason for a preflight's outcome, and for a denial.
    fn reason(&self) -> Option<Reason> {
        match self.outcome() {
            Outcome::Preflight(_, reason) => Some(reason),
            // Where no policy gives a reason, no route is the reason.
            Outcome::Actual(ActualOutcome::Denied | ActualOutcome::Blocked) => {
                Some(self.plan().reason().unwrap_or(Reason::NoRoute))
            }
            Outcome::Actual(_) => None,
        }
    }

    fn note_rejection(&self, reason: Reason, now: Instant) {
        let request = self.request;
        let rejected = Rejected {
            route: &self.route.name,
            reason,
            origin: request.origin,
            method: match request.kind() {
                RequestKind::Preflight => request.request_method,
                RequestKind::NotCors | RequestKind::Actual => SingleValue::One(request.method),
            },
            path: &self.facts.path,
        };
        let names = self.route.rule.refused_names(self.plan(), request);
        self.snapshot.rejections.note(&rejected, names, now);
    }
}

/// Whether the request comes from a page of its own origin: scheme, host and port.
fn is_from_own_origin(snapshot: &Snapshot, facts: &Facts<'_>) -> bool {
    facts.cors.is_from_own_origin(own_scheme(snapshot, facts))
}

fn own_scheme(snapshot: &Snapshot, facts: &Facts<'_>) -> &'static str {
    forward::scheme(facts.client, facts.fields, &snapshot.trusted_proxies)
}

/// Returns the URL of https that has the resource that a request of http asks for.
fn https_location(facts: &Facts<'_>, port: u16) -> Result<HeaderValue, RequestError> {
    let Target::Path(path) = facts.target else {
        return Err(RequestError::BadTarget);
    };
    let authority = str::from_utf8(facts.host).map_err(|_| RequestError::BadHost)?;
    let (host, _) = host_and_port(authority);
    if host.is_empty() {
        // An HTTP/1.0 client need not say which.
        return Err(RequestError::NoHost);
    }
    let mut location = format!("https://{host}");
    if Some(port) != default_port("https") {
        location.push_str(&format!(":{port}"));
    }
    location.push_str(path);
    if let Some(query) = facts.query {
        location.push('?');
        location.push_str(query);
    }
    HeaderValue::try_from(location).map_err(|_| RequestError::BadTarget)
}

/// The facts by which `Routed` finds the route.
pub(crate) fn route_request<'a>(snapshot: &Snapshot, facts: &'a Facts<'a>) -> RouteRequest<'a> {
    let is_within_bounds = check_length(facts.header, &snapshot.limits).is_ok();
    facts.route_request(is_within_bounds, snapshot.preflight_method)
}

/// Returns the other readings of a request's path, each once, with the routes that they would take.
pub(crate) fn readings<'a>(
    snapshot: &'a Snapshot,
    facts: &Facts<'_>,
) -> BTreeMap<String, &'a Route> {
    let mut readings = BTreeMap::new();
    let request = route_request(snapshot, facts);
    let search = snapshot.search(&request);
    if let Target::Path(_) = facts.target {
        // Those that are too many are not known: the refusal says so.
        let _ = each_reading(&facts.path, |path| {
            let route = snapshot.route(snapshot.found(search.find(path).route));
            readings.insert(String::from_utf8_lossy(path).into_owned(), route);
            true
        });
    }
    readings
}

/// Refuses a path that some server reads otherwise, if the route of such a reading has another rule
/// than `route`: the backend could serve what that other rule is for.
fn check_readings(
    snapshot: &Snapshot,
    facts: &Facts<'_>,
    search: &Search<'_>,
    route: &Route,
) -> Result<(), RequestError> {
    let Target::Path(_) = facts.target else {
        return Ok(());
    };
    let mut is_same = true;
    let read = each_reading(&facts.path, |path| {
        let other = snapshot.route(snapshot.found(search.find(path).route));
        is_same = other.rule.is_same(&route.rule);
        is_same
    });
    match read {
        Ok(()) if is_same => Ok(()),
        Err(TooManyReadings) if snapshot.has_one_rule() => Ok(()),
        Ok(()) | Err(TooManyReadings) => Err(RequestError::AmbiguousPath),
    }
}
