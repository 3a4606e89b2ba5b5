// The page's elements under the hands of other programs: extensions, translators, virus scanners and proxies put nodes into a
// document, wrap its texts and strip its comments. Hydration goes by the tree that the server wrote, and by nothing else.

/** Whether two trees have the same nodes in the same places, whatever their texts and attributes. */
const same = (one, other) =>
  one.nodeName === other.nodeName &&
  // A parser that runs scripts takes its content for text.
  (one.nodeName === 'NOSCRIPT' ||
    (one.childNodes.length === other.childNodes.length &&
      [...one.childNodes].every((node, n) => same(node, other.childNodes[n]))));

/** What a viewer has typed and chosen so far, as a function that does it again in the elements that take the place of these. */
const kept = (app) => {
  const focused = document.activeElement?.id;
  const nameOf = ({ name, defaultValue }) => `${name} ${defaultValue}`;
  const inputs = new Map([...app.querySelectorAll('input[name]')].map((input) => [nameOf(input), input]));
  return () => {
    for (const input of app.querySelectorAll('input[name]')) {
      const { value, checked } = inputs.get(nameOf(input)) ?? input;
      [input.value, input.checked] = [value, checked];
    }
    if (focused) document.getElementById(focused)?.focus();
  };
};

/**
 * The element that the app is in, with the tree that the server wrote: `copy` holds it once more, `~` in the place of `<`. Where
 * it is another one by now it is made anew, with what was typed.
 */
export const restore = (id, copy) => {
  let app = document.getElementById(id);
  if (!app) {
    app = Object.assign(document.createElement('div'), { id });
    document.body.prepend(app);
  }
  // Ours, but none of the app's: its own script put it there (`account::slot`).
  const slot = document.querySelector('[data-account]');
  slot?.remove();
  const html = document.getElementById(copy)?.textContent.replaceAll('~', '<');
  // Nothing in a template is loaded or runs.
  const made = Object.assign(document.createElement('template'), { innerHTML: html ?? '' }).content;
  const intact = app.childNodes.length === made.childNodes.length && [...app.childNodes].every((node, n) => same(node, made.childNodes[n]));
  if (html && !intact) {
    const again = kept(app);
    app.innerHTML = html;
    again();
  }
  if (slot) (app.querySelector('.top') ?? document.body).append(slot);
  return app;
};

/**
 * Puts a text back into its element, in the place of all that is there, when it changes after another program took it out: a
 * translator replaces text nodes, and the app goes on writing into those that it made. So a text of ours that changes is all
 * that its element has.
 */
export const keep = (app) => {
  const parents = new WeakMap();
  const observer = new MutationObserver((records) => {
    for (const { type, target, removedNodes } of records) {
      if (type === 'characterData') {
        if (!target.isConnected) parents.get(target)?.replaceChildren(target);
        continue;
      }
      for (const node of removedNodes) {
        if (node.nodeType !== Node.TEXT_NODE) continue;
        parents.set(node, target);
        observer.observe(node, { characterData: true });
      }
    }
  });
  observer.observe(app, { childList: true, characterData: true, subtree: true });
};

/** The page is alive, by a module of that build: nothing is to be said of its start any more. */
export const started = (id, build) => {
  document.documentElement.dataset.build = build;
  document.getElementById(id)?.remove();
};
