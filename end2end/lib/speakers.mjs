// Viewers who speak without a page: each with its own key, ticket and session.
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis';

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** A ULID of the current time. */
export function ulid() {
  let number = (BigInt(Date.now()) << 80n) | BigInt(`0x${randomBytes(10).toString('hex')}`);
  let text = '';
  for (let at = 0; at < 26; at += 1, number >>= 5n) text = CROCKFORD[Number(number & 31n)] + text;
  return text;
}

async function comeIn(server, room) {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const body = new URLSearchParams({ room, purpose: 'produce', key: publicKey.export({ format: 'jwk' }).x });
  const session = await (await fetch(`${server.origin}/api/session`, { method: 'POST', body })).json();
  const client = new KinesisClient({
    endpoint: server.endpoint,
    region: session.region,
    credentials: {
      accessKeyId: session.access_key_id,
      secretAccessKey: session.secret_access_key,
      sessionToken: session.session_token,
    },
  });
  return { client, ticket: session.ticket, privateKey };
}

/** Creates `count` viewers in a room. `say` puts danmu (`{ text, color }`) in one call, signed by the viewers in turn. */
export async function speakers(server, count, room = 'demo') {
  const all = await Promise.all(Array.from({ length: count }, () => comeIn(server, room)));
  let turn = 0;
  const next = () => all[(turn += 1) % all.length];
  const record = (danmu) => {
    const { ticket, privateKey } = next();
    const line = JSON.stringify({ v: 1, id: ulid(), room, at: Date.now(), ...danmu });
    const signature = sign(null, Buffer.from(line), privateKey).toString('base64url');
    return { Data: Buffer.from(`${line}\n${ticket}.${signature}`), PartitionKey: room };
  };
  return {
    async say(danmu) {
      // Calls rotate over the sessions, since each has its own rate limit.
      const { client } = next();
      const answer = await client.send(new PutRecordsCommand({ StreamName: 'danmu', Records: danmu.map(record) }));
      if (answer.FailedRecordCount) throw new Error(`refused: ${JSON.stringify(answer.Records)}`);
    },
    leave: () => all.forEach(({ client }) => client.destroy()),
  };
}
