//! STS: what a session is given and what is refused.

use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_sts::error::ProvideErrorMetadata;
use serde_json::json;

use crate::world::{ARN, Keys, ROLE, STREAM, Test, World, element};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_made_by_the_sdk_may_put() -> Test {
    let world = World::start().await?;
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": { "Effect": "Allow", "Action": "kinesis:PutRecord*", "Resource": ARN },
    });
    let made =
        world.sts(&world.root()).assume_role().role_arn(ROLE).role_session_name("viewer@1").duration_seconds(900);
    let made = made.policy(policy.to_string()).source_identity("page").send().await?;
    assert_eq!(made.source_identity(), Some("page"));
    let user = made.assumed_role_user().ok_or("no user")?;
    assert_eq!(user.arn, "arn:aws:sts::000000000000:assumed-role/viewer/viewer@1");
    let credentials = made.credentials().ok_or("no credentials")?;
    assert!(credentials.access_key_id.starts_with("ASIA") && credentials.access_key_id.len() == 20);
    assert_eq!(credentials.secret_access_key.len(), 40);
    assert!(credentials.session_token.len() <= 3000);
    let url_safe = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    assert!(credentials.session_token.bytes().all(url_safe));
    let left = credentials.expiration.secs() - danmu_stream::Clock::now_ms(&*world.clock) / 1000;
    assert!((895..=900).contains(&left), "{left}");

    let keys = Keys {
        id: credentials.access_key_id.clone(),
        secret: credentials.secret_access_key.clone(),
        token: Some(credentials.session_token.clone()),
    };
    let kinesis = world.kinesis(&keys);
    kinesis.put_record().stream_name(STREAM).partition_key("room").data(Blob::new("hi")).send().await?;
    let denied = kinesis.list_shards().stream_name(STREAM).send().await.err().ok_or("listed")?;
    assert_eq!(denied.code(), Some("AccessDeniedException"));
    let identity = world.sts(&keys).get_caller_identity().send().await?;
    assert_eq!(identity.arn(), Some("arn:aws:sts::000000000000:assumed-role/viewer/viewer@1"));
    let identity = world.sts(&world.root()).get_caller_identity().send().await?;
    assert_eq!(identity.arn(), Some("arn:aws:iam::000000000000:root"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_comes_with_the_size_of_its_token() -> Test {
    let world = World::start().await?;
    let form = format!("Action=AssumeRole&Version=2011-06-15&RoleArn={ROLE}&RoleSessionName=viewer");
    let text = world.ask(&world.root()).sts(form).send().await?.text();
    let size = element(&text, "SessionToken")?.len();
    assert_eq!(element(&text, "SessionTokenSize")?, size.to_string());
    assert_eq!(element(&text, "SessionTokenUtilization")?, (size * 100).div_ceil(3000).to_string());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_outlives_a_restart_and_ends_when_it_says() -> Test {
    let world = World::start().await?;
    let producer = world.producer().await?;
    let world = world.restart().await?;
    assert_eq!(world.put(&producer, "room", "after the restart").await?.status, 200);
    world.clock.by_seconds(898);
    assert_eq!(world.put(&producer, "room", "in time").await?.status, 200);
    world.clock.by_seconds(3);
    let late = world.put(&producer, "room", "late").await?;
    assert_eq!(late.error(), (400, "ExpiredTokenException".to_owned()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_session_must_not_be_is_refused_with_the_reason() -> Test {
    let world = World::start().await?;
    let long = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"*","Resource":"{ARN}{}"}}]}}"#,
        "x".repeat(2048)
    );
    let condition =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{}}]}"#;
    let good = [("RoleArn", ROLE), ("RoleSessionName", "viewer")];
    for (change, code, part) in [
        (("DurationSeconds", "899"), "ValidationError", "900"),
        (("DurationSeconds", "43201"), "ValidationError", "43200"),
        (("DurationSeconds", "soon"), "ValidationError", "integer"),
        (("RoleSessionName", "x"), "ValidationError", "roleSessionName"),
        (("RoleSessionName", "a b"), "ValidationError", "roleSessionName"),
        (("SourceIdentity", ""), "ValidationError", "sourceIdentity"),
        (("SourceIdentity", "x"), "ValidationError", "sourceIdentity"),
        (("SourceIdentity", "aws:me"), "ValidationError", "sourceIdentity"),
        (("SourceIdentity", &"x".repeat(257)), "ValidationError", "sourceIdentity"),
        (("RoleSessionName", &"x".repeat(65)), "ValidationError", "roleSessionName"),
        (("RoleArn", "arn:aws:iam::000000000000:user/me"), "ValidationError", "invalid"),
        (("Policy", "{"), "MalformedPolicyDocument", "JSON"),
        (("Policy", condition), "MalformedPolicyDocument", "Condition"),
        (("Policy", &long), "ValidationError", "2048"),
        (("PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/ReadOnlyAccess"), "ValidationError", "PolicyArns"),
        (("Version", "2010-01-01"), "InvalidAction", "2010-01-01"),
    ] {
        let mut form = form_urlencoded::Serializer::new(String::new());
        for (name, value) in good.iter().chain(&[("Action", "AssumeRole"), ("Version", "2011-06-15")]) {
            if *name != change.0 {
                form.append_pair(name, value);
            }
        }
        form.append_pair(change.0, change.1);
        let answer = world.ask(&world.root()).sts(form.finish()).send().await?;
        let text = answer.text();
        assert_eq!(answer.status, 400, "{change:?}: {text}");
        assert_eq!(element(&text, "Code")?, code, "{change:?}: {text}");
        assert!(element(&text, "Message")?.contains(part), "{change:?}: {text}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_policy_fits_its_token_or_is_refused() -> Test {
    let world = World::start().await?;
    let frame = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kinesis:*","Resource":"arn:"}]}"#;
    let filled = |size: usize| frame.replace("arn:", &format!("arn:{}", "x".repeat(size - frame.len())));
    let fits = world.session(Some(&filled(2000))).await?;
    assert!(fits.token.ok_or("no token")?.len() <= 3000);
    let most = world.session(Some(&filled(2048))).await?;
    assert!(most.token.ok_or("no token")?.len() <= 3000);
    // Letters of two bytes: within the limit of characters, beyond that of the token.
    let wide = world.session(Some(&filled(2048).replace('x', "é"))).await.err().ok_or("fitted")?;
    assert!(wide.to_string().contains("PackedPolicyTooLarge"), "{wide}");
    Ok(())
}
