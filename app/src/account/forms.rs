//! The dialogue's forms, one after another in one `<dialog>`. Each waits for the viewer's answer and returns it.
//!
//! They are ordinary forms: a password manager fills them in and stores them, one-time codes are offered, Enter sends, Escape
//! closes. Problems are announced to screen readers.

use danmu::cognito::sign_in::{Question, SignInAnswer};
use futures::channel::oneshot;
use leptos::prelude::document;
use std::{cell::RefCell, rc::Rc};
use wasm_bindgen::JsCast;
use web_sys::{HtmlDialogElement, HtmlElement, HtmlInputElement, HtmlSelectElement};

use super::{
    Offer,
    dom::{element, field, fill, listen, text},
};
use crate::i18n::{Language, fill as put, t_string};

/// The dialogue on the page.
#[derive(Clone)]
pub struct Forms {
    dialog: HtmlDialogElement,
    /// The container of the current form.
    place: HtmlElement,
    pub i18n: Language,
}

/// How the viewer wants to sign in, with the index of the offer.
pub enum Way {
    /// By name and password.
    Password(usize, String, String),
    /// On the issuer's own page.
    Hosted(usize),
}

/// Where a signed-in viewer wants to be signed out.
pub enum Leave {
    /// Here.
    Here,
    /// Wherever they are signed in.
    Everywhere,
}

/// A form to show.
#[derive(Default)]
struct Form<'a> {
    title: &'a str,
    /// What it is for, where the title does not say it.
    why: Option<&'a str>,
    /// What was wrong with the last try.
    problem: Option<String>,
    fields: &'a [&'a HtmlElement],
    /// The button that sends it.
    send: Option<String>,
    /// The buttons beside that.
    others: &'a [String],
    /// The input that gets the focus.
    focus: Option<&'a HtmlInputElement>,
}

/// Which of a form's buttons was pressed: the one that sends is 0.
type Pressed = usize;

impl Forms {
    /// Opens an empty dialogue, once the style sheet of that build is loaded. `None` while one is open.
    pub async fn open(i18n: Language, build: &str) -> Option<Self> {
        if document().query_selector("dialog.account-dialog").ok().flatten().is_some() {
            return None;
        }
        let dialog: HtmlDialogElement =
            element("dialog", &[("class", "account-dialog"), ("aria-labelledby", "account-title")]).unchecked_into();
        let close = text("button", &[("class", "quiet close"), ("type", "button")], "×");
        let _ = close.set_attribute("aria-label", t_string!(i18n, account.close));
        let place = element("div", &[]);
        fill(&dialog, &[&close, &place]);
        listen(&close, "click", {
            let dialog = dialog.clone();
            move |_| dialog.close()
        });
        document().body()?.append_child(&dialog).ok()?;
        dress(build).await;
        dialog.show_modal().ok()?;
        Some(Self { dialog, place, i18n })
    }

    /// Calls `closed` when the dialogue closes, by the viewer or by [`Forms::close`]; it is removed from the page then.
    pub fn on_close(&self, closed: impl Fn() + 'static) {
        let dialog = self.dialog.clone();
        listen(&self.dialog, "close", move |_| {
            dialog.remove();
            closed();
        });
    }

    /// Closes it.
    pub fn close(&self) {
        self.dialog.close();
    }

    /// Asks how to sign in. `problem` is what was wrong with the last try, `name` what was given then.
    pub async fn sign_in(&self, offers: &[Offer], name: &str, problem: Option<String>) -> Way {
        let i18n = self.i18n;
        let pools: Vec<usize> = (0..offers.len()).filter(|at| offers[*at].pool.is_some()).collect();
        let pages: Vec<usize> = (0..offers.len()).filter(|at| offers[*at].provider.is_some()).collect();
        let (name_field, name_input) = field(
            t_string!(i18n, account.username),
            &[
                ("name", "username"),
                ("autocomplete", "username"),
                ("autocapitalize", "none"),
                ("spellcheck", "false"),
                ("required", ""),
            ],
        );
        name_input.set_value(name);
        let (password_field, password_input) = password(t_string!(i18n, account.password), "current-password");
        let choice: HtmlSelectElement = element("select", &[("name", "issuer")]).unchecked_into();
        for at in &pools {
            fill(&choice, &[&text("option", &[("value", &at.to_string())], &offers[*at].title)]);
        }
        let choice_field = element("label", &[]);
        fill(&choice_field, &[&text("span", &[], t_string!(i18n, account.issuer)), choice.unchecked_ref()]);

        let mut fields = Vec::new();
        if pools.len() > 1 {
            fields.push(&choice_field);
        }
        if !pools.is_empty() {
            fields.extend([&name_field, &password_field]);
        }
        let send = (!pools.is_empty()).then(|| t_string!(i18n, account.sign_in).to_owned());
        let others: Vec<String> =
            pages.iter().map(|at| put(t_string!(i18n, account.with), &[("issuer", &offers[*at].title)])).collect();
        let focus = if name.is_empty() { &name_input } else { &password_input };
        match self
            .ask(Form {
                title: t_string!(i18n, account.sign_in),
                problem,
                fields: &fields,
                send,
                others: &others,
                focus: Some(focus),
                ..Form::default()
            })
            .await
        {
            0 => {
                let at = choice.value().parse().ok().or(pools.first().copied()).unwrap_or(0);
                Way::Password(at, name_input.value(), password_input.value())
            }
            other => Way::Hosted(pages.get(other - 1).copied().unwrap_or(0)),
        }
    }

    /// Asks the user pool's question.
    pub async fn answer(&self, question: Question, problem: Option<String>) -> SignInAnswer {
        let i18n = self.i18n;
        let send = Some(t_string!(i18n, account.go_on).to_owned());
        match question {
            Question::NewPassword { required } => {
                let (password_field, password_input) = password(t_string!(i18n, account.new_password), "new-password");
                let attributes: Vec<_> = required
                    .iter()
                    .map(|name| field(name, &[("name", name), ("autocomplete", autocomplete(name)), ("required", "")]))
                    .collect();
                let fields: Vec<_> =
                    attributes.iter().map(|(field, _)| field).chain(std::iter::once(&password_field)).collect();
                let (title, why) = (t_string!(i18n, account.new_password), t_string!(i18n, account.new_password_why));
                let focus = attributes.first().map_or(&password_input, |(_, input)| input);
                let (why, focus) = (Some(why), Some(focus));
                self.ask(Form { title, why, problem, fields: &fields, send, focus, ..Form::default() }).await;
                let values = attributes.iter().map(|(_, input)| input.value());
                SignInAnswer::NewPassword {
                    password: password_input.value(),
                    attributes: required.into_iter().zip(values).collect(),
                }
            }
            Question::Code { device } => {
                let (code_field, code_input) = field(
                    t_string!(i18n, account.code),
                    &[("name", "code"), ("inputmode", "numeric"), ("autocomplete", "one-time-code"), ("required", "")],
                );
                let why = match device {
                    Some(device) => put(t_string!(i18n, account.code_device), &[("device", &device)]),
                    None => t_string!(i18n, account.code_why).to_owned(),
                };
                let title = t_string!(i18n, account.code);
                let (why, fields, focus) = (Some(&*why), &[&code_field][..], Some(&code_input));
                self.ask(Form { title, why, problem, fields, send, focus, ..Form::default() }).await;
                SignInAnswer::Code(code_input.value())
            }
        }
    }

    /// Says that signing in goes on in another window.
    pub fn waiting(&self) {
        let i18n = self.i18n;
        self.show(t_string!(i18n, account.elsewhere), &[&text("p", &[], t_string!(i18n, account.elsewhere_why))]);
    }

    /// Shows who is signed in; waits until they want to leave.
    pub async fn signed_in(&self, name: &str, everywhere: bool, problem: Option<String>) -> Leave {
        let i18n = self.i18n;
        let who = match name {
            "" => t_string!(i18n, account.nameless).to_owned(),
            name => put(t_string!(i18n, account.signed_in_as), &[("name", &name)]),
        };
        let others =
            if everywhere { vec![t_string!(i18n, account.sign_out_everywhere).to_owned()] } else { Vec::new() };
        let send = Some(t_string!(i18n, account.sign_out).to_owned());
        match self.ask(Form { title: &who, problem, send, others: &others, ..Form::default() }).await {
            0 => Leave::Here,
            _ => Leave::Everywhere,
        }
    }

    /// Shows a form, and waits for one of its buttons. Then the form is disabled, until the next one replaces it.
    async fn ask(&self, form: Form<'_>) -> Pressed {
        let Form { title, why, problem, fields, send, others, focus } = form;
        let (form, set) = (element("form", &[]), element("fieldset", &[]));
        if let Some(why) = why {
            fill(&set, &[&text("p", &[], why)]);
        }
        fill(&set, fields);
        fill(&set, &[&text("p", &[("class", "problem"), ("role", "alert")], &problem.unwrap_or_default())]);
        let (pressed, waiting) = oneshot::channel::<Pressed>();
        let pressed = Rc::new(RefCell::new(Some(pressed)));
        let press = move |pressed: &RefCell<Option<oneshot::Sender<Pressed>>>, set: &HtmlElement, which| {
            if let Some(pressed) = pressed.borrow_mut().take() {
                let _ = set.set_attribute("disabled", "");
                let _ = pressed.send(which);
            }
        };
        if let Some(send) = &send {
            fill(&set, &[&text("button", &[("type", "submit"), ("class", "main")], send)]);
        }
        for (at, other) in others.iter().enumerate() {
            let button = text("button", &[("type", "button")], other);
            listen(&button, "click", {
                let (pressed, set) = (Rc::clone(&pressed), set.clone());
                move |_| press(&pressed, &set, at + 1)
            });
            fill(&set, &[&button]);
        }
        listen(&form, "submit", {
            let (pressed, set) = (Rc::clone(&pressed), set.clone());
            move |event| {
                event.prevent_default();
                press(&pressed, &set, 0);
            }
        });
        fill(&form, &[&set]);
        self.show(title, &[&form]);
        if let Some(focus) = focus {
            let _ = focus.focus();
        }
        // The sender lives in the form's listeners, and the form stays while it is awaited.
        waiting.await.unwrap_or(0)
    }

    fn show(&self, title: &str, children: &[&HtmlElement]) {
        self.place.set_text_content(None);
        fill(&self.place, &[&text("h2", &[("id", "account-title")], title)]);
        fill(&self.place, children);
    }
}

fn password(label: &str, kind: &str) -> (HtmlElement, HtmlInputElement) {
    field(label, &[("name", "password"), ("type", "password"), ("autocomplete", kind), ("required", "")])
}

/// What a browser may fill in for a standard attribute.
fn autocomplete(attribute: &str) -> &'static str {
    match attribute {
        "email" => "email",
        "name" => "name",
        "nickname" => "nickname",
        "given_name" => "given-name",
        "family_name" => "family-name",
        "phone_number" => "tel",
        _ => "on",
    }
}

/// Loads the dialogue's sheet, unless it is there. Without it, the dialogue is plain, and works.
async fn dress(build: &str) {
    let Some(head) = document().head() else { return };
    if head.query_selector("link[data-account-sheet]").ok().flatten().is_some() {
        return;
    }
    let address = ["/account.css?", build].concat();
    let link = element("link", &[("rel", "stylesheet"), ("href", &address), ("data-account-sheet", "")]);
    let (loaded, loading) = oneshot::channel::<()>();
    let loaded = Rc::new(RefCell::new(Some(loaded)));
    for event in ["load", "error"] {
        let loaded = Rc::clone(&loaded);
        listen(&link, event, move |_| drop(loaded.borrow_mut().take()));
    }
    fill(&head, &[&link]);
    let _ = loading.await;
}
