// Graphemes by the browser's own tables; where it has none to offer (Firefox before 125), by its regular expressions, which
// know emoji, flags, marks and joiners, but take the parts of a Hangul syllable and of an Indic conjunct for one each.
const rough =
  /(\p{RI}{2}|\p{ExtPict}[\p{M}\p{EMod}]*(\u200d\p{ExtPict}[\p{M}\p{EMod}]*)*|.)[\p{M}\p{EMod}\u0e33\u0eb3\u200c\u200d\uff9e\uff9f\u{e0020}-\u{e007f}]*/gsu;
let segmenter;

export const graphemes = (text) => {
  if (!Intl.Segmenter) return (text.match(rough) ?? []).length;
  segmenter ??= new Intl.Segmenter();
  return [...segmenter.segment(text)].length;
};
