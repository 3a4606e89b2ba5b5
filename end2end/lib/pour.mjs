// Danmu of foreign producers: plain texts, put onto the stream by the AWS SDK.
import { KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis';

/** Puts `texts`, at most 500, onto the stream for a room, in one `PutRecords` call. */
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
