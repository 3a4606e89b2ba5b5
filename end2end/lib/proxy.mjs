// A way between a browser and a server that can be cut: what is connected is torn down, which no switch of a browser does to
// an answer that is still coming.
import { once } from 'node:events';
import net from 'node:net';

/** Passes on all that comes to its own `origin` to that of a server. */
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
  // A test that fails stops nothing.
  proxy.unref();
  /** Tears down what is connected; what comes next is let through. */
  const drop = () => sockets.forEach((socket) => socket.destroy());
  return {
    origin: `http://127.0.0.1:${proxy.address().port}`,
    drop,
    /** Lets nothing through. */
    cut() {
      whole = false;
      drop();
    },
    /** Loses what is sent from now on, and tells nobody: as where a cable is out, or a phone leaves its network. */
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
