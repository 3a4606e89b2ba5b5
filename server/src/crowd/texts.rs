//! Texts that viewers send, in several languages, with emoji: for highlights and for quiet times.

use danmu::kinesis::Host;

use super::{
    host::Native,
    persona::Tongue,
    talk::{laugh_in, small_talk_in},
};

/// Texts of a highlight, by occasion.
pub(super) const HIGHLIGHTS: [&[&str]; 10] = [
    &["前方高能", "前方高能预警", "高能!!!", "护眼", "非战斗人员请撤离", "here it comes", "⚠️⚠️⚠️"],
    &[
        "哈哈哈",
        "哈哈哈哈哈哈",
        "哈哈哈哈哈哈哈哈哈哈",
        "笑死",
        "笑不活了",
        "LOL",
        "hahaha",
        "🤣🤣🤣",
        "2333",
        "233333",
    ],
    &["666", "66666", "6666666666", "太强了", "秀", "这操作", "GG", "so clean", "🔥🔥🔥", "respect"],
    &["打call", "打call打call", "✨打call✨", "\\(≧▽≦)/", "加油!", "let's go", "👏👏👏", "🎉🎉🎉"],
    &["名场面", "名场面打卡", "经典永流传", "梦开始的地方", "爷青回", "this part", "goosebumps", "泪目"],
    &["卧槽", "???", "?????", "啊这", "什么情况", "wait what", "no way", "😱", "没看懂"],
    &["awsl", "好可爱", "kawaii", "心化了", "❤️", "🥰🥰", "so cute"],
    &["草", "草草草", "草www", "大草原", "草生える", "笑死"],
    &["www", "wwwww", "wwwwwwww", "ww", "草", "lol"],
    &["hahaha", "hahahaha", "哈哈哈哈", "jajaja", "ㅋㅋㅋㅋ", "kkkkk", "LMAO", "😂😂😂"],
];

pub(super) fn any_of(texts: &[&str], host: &Native) -> String {
    texts.get(host.random() as usize % texts.len().max(1)).copied().unwrap_or_default().to_owned()
}

/// Small talk in a language, fit for any time; sometimes a laugh of random length.
pub(super) fn small_talk(host: &Native, tongue: Tongue) -> String {
    let any = || any_of(small_talk_in(tongue), host);
    match host.random() % 12 {
        0 => {
            let (laugh, least) = laugh_in(tongue);
            laugh.repeat(least + host.random() as usize % 10)
        }
        1 if tongue == Tongue::Chinese => "6".repeat(3 + host.random() as usize % 9),
        1 => any_of(&["👋", "🔥", "❤️", "👍", "🎉", "😮", "☕"], host),
        2 => format!("{}{}", any(), any_of(&["~", "!", "…", " 😂", " 🙏", " ✨"], host)),
        _ => any(),
    }
}

#[cfg(test)]
mod tests {
    use danmu::record::check_text;

    use danmu_identity::unicode::UNICODE;

    use super::*;
    use crate::crowd::persona::Persona;

    #[test]
    fn everything_that_is_said_may_be_said() {
        for text in HIGHLIGHTS.iter().copied().flatten() {
            assert_eq!(check_text(text, UNICODE), Ok(()), "{text}");
        }
        let host = Native::new();
        for _ in 0..100 {
            // Of every language.
            let tongue = Persona::new(&host).tongue;
            for text in small_talk_in(tongue).iter().map(|text| (*text).to_owned()).chain([small_talk(&host, tongue)]) {
                assert_eq!(check_text(&text, UNICODE), Ok(()), "{text}");
            }
        }
    }
}
