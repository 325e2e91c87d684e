import { expect, test } from 'vitest';
import { readConfig } from './config.ts';

const NEEDED = {
  TASK_REPLICA: 'task-1',
  TASK_PUBLIC_PORT: '7301',
  TASK_INTERNAL_PORT: '7302',
  TASK_OPS_PORT: '7303',
  TASK_INTERNAL_TLS_CA_FILE: '/pki/ca.pem',
  TASK_INTERNAL_TLS_CERT_FILE: '/pki/cert.pem',
  TASK_INTERNAL_TLS_KEY_FILE: '/pki/key.pem',
  TASK_DATABASE_URL: 'postgres://task_app@127.0.0.1:5432/certtasks',
  TASK_TOKEN_ISSUER: 'https://issuer.test',
  TASK_TOKEN_JWKS: '/pki/jwks.json',
};

test('what is not set takes its default', () => {
  expect(readConfig(NEEDED)).toMatchObject({
    service: 'task-scheduler',
    expireIntervalMs: 500,
    planIntervalMs: 500,
    pollIntervalMs: 1_000,
    sampleIntervalMs: 10_000,
    batchSize: 250,
    queueSize: 10_000,
  });
});

test('every problem is told at once, by name', () => {
  const wrong = {
    ...NEEDED,
    TASK_OPS_PORT: 'x',
    TASK_EXPIRE_INTERVAL: '5s',
    TASK_POLL_INTERVAL: '2s',
    TASK_BATCH_SIZE: '0',
    TASK_QUEUE_SIZ: '1000',
  };
  let message = '';
  try {
    readConfig(wrong);
  } catch (error) {
    message = String(error);
  }
  for (const name of [
    'TASK_OPS_PORT',
    'TASK_EXPIRE_INTERVAL',
    'TASK_POLL_INTERVAL',
    'TASK_BATCH_SIZE',
    'TASK_QUEUE_SIZ',
  ]) {
    expect(message).toContain(name);
  }
});
