// Feeds of the relay as bytes, without a page: what each was sent, and when.
import http from 'node:http';

/** Bytes of a feed that are kept, enough to find what spans two chunks. */
const KEPT = 256 * 1_024;

/** Opens `count` feeds of a room, and waits until each is greeted; `heard(text, feed)` is called with each event's data. */
export async function openFeeds(server, count, heard = () => {}, query = 'history=0', room = 'demo') {
  const agent = new http.Agent({ maxSockets: Infinity });
  const feeds = await Promise.all(Array.from({ length: count }, () => open(server, agent, heard, query, room)));
  return { feeds, close: () => feeds.forEach((feed) => feed.request.destroy()) };
}

function open(server, agent, heard, query, room) {
  return new Promise((resolve, reject) => {
    const feed = { text: '' };
    feed.request = http.get(`${server.origin}/rooms/${room}/events?${query}`, { agent }, (answer) => {
      answer.setEncoding('utf8');
      answer.on('error', () => {});
      answer.on('data', (chunk) => {
        feed.text = (feed.text + chunk).slice(-KEPT);
        heard(chunk, feed);
        if (feed.text.includes('event: hello')) resolve(feed);
      });
    });
    feed.request.on('error', reject);
  });
}

/** What a new feed is told of the past: its text up to the end of the greeting. */
export async function past(server) {
  const { feeds, close } = await openFeeds(server, 1, undefined, 'history=50');
  const [feed] = feeds;
  while (!/event: hello[^]*?\n\n/.test(feed.text)) await new Promise((resolve) => setTimeout(resolve, 5));
  close();
  return feed.text;
}
