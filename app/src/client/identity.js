// The viewer's key pair, Ed25519, made once in a browser and shared by its tabs: by WebCrypto, which never reveals the private
// half, stored in IndexedDB; or without it by a module of ours (the one at `signer` or, in development, the page's own), from a
// random seed of 32 bytes that is stored there, too. Without storage (a private window), the pair ends with the page.
const ALGORITHM = 'Ed25519';
// A store that does not answer must not delay the viewer's danmu.
const PATIENCE_MS = 2_000;
let [pair, own, module] = [];

// There is no query for support, so it makes a pair: `undefined` without support.
const make = async () => {
  try {
    const { privateKey, publicKey } = await crypto.subtle.generateKey(ALGORITHM, false, ['sign', 'verify']);
    return { key: privateKey, x: new Uint8Array(await crypto.subtle.exportKey('raw', publicKey)) };
  } catch {}
};
const native = () => (pair ??= make());

const start = async (signer, page) => {
  const started = await import(signer ?? page);
  // The page's own module has started by now.
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

// The value stored under that name; stores `value` if there is none. One transaction, so that concurrent tabs agree.
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

/** The signature, 64 bytes, of a message by the private half. Must follow `public_key`. */
export const sign = async (message) => {
  // A copy: the module's memory is lent only for the time of the call.
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
    // Not a point of the curve.
    return false;
  }
};

/** The claims of a ticket, not verified: the viewer's id, name and role; and when it expires, in Unix milliseconds. */
export const read_ticket = (ticket) => {
  const base64 = ticket.split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
  const bytes = Uint8Array.from(atob(base64), (byte) => byte.charCodeAt());
  const { sub, name, role, exp } = JSON.parse(new TextDecoder().decode(bytes));
  return [sub, name, role, exp * 1_000];
};
