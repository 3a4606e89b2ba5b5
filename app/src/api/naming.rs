//! Why a guest cannot have a name, in the language of the request: so the watch page needs no texts for it.

use crate::{
    i18n::{Language, t_string},
    services::NameRefused,
};

/// What the guest is told.
pub(super) fn say_refused(refused: NameRefused) -> String {
    let language = Language::of_page();
    let text = match refused {
        NameRefused::Bad => t_string!(language, problem.name_bad),
        NameRefused::Taken => t_string!(language, problem.name_taken),
        NameRefused::Rule => t_string!(language, problem.name_rule),
        NameRefused::TooOften => t_string!(language, problem.name_often),
        NameRefused::Later => t_string!(language, problem.name_later),
    };
    text.to_owned()
}
