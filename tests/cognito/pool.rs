//! A user pool with one user, behind the JSON of its API: what it answers, it answers as the API reference says.

use base64::{Engine, prelude::BASE64_STANDARD};
use danmu::{
    cognito::{Call, Outcome, UserPool},
    kinesis::Reply,
};
use num_bigint::BigUint;
use serde_json::{Value, json};

use super::verifier::{Attempt, Verifier};

pub const NAME: &str = "amy";
/// What the pool calls her, whatever she types.
pub const SUB: &str = "5d0f1f5c-0000-4000-8000-000000000001";
pub const CODE: &str = "123456";

/// What it wants besides the password.
#[derive(Clone, Copy, Default)]
pub struct Wants {
    pub new_password: bool,
    pub code: bool,
    /// Which second factor.
    pub choice: bool,
}

pub struct Pool {
    pub settings: UserPool,
    pub calls: Vec<String>,
    /// The bodies of all that it was sent.
    pub heard: String,
    verifier: Verifier,
    wants: Wants,
    attempt: Option<Attempt>,
    sessions: u32,
    /// How many wrong answers a session survives.
    pub patience: u32,
    /// Answers the next call with this instead.
    pub instead: Option<Outcome>,
}

pub fn refused(code: &str, message: &str) -> Outcome {
    reply(400, &json!({"__type": code, "message": message}))
}

pub fn reply(status: u16, body: &Value) -> Outcome {
    Ok(Reply { status, date: None, body: body.to_string().into_bytes() })
}

impl Pool {
    pub fn new(password: &str, wants: Wants) -> Self {
        let settings = UserPool { id: "us-east-1_AbC123".into(), client_id: "client".into(), endpoint: None };
        let verifier = Verifier::enroll(settings.name(), SUB, password, BigUint::from(0xdead_beef_u32));
        Self {
            settings,
            calls: Vec::new(),
            heard: String::new(),
            verifier,
            wants,
            attempt: None,
            sessions: 0,
            patience: 2,
            instead: None,
        }
    }

    pub fn answer(&mut self, call: &Call) -> Outcome {
        assert_eq!(call.url, "https://cognito-idp.us-east-1.amazonaws.com/");
        let header = |name| &call.headers.iter().find(|(found, _)| *found == name).expect("a header").1;
        assert_eq!(header("content-type"), "application/x-amz-json-1.1");
        let operation = header("x-amz-target").strip_prefix("AWSCognitoIdentityProviderService.").expect("its service");
        self.calls.push(operation.to_owned());
        self.heard.push_str(std::str::from_utf8(&call.body).expect("UTF-8"));
        if let Some(outcome) = self.instead.take() {
            return outcome;
        }
        let body: Value = serde_json::from_slice(&call.body).expect("JSON");
        assert_eq!(body["ClientId"], "client");
        match operation {
            "InitiateAuth" => self.initiate(&body),
            "RespondToAuthChallenge" => self.respond(&body),
            other => panic!("{other} is not for signing in"),
        }
    }

    fn initiate(&mut self, body: &Value) -> Outcome {
        assert_eq!(body["AuthFlow"], "USER_SRP_AUTH");
        let given = &body["AuthParameters"];
        let name = given["USERNAME"].as_str().expect("a name");
        if name.is_empty() || name.contains(char::is_whitespace) {
            let rule = "Member must satisfy regular expression pattern: [\\p{L}\\p{M}\\p{S}\\p{N}\\p{P}]+";
            let said = format!("1 validation error detected: Value at 'username' failed to satisfy constraint: {rule}");
            return refused("InvalidParameterException", &said);
        }
        if name != NAME {
            return refused("UserNotFoundException", "User does not exist.");
        }
        let big_a = BigUint::parse_bytes(given["SRP_A"].as_str().expect("digits").as_bytes(), 16).expect("digits");
        let attempt =
            self.verifier.challenge(big_a, BigUint::from(0x1234_5678_9abc_def1_u64).pow(5), b"block".to_vec());
        let parameters = json!({
            "USER_ID_FOR_SRP": SUB, "USERNAME": SUB, "SALT": self.verifier.salt.to_str_radix(16),
            "SRP_B": attempt.big_b.to_str_radix(16), "SECRET_BLOCK": BASE64_STANDARD.encode(&attempt.block),
        });
        self.attempt = Some(attempt);
        reply(200, &json!({"ChallengeName": "PASSWORD_VERIFIER", "ChallengeParameters": parameters}))
    }

    fn respond(&mut self, body: &Value) -> Outcome {
        let given = &body["ChallengeResponses"];
        assert_eq!(given["USERNAME"], SUB);
        let text = |name: &str| given[name].as_str().unwrap_or_default();
        match body["ChallengeName"].as_str().expect("a challenge") {
            "PASSWORD_VERIFIER" => {
                let attempt = self.attempt.take().expect("an attempt");
                let block = BASE64_STANDARD.encode(&attempt.block);
                let claimed = self.verifier.admits(&attempt, text("TIMESTAMP"), text("PASSWORD_CLAIM_SIGNATURE"));
                if !claimed || text("PASSWORD_CLAIM_SECRET_BLOCK") != block {
                    return refused("NotAuthorizedException", "Incorrect username or password.");
                }
            }
            "NEW_PASSWORD_REQUIRED" => {
                assert_eq!(body["Session"], format!("session {}", self.sessions));
                if text("NEW_PASSWORD").len() < 8 {
                    return self.wrong("InvalidPasswordException", "Password not long enough");
                }
                assert_eq!(text("userAttributes.email"), "amy@example.org");
                self.wants.new_password = false;
            }
            "SELECT_MFA_TYPE" => {
                assert_eq!(body["Session"], format!("session {}", self.sessions));
                assert_eq!(text("ANSWER"), "SOFTWARE_TOKEN_MFA");
                self.wants = Wants { choice: false, code: true, ..self.wants };
            }
            "SOFTWARE_TOKEN_MFA" => {
                assert_eq!(body["Session"], format!("session {}", self.sessions));
                if text("SOFTWARE_TOKEN_MFA_CODE") != CODE {
                    return self.wrong("CodeMismatchException", "Invalid code received for user");
                }
                self.wants.code = false;
            }
            other => panic!("{other} was never asked"),
        }
        self.advance()
    }

    fn wrong(&mut self, code: &str, message: &str) -> Outcome {
        if self.patience == 0 {
            return refused("NotAuthorizedException", "Invalid session for the user, session is expired.");
        }
        self.patience -= 1;
        refused(code, message)
    }

    fn advance(&mut self) -> Outcome {
        let (challenge, parameters) = match self.wants {
            Wants { new_password: true, .. } => (
                "NEW_PASSWORD_REQUIRED",
                json!({"USER_ID_FOR_SRP": SUB, "requiredAttributes": r#"["userAttributes.email"]"#, "userAttributes": "{}"}),
            ),
            Wants { choice: true, .. } => (
                "SELECT_MFA_TYPE",
                json!({"USER_ID_FOR_SRP": SUB, "MFAS_CAN_CHOOSE": r#"["SMS_MFA","SOFTWARE_TOKEN_MFA"]"#}),
            ),
            Wants { code: true, .. } => {
                ("SOFTWARE_TOKEN_MFA", json!({"USER_ID_FOR_SRP": SUB, "FRIENDLY_DEVICE_NAME": "Amy's phone"}))
            }
            _ => {
                let tokens = json!({"IdToken": "id", "AccessToken": "access", "RefreshToken": "refresh", "ExpiresIn": 3600,
                    "TokenType": "Bearer", "NewDeviceMetadata": {"DeviceKey": "device", "DeviceGroupKey": "group"}});
                return reply(200, &json!({"AuthenticationResult": tokens, "ChallengeParameters": {}}));
            }
        };
        self.sessions += 1;
        let session = format!("session {}", self.sessions);
        reply(200, &json!({"ChallengeName": challenge, "Session": session, "ChallengeParameters": parameters}))
    }
}
