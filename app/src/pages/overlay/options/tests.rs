//! What an overlay page's address means.

use super::*;
use crate::overlay::Outline;

#[test]
fn an_address_without_options_is_as_usual() {
    let options = Options::of("");
    let usual = Settings { motion: Motion::Full, ..Settings::default() };
    assert_eq!((options.settings(), options.list, options.lines()), (usual, false, 12));
    assert_eq!((options.names(), Options::of("style=list").names()), (false, true));
    assert_eq!((Options::of("names=yes").names(), Options::of("style=list&names=no").names()), (true, false));
    assert!(options.wrong.is_empty());
}

#[test]
fn an_address_says_how_danmu_look() {
    let options = Options::of(
        "style=list&font=Noto%20Serif%20SC&size=150&opacity=80%25&speed=50&area=100&lanes=5&outline=shadow&overlap=yes\
         &max=40&filter=Spoiler,%E5%89%A7%E9%80%8F,&feed=direct",
    );
    let settings = options.settings();
    assert_eq!((settings.scale, settings.opacity, settings.speed, settings.area), (1.5, 0.8, 0.5, 1.0));
    assert_eq!((settings.max_lanes, settings.max_on_stage, settings.overlap), (5, 40, true));
    assert_eq!((settings.outline, &*settings.font), (Outline::Shadow, "Noto Serif SC"));
    assert_eq!((options.list, options.lines()), (true, 40));
    assert_eq!(options.hides, ["spoiler", "剧透"]);
    assert!(options.css().contains("--size:150;") && options.css().contains("font-family:\"Noto Serif SC\","));
    assert_eq!(options.wrong, Vec::<String>::new());
}

#[test]
fn lines_of_a_list_disappear_if_the_address_says_so() {
    let options = Options::of("style=list&fade=20s");
    assert!(options.fades() && options.css().ends_with(";--fade:20s") && options.wrong.is_empty());
    assert!(!Options::of("style=list").fades());
    assert_eq!(Options::of("style=list&fade=0").wrong, ["fade=0: 1 to 3600 seconds"]);
    assert_eq!(Options::of("fade=20").wrong.len(), 1, "what flies does not fade");
}

#[test]
fn what_makes_no_sense_is_as_usual_and_said() {
    let options = Options::of("size=900&style=sideways&max=0&colour=red&font=a%0Ax&lanes=-1");
    assert_eq!(options.settings(), Options::default().settings());
    assert_eq!(options.wrong.len(), 6);
    for said in
        ["size=900: 50 to 200", "style=sideways: fly, list", "max=0: 1 to 10000", "colour: there is no such option"]
    {
        assert!(options.wrong.iter().any(|wrong| wrong.starts_with(said)), "{said}: {:?}", options.wrong);
    }
    assert_eq!(Options::of("style=list&max=500").lines(), 100);
}

#[test]
fn an_address_with_hundreds_of_mistakes_makes_no_long_page() {
    let query: String = (0..900).map(|n| format!("&option{n}=x")).collect();
    let wrong = Options::of(&query).wrong;
    assert_eq!((wrong.len(), wrong.last().map(String::as_str)), (9, Some("and 892 more")));
    let long = Options::of(&format!("size={0}&{0}=1&font={0}", "9".repeat(5_000))).wrong.join("; ");
    assert!(long.len() < 700, "{} bytes", long.len());
}

#[test]
fn a_font_is_named_as_it_is_written() {
    for (query, font) in [
        ("font=M+%201c", "M+ 1c"),
        ("font=M%2B+1c", "M+ 1c"),
        ("font=Noto+Serif+SC", "Noto Serif SC"),
        ("style=list&font=Jack's%20(Bold)", "Jack's (Bold)"),
        ("font=Black%20%26%20White", "Black & White"),
        ("font=%E6%80%9D%E6%BA%90%E9%BB%91%E4%BD%93", "思源黑体"),
    ] {
        let options = Options::of(query);
        assert_eq!((&*options.settings().font, options.wrong.len()), (font, 0), "{query}");
    }
    let css = Options::of("style=list&font=%22;color:red;x:%22%5C").css();
    assert!(css.ends_with(r#"font-family:"\";color:red;x:\"\\",system-ui,sans-serif"#), "{css}");
    assert_eq!(Options::of(&format!("font={}", "x".repeat(101))).wrong.len(), 1);
}

#[test]
fn what_is_on_air_moves_unless_the_address_says_otherwise() {
    let motion = |query| Options::of(query).settings().motion;
    assert_eq!((motion(""), motion("motion=yes"), motion("motion=no")), (Motion::Full, Motion::Full, Motion::Still));
    assert_eq!(Options::of("motion=sometimes").wrong, ["motion=sometimes: no, yes"]);
}
