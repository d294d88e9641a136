//! The changes that let a refused request through, each with its place in the configuration.

use super::report::{Change, Exchange, NearestRoute, StepOutcome};
use crate::config::{Written, WrittenPlaces};
use crate::cors::{ActualOutcome, CorsRequest, Policy, Remedy, Rule, remedies};
use crate::proxy::Snapshot;

/// The configuration, as far as changes of it are concerned.
pub(super) struct Changes<'a> {
    places: WrittenPlaces<'a>,
    snapshot: &'a Snapshot,
}

// === impl Changes ===

impl<'a> Changes<'a> {
    pub(super) fn of(snapshot: &'a Snapshot) -> Self {
        Self {
            places: Written::places(&snapshot.written),
            snapshot,
        }
    }

    /// Returns the changes after which the gateway permits a request, whose exchange is `exchange`, to a
    /// script that reads `reads`.
    pub(super) fn for_request(
        &self,
        exchange: &Exchange,
        request: &CorsRequest<'_>,
        credentials: bool,
        reads: &[String],
    ) -> Vec<Change> {
        if exchange.is_refused_before_cors() {
            return Vec::new();
        }
        if let Some(nearest) = exchange.nearest_to_take() {
            let words = format!("the nearest route; {}", nearest.unmet.join("; "));
            let path = self.path_of(&nearest.name);
            return path
                .map(|path| self.at(&format!("{path}.match"), words))
                .into_iter()
                .collect();
        }
        let mut routes = self.snapshot.routes();
        let Some(route) = routes.find(|route| route.name == exchange.route.name) else {
            return Vec::new();
        };
        match (&route.rule, self.path_of(&route.name)) {
            (Rule::Policies(policies), _) => {
                let (policy, remedies) = remedies(policies, request, credentials, reads);
                remedies
                    .into_iter()
                    .map(|remedy| self.of_remedy(policy, remedy))
                    .collect()
            }
            (Rule::Off, Some(path)) => {
                let path = format!("{path}.cors");
                let value = match self.places.find(&path).is_written {
                    true => "a policy's name",
                    false => "`cors:` with a policy's name",
                };
                let words = match exchange.written() {
                    Some(_) => format!("write {value}"),
                    None => format!("if the upstream sends no CORS headers itself, write {value}"),
                };
                vec![self.at(&path, words)]
            }
            (Rule::Passthrough, Some(path)) if exchange.written().is_some() => {
                let words = "no server is asked that could do CORS itself: write a policy's name";
                vec![self.at(&format!("{path}.cors"), words.to_owned())]
            }
            (Rule::Off | Rule::Passthrough | Rule::NoRoute(_), _) => Vec::new(),
        }
    }

    fn of_remedy(&self, policy: &Policy, remedy: Remedy) -> Change {
        let (key, values, nearest) = match remedy {
            Remedy::Script(change) => return Change::of_script(change),
            Remedy::Add {
                key,
                values,
                nearest,
            } => (key, values, nearest),
            Remedy::Set { key, value } => {
                let path = self.path_in(policy, key);
                let words = match self.places.find(&path).is_written {
                    true => format!("write `{value}`"),
                    false => format!("write `{key}: {value}`"),
                };
                return self.at(&path, words);
            }
        };
        let path = self.path_in(policy, key);
        let mut words = match self.places.find(&path).is_written {
            true => {
                let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
                format!("add {}", values.join(", "))
            }
            false => format!("write `{key}: [{}]`", values.join(", ")),
        };
        if key == "allow_origins" {
            // Explain can't know whose page it is.
            words.push_str(", if its pages may read this");
        }
        if let Some(nearest) = nearest {
            let place = self.places.element(&path, &nearest).and_then(|at| at.place);
            let line = place.map(|place| format!(" in line {}", place.line));
            let line = line.unwrap_or_default();
            words.push_str(&format!("; the nearest is `{nearest}`{line}"));
        }
        self.at(&path, words)
    }

    /// Makes a change of the value at `path`; if it is not written, at the value around it.
    fn at(&self, path: &str, change: String) -> Change {
        let found = self.places.find(path);
        Change {
            file: Some(self.places.file().display().to_string()),
            line: found.place.map(|place| place.line),
            column: found.place.map(|place| place.column),
            key: Some(found.path),
            change,
        }
    }

    /// Returns the path of a key of a policy, which has a name or is written inline in a route.
    fn path_in(&self, policy: &Policy, key: &str) -> String {
        let named = format!("policies.{}", policy.name());
        match self.places.find(&named).is_written {
            true => format!("{named}.{key}"),
            false => format!("{}.{key}", policy.name()),
        }
    }

    /// Returns the path of a configured route.
    fn path_of(&self, name: &str) -> Option<String> {
        let mut routes = self
            .snapshot
            .routes()
            .filter(|route| route.matches.is_some());
        let index = routes.position(|route| route.name == name)?;
        Some(format!("routes[{index}]"))
    }
}

// === impl Change ===

impl Change {
    fn of_script(change: String) -> Self {
        Self {
            file: None,
            line: None,
            column: None,
            key: None,
            change,
        }
    }
}

// === impl Exchange ===

impl Exchange {
    /// Returns the route that should take the request: the nearest one, if none does, or if the script gets an
    /// error that is written for requests which no other route takes.
    fn nearest_to_take(&self) -> Option<&NearestRoute> {
        let is_error = matches!(self.response.status, Some(400..));
        let is_written = self.written().is_some() && self.cause().is_none();
        let is_left_over = self.route.upstream.is_none() || (is_error && is_written);
        self.route.nearest.as_ref().filter(|_| is_left_over)
    }

    /// Whether the gateway refuses the request because of its origin.
    pub(super) fn is_blocked(&self) -> bool {
        self.outcome == ActualOutcome::Blocked.as_str()
    }

    /// Whether the request is refused whatever CORS says.
    fn is_refused_before_cors(&self) -> bool {
        let mut steps = self.steps.iter();
        steps.any(|step| step.step == super::exchange::REQUEST && step.result == StepOutcome::No)
    }
}
