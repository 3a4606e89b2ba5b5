// Many danmu as one text: a text that crosses into the module costs as much as a danmu, however long it is.

/** A line for each: id, colour, mode and text, with tabs between. None of them has a tab or an end of line in it. */
export function pack(danmu) {
  let lines = '';
  for (const { id, text, color = 0xffffff, mode = '' } of danmu) lines += `${id}\t${color}\t${mode}\t${text}\n`;
  return lines;
}
