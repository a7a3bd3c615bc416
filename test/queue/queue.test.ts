import { expect, it } from 'vitest';
import { openQueue, prepareQueue } from '../../src/queue/queue.ts';
import { describeAlarms } from './queue-contract.ts';
import { postgresServer, redisServer } from './servers.ts';

describeAlarms('PostgreSQL', postgresServer);
describeAlarms('Redis', redisServer);

it.each([
  ['postgres', 'mysql://u:secret@h/d'],
  ['redis', 'http://u:secret@h:6379'],
  ['redis', 'redis-sentinel://u:secret@h:26379'],
  ['redis', 'redis://u:secret@h1:6379,h2:6379'],
  ['redis', 'redis://u:secret@h:6379/queue'],
  ['redis', 'redis://u:secret@h:6379/0?family=6'],
  ['redis', 'redis://u:secret%E0@h:6379'],
  ['redis', 'secret'],
] as const)('a %s queue refuses a URL that is none, without repeating it: %s', async (kind, url) => {
  const form = /^the queue URL is not of the form/;
  expect(() => openQueue({ kind, url })).toThrow(form);
  await expect(prepareQueue({ kind, url })).rejects.toThrow(form);
  await expect(prepareQueue({ kind, url })).rejects.not.toThrow(/secret/);
});
