// The viewer's key pair, Ed25519, made once in a browser and shared by its tabs: by WebCrypto, which never gives the private
// half away, kept in IndexedDB; or where there is none, by a module of ours, loaded only then, from 32 bytes of chance that
// are kept there, too: by the one at `signer`, or, in development, by the page's own. Where nothing can be kept (a private window), the pair lasts as long as the page.
const ALGORITHM = 'Ed25519';
// A store that does not answer must not hold up who wants to speak.
const PATIENCE_MS = 2_000;
let [pair, own, module] = [];

// There is nothing to ask whether a browser has it, so it makes a pair: `undefined` where it cannot.
const make = async () => {
  try {
    const { privateKey, publicKey } = await crypto.subtle.generateKey(ALGORITHM, false, ['sign', 'verify']);
    return { key: privateKey, x: new Uint8Array(await crypto.subtle.exportKey('raw', publicKey)) };
  } catch {}
};
const native = () => (pair ??= make());

const start = async (signer, page) => {
  const started = await import(signer ?? page);
  // A module that does all has started by now.
  if (signer) await started.default();
  return started;
};
const load = (...from) =>
  (module ??= start(...from).catch((error) => {
    module = undefined;
    throw error;
  }));

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

// What is kept under that name; `value`, from now on, where nothing is. One transaction: tabs that come together agree.
const keep = async (name, value) => {
  const opening = indexedDB.open('danmu', 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore('keys');
  const database = await done(opening);
  const keys = database.transaction('keys', 'readwrite').objectStore('keys');
  const kept = await done(keys.get(name));
  if (!kept) await done(keys.put(value, name));
  database.close();
  return kept ?? value;
};

const keepOrNot = (name, value) =>
  Promise.race([keep(name, value), new Promise((_, reject) => setTimeout(reject, PATIENCE_MS))]).catch(() => value);

const find = async (...from) => {
  const made = await native();
  if (made) {
    const { key, x } = await keepOrNot('pair', made);
    return { x, sign: async (message) => new Uint8Array(await crypto.subtle.sign(ALGORITHM, key, message)) };
  }
  const { public_key, sign } = await load(...from);
  const seed = await keepOrNot('seed', crypto.getRandomValues(new Uint8Array(32)));
  return { x: public_key(seed), sign: (message) => sign(seed, message) };
};

/** The public half, 32 bytes. */
export const public_key = async (...from) => {
  try {
    own ??= find(...from);
    return (await own).x;
  } catch (error) {
    own = undefined;
    throw error;
  }
};

/** The signature, 64 bytes, of a message by the private half. After `public_key`. */
export const sign = async (message) => {
  // The module's memory is lent for the time of the call only.
  message = message.slice();
  return (await own).sign(message);
};

/** Whether a signature is the key's, over that message. */
export const verify = async (signer, page, ...parts) => {
  const [key, message, signature] = parts.map((part) => part.slice());
  if (!(await native())) return (await load(signer, page)).verify(key, message, signature);
  try {
    const imported = await crypto.subtle.importKey('raw', key, ALGORITHM, true, ['verify']);
    return await crypto.subtle.verify(ALGORITHM, imported, signature, message);
  } catch {
    // No point of the curve.
    return false;
  }
};

/** What a ticket says of its viewer, to its viewer: the id, the name, the role; and when it ends, in Unix milliseconds. */
export const read_ticket = (ticket) => {
  const base64 = ticket.split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
  const bytes = Uint8Array.from(atob(base64), (byte) => byte.charCodeAt());
  const { sub, name, role, exp } = JSON.parse(new TextDecoder().decode(bytes));
  return [sub, name, role, exp * 1_000];
};
