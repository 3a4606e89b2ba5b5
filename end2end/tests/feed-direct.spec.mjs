import { test, expect } from '../lib/test.mjs';
import { pour } from '../lib/pour.mjs';
import { startServer } from '../lib/server.mjs';
import { recordsOf } from '../lib/signed.mjs';
import { composer, enter, fresh, line, say } from '../lib/room.mjs';

const DIRECT = '/room/demo?feed=direct';
/** Longer than a page looks back that has just been opened, in milliseconds. */
const LOOK_BACK_MS = 2_500;

test('what is put again is shown to nobody who reads the stream and came after it was said', async ({
  page,
  otherPage,
  server,
}) => {
  const records = recordsOf(otherPage);
  await enter(otherPage);
  const [said, after] = ['said once', 'said after'].map(fresh);
  await say(otherPage, said);
  await expect(line(otherPage, said)).toHaveAttribute('data-state', 'confirmed');
  await otherPage.waitForTimeout(LOOK_BACK_MS);
  await enter(page, DIRECT);
  await pour(server, [records[0].text]);
  await say(otherPage, after);
  await expect(line(page, after)).toHaveCount(1);
  await expect(line(page, said)).toHaveCount(0);
});

test.describe('of a page that hears nothing', () => {
  test.use({ tolerated: /ERR_FAILED/ });

  test('who was banned long ago is shown to nobody who reads the stream', async ({ page, otherPage }) => {
    // The stream keeps so little that it soon tells of no ban any more.
    const server = await startServer({
      DANMU_STREAM__MAX_BYTES: '1048576',
      DANMU_STREAM__SESSION_BYTES_PER_S: '4194304',
      DANMU_STREAM__SESSION_RECORDS_PER_S: '1000',
    });
    try {
      const records = recordsOf(otherPage);
      // A page that heard of its ban would ask for another session, and get none: this one hears nothing.
      await otherPage.route('**/rooms/**', (route) => route.abort());
      await otherPage.route('**/api/session', (route, request) =>
        request.postData()?.includes('consume') ? route.abort() : route.continue(),
      );
      await otherPage.goto(`${server.origin}/room/demo`);
      await expect(composer(otherPage)).toHaveAttribute('data-ready', 'true');
      const [before, banned, after] = ['before', 'banned', 'after'].map(fresh);
      await say(otherPage, before);
      await expect(line(otherPage, before)).toHaveAttribute('data-state', 'confirmed');
      // In the room alone, so that what is put still arrives.
      await server.order('ban', records[0].ticket.sub, '--yes', '--room', 'demo');
      const told = async () => (await fetch(`${server.origin}/metrics`)).text();
      await expect.poll(told).toContain('danmu_refused_total{reason="moderation"} 1');
      for (let part = 0; part < 4; part += 1) {
        await pour(server, Array(100).fill('x'.repeat(4_000)));
        await page.waitForTimeout(1_000);
      }
      await enter(page, `${server.origin}${DIRECT}`);
      await say(otherPage, banned);
      await expect(line(otherPage, banned)).toHaveAttribute('data-state', 'confirmed');
      await say(page, after);
      await expect(line(page, after)).toHaveAttribute('data-state', 'confirmed');
      await expect(line(page, banned)).toHaveCount(0);
    } finally {
      await Promise.all([page.close(), otherPage.close()]);
      await server.stop();
    }
  });
});
