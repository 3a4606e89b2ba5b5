//! What can go wrong for the crew, in the page's language.

use crate::{
    error::{ApiError, CrewError, MOST_ALIASES, MOST_ALIASES_EVER},
    i18n::{I18n, fill, t_string},
    problem::Problem,
    rules::{MAX_PATTERN, MAX_WORD, MAX_WORDS, RuleError},
};

/// The error of a call, with a remedy where there is one.
pub fn say_error(error: &ApiError, i18n: I18n) -> String {
    let ApiError::Crew(lines) = error else { return Problem::Api(error.clone()).say(i18n) };
    match CrewError::of(lines) {
        Some(CrewError::NotModerator) => t_string!(i18n, studio.not_moderator).to_owned(),
        Some(CrewError::NotAbove) => t_string!(i18n, studio.not_above).to_owned(),
        Some(CrewError::Store) => t_string!(i18n, studio.store).to_owned(),
        Some(CrewError::BadInvitation) => t_string!(i18n, studio.bad_invitation).to_owned(),
        Some(CrewError::WrongKey) => t_string!(i18n, studio.wrong_key).to_owned(),
        Some(CrewError::MayNotMakeRooms) => t_string!(i18n, studio.may_not_make).to_owned(),
        Some(CrewError::RoomExists(room)) => fill(t_string!(i18n, studio.room_exists), &[("room", &room)]),
        Some(CrewError::NotKept) => t_string!(i18n, studio.not_kept).to_owned(),
        Some(CrewError::TooManyAliases) => {
            fill(t_string!(i18n, studio.aliases_many), &[("most", &MOST_ALIASES), ("ever", &MOST_ALIASES_EVER)])
        }
        Some(CrewError::BadRule(error)) => say_rule_error(&error, i18n),
        Some(CrewError::BadTitle) => t_string!(i18n, studio.bad_title).to_owned(),
        Some(CrewError::BadAddress(address)) => fill(t_string!(i18n, studio.bad_address), &[("address", &address)]),
        Some(CrewError::NotWaiting(reason)) => match &*reason {
            "passed" => t_string!(i18n, studio.not_waiting_passed).to_owned(),
            "out" => t_string!(i18n, studio.not_waiting_out).to_owned(),
            _ => t_string!(i18n, studio.not_waiting_late).to_owned(),
        },
        // No page of ours sends such a value.
        Some(CrewError::BadViewer(_) | CrewError::BadDanmu(_)) | None => Problem::Api(error.clone()).say(i18n),
    }
}

/// Why a rule cannot be made.
fn say_rule_error(error: &str, i18n: I18n) -> String {
    let Ok(error) = serde_json::from_str(error) else { return error.to_owned() };
    match error {
        RuleError::NoWords => fill(t_string!(i18n, studio.rule_no_words), &[("most", &MAX_WORDS)]),
        RuleError::TooManyWords(count) => {
            fill(t_string!(i18n, studio.rule_many_words), &[("count", &count), ("most", &MAX_WORDS)])
        }
        RuleError::LongWord(word) => {
            fill(t_string!(i18n, studio.rule_long_word), &[("word", &word), ("most", &MAX_WORD)])
        }
        RuleError::EmptyWord(word) => fill(t_string!(i18n, studio.rule_empty_word), &[("word", &word)]),
        RuleError::LongPattern(count) => {
            fill(t_string!(i18n, studio.rule_long_pattern), &[("count", &count), ("most", &MAX_PATTERN)])
        }
        RuleError::BigPattern => t_string!(i18n, studio.rule_big_pattern).to_owned(),
        RuleError::Pattern(reason) => fill(t_string!(i18n, studio.rule_bad_pattern), &[("reason", &reason)]),
        RuleError::MatchesAll => t_string!(i18n, studio.rule_matches_all).to_owned(),
        RuleError::Number { given, from, to } => {
            fill(t_string!(i18n, studio.rule_number), &[("given", &given), ("from", &from), ("to", &to)])
        }
        RuleError::TooManyRules(most) => fill(t_string!(i18n, studio.rule_too_many), &[("most", &most)]),
        // No page of ours sends such a value.
        RuleError::NoViewer(_) => error.to_string(),
    }
}
