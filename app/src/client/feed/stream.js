/** Starts to read a room, by the module at `reader` or, in development, by the page's own. */
export const open = async (reader, page, ...room) => {
  const { default: start, Reading } = await import(reader ?? page);
  // The page's own module has started by now.
  if (reader) await start();
  return new Reading(...room);
};
