import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { pour } from '../lib/pour.mjs';
import { startServer } from '../lib/server.mjs';
import { recordsOf, sessionsOf } from '../lib/signed.mjs';
import { test, expect } from '../lib/test.mjs';
import { enter, fresh, line, say } from '../lib/room.mjs';

/** Puts a new key that signs at once into a server's file, as `danmu-server rotate-key` does with one that signs later. */
async function rotate({ keys }) {
  const file = JSON.parse(await readFile(keys, 'utf8'));
  const from = Math.floor(Date.now() / 1_000);
  file.keys.push({ seed: randomBytes(32).toString('base64url'), from });
  await writeFile(`${keys}.new`, JSON.stringify(file), { mode: 0o600 });
  await rename(`${keys}.new`, keys);
}

/** The name of the key that signs tickets now. */
async function signingKey({ origin }) {
  const { x } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
  const body = new URLSearchParams({ room: 'demo', purpose: 'produce', key: x });
  const { ticket } = await (await fetch(`${origin}/api/session`, { method: 'POST', body })).json();
  return JSON.parse(Buffer.from(ticket.split('.')[0], 'base64url')).kid;
}

test('a page that reads the stream itself learns a new key of the server, once', async ({ page, otherPage }) => {
  const server = await startServer();
  try {
    const [sessions, records] = [sessionsOf(page), recordsOf(otherPage)];
    const asked = () => sessions.filter(({ purpose }) => purpose === 'consume').length;
    await enter(page, `${server.origin}/room/demo?feed=direct`);
    await enter(otherPage, `${server.origin}/room/demo`);
    await page.evaluate(() => (window.loadedOnce = true));
    const [before, after, last] = ['by the old key', 'by the new key', 'and so on'].map(fresh);
    await say(otherPage, before);
    await expect(line(page, before)).toHaveCount(1);
    expect(asked()).toBe(1);

    const old = await signingKey(server);
    await rotate(server);
    await expect.poll(() => signingKey(server)).not.toBe(old);
    // The other viewer comes again, and has a ticket by the new key.
    await enter(otherPage, `${server.origin}/room/demo`);
    await say(otherPage, after);
    await expect(line(page, after)).toHaveCount(1);
    await expect(line(page, after).locator('.danmu-name')).toHaveText(/^Guest/);
    expect(asked()).toBe(2);

    // Whoever names keys that there are none of makes nobody ask again and again.
    const { text, header } = records.at(-1);
    const name = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const unknown = (n) => text.replace(/\n[^.]*/, `\n${name({ ...header, kid: `nobody${n}` })}`);
    for (let n = 0; n < 5; n += 1) await pour(server, [unknown(n)]);
    await say(otherPage, last);
    await expect(line(page, last)).toHaveCount(1);
    expect(asked()).toBe(2);
    expect(await page.evaluate(() => window.loadedOnce)).toBe(true);
  } finally {
    // The pages first: they read on, and would complain of a server that is gone.
    await Promise.all([page.close(), otherPage.close()]);
    await server.stop();
  }
});
