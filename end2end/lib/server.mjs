// A Danmu server of one's own: the release binary, on free ports, with a data directory that goes when it ends.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const READY_MS = 20_000;

/** A `danmu.toml` whose room `demo` lets one viewer say as much as a test likes. */
export const CHATTY =
  "[[rooms]]\nid = 'demo'\nvideo = '/sample.mp4'\nunsigned = 'allow'\nper_minute = 6000\nburst = 1000\n";

/** A port of 127.0.0.1 that nobody listens on. */
async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * Starts a server and waits until it answers.
 * @param {Record<string, string>} settings `DANMU_*` variables
 * @param {string} file what its `danmu.toml` says
 * @param {string} host where it listens; asked for on this machine's own address all the same
 */
export async function startServer(settings = {}, file = '', host = '127.0.0.1') {
  const binary = process.env.E2E_SERVER;
  if (!binary) throw new Error('E2E_SERVER names no server; start the tests by `cargo xtask test`');
  const data = await mkdtemp(path.join(os.tmpdir(), 'danmu-e2e-'));
  await writeFile(path.join(data, 'danmu.toml'), file);
  const origin = `http://127.0.0.1:${await freePort()}`;
  const endpoint = `http://127.0.0.1:${await freePort()}`;
  let [child, ended, output] = [null, null, ''];

  const env = {
    ...process.env,
    DANMU_HTTP__ADDR: `${host}:${new URL(origin).port}`,
    DANMU_STREAM__ADDR: endpoint.slice('http://'.length),
    DANMU_STREAM__DATA: path.join(data, 'stream'),
    // Every page of every test comes from one address.
    DANMU_VENDING__PER_MINUTE: '100000',
    DANMU_VENDING__BURST: '10000',
    DANMU_VENDING__VIEWER_PER_MINUTE: '100000',
    DANMU_VENDING__VIEWER_BURST: '10000',
    ...settings,
  };

  /** Starts the program and waits until it answers. */
  async function start() {
    child = spawn(binary, [], { cwd: data, stdio: ['ignore', 'pipe', 'pipe'], env });
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    ended = once(child, 'exit');
    const since = Date.now();
    while (!(await answers(`${origin}/healthz`))) {
      if (child.exitCode !== null) throw new Error(`the server ended with code ${child.exitCode}:\n${output}`);
      if (Date.now() - since > READY_MS) {
        await stop('SIGKILL');
        throw new Error(`the server did not answer within ${READY_MS} ms:\n${output}`);
      }
      await sleep(50);
    }
  }

  /** Ends it as it falls (`kill -9`), stays away for so long, and starts it again over what it left. */
  async function crash(away_ms = 0) {
    child.kill('SIGKILL');
    await ended;
    await sleep(away_ms);
    await start();
  }

  /** Runs one of its commands beside it, as an operator does; what that says. */
  const order = async (...command) => (await promisify(execFile)(binary, command, { cwd: data, env })).stdout;

  async function stop(signal = 'SIGTERM') {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    const forced = setTimeout(() => child.kill('SIGKILL'), 12_000);
    await ended;
    clearTimeout(forced);
    await rm(data, { recursive: true, force: true });
  }

  await start();
  const keys = path.join(data, 'stream', 'ticket-keys.json');
  return { origin, endpoint, keys, order, stop, crash, output: () => output };
}

async function answers(url) {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}
