//! Signing in to a user pool: from a name and a password to tokens, through the challenges that the pool asks.
//!
//! A state machine without I/O. It returns [`SignInStep::Send`] and takes the outcome by [`SignIn::reply`]; it returns
//! [`SignInStep::Ask`] for the person and takes [`SignIn::answer`]. The password is dropped as soon as the proof is made. After
//! a wrong answer the question is asked again; any other failure ends the attempt, and a new one has to begin. It supports a
//! new password instead of a temporary one, and an authenticator app's code, which it selects where the pool offers a choice.
//! Other challenges (SMS, passkeys, authenticator setup) give [`SignInError::Unsupported`]; the pool's own page has them.

use super::{
    Call, Outcome, SignInError, Tokens, UserPool,
    srp::{CHANCE_BYTES, Challenge, Number, Srp},
    wire::{self, AuthReply, Parameters},
};

const VERIFY: &str = "PASSWORD_VERIFIER";
const NEW_PASSWORD: &str = "NEW_PASSWORD_REQUIRED";
const CODE: &str = "SOFTWARE_TOKEN_MFA";
const SELECT: &str = "SELECT_MFA_TYPE";
/// The prefix of attribute names in a challenge and its answers.
const ATTRIBUTE: &str = "userAttributes.";

/// The next step.
#[derive(Debug, PartialEq, Eq)]
pub enum SignInStep {
    /// Send this; the outcome goes to [`SignIn::reply`].
    Send(Call),
    /// Ask the person this, with what was wrong with the last answer; the answer goes to [`SignIn::answer`].
    Ask(Question, Option<SignInError>),
    /// Signed in.
    Done(Tokens),
    /// Not signed in, and this attempt is over.
    Failed(SignInError),
}

/// What the pool asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// A new password, instead of the temporary one.
    NewPassword {
        /// Required attributes that the account lacks, by name (`email`, `name`, `custom:…`).
        required: Vec<String>,
    },
    /// The code that the authenticator app shows now.
    Code {
        /// The person's name for the device with that app.
        device: Option<String>,
    },
}

/// The person's answer.
#[derive(Clone, PartialEq, Eq)]
pub enum SignInAnswer {
    /// To [`Question::NewPassword`].
    NewPassword {
        /// The new password.
        password: String,
        /// Values of the attributes that were asked for, by name.
        attributes: Vec<(String, String)>,
    },
    /// To [`Question::Code`]; spaces in it are ignored, since apps show them.
    Code(String),
}

/// One attempt to sign in.
pub struct SignIn<N> {
    pool: UserPool,
    stage: Stage<N>,
}

enum Stage<N> {
    /// `InitiateAuth` is on its way.
    Greeting {
        srp: Srp<N>,
        password: String,
    },
    /// The proof is on its way.
    Proving {
        user: String,
    },
    /// A question is open, or its answer is on its way.
    Asking(Asked),
    Over,
}

struct Asked {
    user: String,
    session: Option<String>,
    question: Question,
}

impl<N: Number> SignIn<N> {
    /// Begins, with fresh random bytes from a secure source; returns the first call. Blanks around the name are ignored: they
    /// come along when it is pasted, and no name has any.
    ///
    /// # Errors
    /// [`SignInError::Untrusted`] for random bytes that are all zero.
    pub fn begin(
        pool: UserPool,
        username: &str,
        password: String,
        chance: &[u8; CHANCE_BYTES],
    ) -> Result<(Self, Call), SignInError> {
        let srp = Srp::new(chance).ok_or_else(|| SignInError::Untrusted("there is no chance to be had".into()))?;
        let public: String = srp.public();
        let username = username.trim_matches(is_blank);
        let call = wire::initiate(&pool, "USER_SRP_AUTH", &[("USERNAME", username), ("SRP_A", &public)]);
        Ok((Self { pool, stage: Stage::Greeting { srp, password } }, call))
    }

    /// Takes the outcome of the last call, at that Unix millisecond, exact to a minute: the proof has a timestamp.
    pub fn reply(&mut self, outcome: Outcome, now_ms: i64) -> SignInStep {
        let reply = outcome.map_err(SignInError::from).and_then(|reply| wire::read::<AuthReply>(&reply));
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        match (stage, reply) {
            (Stage::Greeting { srp, password }, Ok(reply)) => self.prove(&srp, &password, reply, now_ms),
            (Stage::Proving { user } | Stage::Asking(Asked { user, .. }), Ok(reply)) => {
                self.advance(user, reply, now_ms)
            }
            // The pool takes no such name, so no user has it.
            (Stage::Greeting { .. }, Err(SignInError::Misconfigured(said))) if is_about_the_name(&said) => {
                SignInStep::Failed(SignInError::WrongPassword)
            }
            (Stage::Asking(asked), Err(error)) if may_ask_again(&error) => self.ask(asked, Some(error)),
            (_, Err(error)) => SignInStep::Failed(error),
            (Stage::Over, Ok(_)) => SignInStep::Failed(SignInError::TimedOut),
        }
    }

    /// Takes the person's answer; returns the call that sends it. `None` where nothing was asked, or something else.
    pub fn answer(&mut self, answer: &SignInAnswer) -> Option<Call> {
        let Stage::Asking(Asked { user, session, question }) = &self.stage else { return None };
        let user = ("USERNAME", user.as_str());
        let respond =
            |challenge, answers: &[_]| Some(wire::respond(&self.pool, challenge, session.as_deref(), answers));
        match (question, answer) {
            (Question::NewPassword { .. }, SignInAnswer::NewPassword { password, attributes }) => {
                let named: Vec<_> =
                    attributes.iter().map(|(name, value)| ([ATTRIBUTE, name].concat(), value.as_str())).collect();
                let mut answers = vec![user, ("NEW_PASSWORD", password)];
                answers.extend(named.iter().map(|(name, value)| (name.as_str(), *value)));
                respond(NEW_PASSWORD, &answers)
            }
            (Question::Code { .. }, SignInAnswer::Code(code)) => {
                let code: String = code.split_whitespace().collect();
                respond(CODE, &[user, ("SOFTWARE_TOKEN_MFA_CODE", &code)])
            }
            _ => None,
        }
    }

    fn prove(&mut self, srp: &Srp<N>, password: &str, reply: AuthReply, now_ms: i64) -> SignInStep {
        if reply.challenge_name.as_deref() != Some(VERIFY) {
            // A pool that lets somebody in without a proof is not genuine.
            let said = reply.challenge_name.unwrap_or_else(|| "no challenge".into());
            return SignInStep::Failed(SignInError::Untrusted(["it answered SRP_A with ", &said].concat()));
        }
        let Some(Parameters { user_id_for_srp: Some(proved), username, salt, srp_b, secret_block, .. }) =
            reply.challenge_parameters
        else {
            return SignInStep::Failed(SignInError::unreadable());
        };
        let challenge = Challenge { user: &proved, salt: &salt, b: &srp_b, block: &secret_block };
        let claim = match srp.claim(self.pool.name(), password, challenge, now_ms) {
            Ok(claim) => claim,
            Err(error) => return SignInStep::Failed(error.into()),
        };
        let user = username.unwrap_or(proved);
        let answers = [
            ("USERNAME", user.as_str()),
            ("PASSWORD_CLAIM_SECRET_BLOCK", &secret_block),
            ("PASSWORD_CLAIM_SIGNATURE", &claim.signature),
            ("TIMESTAMP", &claim.timestamp),
        ];
        let call = wire::respond(&self.pool, VERIFY, reply.session.as_deref(), &answers);
        self.stage = Stage::Proving { user };
        SignInStep::Send(call)
    }

    /// Continues from a reply to a proof or an answer: tokens, or the next question.
    fn advance(&mut self, user: String, reply: AuthReply, now_ms: i64) -> SignInStep {
        if let Some(result) = reply.authentication_result {
            return SignInStep::Done(result.tokens(now_ms));
        }
        let parameters = reply.challenge_parameters.unwrap_or_default();
        let question = match reply.challenge_name.as_deref() {
            Some(NEW_PASSWORD) => Question::NewPassword { required: attributes(&parameters.required_attributes) },
            Some(CODE) => Question::Code { device: parameters.friendly_device_name },
            Some(SELECT) if attributes(&parameters.mfas_can_choose).iter().any(|offered| offered == CODE) => {
                let answers = [("USERNAME", user.as_str()), ("ANSWER", CODE)];
                let call = wire::respond(&self.pool, SELECT, reply.session.as_deref(), &answers);
                self.stage = Stage::Proving { user };
                return SignInStep::Send(call);
            }
            Some(other) => return SignInStep::Failed(SignInError::Unsupported(other.into())),
            None => return SignInStep::Failed(SignInError::unreadable()),
        };
        let user = parameters.username.or(parameters.user_id_for_srp).unwrap_or(user);
        self.ask(Asked { user, session: reply.session, question }, None)
    }

    fn ask(&mut self, asked: Asked, error: Option<SignInError>) -> SignInStep {
        let question = asked.question.clone();
        self.stage = Stage::Asking(asked);
        SignInStep::Ask(question, error)
    }
}

/// Whether the question still stands after such a failure: the pool keeps its session for a few wrong answers, and for answers
/// that never arrived.
fn may_ask_again(error: &SignInError) -> bool {
    use SignInError as E;
    matches!(error, E::WrongCode | E::WeakPassword(_) | E::TooMany | E::Network(_) | E::Service(_))
}

/// Whether the character is blank or invisible beside a name.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

/// Whether the message is the pool's about an invalid name
/// ([`Username`](https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminGetUser.html): 1 to 128
/// letters, marks, symbols, numbers and punctuation).
fn is_about_the_name(said: &str) -> bool {
    said.to_ascii_lowercase().contains("username")
}

/// `["userAttributes.email"]` → `email`.
fn attributes(json: &str) -> Vec<String> {
    let names: Vec<String> = serde_json::from_str(json).unwrap_or_default();
    names.iter().map(|name| name.strip_prefix(ATTRIBUTE).unwrap_or(name).to_owned()).collect()
}
