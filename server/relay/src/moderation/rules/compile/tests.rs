use proptest::prelude::*;

use super::*;

fn made(kind: RuleKind, value: &str) -> Result<Compiled, RuleError> {
    Compiled::new(&Rule { kind, value: value.to_owned() })
}

fn stops(kind: RuleKind, value: &str, text: &str) -> bool {
    made(kind, value).unwrap_or_else(|error| panic!("{kind:?} {value:?}: {error}")).look(&Text::new(text)) == Says::Stop
}

#[test]
fn a_word_is_found_however_it_is_written_and_not_inside_another() {
    for (word, text, is_stopped) in [
        ("spam", "SPAM!", true),
        ("spam", "ｓｐａｍ", true),
        ("spam", "s\u{200b}p\u{200d}am", true),
        ("spam", "spaaaaam", true),
        ("spam", "spammer", false),
        ("spam*", "spammer", true),
        ("*spam", "antispam", true),
        ("*spam*", "antispammer", true),
        ("ass", "class", false),
        ("god", "good", false),
        ("good", "goooood", true),
        ("good", "god", false),
        ("赌场", "澳門賭場上線", true),
        ("賭場", "澳门赌场上线", true),
        ("傻瓜", "你這個傻瓜啊", true),
        ("加v信", "快加Ｖ信", true),
        ("two words", "here are TWO words.", true),
        ("two words", "two  words", false),
        ("💩", "what 💩 is this", true),
        ("c++", "I like C++", true),
    ] {
        assert_eq!(stops(RuleKind::Words, word, text), is_stopped, "{word:?} in {text:?}");
    }
    assert!(stops(RuleKind::Words, "\n first \r\n\nsecond\n", "the second"));
}

#[test]
fn an_overlapping_word_does_not_hide_one_that_stands() {
    // "a b" begins inside of a word; "b" in it stands alone.
    assert!(stops(RuleKind::Words, "a b\nb", "xa b"));
    assert!(stops(RuleKind::Words, "赌\n赌场", "去赌场"));
}

#[test]
fn addresses_are_found_with_a_scheme_and_without() {
    for text in [
        "https://example.com/x",
        "go to example.com now",
        "Example．COM",
        "www.example.org",
        "a@example.com",
        "看 example。com",
    ] {
        assert!(stops(RuleKind::Links, "", text), "{text:?}");
    }
    for text in ["hello", "3.14", "嗯。好的。", "第1.5集", "wait...what", "e.g. this", "12:30", "a/b"] {
        assert!(!stops(RuleKind::Links, "", text), "{text:?}");
    }
}

#[test]
fn lengths_are_counted_as_readers_count_and_repetitions_whatever_repeats() {
    assert!(!stops(RuleKind::Longer, "3", "👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧") && stops(RuleKind::Longer, " 3 ", "abcd"));
    for (most, text, is_stopped) in [
        ("3", "hahaha", false),
        ("3", "hahahaha", true),
        ("3", "666", false),
        ("3", "6666", true),
        ("3", "哈 哈 哈 哈", true),
        ("2", "abcabcabc", true),
        ("2", "abcabcabd", false),
        ("2", "", false),
        ("50", &"x".repeat(100), true),
    ] {
        assert_eq!(stops(RuleKind::Runs, most, text), is_stopped, "{most} in {text:?}");
    }
}

#[test]
fn an_expression_sees_the_text_as_it_was_written() {
    assert!(stops(RuleKind::Pattern, r"(?i)qq\s*\d{6,}", "加QQ 123456"));
    assert!(!stops(RuleKind::Pattern, "^abc$", "ABC"));
    // Classes of Unicode, as users of scripts other than ours need them.
    assert!(stops(RuleKind::Pattern, r"\p{Cyrillic}{3}", "привет"));
}

#[test]
fn what_is_posted_again_has_the_same_fingerprint() {
    let again = made(RuleKind::Again, "30").expect("a rule");
    let print = |text: &str| match again.look(&Text::new(text)) {
        Says::Again(fingerprint, 30) => fingerprint,
        other => panic!("{other:?}"),
    };
    assert_eq!(print("Buy NOW!!!!"), print("buy... nowwww"));
    assert_ne!(print("👍"), print("👎"));
    assert_ne!(print("buy now"), print("buy then"));
}

#[test]
fn a_rule_that_cannot_be_is_refused_with_what_is_wrong() {
    let many: String = (0..10_000).map(|n| format!("word{n}\n")).collect();
    for (kind, value, expected) in [
        (RuleKind::Words, " \n\n", "1 to 1000 words"),
        (RuleKind::Words, &*many, "10000 words"),
        (RuleKind::Words, &"x".repeat(51), "at most 50 characters"),
        (RuleKind::Words, "ok\n\u{200b}", "nothing that can be seen"),
        (RuleKind::Words, "***", "nothing that can be seen"),
        (RuleKind::Pattern, "(", "unclosed group"),
        (RuleKind::Pattern, r"(a)\1", "backreferences are not supported"),
        (RuleKind::Pattern, "a*", "every text"),
        (RuleKind::Pattern, "", "every text"),
        (RuleKind::Pattern, &"a".repeat(501), "501 bytes"),
        (RuleKind::Pattern, r"((\w{100}){100}){100}", "too large"),
        (RuleKind::Pattern, &("(".repeat(80) + "a" + &")".repeat(80)), "nest"),
        (RuleKind::Longer, "0", "1 to 99"),
        (RuleKind::Runs, "1", "2 to 50"),
        (RuleKind::Again, "61", "5 to 60"),
        (RuleKind::Again, "soon", "\"soon\""),
        (RuleKind::Shadow, "no viewer", "cannot be the id"),
    ] {
        let error = made(kind, value).expect_err("no rule").to_string();
        assert!(error.contains(expected), "{kind:?} {value:.20}: {error}");
    }
    assert!(made(RuleKind::Words, &many.lines().take(1_000).collect::<Vec<_>>().join("\n")).is_ok());
}

proptest! {
    #[test]
    fn no_text_and_no_value_make_a_rule_panic(kind in 0..RuleKind::ALL.len(), value in any::<String>(), text in any::<String>()) {
        if let Ok(rule) = made(RuleKind::ALL[kind], &value) {
            rule.look(&Text::new(&text));
        }
        for (kind, value) in [(RuleKind::Words, "a*\n*b\n賭"), (RuleKind::Links, ""), (RuleKind::Runs, "2"), (RuleKind::Again, "5")] {
            made(kind, value).expect("a rule").look(&Text::new(&text));
        }
    }

    #[test]
    fn a_word_is_found_in_itself_wherever_it_stands(word in "[a-z]{1,8}", before in "[ .,!]{0,3}", after in "[ .,!]{0,3}") {
        let text = format!("{before}{word}{after}");
        prop_assert!(stops(RuleKind::Words, &word, &text));
    }
}
