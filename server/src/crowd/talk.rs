//! Small talk, by language: fit for any time of any show.

use super::persona::Tongue;

/// What somebody who writes in that language says when nothing happens.
pub(super) const fn small_talk_in(tongue: Tongue) -> &'static [&'static str] {
    match tongue {
        Tongue::Chinese => &[
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
        ],
        Tongue::English => &[
            "hello from Berlin",
            "first time here",
            "what song is this?",
            "love the colours",
            "so relaxing",
            "hi chat",
            "anyone else at work?",
            "this is better than TV",
            "the light is beautiful",
            "good night everyone",
            "again!",
            "just got here, what did I miss",
            "sound is great today",
            "ok that was smooth",
            "greetings from Nairobi 🇰🇪",
            "can you zoom in?",
            "brb tea ☕",
        ],
        Tongue::Japanese => &[
            "こんばんは",
            "初見です",
            "すごい",
            "きれい",
            "待ってた",
            "この曲なに?",
            "わかる",
            "なるほど",
            "おつかれさま",
            "8888888",
            "ここ好き",
            "かわいい",
            "お茶飲みながら見てる🍵",
        ],
        Tongue::Korean => {
            &["안녕하세요", "처음 왔어요", "와 예쁘다", "이 노래 뭐예요?", "오늘도 화이팅", "퇴근하고 왔어요"]
        }
        Tongue::Spanish => {
            &["hola a todos", "qué bonito", "saludos desde México 🇲🇽", "¿qué canción es?", "otra vez porfa"]
        }
        Tongue::Portuguese => {
            &["boa noite gente", "que lindo", "greetings from São Paulo 🇧🇷", "qual é essa música?", "de novo!"]
        }
        Tongue::German => {
            &["moin zusammen", "wie schön ist das denn", "Grüße aus Leipzig", "welches Lied ist das?", "nochmal!"]
        }
        Tongue::French => {
            &["bonsoir tout le monde", "c'est magnifique", "coucou de Lyon", "c'est quoi la musique ?", "encore !"]
        }
    }
}

/// How somebody who writes in that language laughs.
pub(super) const fn laugh_in(tongue: Tongue) -> (&'static str, usize) {
    match tongue {
        Tongue::Chinese => ("哈", 2),
        Tongue::English => ("ha", 2),
        Tongue::Japanese => ("w", 2),
        Tongue::Korean => ("ㅋ", 3),
        Tongue::Spanish => ("ja", 2),
        Tongue::Portuguese => ("k", 5),
        Tongue::German => ("ha", 2),
        Tongue::French => ("ha", 2),
    }
}
