import { test, expect } from '../lib/test.mjs';

const ask = (request, headers) => request.post('/getCertification.action', { headers, data: '{}' });

test('the vending machine needs neither Origin nor cookie', async ({ request }) => {
  const answer = await ask(request, {});
  expect(answer.status()).toBe(200);
  const session = await answer.json();
  expect(Object.keys(session).sort()).toEqual(['accessKeyId', 'expiration', 'secretAccessKey', 'sessionToken']);
  expect(session.expiration).toBeGreaterThan(Date.now());
});

test('the page itself may ask', async ({ request, server }) => {
  expect((await ask(request, { Origin: server.origin })).status()).toBe(200);
});

test('a foreign page is refused', async ({ request }) => {
  for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1:1']) {
    const answer = await ask(request, { Origin: origin });
    expect(answer.status(), origin).toBe(403);
    expect(await answer.text()).not.toContain('secretAccessKey');
  }
});
