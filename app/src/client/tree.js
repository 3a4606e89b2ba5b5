// Repairs what other programs do to the page's elements: extensions, translators, virus scanners and proxies insert nodes into
// a document, wrap its texts and strip its comments. Hydration needs exactly the tree that the server wrote.

/** Whether two trees have the same nodes in the same places, whatever their texts and attributes. */
const same = (one, other) =>
  one.nodeName === other.nodeName &&
  // With scripting on, a parser takes its content for text.
  (one.nodeName === 'NOSCRIPT' ||
    (one.childNodes.length === other.childNodes.length &&
      [...one.childNodes].every((node, n) => same(node, other.childNodes[n]))));

/** Saves what a viewer has typed and chosen so far; returns a function that restores it in the elements that replace these. */
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
 * The app's root element, with the tree that the server wrote: `copy` holds its HTML, `~` in the place of `<`. If the tree
 * has changed by now, it is rebuilt from that, with what was typed.
 */
export const restore = (id, copy) => {
  let app = document.getElementById(id);
  if (!app) {
    app = Object.assign(document.createElement('div'), { id });
    document.body.prepend(app);
  }
  // Not part of the app: its own script put it there (`account::slot`).
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
 * Puts a text node back into its element, as the only child, when it changes after another program removed it: a translator
 * replaces text nodes, while the app goes on writing into those that it made. So a text of ours that changes must be the only
 * child of its element.
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

/** The page has started, by a module of that build: removes the message for a failed start. */
export const started = (id, build) => {
  document.documentElement.dataset.build = build;
  document.getElementById(id)?.remove();
};
