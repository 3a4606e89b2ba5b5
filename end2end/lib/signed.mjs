// The records that a page puts onto the stream, read from its requests, and the check of their proofs.
import { createPublicKey, verify } from 'node:crypto';

const json = (part) => JSON.parse(Buffer.from(part, 'base64url'));

/** Whether `signature` (base64url) is a valid Ed25519 signature of `message` by the JSON Web Key. */
const isTrue = (jwk, message, signature) =>
  verify(null, Buffer.from(message), createPublicKey({ key: jwk, format: 'jwk' }), Buffer.from(signature, 'base64url'));

/** Parses a record; `signed` says whether its second line has its author's valid signature of the first. */
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
    /** The record with another id and text, and the old proof. */
    forge: (said) => [JSON.stringify({ ...danmu, id: danmu.id.replace(/.$/, '0'), text: said }), proof].join('\n'),
    /** Whether one of the server's keys (`{kid, x}`) signed the ticket. */
    issuedBy: (keys) => keys.some(({ x }) => isTrue({ kty: 'OKP', crv: 'Ed25519', x }, `${header}.${claims}`, seal)),
  };
}

/** Collects the records that `page` puts, in order. */
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

/** Collects the sessions that `page` asks for: the fields of the request and of the response. */
export function sessionsOf(page) {
  const sessions = [];
  page.on('response', async (response) => {
    if (new URL(response.url()).pathname !== '/api/session') return;
    const session = Object.fromEntries(new URLSearchParams(response.request().postData()));
    // Added before the page can use the session; the response body arrives here later.
    sessions.push(session);
    if (response.ok()) Object.assign(session, await response.json());
  });
  return sessions;
}
