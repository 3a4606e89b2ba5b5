//! Tags of streams and consumers: `AddTagsToStream`, `RemoveTagsFromStream`, `ListTagsForStream`, and the same by ARN:
//! `TagResource`, `UntagResource`, `ListTagsForResource`. Tags are stored and listed, but not interpreted.

use std::{fmt::Write, ops::Bound, sync::Arc};

use super::{
    Call, Outcome, Output, in_range,
    types::{AddTagsToStream, ListTagsForStream, OnResource, RemoveTagsFromStream, Tag, TagsAnswer},
};
use crate::{
    arn::stream_account,
    error::{ApiError, ErrorCode, Violations},
    store::{MAX_TAGS, Stream, Tags},
};

/// The longest key of a tag, characters; at least one.
const MAX_KEY: usize = 128;
/// The longest value of a tag, characters.
const MAX_VALUE: usize = 256;
/// The most tags in one request; a resource has at most [`MAX_TAGS`].
const MAX_GIVEN: usize = 200;

/// A resource with tags: a stream, or one of its consumers by name.
type Resource = (Arc<Stream>, Option<Arc<str>>);

impl Call<'_> {
    pub(super) async fn add_tags_to_stream(&self, request: AddTagsToStream) -> Outcome {
        let name = self.controllable(&request)?.to_owned();
        let tags = given_tags(request.tags)?;
        let stream = self.existing(&name)?;
        self.tag((stream, None), tags).await
    }

    pub(super) async fn remove_tags_from_stream(&self, request: RemoveTagsFromStream) -> Outcome {
        let name = self.controllable(&request)?.to_owned();
        let keys = given_keys(request.tag_keys)?;
        let stream = self.existing(&name)?;
        self.untag((stream, None), keys).await
    }

    pub(super) async fn list_tags_for_stream(&self, request: &ListTagsForStream) -> Outcome {
        let name = self.controllable(request)?;
        let limit = in_range(request.limit, "limit", 1..=MAX_TAGS as i64, MAX_TAGS as i64)?;
        let after = request.exclusive_start_tag_key.as_deref();
        if let Some(key) = after
            && !is_length(key, 1, MAX_KEY)
        {
            let rule = format!("Member must have a length of 1 to {MAX_KEY}");
            return Err(ApiError::constraint(key, "exclusiveStartTagKey", &rule));
        }
        let stream = self.existing(name)?;
        self.turn().await?;
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = stream.meta.tags.range::<str, _>((begin, Bound::Unbounded)).peekable();
        let tags = rest.by_ref().take(limit).map(tag).collect();
        self.answer(&TagsAnswer { tags, has_more_tags: Some(rest.peek().is_some()) })
    }

    pub(super) async fn tag_resource(&self, request: OnResource) -> Outcome {
        let arn = self.controllable_resource(&request)?;
        let resource = self.resource(arn)?;
        self.tag(resource, given_tags(request.tags)?).await
    }

    pub(super) async fn untag_resource(&self, request: OnResource) -> Outcome {
        let arn = self.controllable_resource(&request)?;
        let resource = self.resource(arn)?;
        self.untag(resource, given_keys(request.tag_keys)?).await
    }

    pub(super) async fn list_tags_for_resource(&self, request: &OnResource) -> Outcome {
        let (stream, consumer) = self.resource(self.controllable_resource(request)?)?;
        self.turn().await?;
        let tags = match consumer {
            Some(name) => stream.consumer(&name).map(|consumer| &consumer.tags),
            None => Some(&stream.meta.tags),
        };
        let tags = tags.into_iter().flatten().map(tag).collect();
        self.answer(&TagsAnswer { tags, has_more_tags: None })
    }

    async fn tag(&self, (stream, consumer): Resource, tags: Tags) -> Outcome {
        check_letters(tags.iter().flat_map(|(key, value)| [key, value]))?;
        self.turn().await?;
        let name = &stream.meta.name;
        self.endpoint.store.tag(name, consumer, tags).await.map_err(|error| self.store_error(name, error))?;
        Ok(Output::EMPTY)
    }

    async fn untag(&self, (stream, consumer): Resource, keys: Vec<String>) -> Outcome {
        check_letters(&keys)?;
        self.turn().await?;
        let name = &stream.meta.name;
        self.endpoint.store.untag(name, consumer, keys).await.map_err(|error| self.store_error(name, error))?;
        Ok(Output::EMPTY)
    }

    /// The resource ARN of a request, after the caller's right to control it is checked.
    fn controllable_resource<'r>(&self, request: &'r OnResource) -> Result<&'r str, ApiError> {
        self.may_control(request.resource_arn.as_deref().unwrap_or_default())?;
        request.resource_arn.as_deref().ok_or_else(|| ApiError::missing("resourceARN"))
    }

    fn resource(&self, arn: &str) -> Result<Resource, ApiError> {
        let place = &self.endpoint.place;
        if let Some((stream, name, created_s)) = place.consumer_of(arn) {
            let stream = self.existing(stream)?;
            let found = stream.consumer(name).filter(|found| found.created_ms / 1000 == created_s);
            let name = found.map(|found| Arc::clone(&found.name)).ok_or_else(|| self.no_consumer(arn))?;
            return Ok((stream, Some(name)));
        }
        if stream_account(arn).is_none() {
            let rule = r"Member must satisfy regular expression pattern: arn:aws.*:kinesis:.*:\d{12}:.*(stream|channel|queue)/\S+";
            return Err(ApiError::constraint(arn, "resourceARN", rule));
        }
        Ok((self.existing(self.name_of_arn(arn)?)?, None))
    }
}

fn tag<'a>((key, value): (&'a String, &'a String)) -> Tag<'a> {
    Tag { key, value }
}

/// The tags of a request that requires at least one.
fn given_tags(tags: Option<Tags>) -> Result<Tags, ApiError> {
    let tags = tags.ok_or_else(|| ApiError::missing("tags"))?;
    check_tags(&tags, 1)?;
    Ok(tags)
}

/// The initial tags of a new stream or consumer; optional.
pub(super) fn first_tags(tags: Option<Tags>) -> Result<Tags, ApiError> {
    let tags = tags.unwrap_or_default();
    check_tags(&tags, 0)?;
    check_letters(tags.iter().flat_map(|(key, value)| [key, value]))?;
    Ok(tags)
}

fn check_tags(tags: &Tags, least: usize) -> Result<(), ApiError> {
    let mut violations = Violations::default();
    let shown = || {
        let mut shown = String::new();
        for (key, value) in tags {
            let comma = if shown.is_empty() { "" } else { ", " };
            let _ = write!(shown, "{comma}{key}={value}");
        }
        format!("{{{shown}}}")
    };
    check_count(tags.len(), least, MAX_GIVEN, &shown, "tags", &mut violations);
    if !tags.keys().all(|key| is_length(key, 1, MAX_KEY)) {
        violations.constraint(shown(), "tags", &format!("Map keys must satisfy constraint: {}", lengths(1, MAX_KEY)));
    }
    if !tags.values().all(|value| is_length(value, 0, MAX_VALUE)) {
        violations.constraint(
            shown(),
            "tags",
            &format!("Map value must satisfy constraint: {}", lengths(0, MAX_VALUE)),
        );
    }
    violations.verdict()
}

/// The tag keys of a request that requires at least one.
fn given_keys(keys: Option<Vec<String>>) -> Result<Vec<String>, ApiError> {
    let keys = keys.ok_or_else(|| ApiError::missing("tagKeys"))?;
    let mut violations = Violations::default();
    let shown = || format!("[{}]", keys.join(", "));
    check_count(keys.len(), 1, MAX_TAGS, &shown, "tagKeys", &mut violations);
    if !keys.iter().all(|key| is_length(key, 1, MAX_KEY)) {
        violations.constraint(shown(), "tagKeys", &format!("Member must satisfy constraint: {}", lengths(1, MAX_KEY)));
    }
    violations.verdict()?;
    Ok(keys)
}

fn check_count(
    count: usize,
    least: usize,
    most: usize,
    shown: &dyn Fn() -> String,
    field: &str,
    violations: &mut Violations,
) {
    if count < least {
        violations.constraint(shown(), field, &format!("Member must have length greater than or equal to {least}"));
    } else if count > most {
        violations.constraint(shown(), field, &format!("Member must have length less than or equal to {most}"));
    }
}

fn is_length(text: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&text.chars().count())
}

fn lengths(least: usize, most: usize) -> String {
    format!(
        "[Member must have length less than or equal to {most}, Member must have length greater than or equal to {least}]"
    )
}

/// <https://docs.aws.amazon.com/kinesis/latest/APIReference/API_Tag.html>, and the colon, which `TagResource` also accepts.
fn check_letters<'a>(texts: impl IntoIterator<Item = &'a String>) -> Result<(), ApiError> {
    let is_valid = |letter: char| {
        letter.is_alphanumeric() || letter.is_whitespace() && !letter.is_control() || "_.:/=+-%@".contains(letter)
    };
    if texts.into_iter().all(|text| text.chars().all(is_valid)) {
        return Ok(());
    }
    let message = "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . : / = + - \
                   % @.";
    Err(ApiError::new(ErrorCode::InvalidArgument, message))
}
