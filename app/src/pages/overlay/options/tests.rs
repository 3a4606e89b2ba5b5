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

#[test]
fn a_preset_sets_the_look_and_every_option_goes_over_it_wherever_it_stands() {
    let settings = |query: &str| Options::of(query).settings();
    let calm = settings("preset=calm");
    assert_eq!((calm.speed, calm.area, calm.max_on_stage, calm.outline), (0.6, 0.5, 20, Outline::Shadow));
    for query in ["preset=calm&speed=100&max=50", "speed=100&max=50&preset=calm"] {
        let mine = settings(query);
        assert_eq!((mine.speed, mine.area, mine.max_on_stage), (1.0, 0.5, 50), "{query}");
    }
    assert_eq!(settings("preset=classic"), settings(""));
    let wrong = Options::of("preset=loud&size=150");
    assert_eq!(
        (wrong.settings().scale, &*wrong.wrong),
        (1.5, &["preset=loud: calm, classic, dense, big".to_owned()][..])
    );
}

#[test]
fn an_address_says_whose_danmu_are_shown_and_from_when_on() {
    let wants = |query: &str| Options::of(query).opened(1_700_000_000_000).wants();
    assert_eq!((wants("").roles, wants("").since, wants("history=yes").since), (0, 0, 0));
    for query in ["history=0", "history=no"] {
        assert_eq!(wants(query).since, 1_700_000_000_000, "{query}");
    }
    assert_eq!(wants("hide=viewers,members").roles, 0b11);
    assert_eq!(wants("hide=moderators&hide=%20streamers%20,").roles, 0b1100);
    let wrong = Options::of("hide=trolls,members&history=5");
    assert_eq!(wrong.wants().roles, 0b10);
    assert_eq!(
        wrong.wrong,
        ["hide=trolls: viewers, members, moderators, streamers, with commas between", "history=5: no, 0, yes"]
    );
}

#[test]
fn badges_stand_before_names_of_a_list_and_elsewhere_if_the_address_says_so() {
    let badges = |query: &str| (Options::of(query).badges(), Options::of(query).wants().badges);
    assert_eq!((badges(""), badges("badges=yes")), ((false, false), (true, true)));
    assert_eq!((badges("style=list"), badges("style=list&badges=no")), ((true, false), (false, false)));
    assert_eq!(Options::of("style=list&names=no&badges=yes").wrong.len(), 1, "there is no name to stand before");
}

#[test]
fn an_address_brings_a_style_sheet_that_no_script_of_the_page_gets() {
    let options = Options::of("css=https%3A%2F%2Fcdn.example%2Fa.css&style=list");
    assert!(matches!(&options.sheet, Some(Sheet::At { url, .. }) if url == "https://cdn.example/a.css"));
    assert!(!serde_json::to_string(&options).expect("JSON").contains("cdn.example"));
    let options = Options::of("css=.danmu-text%7Bcolor%3A%23f00%7D");
    assert_eq!(options.sheet, Some(Sheet::Text(".danmu-text{color:#f00}".into())));
    let options = Options::of("css=http://cdn.example/a.css");
    assert_eq!((options.sheet, options.wrong.len()), (None, 1));
}
