// What is said: the same danmu for every engine, drawn from a seed. Used by the page and by the program alike.

const COMMON =
  '的一是不了人我在有他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运';
const PHRASES = [
  '哈哈哈哈',
  '前方高能',
  '泪目',
  '名场面',
  '好听',
  '来了来了',
  '下次一定',
  '太强了',
  '爷青回',
  '破防了',
];

/** A generator of numbers from 0 to 1, the same for the same seed (mulberry32). */
export function chance(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** How many colours can be told from each other in a picture: steps of 8 in each channel, none of them dark. */
const STEPS = 24;
const FIRST = 255 - 8 * (STEPS - 1);

/** The colour of the danmu `index`, `0xRRGGBB`; no other of the `STEPS`³ around it has the same. */
export function colorOf(index) {
  // Neighbours in time are far apart in colour: 5,003 has no divisor in common with the number of colours.
  let code = (index * 5_003) % STEPS ** 3;
  let color = 0;
  for (let channel = 0; channel < 3; channel += 1, code = Math.floor(code / STEPS)) {
    color = color * 256 + FIRST + 8 * (code % STEPS);
  }
  return color;
}

/** The colours of the first `count`. */
export const colorsOf = (count) => new Set(Array.from({ length: count }, (_, index) => colorOf(index)));

/** Texts that are not to be said again: more than are on any stage, and few enough to weigh nothing after an hour. */
const REMEMBERED = 20_000;

/**
 * An endless list of danmu `{id, text, color}`: two to fourteen Chinese characters, no text twice in 20,000, so that no engine
 * gains by having drawn it before, and each can be told by its text and by its colour.
 */
export function* danmu(seed) {
  const next = chance(seed);
  const said = new Set();
  for (let index = 0; ;) {
    const phrase = next() < 0.25 ? PHRASES[Math.floor(next() * PHRASES.length)] : '';
    const length = 2 + Math.floor(next() * next() * 16);
    const letters = Array.from({ length }, () => COMMON[Math.floor(next() * COMMON.length)]).join('');
    const text = (phrase + letters).slice(0, 14);
    if (said.has(text)) continue;
    if (said.size >= REMEMBERED) said.clear();
    said.add(text);
    yield { id: `${seed}-${index}`, text, color: colorOf(index) };
    index += 1;
  }
}

/** As CSS writes it. */
export const css = (color) => `#${color.toString(16).padStart(6, '0')}`;
