//! Whole sign-ins against the pool of `pool`.

use danmu::{
    cognito::{
        SignInError,
        sign_in::{Question, SignIn, SignInAnswer, SignInStep},
    },
    kinesis::NetError,
};
use serde_json::json;

use super::{
    arithmetic::Natural,
    pool::{CODE, NAME, Pool, Wants, refused, reply},
};

const PASSWORD: &str = "correct horse 电池";
const NOW: i64 = 1_790_000_000_000;

/// Sends what is to be sent until the person or the end has its turn.
fn until_asked(pool: &mut Pool, sign_in: &mut SignIn<Natural>, mut step: SignInStep) -> SignInStep {
    while let SignInStep::Send(call) = step {
        let outcome = pool.answer(&call);
        step = sign_in.reply(outcome, NOW);
    }
    step
}

fn begin(pool: &mut Pool, name: &str, password: &str) -> (SignIn<Natural>, SignInStep) {
    let (mut sign_in, call) = SignIn::begin(pool.settings.clone(), name, password.into(), &[7; 64]).expect("chance");
    let step = until_asked(pool, &mut sign_in, SignInStep::Send(call));
    (sign_in, step)
}

fn answer(pool: &mut Pool, sign_in: &mut SignIn<Natural>, answer: SignInAnswer) -> SignInStep {
    let call = sign_in.answer(&answer).expect("it was asked");
    until_asked(pool, sign_in, SignInStep::Send(call))
}

fn code(text: &str) -> SignInAnswer {
    SignInAnswer::Code(text.into())
}

fn new_password(text: &str) -> SignInAnswer {
    let attributes = vec![("email".to_owned(), "amy@example.org".to_owned())];
    SignInAnswer::NewPassword { password: text.into(), attributes }
}

#[test]
fn a_right_password_gives_tokens_and_is_never_sent() {
    let mut pool = Pool::new(PASSWORD, Wants::default());
    let (_, step) = begin(&mut pool, NAME, PASSWORD);
    let SignInStep::Done(tokens) = step else { panic!("{step:?}") };
    assert_eq!((tokens.id_token.as_str(), tokens.access_token.as_str()), ("id", "access"));
    assert_eq!((tokens.refresh_token.as_deref(), tokens.device_key.as_deref()), (Some("refresh"), Some("device")));
    assert_eq!(tokens.expires_ms, NOW + 3_600_000);
    assert_eq!(pool.calls, ["InitiateAuth", "RespondToAuthChallenge"]);
    for part in ["correct", "horse", "电池"] {
        assert!(!pool.heard.contains(part), "{part}");
    }
}

#[test]
fn a_wrong_password_and_a_name_that_is_nobody_s_fail_alike() {
    for (name, password) in [(NAME, "correct horse"), ("nobody", PASSWORD)] {
        let (_, step) = begin(&mut Pool::new(PASSWORD, Wants::default()), name, password);
        assert_eq!(step, SignInStep::Failed(SignInError::WrongPassword), "{name}");
    }
}

#[test]
fn a_temporary_password_is_replaced_and_a_weak_one_asked_for_again() {
    let mut pool = Pool::new(PASSWORD, Wants { new_password: true, ..Wants::default() });
    let (mut sign_in, step) = begin(&mut pool, NAME, PASSWORD);
    let question = Question::NewPassword { required: vec!["email".into()] };
    assert_eq!(step, SignInStep::Ask(question.clone(), None));
    let step = answer(&mut pool, &mut sign_in, new_password("short"));
    assert_eq!(step, SignInStep::Ask(question, Some(SignInError::WeakPassword("Password not long enough".into()))));
    let step = answer(&mut pool, &mut sign_in, new_password("long enough now"));
    assert!(matches!(step, SignInStep::Done(_)), "{step:?}");
}

#[test]
fn the_code_of_an_authenticator_is_asked_for_and_may_have_spaces() {
    let mut pool = Pool::new(PASSWORD, Wants { new_password: true, code: true, choice: false });
    let (mut sign_in, _) = begin(&mut pool, NAME, PASSWORD);
    let step = answer(&mut pool, &mut sign_in, new_password("long enough now"));
    let question = Question::Code { device: Some("Amy's phone".into()) };
    assert_eq!(step, SignInStep::Ask(question.clone(), None));
    let step = answer(&mut pool, &mut sign_in, code("654321"));
    assert_eq!(step, SignInStep::Ask(question, Some(SignInError::WrongCode)));
    let step = answer(&mut pool, &mut sign_in, code(&format!(" {} {} ", &CODE[..3], &CODE[3..])));
    assert!(matches!(step, SignInStep::Done(_)), "{step:?}");
}

#[test]
fn of_two_second_factors_the_authenticator_is_chosen_and_a_page_that_knows_none_of_them_says_so() {
    let mut pool = Pool::new(PASSWORD, Wants { choice: true, ..Wants::default() });
    let (mut sign_in, step) = begin(&mut pool, NAME, PASSWORD);
    assert_eq!(step, SignInStep::Ask(Question::Code { device: Some("Amy's phone".into()) }, None));
    assert!(matches!(answer(&mut pool, &mut sign_in, code(CODE)), SignInStep::Done(_)));

    let mut pool = Pool::new(PASSWORD, Wants::default());
    let (mut sign_in, call) = SignIn::<Natural>::begin(pool.settings.clone(), NAME, PASSWORD.into(), &[7; 64]).unwrap();
    let SignInStep::Send(_) = sign_in.reply(pool.answer(&call), NOW) else { panic!("a proof") };
    let choice = json!({"MFAS_CAN_CHOOSE": r#"["SMS_MFA","EMAIL_OTP"]"#});
    let choice = json!({"ChallengeName": "SELECT_MFA_TYPE", "Session": "s", "ChallengeParameters": choice});
    let step = sign_in.reply(reply(200, &choice), NOW);
    assert_eq!(step, SignInStep::Failed(SignInError::Unsupported("SELECT_MFA_TYPE".into())));
}

#[test]
fn blanks_around_a_name_are_no_part_of_it_and_a_name_that_cannot_be_one_is_nobodys() {
    for name in ["amy\u{a0}", " amy\t", "\u{feff}amy\u{200b}", "\u{3000}amy\r\n"] {
        let (_, step) = begin(&mut Pool::new(PASSWORD, Wants::default()), name, PASSWORD);
        assert!(matches!(step, SignInStep::Done(_)), "{name:?}: {step:?}");
    }
    for name in ["", "\u{a0}", "a my"] {
        let (_, step) = begin(&mut Pool::new(PASSWORD, Wants::default()), name, PASSWORD);
        assert_eq!(step, SignInStep::Failed(SignInError::WrongPassword), "{name:?}");
    }
}

#[test]
fn wrong_codes_end_it_when_the_pool_has_had_enough() {
    let mut pool = Pool::new(PASSWORD, Wants { code: true, ..Wants::default() });
    let (mut sign_in, _) = begin(&mut pool, NAME, PASSWORD);
    for _ in 0..2 {
        let step = answer(&mut pool, &mut sign_in, code("000000"));
        assert!(matches!(step, SignInStep::Ask(_, Some(SignInError::WrongCode))), "{step:?}");
    }
    assert_eq!(answer(&mut pool, &mut sign_in, code("000000")), SignInStep::Failed(SignInError::TimedOut));
    assert!(sign_in.answer(&code(CODE)).is_none(), "it is over");
}

#[test]
fn an_answer_that_never_arrived_can_be_given_again() {
    let mut pool = Pool::new(PASSWORD, Wants { code: true, ..Wants::default() });
    let (mut sign_in, _) = begin(&mut pool, NAME, PASSWORD);
    pool.instead = Some(Err(NetError("offline".into())));
    let step = answer(&mut pool, &mut sign_in, code(CODE));
    assert!(matches!(step, SignInStep::Ask(_, Some(SignInError::Network(_)))), "{step:?}");
    assert!(matches!(answer(&mut pool, &mut sign_in, code(CODE)), SignInStep::Done(_)));
}

#[test]
fn only_the_question_that_is_open_is_answered() {
    let mut pool = Pool::new(PASSWORD, Wants { code: true, ..Wants::default() });
    let (mut sign_in, call) = SignIn::<Natural>::begin(pool.settings.clone(), NAME, PASSWORD.into(), &[7; 64]).unwrap();
    assert!(sign_in.answer(&code(CODE)).is_none(), "nothing was asked yet");
    until_asked(&mut pool, &mut sign_in, SignInStep::Send(call));
    assert!(sign_in.answer(&new_password("long enough now")).is_none(), "a code was asked for");
}

#[test]
fn what_the_page_does_not_offer_is_named() {
    let mut pool = Pool::new(PASSWORD, Wants::default());
    let (mut sign_in, call) = SignIn::<Natural>::begin(pool.settings.clone(), NAME, PASSWORD.into(), &[7; 64]).unwrap();
    let SignInStep::Send(_) = sign_in.reply(pool.answer(&call), NOW) else { panic!("a proof") };
    let step = sign_in.reply(reply(200, &json!({"ChallengeName": "SMS_MFA", "Session": "s"})), NOW);
    assert_eq!(step, SignInStep::Failed(SignInError::Unsupported("SMS_MFA".into())));
}

#[test]
fn a_pool_that_lets_somebody_in_without_a_proof_is_not_believed() {
    let tokens = json!({"AuthenticationResult": {"IdToken": "i", "AccessToken": "a", "ExpiresIn": 60}});
    for answer in [tokens, json!({"ChallengeName": "CUSTOM_CHALLENGE"}), json!({})] {
        let pool = Pool::new(PASSWORD, Wants::default());
        let (mut sign_in, _) = SignIn::<Natural>::begin(pool.settings, NAME, PASSWORD.into(), &[7; 64]).unwrap();
        let step = sign_in.reply(reply(200, &answer), NOW);
        assert!(matches!(step, SignInStep::Failed(SignInError::Untrusted(_))), "{step:?}");
    }
}

#[test]
fn what_the_service_says_is_told_as_what_can_be_done() {
    for (outcome, error) in [
        (refused("UserNotConfirmedException", "User is not confirmed."), SignInError::NotConfirmed),
        (refused("PasswordResetRequiredException", "Password reset required"), SignInError::ResetRequired),
        (refused("TooManyRequestsException", "Too many requests"), SignInError::TooMany),
        (
            refused("InvalidParameterException", "USER_SRP_AUTH is not enabled for the client."),
            SignInError::Misconfigured(
                "InvalidParameterException: USER_SRP_AUTH is not enabled for the client.".into(),
            ),
        ),
        (Err(NetError("offline".into())), SignInError::Network("offline".into())),
        (
            reply(200, &json!("no object")),
            SignInError::Service("the reply is not what the operation answers with".into()),
        ),
    ] {
        let mut pool = Pool::new(PASSWORD, Wants::default());
        pool.instead = Some(outcome);
        assert_eq!(begin(&mut pool, NAME, PASSWORD).1, SignInStep::Failed(error));
    }
}
