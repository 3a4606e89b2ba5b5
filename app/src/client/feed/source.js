// The relay's feed, in a browser that has six connections to a server for all of its pages. Tabs of one room share one feed
// (`tabs.rs`). Feeds of different rooms have a connection each while they are few; all others share one: one page, the carrier,
// opens it for them, and passes on its events. Web Locks decide who may have a connection, who is the carrier, and who is
// gone.

const NAMES = ['message', 'hello', 'state', 'gap', 'error'];
/** How many rooms have a connection of their own: together with the shared one, half of the six. */
const OWN = 2;
/** The timeout of a silent carrier: then a page opens its own connection, since one too many is better than no feed. */
const PATIENCE_MS = 3_000;
/** Debounce: pages that come together cause one new connection. */
const TOGETHER_MS = 50;
// With a version of the protocol, so that incompatible versions do not meet.
const NAME = 'danmu rooms 1';

const { locks } = navigator;
const forever = () => new Promise(() => {});

/** Opens a connection; returns a function that closes it. */
const listen = (url, names, hear) => {
  const source = new EventSource(url);
  // The browser's own retry does not cover every failure, and never tells of a refusal: so any error ends the connection.
  for (const name of names) {
    source.addEventListener(name, ({ data, lastEventId }) => hear(name, data ?? '', lastEventId ?? ''));
  }
  return () => source.close();
};

/** Acquires a connection of its own, if one is free; returns its release, `undefined` if none is free, null without locks. */
const acquire = async () => {
  for (let n = 0; n < OWN; n += 1) {
    const release = await new Promise((resolve) => {
      const hold = (lock) => (lock ? new Promise((release) => resolve(release)) : resolve());
      locks.request(`danmu own ${n}`, { ifAvailable: true }, hold).catch(() => resolve(null));
    });
    if (release !== undefined) return release;
  }
};

// This page's part of the shared connection: its id among the pages, the channel, what it wishes to hear, and its listener.
let [tab, channel, wish, heard] = [];
// What only the carrier has: the wishes of all pages by id, the pages whose end it watches, its timer and its connection.
let wishes;
const watched = new Set();
let [opening, close] = [];

const send = (message) => {
  channel.postMessage(message);
  take(message);
};

const take = (message) => {
  if (message.who && wish) send({ wish });
  if (message.to === tab) heard?.(message.event);
  if (!wishes) return;
  if (message.gone) leave(message.gone);
  if (message.wish) carry(message.wish);
};

/** Adds a page to the shared connection, and acknowledges that at once, since the server may take its time. */
const carry = (wish) => {
  wishes.set(wish.tab, wish);
  send({ to: wish.tab });
  if (!watched.has(wish.tab)) {
    watched.add(wish.tab);
    locks.request(`${NAME} ${wish.tab}`, () => leave(wish.tab));
  }
  change();
};

/** Removes a page from the shared connection. */
const leave = (tab) => {
  if (wishes.delete(tab)) change();
};

const change = () => {
  clearTimeout(opening);
  opening = setTimeout(open_all, TOGETHER_MS);
};

/** Opens the shared connection anew, each room from its last token. */
const open_all = () => {
  close?.();
  const asked = [...wishes.values()];
  const query = asked.map(
    ({ room, from, since, history }) => `room=${room}&from=${from}&since=${since}&history=${history}`,
  );
  let whose;
  const hear = (name, data, id) => {
    if (name === 'room') {
      whose = asked[data];
    } else if (name === 'error') {
      close();
      // The pages wish again when they decide to retry.
      wishes.clear();
      for (const { tab } of asked) send({ to: tab, event: [name, '', ''] });
    } else {
      if (id) whose.from = id;
      send({ to: whose.tab, event: [name, data, id] });
    }
  };
  close = query.length ? listen(`/rooms/events?${query.join('&')}`, [...NAMES, 'room'], hear) : undefined;
};

/** Joins the shared connection. */
const share = (asked, hear, alone) => {
  if (!channel) {
    tab = crypto.randomUUID();
    channel = new BroadcastChannel(NAME);
    channel.onmessage = ({ data }) => take(data);
    locks.request(`${NAME} ${tab}`, forever);
    locks.request(NAME, () => {
      wishes = new Map();
      send({ who: true });
      return forever();
    });
  }
  let end = () => {
    [wish, heard] = [];
    send({ gone: tab });
  };
  const late = setTimeout(() => {
    end();
    end = alone();
  }, PATIENCE_MS);
  wish = { ...asked, tab };
  heard = (event) => {
    clearTimeout(late);
    if (!event) return;
    const [name, data, id] = event;
    if (id) wish.from = id;
    hear(name, data, id);
  };
  send({ wish });
  return () => {
    clearTimeout(late);
    end();
  };
};

/**
 * Opens the feed of a room from the token `from`; if that is empty, from the token `since`, preceded by the last `history`
 * danmu before it. Returns a function that ends it.
 */
export const open = (room, from, since, history, hear) => {
  const alone = () => listen(`/rooms/${room}/events?history=${history}&from=${from}&since=${since}`, NAMES, hear);
  if (!locks) return alone();
  let [ended, end] = [false];
  acquire().then((release) => {
    if (ended) return release?.();
    if (release === undefined) {
      end = share({ room, from, since, history }, hear, alone);
      return;
    }
    const stop = alone();
    end = () => {
      stop();
      release?.();
    };
  });
  return () => {
    ended = true;
    end?.();
  };
};
