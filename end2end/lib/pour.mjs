// Danmu of foreign producers, as many as one likes: plain texts, put onto the stream by the SDK.
import { KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis';

/** Puts all `texts` onto the stream at once, for a room. At most 500. */
export async function pour(server, texts, room = 'demo') {
  const answer = await fetch(`${server.origin}/getCertification.action`, { method: 'POST' });
  const { accessKeyId, secretAccessKey, sessionToken } = await answer.json();
  const client = new KinesisClient({
    endpoint: server.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId, secretAccessKey, sessionToken },
  });
  const Records = texts.map((text) => ({ Data: new TextEncoder().encode(text), PartitionKey: room }));
  const { FailedRecordCount } = await client.send(new PutRecordsCommand({ StreamName: 'danmu', Records }));
  client.destroy();
  if (FailedRecordCount) throw new Error(`${FailedRecordCount} of ${texts.length} records were refused`);
}
