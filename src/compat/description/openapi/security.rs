//! The security requirements of a document: the operations that need a key or a token.

use crate::compat::description::model::{Demand, DemandKind, Kind};
use crate::compat::description::reader::Reader;
use crate::config::{Shape, TreeValue};
use std::collections::HashMap;

const SECURITY: &str = "security";
/// An extension that adds requirements with audiences.
const EXTENSION: &str = "x-security";

/// The requirements of a document.
pub(super) struct Security<'t> {
    kind: Kind,
    /// The names of schemes that are API keys.
    keys: Vec<&'t str>,
    /// The requirements of operations without some of their own.
    default: Option<TreeValue<'t>>,
    demands: Vec<Demand>,
    /// The index of a demand, by its place among the values.
    index: HashMap<(DemandKind, String), usize>,
}

// === impl Security ===

impl<'t> Security<'t> {
    pub(super) fn read(reader: &mut Reader<'_>, root: TreeValue<'t>, kind: Kind) -> Self {
        let schemes = match kind {
            Kind::OpenApi3 => reader
                .mapping(root, "components")
                .and_then(|components| reader.mapping(components, "securitySchemes")),
            _ => reader.mapping(root, "securityDefinitions"),
        };
        let schemes = schemes.map(TreeValue::entries).unwrap_or_default();
        let is_key = |scheme: &TreeValue<'_>| {
            let kind = scheme.get("type").and_then(TreeValue::written);
            kind == Some("apiKey")
        };
        let keys = schemes.into_iter().filter(|(_, scheme)| is_key(scheme));
        Self {
            kind,
            keys: keys.map(|(name, _)| name).collect(),
            default: reader.field(root, SECURITY),
            demands: Vec::new(),
            index: HashMap::new(),
        }
    }

    /// Adds what an operation demands. An empty list of its own lifts the document's.
    pub(super) fn demand(
        &mut self,
        reader: &mut Reader<'_>,
        operation: TreeValue<'t>,
        selector: &str,
    ) {
        let own = reader.field(operation, SECURITY);
        let extension = reader.field(operation, EXTENSION);
        for requirements in [own.or(self.default), extension].into_iter().flatten() {
            for kind in self.kinds(reader, requirements) {
                self.add(kind, requirements, selector);
            }
        }
    }

    /// Returns the kinds that a list of requirements demands, each of them once.
    fn kinds(&self, reader: &mut Reader<'_>, requirements: TreeValue<'_>) -> Vec<DemandKind> {
        if requirements.shape() != Shape::List {
            let hint = "write a list, such as `- NAME: []`";
            reader.error(requirements, "this is not a list", hint);
        }
        let mut kinds = Vec::new();
        let mut has_empty = false;
        for alternative in requirements.elements() {
            if !reader.is_mapping(alternative) {
                continue;
            }
            let names = alternative.entries();
            has_empty |= names.is_empty();
            kinds.extend(
                names
                    .iter()
                    .map(|(name, _)| match self.keys.contains(name) {
                        true => DemandKind::ApiKey,
                        false => DemandKind::Token,
                    }),
            );
        }
        kinds.sort_unstable();
        kinds.dedup();
        // OpenAPI 2.0 does not have the empty alternative, and deploying leaves it out.
        if has_empty && self.kind == Kind::OpenApi3 && !kinds.is_empty() {
            super::super::optional_token(reader, requirements);
            return Vec::new();
        }
        kinds
    }

    fn add(&mut self, kind: DemandKind, requirements: TreeValue<'_>, selector: &str) {
        let path = requirements.path();
        let index = self.index.entry((kind, path.clone()));
        let index = *index.or_insert(self.demands.len());
        if index == self.demands.len() {
            self.demands.push(Demand {
                kind,
                place: requirements.place(),
                path,
                selectors: Vec::new(),
            });
        }
        if let Some(demand) = self.demands.get_mut(index) {
            demand.selectors.push(selector.to_owned());
        }
    }

    pub(super) fn into_demands(self) -> Vec<Demand> {
        self.demands
    }
}
