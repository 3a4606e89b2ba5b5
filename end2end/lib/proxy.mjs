// A TCP proxy between browser and server that a test can cut: open connections break, which a browser's offline switch does
// not do to a response that is still streaming.
import { once } from 'node:events';
import net from 'node:net';

/** Starts a proxy, with an `origin` of its own, that forwards to the server at `origin`. */
export async function startProxy(origin) {
  const { hostname, port } = new URL(origin);
  const sockets = new Set();
  let [whole, lost] = [true, false];
  const proxy = net.createServer((client) => {
    if (!whole) return client.destroy();
    if (lost) {
      sockets.add(client);
      return client.on('error', () => {}).resume();
    }
    const server = net.connect(Number(port), hostname);
    for (const [one, other] of [
      [client, server],
      [server, client],
    ]) {
      sockets.add(one);
      one.on('data', (bytes) => lost || other.write(bytes));
      one.on('end', () => lost || other.end());
      one.on('error', () => {});
      one.on('close', () => {
        sockets.delete(one);
        if (!lost) other.destroy();
      });
    }
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  // A failed test does not stop the proxy, which must not keep the process alive.
  proxy.unref();
  /** Breaks the open connections; new ones are let through. */
  const drop = () => sockets.forEach((socket) => socket.destroy());
  return {
    origin: `http://127.0.0.1:${proxy.address().port}`,
    drop,
    /** Breaks the open connections and refuses new ones. */
    cut() {
      whole = false;
      drop();
    },
    /** Drops all bytes from now on without closing connections, as when a cable is unplugged or a phone leaves its network. */
    lose() {
      lost = true;
    },
    /** Lets everything through again. */
    mend() {
      [whole, lost] = [true, false];
    },
    stop() {
      drop();
      proxy.close();
    },
  };
}
