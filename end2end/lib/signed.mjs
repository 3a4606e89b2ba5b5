// What a page puts onto the stream, seen from outside: records as their requests carry them, and whether their proof is true.
import { createPublicKey, verify } from 'node:crypto';

const json = (part) => JSON.parse(Buffer.from(part, 'base64url'));

/** Whether an Ed25519 `signature` (base64url) is the JSON Web Key's, over `message`. */
const isTrue = (jwk, message, signature) =>
  verify(null, Buffer.from(message), createPublicKey({ key: jwk, format: 'jwk' }), Buffer.from(signature, 'base64url'));

/** A record's parts; `signed` says whether its second line is its author's signature over the first. */
export function readRecord(data) {
  const text = Buffer.from(data, 'base64').toString();
  const [line, proof] = text.split('\n');
  const danmu = JSON.parse(line);
  if (!proof) return { text, danmu, signed: false };
  const [header, claims, seal, signature] = proof.split('.');
  const { cnf, ...ticket } = json(claims);
  return {
    text,
    danmu,
    ticket,
    key: cnf.jwk.x,
    header: json(header),
    signed: isTrue(cnf.jwk, line, signature),
    /** The same under another text. */
    forge: (said) => [JSON.stringify({ ...danmu, id: danmu.id.replace(/.$/, '0'), text: said }), proof].join('\n'),
    /** Whether one of the server's keys (`{kid, x}`) signed the ticket. */
    issuedBy: (keys) => keys.some(({ x }) => isTrue({ kty: 'OKP', crv: 'Ed25519', x }, `${header}.${claims}`, seal)),
  };
}

/** Notes every record that `page` puts, in their order. */
export function recordsOf(page) {
  const records = [];
  page.on('request', (request) => {
    const target = request.headers()['x-amz-target'] ?? '';
    if (!target.includes('.PutRecord')) return;
    const body = request.postDataJSON();
    records.push(...(body.Records ?? [body]).map(({ Data }) => readRecord(Data)));
  });
  return records;
}

/** Notes the sessions that `page` asks for: what it said, and what it got. */
export function sessionsOf(page) {
  const sessions = [];
  page.on('response', async (response) => {
    if (new URL(response.url()).pathname !== '/api/session') return;
    const session = Object.fromEntries(new URLSearchParams(response.request().postData()));
    // Noted before what the page does with it is heard of; its body takes a while to come here.
    sessions.push(session);
    if (response.ok()) Object.assign(session, await response.json());
  });
  return sessions;
}
