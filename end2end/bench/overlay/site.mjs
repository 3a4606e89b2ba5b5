// The page that every engine is measured on, served from this program: an empty stage, a silent sound, the page's half of
// the measurement with the engines of npm bundled in, and `/pkg/` as the release has it. Cross-origin isolated, so that the
// page's clock counts in microseconds.
import { once } from 'node:events';
import { readFile, readdir } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import esbuild from 'esbuild';

const PAGE = fileURLToPath(new URL('page/', import.meta.url));
const TYPES = { '.js': 'text/javascript', '.wasm': 'application/wasm', '.css': 'text/css', '.wav': 'audio/wav' };
const HEADERS = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cache-control': 'no-store',
};

const html = (site) => `<!doctype html><meta charset="utf-8"><title>Overlay</title><link rel="icon" href="data:,">
<style>
  body { margin: 0; background: #234 }
  #stage, .stage { position: absolute; width: 1280px; height: 720px; overflow: hidden }
</style>
<div id="stage"></div>
<audio src="/silence.wav" loop muted></audio>
<script>window.site = ${JSON.stringify(site)}</script>
<script type="module" src="/bench/main.js"></script>
`;

/** Starts it; `origin` is where. */
export async function startSite() {
  const root = process.env.LEPTOS_SITE_ROOT;
  const pkg = process.env.LEPTOS_SITE_PKG_DIR ?? 'pkg';
  if (!root) throw new Error('LEPTOS_SITE_ROOT names no site; start the measurement by `cargo xtask bench overlay`');
  const files = new Map([['/silence.wav', silence(30)]]);
  for (const name of await readdir(path.join(root, pkg))) {
    if (/\.(js|wasm|css)$/.test(name)) files.set(`/pkg/${name}`, await readFile(path.join(root, pkg, name)));
  }
  for (const { path: name, contents } of await bundle()) files.set(`/bench/${path.basename(name)}`, contents);
  const named = (ending) => [...files.keys()].find((name) => name.startsWith('/pkg/danmu-overlay.') && name.endsWith(ending));
  files.set('/', html({ glue: named('.js'), wasm: named('.wasm') }));

  const server = http.createServer(({ url }, response) => {
    const { pathname } = new URL(url, 'http://localhost');
    const body = files.get(pathname);
    const type = TYPES[path.extname(pathname)] ?? 'text/html; charset=utf-8';
    response.writeHead(body ? 200 : 404, { ...HEADERS, 'content-type': type }).end(body ?? '');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { origin: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() };
}

async function bundle() {
  const { outputFiles } = await esbuild.build({
    entryPoints: ['main.mjs', 'rulerWorker.mjs', 'lookWorker.mjs'].map((name) => path.join(PAGE, name)),
    outdir: '/',
    bundle: true,
    write: false,
    format: 'esm',
    target: 'esnext',
    logLevel: 'error',
  });
  return outputFiles;
}

/** So many seconds of nothing: one channel, 8 bits, 8 kHz. */
function silence(seconds) {
  const samples = Buffer.alloc(seconds * 8_000, 128);
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + samples.length, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(8_000, 24);
  header.writeUInt32LE(8_000, 28);
  header.writeUInt16LE(1, 32);
  header.writeUInt16LE(8, 34);
  header.write('data', 36);
  header.writeUInt32LE(samples.length, 40);
  return Buffer.concat([header, samples]);
}
