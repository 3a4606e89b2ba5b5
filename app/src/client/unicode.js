// Graphemes by the browser's `Intl.Segmenter`; where it is missing (Firefox before 125), by a regular expression, which knows
// emoji, flags, marks and joiners, but counts the parts of a Hangul syllable and of an Indic conjunct one by one.
const rough =
  /(\p{RI}{2}|\p{ExtPict}[\p{M}\p{EMod}]*(\u200d\p{ExtPict}[\p{M}\p{EMod}]*)*|.)[\p{M}\p{EMod}\u0e33\u0eb3\u200c\u200d\uff9e\uff9f\u{e0020}-\u{e007f}]*/gsu;
let segmenter;

export const graphemes = (text) => {
  if (!Intl.Segmenter) return (text.match(rough) ?? []).length;
  segmenter ??= new Intl.Segmenter();
  return [...segmenter.segment(text)].length;
};
