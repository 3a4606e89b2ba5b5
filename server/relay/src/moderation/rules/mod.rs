//! Rules: texts that viewers of a room may not post. Their words are in the store; the stream has ids alone.
//!
//! A gate that reads a decision on a rule asks this [`Book`] what the rule says. The room's task has it learned from the store
//! before the next record is judged. A rule that could not be read yet stops what viewers say, as the crew would rather have it.

mod compile;
mod lately;
mod plain;

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use danmu::{
    gate::{Admitted, RuleBook, RuleVerdict},
    record::{Decision, Subject},
    room::{RoomId, RuleId},
    viewer::ViewerId,
};
use danmu_app::{
    audit::AuditDetail,
    error::{ApiError, CrewError},
    rules::{MAX_RULES, MAX_SHADOWS, Rule, RuleEntry, RuleError, RuleKind},
    services::{Decider, DecisionFuture, MadeFuture, RulesFuture, Ruling, TrialFuture},
};
use danmu_identity::{clock::now_ms, store::RuleRow};

pub(super) use self::plain::plain;
use self::{
    compile::{Compiled, Says, Text},
    lately::Lately,
};
use super::Moderation;

/// Characters of a rule that the audit tells.
const TOLD: usize = 200;

/// The rules that this server knows, compiled.
#[derive(Debug, Default)]
pub(super) struct Book(RwLock<HashMap<RuleId, Compiled>>);

/// The state of rules.
#[derive(Debug, Default)]
pub(super) struct Rules {
    pub(super) book: Arc<Book>,
    lately: Lately,
}

impl Book {
    fn has(&self, id: RuleId) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains_key(&id)
    }

    fn put(&self, id: RuleId, rule: Compiled) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(id, rule);
    }
}

impl RuleBook for Book {
    fn look(&self, rules: &[RuleId], text: &str, by: Option<&ViewerId>) -> RuleVerdict {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let shadows = |rule: &RuleId| matches!(known.get(rule), Some(Compiled::Shadow(it)) if Some(it) == by);
        // First, so that no other rule tells its author of it.
        if rules.iter().any(shadows) {
            return RuleVerdict::Shadowed;
        }
        let (text, mut verdict, mut longest_s) = (Text::new(text), RuleVerdict::Allowed, 0);
        for &rule in rules {
            match known.get(&rule).map(|known| known.look(&text)) {
                Some(Says::Pass) => {}
                None | Some(Says::Stop) => return RuleVerdict::Forbidden(rule),
                Some(Says::Again(fingerprint, seconds)) if seconds > longest_s => {
                    longest_s = seconds;
                    verdict = RuleVerdict::Again { rule, fingerprint, within_ms: i64::from(seconds) * 1_000 };
                }
                Some(Says::Again(..)) => {}
            }
        }
        verdict
    }
}

impl Rules {
    /// Keeps a danmu that the gate admitted, to try rules on.
    pub(super) fn heard(&self, room: &RoomId, admitted: &Admitted) {
        self.lately.heard(room, admitted);
    }
}

impl Moderation {
    /// Reads from the store what the rules of a room say that were decided on and are not known yet. Mostly there are none.
    pub async fn learn_rules(&self, room: &RoomId) {
        let (book, unknown) = (&self.0.rules.book, self.0.ledger.rules(room));
        for id in unknown.into_iter().filter(|id| !book.has(*id)) {
            match self.0.store.rule(id).await {
                Ok(Some(row)) => match Compiled::new(&row.rule) {
                    Ok(rule) => book.put(id, rule),
                    Err(error) => {
                        tracing::error!(%room, rule = %id, %error, "a rule cannot be followed, and stops nothing");
                        book.put(id, Compiled::Nothing);
                    }
                },
                Ok(None) => {
                    tracing::error!(%room, rule = %id, "a rule is not in this server's store, and stops nothing here; servers of one stream must share the store");
                    book.put(id, Compiled::Nothing);
                }
                Err(error) => {
                    tracing::error!(%room, rule = %id, %error, "a rule cannot be read; until it can, viewers of the room are not heard");
                }
            }
        }
    }

    /// The rules in force in a room, the newest first.
    async fn rules_in_force(&self, room: &RoomId) -> Result<Vec<RuleRow>, CrewError> {
        let mut rows = self.0.store.rules(room).await.map_err(|error| {
            tracing::error!(%room, %error, "the rules of a room cannot be read");
            CrewError::Store
        })?;
        rows.retain(|row| self.holds(room, row.id));
        Ok(rows)
    }

    fn holds(&self, room: &RoomId, id: RuleId) -> bool {
        self.0.ledger.until(Some(room), &Subject::Rule(id)) > now_ms()
    }

    /// What the audit tells of a rule: its kind, and the beginning of what it says.
    pub(super) async fn told_rule(&self, id: RuleId) -> AuditDetail {
        let row = self.0.store.rule(id).await.ok().flatten();
        let text = row.map(|row| {
            let (kind, value) = (row.rule.kind.code(), row.rule.value.split_whitespace().collect::<Vec<_>>().join(" "));
            [kind, " ", &value].concat().trim_end().chars().take(TOLD).collect()
        });
        AuditDetail { text, ..AuditDetail::default() }
    }
}

impl Ruling for Moderation {
    fn list(&self, room: RoomId) -> RulesFuture {
        let moderation = self.clone();
        Box::pin(async move {
            let rows = moderation.rules_in_force(&room).await?;
            let entry = |RuleRow { id, rule, made_ms }: RuleRow| RuleEntry { id: id.to_string(), rule, made_ms };
            Ok(rows.into_iter().map(entry).collect())
        })
    }

    fn try_out(&self, by: Decider, room: RoomId, rule: Rule) -> TrialFuture {
        let moderation = self.clone();
        Box::pin(async move {
            moderation.0.pace.check(&by.viewer)?;
            let rule = Compiled::new(&rule).map_err(CrewError::from)?;
            // Ten thousand texts take milliseconds; tasks on this thread need not wait for them.
            let tried = move || moderation.0.rules.lately.try_out(&room, &rule, now_ms());
            tokio::task::spawn_blocking(tried).await.map_err(|error| ApiError::Other(error.to_string()))
        })
    }

    fn make(&self, by: Decider, room: RoomId, rule: Rule) -> MadeFuture {
        let moderation = self.clone();
        Box::pin(async move {
            let compiled = Compiled::new(&rule).map_err(CrewError::from)?;
            let mut like = moderation.rules_in_force(&room).await?;
            like.retain(|row| (row.rule.kind == RuleKind::Shadow) == (rule.kind == RuleKind::Shadow));
            if let Some(known) = like.iter().find(|row| row.rule == rule) {
                return Ok(known.id.to_string());
            }
            let most = if rule.kind == RuleKind::Shadow { MAX_SHADOWS } else { MAX_RULES };
            if like.len() >= most {
                return Err(CrewError::from(RuleError::TooManyRules(most)).into());
            }
            let viewer = match &compiled {
                Compiled::Shadow(viewer) => Some(viewer.clone()),
                _ => None,
            };
            let number = getrandom::u64().map_err(|error| ApiError::Other(error.to_string()))?;
            let row = RuleRow { id: RuleId::new(number), rule, made_ms: now_ms() };
            tracing::info!(by = %by.viewer, %room, rule = %row.id, kind = row.rule.kind.code(), "a moderator makes a rule");
            moderation.0.store.keep_rule(&room, &row).await.map_err(|error| {
                tracing::error!(%room, %error, "a rule could not be written down");
                CrewError::Store
            })?;
            moderation.0.rules.book.put(row.id, compiled);
            let decision = Decision { on: Subject::Rule(row.id), until: None, by: by.rank };
            moderation.decide_about(&by, &room, decision, viewer).await.map(|()| row.id.to_string())
        })
    }

    fn end(&self, by: Decider, room: RoomId, id: RuleId) -> DecisionFuture {
        let moderation = self.clone();
        Box::pin(async move {
            tracing::info!(by = %by.viewer, %room, rule = %id, "a moderator ends a rule");
            moderation.decide(&by, &room, Decision::end(Subject::Rule(id), by.rank)).await
        })
    }
}
