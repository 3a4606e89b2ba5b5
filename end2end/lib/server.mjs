// Starts a Danmu server: the release binary, on free ports, with a data directory that is removed when it stops.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

/** Timeout of a start that hangs. */
const READY_MS = 120_000;

/** A `danmu.toml` whose room `demo` has a rate limit far above what a test sends. */
export const CHATTY =
  "[[rooms]]\nid = 'demo'\nvideo = '/sample.mp4'\nunsigned = 'allow'\nper_minute = 6000\nburst = 1000\n";

/** The ports of the pages and of the stream, once the server's output names them; `elsewhere` is the port of another's stream. */
function portsOf(announced, elsewhere) {
  const pages = /^  room +http:\/\/\S+?:(\d+)\/room\//m.exec(announced);
  const stream = elsewhere ? [null, elsewhere] : /^  stream +http:\/\/\S+?:(\d+) .*\n/m.exec(announced);
  return pages && stream && [pages[1], stream[1]].map(Number);
}

/**
 * Starts a server and waits until it listens.
 * @param {Record<string, string>} settings `DANMU_*` variables
 * @param {string} file the text of its `danmu.toml`
 * @param {string} host the address it listens on; `origin` has `127.0.0.1` in any case
 * @param {object} first a server whose stream and store this one shares, as its second replica
 */
export async function startServer(settings = {}, file = '', host = '127.0.0.1', first = null) {
  const binary = process.env.E2E_SERVER;
  if (!binary) throw new Error('E2E_SERVER names no server; start the tests by `cargo xtask test`');
  const data = await mkdtemp(path.join(os.tmpdir(), 'danmu-e2e-'));
  await writeFile(path.join(data, 'danmu.toml'), file);
  let [child, ended, output] = [null, null, ''];

  const env = (ports) => ({
    ...process.env,
    DANMU_HTTP__ADDR: `${host}:${ports[0]}`,
    DANMU_STREAM__ADDR: `127.0.0.1:${ports[1]}`,
    DANMU_STREAM__DATA: path.join(data, 'stream'),
    // All pages of all tests come from one address, so the rate limits are raised.
    DANMU_VENDING__PER_MINUTE: '100000',
    DANMU_VENDING__BURST: '10000',
    DANMU_VENDING__VIEWER_PER_MINUTE: '100000',
    DANMU_VENDING__VIEWER_BURST: '10000',
    ...(first && { DANMU_ROLE: 'relay', DANMU_STREAM__ADDR: new URL(first.endpoint).host, DANMU_STREAM__DATA: first.stored }),
    ...settings,
  });

  /** Starts the program on these ports (0: any free one), waits until it is listening, and returns the ports. */
  async function start(ports) {
    let announced = '';
    child = spawn(binary, [], { cwd: data, stdio: ['ignore', 'pipe', 'pipe'], env: env(ports) });
    child.stderr.on('data', (chunk) => (output += chunk));
    ended = once(child, 'exit');
    const listening = new Promise((resolve) => {
      child.stdout.on('data', (chunk) => {
        output += chunk;
        announced += chunk;
        const found = portsOf(announced, first && new URL(first.endpoint).port);
        if (found) resolve(found);
      });
    });
    let hangs;
    const late = new Promise((resolve) => (hangs = setTimeout(resolve, READY_MS, null)));
    const found = await Promise.race([listening, late, ended.then(() => null)]);
    clearTimeout(hangs);
    if (found) return found;
    const why = child.exitCode === null ? `did not listen within ${READY_MS} ms` : `ended with code ${child.exitCode}`;
    await stop('SIGKILL');
    throw new Error(`the server ${why}, asked to listen on the ports ${ports.join(' and ')} (0: any):\n${output}`);
  }

  /** Crashes the server (`kill -9`). */
  async function fall() {
    child.kill('SIGKILL');
    await ended;
  }

  async function stop(signal = 'SIGTERM') {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    const forced = setTimeout(() => child.kill('SIGKILL'), 60_000);
    await ended;
    clearTimeout(forced);
    await rm(data, { recursive: true, force: true });
  }

  const ports = await start([0, 0]);
  const [origin, endpoint] = ports.map((port) => `http://127.0.0.1:${port}`);
  /** Starts it again, on the same ports and with the same data. */
  const rise = () => start(ports);
  /** Runs one of its commands beside it, as an operator does; returns the output. */
  const order = async (...command) =>
    (await promisify(execFile)(binary, command, { cwd: data, env: env(ports) })).stdout;
  const stored = first?.stored ?? path.join(data, 'stream');
  const keys = path.join(stored, 'ticket-keys.json');
  return { origin, endpoint, stored, keys, order, stop, fall, rise, pid: () => child.pid, output: () => output };
}
