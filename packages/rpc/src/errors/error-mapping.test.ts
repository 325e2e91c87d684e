import { AppError, type AppErrorOptions } from '@cert-tasks/kernel';
import { describe, expect, it } from 'vitest';
import { errorMapping } from './error-mapping.ts';
import { RpcError } from './rpc-error.ts';
import { decodeStatusDetails, encodeStatusDetails, statusMessage } from './status-details.ts';

class ThingError extends AppError<'thing-missing' | 'thing-broken'> {}
class OtherError extends AppError<'thing-missing'> {}

const mapping = errorMapping({
  errorClass: ThingError,
  domain: 'certtasks.test',
  codes: { 'thing-missing': 'NOT_FOUND', 'thing-broken': 'INTERNAL' },
});

function statusOf(message: string, options: AppErrorOptions = {}) {
  const status = mapping.statusOf(new ThingError('thing-missing', message, options));
  if (status === undefined) throw new Error('The mapping was to know the error.');
  return status;
}

describe('errorMapping', () => {
  it('tells code, reason, domain and nothing that the error does not say', () => {
    expect(statusOf('No such thing.', { cause: new Error('secret') })).toEqual({
      code: 'NOT_FOUND',
      message: 'No such thing.',
      reason: 'THING_MISSING',
      domain: 'certtasks.test',
      metadata: {},
    });
  });

  it('knows the errors of its own class only', () => {
    expect(mapping.statusOf(new OtherError('thing-missing', 'x'))).toBeUndefined();
    expect(mapping.statusOf(new Error('x'))).toBeUndefined();
    expect(mapping.statusOf({ code: 'thing-missing', message: 'x' })).toBeUndefined();
    expect(mapping.statusOf(undefined)).toBeUndefined();
  });

  it('treats what is mapped to INTERNAL as a defect', () => {
    expect(mapping.statusOf(new ThingError('thing-broken', 'secret'))).toBeUndefined();
  });
});

describe('status details', () => {
  it('survive the way to a client', () => {
    const status = statusOf('Busy.', { field: 'name', advice: 'Wait.', retryAfterMs: 2_345, metadata: { a: 'b' } });
    const details = decodeStatusDetails(encodeStatusDetails(status));
    const error = new RpcError({ method: 'S/M', rpcCode: status.code, message: status.message, details });
    expect(error).toMatchObject({
      code: 'not-found',
      rpcCode: 'NOT_FOUND',
      message: 'Busy. Wait.',
      reason: 'THING_MISSING',
      domain: 'certtasks.test',
      field: 'name',
      violations: [{ field: 'name', description: 'Busy.' }],
      advice: 'Wait.',
      retryAfterMs: 2_345,
      metadata: { a: 'b', advice: 'Wait.' },
    });
  });

  it('are small enough for a trailer, whatever goes in', () => {
    const many = Object.fromEntries(
      Array.from({ length: 100 }, (_, n) => [`${n}${'k'.repeat(100)}`, 'v'.repeat(10_000)]),
    );
    const status = {
      ...statusOf('m'.repeat(100_000), { metadata: many }),
      violations: Array.from({ length: 1_000 }, () => ({ field: 'f'.repeat(10_000), description: 'd'.repeat(10_000) })),
    };
    expect(statusMessage(status).length).toBeLessThanOrEqual(1_024);
    expect(encodeStatusDetails(status).byteLength).toBeLessThan(16 * 1_024);
  });

  it.each([new Uint8Array(), Uint8Array.of(0xff, 0xff), new TextEncoder().encode('hello')])(
    'that do not decode count as absent',
    (bytes) => {
      const error = new RpcError({
        method: 'S/M',
        rpcCode: 'UNAVAILABLE',
        message: 'x',
        details: decodeStatusDetails(bytes),
      });
      expect(error).toMatchObject({ reason: 'UNAVAILABLE', domain: '', violations: [] });
      expect(error.field).toBeUndefined();
    },
  );
});
