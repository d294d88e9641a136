//! The flags of ESPv2 and ESP, and the effect of each here: data.

mod esp;
mod espv2;

/// A flag, as Python's argparse knows it.
#[derive(Debug)]
pub(super) struct Flag {
    /// All spellings, with their dashes.
    pub names: &'static [&'static str],
    pub kind: Kind,
    pub project: Project,
}

/// The value that a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// None.
    Switch,
    Text,
    /// A text; each time that the flag is given counts.
    List,
    Integer,
    Choice(&'static [&'static str]),
    /// None: argparse prints its help and stops reading.
    Help,
}

/// A project that has the flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Project {
    /// ESPv2; ESP may have the flag too.
    EspV2,
    /// ESP alone.
    Esp,
    /// This gateway alone: flags that are given by their whole names.
    Own,
}

/// The effect of a flag here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It does what it is for, which the text says.
    Works(&'static str),
    /// It is accepted; clients notice no difference, for the reason given.
    None(&'static str),
    /// It is accepted with a warning, because clients or backends notice the lack.
    Warns(&'static str),
    /// It is an error, because without it a gateway is less safe than its operator believes.
    Refused {
        reason: &'static str,
        remedy: &'static str,
    },
}

/// Flags that have the same effect.
pub(super) struct Group {
    pub effect: Effect,
    pub flags: &'static [Flag],
}

/// A known flag.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub flag: &'static Flag,
    pub effect: Effect,
}

// === impl Flag ===

impl Flag {
    /// Returns the first long name.
    pub(super) fn name(&self) -> &'static str {
        let is_long = |name: &&&str| name.starts_with("--");
        self.names.iter().find(is_long).map_or("", |name| name)
    }

    /// Whether the flag takes no value.
    pub(super) fn is_switch(&self) -> bool {
        matches!(self.kind, Kind::Switch | Kind::Help)
    }
}

/// Returns all flags, ESPv2's first.
pub(super) fn all() -> impl Iterator<Item = Known> {
    let groups = [espv2::GROUPS, esp::GROUPS, OWN].into_iter().flatten();
    groups.flat_map(|group| {
        let effect = group.effect;
        let known = move |flag| Known { flag, effect };
        group.flags.iter().map(known)
    })
}

/// Returns the flag with exactly this name, which may be any of its names.
pub(super) fn named(name: &str) -> Option<Known> {
    all().find(|known| known.flag.names.contains(&name))
}

const fn v2(names: &'static [&'static str], kind: Kind) -> Flag {
    let project = Project::EspV2;
    Flag {
        names,
        kind,
        project,
    }
}

const fn v1(names: &'static [&'static str], kind: Kind) -> Flag {
    let project = Project::Esp;
    Flag {
        names,
        kind,
        project,
    }
}

const fn own(names: &'static [&'static str], kind: Kind) -> Flag {
    let project = Project::Own;
    Flag {
        names,
        kind,
        project,
    }
}

const OWN: &[Group] = &[
    Group {
        effect: Effect::Works("checks methods and headers of preflights, which ESPv2 does not"),
        flags: &[own(&["--corsgate_strict"], Kind::Switch)],
    },
    Group {
        effect: Effect::Works(
            "serves a description that demands keys or tokens, without checking any",
        ),
        flags: &[own(
            &["--corsgate_dangerously_no_authentication"],
            Kind::Switch,
        )],
    },
];

#[cfg(test)]
mod tests;
