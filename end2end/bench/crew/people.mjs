// The crew of `demo`: its streamer, and moderators by invitation, each by its cookies and without a page.
import { streamerKey } from '../../lib/studio.mjs';

/** The `name=value` of each cookie that an answer sets. */
const cookiesOf = (answer) => answer.headers.getSetCookie().map((cookie) => cookie.split(';')[0]);

/** Calls a server function, from that address where the server trusts its proxy; returns the answer, or throws with what was answered. */
export async function call(server, what, form, cookies = [], from = '127.0.0.1') {
  const headers = { cookie: cookies.join('; '), 'x-forwarded-for': from };
  const body = new URLSearchParams({ room: 'demo', ...form });
  const answer = await fetch(`${server.origin}/api/${what}`, { method: 'POST', headers, body });
  if (!answer.ok) throw new Error(`${what}: ${answer.status} ${await answer.text()}`);
  return answer;
}

/** A guest's cookies. */
async function comeIn(server) {
  return cookiesOf(await call(server, 'session', { purpose: 'consume' }));
}

/** The streamer's cookies. */
export async function streamer(server) {
  const guest = await comeIn(server);
  return [...guest, ...cookiesOf(await call(server, 'open_studio', { key: streamerKey(server) }, guest))];
}

/** The cookies of `count` moderators, each by an invitation and from an address of its own. */
export async function moderators(server, host, count) {
  const all = [];
  for (let n = 0; n < count; n += 1) {
    const token = await (await call(server, 'make_invitation', { label: `moderator ${n}` }, host)).json();
    const guest = await comeIn(server);
    all.push([...guest, ...cookiesOf(await call(server, 'accept_invitation', { token }, guest, `10.0.0.${n + 1}`))]);
  }
  return all;
}
