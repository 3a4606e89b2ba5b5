//! Elements, without a framework: the dialogue is a handful of forms.

use leptos::prelude::document;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{Element, HtmlElement, HtmlInputElement};

/// An element with these attributes. Panics for invalid tag names, and ours are valid.
pub fn element(tag: &str, attributes: &[(&str, &str)]) -> HtmlElement {
    let element: HtmlElement = document().create_element(tag).map_or_else(|_| unreachable!(), JsCast::unchecked_into);
    for (name, value) in attributes {
        let _ = element.set_attribute(name, value);
    }
    element
}

/// The same, with a text in it. Text, never HTML.
pub fn text(tag: &str, attributes: &[(&str, &str)], text: &str) -> HtmlElement {
    let element = element(tag, attributes);
    element.set_text_content(Some(text));
    element
}

/// Puts `children` into `parent`, at its end.
pub fn fill(parent: &Element, children: &[&HtmlElement]) {
    for child in children {
        let _ = parent.append_child(child);
    }
}

/// A field with its label around it.
pub fn field(label: &str, attributes: &[(&str, &str)]) -> (HtmlElement, HtmlInputElement) {
    let input: HtmlInputElement = element("input", attributes).unchecked_into();
    let around = element("label", &[]);
    fill(&around, &[&text("span", &[], label), input.unchecked_ref()]);
    (around, input)
}

/// Calls `listener` at each such event, for as long as the element lives.
pub fn listen(element: &HtmlElement, event: &str, listener: impl FnMut(web_sys::Event) + 'static) {
    let listener = Closure::<dyn FnMut(web_sys::Event)>::new(listener).into_js_value();
    let _ = element.add_event_listener_with_callback(event, JsValue::unchecked_ref(&listener));
}
