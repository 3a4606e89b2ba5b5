//! Why signing in failed, in the language of the page, with a remedy where there is one.

use danmu::cognito::SignInError;

use super::AccountError;
use crate::i18n::{Language, fill, t_string};

/// The text of an issuer's error.
pub fn say(error: &SignInError, i18n: Language) -> String {
    use SignInError as E;
    let plain = match error {
        E::WrongPassword => t_string!(i18n, account.wrong_password),
        E::LockedOut => t_string!(i18n, account.locked_out),
        E::Disabled => t_string!(i18n, account.disabled),
        E::NotConfirmed => t_string!(i18n, account.not_confirmed),
        E::ResetRequired => t_string!(i18n, account.reset_required),
        E::WrongCode => t_string!(i18n, account.wrong_code),
        E::TimedOut => t_string!(i18n, account.timed_out),
        E::SignedOut => t_string!(i18n, account.signed_out),
        E::TooMany => t_string!(i18n, account.too_many),
        E::Network(_) => t_string!(i18n, account.unreachable),
        E::WeakPassword(reason) => return fill(t_string!(i18n, account.weak_password), &[("reason", reason)]),
        E::Unsupported(what) => return fill(t_string!(i18n, account.unsupported), &[("what", what)]),
        E::Refused(reason) | E::NotCompleted(reason) => {
            return fill(t_string!(i18n, account.refused), &[("reason", reason)]);
        }
        E::Misconfigured(reason) | E::Untrusted(reason) | E::Service(reason) => {
            return fill(t_string!(i18n, account.service), &[("reason", reason)]);
        }
    };
    plain.to_owned()
}

/// The text of our own server's error.
pub fn say_server(error: &AccountError, i18n: Language) -> String {
    match error {
        AccountError::Refused(reason) => fill(t_string!(i18n, account.not_believed), &[("reason", reason)]),
        AccountError::IssuerDown { retry_after_s } => {
            fill(t_string!(i18n, account.issuer_down), &[("seconds", retry_after_s)])
        }
        AccountError::Network(_) => t_string!(i18n, problem.network).to_owned(),
    }
}
