// The relay's feed, in a browser that has six connections to a server, however many of its pages listen. Tabs of one room have one
// feed between them (`tabs.rs`). Feeds of different rooms have a connection each as long as they are few; all others have one
// together: one page, the carrier, listens for them, and passes on what it hears. Locks say who may have a connection, who is the
// carrier, and who is gone.

const NAMES = ['message', 'hello', 'state', 'gap', 'error'];
/** So many rooms have a connection of their own: together with the shared one, half of what there is. */
const OWN = 2;
/** A carrier that says nothing for so long does not move: one connection too many is better than no feed. */
const PATIENCE_MS = 3_000;
/** Pages that come together are one change of what is listened to. */
const TOGETHER_MS = 50;
// Versions that do not understand each other pass each other by.
const NAME = 'danmu rooms 1';

const { locks } = navigator;
const forever = () => new Promise(() => {});

/** Listens; gives what ends it. */
const listen = (url, names, hear) => {
  const source = new EventSource(url);
  // The browser would try again by itself, but not after every failure, and never tells of a refusal: an error is the end of it.
  for (const name of names) {
    source.addEventListener(name, ({ data, lastEventId }) => hear(name, data ?? '', lastEventId ?? ''));
  }
  return () => source.close();
};

/** Takes a connection of one's own, where one is free; gives what gives it back, or null where a frame may have no locks. */
const acquire = async () => {
  for (let n = 0; n < OWN; n += 1) {
    const release = await new Promise((resolve) => {
      const hold = (lock) => (lock ? new Promise((release) => resolve(release)) : resolve());
      locks.request(`danmu own ${n}`, { ifAvailable: true }, hold).catch(() => resolve(null));
    });
    if (release !== undefined) return release;
  }
};

// What this page has of the shared connection: its name among the pages, what it wishes to hear, and who hears it.
let [tab, channel, wish, heard] = [];
// What only the carrier has: the wishes of all pages by their names, those whose end it waits for, and its connection.
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

/** Listens for one more page, and says so at once: the server may take its time. */
const carry = (wish) => {
  wishes.set(wish.tab, wish);
  send({ to: wish.tab });
  if (!watched.has(wish.tab)) {
    watched.add(wish.tab);
    locks.request(`${NAME} ${wish.tab}`, () => leave(wish.tab));
  }
  change();
};

/** Listens for one page less. */
const leave = (tab) => {
  if (wishes.delete(tab)) change();
};

const change = () => {
  clearTimeout(opening);
  opening = setTimeout(open_all, TOGETHER_MS);
};

/** Opens the connection anew, for each room from where it is. */
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
      // They come again when they think it right.
      wishes.clear();
      for (const { tab } of asked) send({ to: tab, event: [name, '', ''] });
    } else {
      if (id) whose.from = id;
      send({ to: whose.tab, event: [name, data, id] });
    }
  };
  close = query.length ? listen(`/rooms/events?${query.join('&')}`, [...NAMES, 'room'], hear) : undefined;
};

/** Listens with the others. */
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
 * Opens the feed of a room from the place `from` on; where that is empty, from the place `since`, with the last `history` danmu
 * before it first. Gives what ends it.
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
