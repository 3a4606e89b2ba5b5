//! Texts that viewers send: Chinese and English, with emoji, for highlights and for quiet times.

use danmu::kinesis::Host;

use super::host::Native;

/// Texts of a highlight, by occasion.
pub(super) const HIGHLIGHTS: [&[&str]; 7] = [
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
];

const SMALL_TALK: [&str; 48] = [
    "来了来了",
    "第一次看",
    "打卡",
    "前排",
    "晚上好",
    "大家好呀",
    "这个画质可以",
    "背景音乐叫什么",
    "求歌名",
    "这里是哪里啊",
    "好看",
    "真不错",
    "我也想去",
    "有没有一起的",
    "刚下班",
    "作业写完了吗",
    "主播晚上吃了吗",
    "这段好治愈",
    "下次一定",
    "三连了",
    "学到了",
    "细节",
    "妙啊",
    "原来如此",
    "有内味了",
    "再来一遍",
    "慢一点慢一点",
    "弹幕护体",
    "空降成功",
    "辛苦了",
    "hello from Berlin",
    "first time here",
    "what song is this?",
    "love the colours",
    "so relaxing",
    "hi chat",
    "anyone else at work?",
    "this is better than TV",
    "the light is beautiful",
    "greetings from São Paulo 🇧🇷",
    "good night everyone",
    "again!",
    "just got here, what did I miss",
    "こんばんは",
    "すごい",
    "きれい",
    "안녕하세요",
    "👋",
];

pub(super) fn any_of(texts: &[&str], host: &Native) -> String {
    texts.get(host.random() as usize % texts.len().max(1)).copied().unwrap_or_default().to_owned()
}

/// Small talk, fit for any time; sometimes a laugh of random length.
pub(super) fn small_talk(host: &Native) -> String {
    match host.random() % 12 {
        0 => "哈".repeat(2 + host.random() as usize % 18),
        1 => "6".repeat(3 + host.random() as usize % 9),
        2 => format!("{}{}", any_of(&SMALL_TALK, host), any_of(&["~", "!", "…", " 😂", " 🙏", "。"], host)),
        _ => any_of(&SMALL_TALK, host),
    }
}

#[cfg(test)]
mod tests {
    use danmu::record::check_text;

    use danmu_identity::unicode::UNICODE;

    use super::*;

    #[test]
    fn everything_that_is_said_may_be_said() {
        for text in HIGHLIGHTS.iter().copied().flatten().chain(&SMALL_TALK) {
            assert_eq!(check_text(text, UNICODE), Ok(()), "{text}");
        }
        let host = Native::new();
        for _ in 0..500 {
            assert_eq!(check_text(&small_talk(&host), UNICODE), Ok(()));
        }
    }
}
