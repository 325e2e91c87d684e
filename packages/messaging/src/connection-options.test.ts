import { describe, expect, it } from 'vitest';
import { connectionOptions } from './connection-options.ts';

describe('connectionOptions', () => {
  it.each(['nats://127.0.0.1:4222', 'nats://localhost:4222', 'nats://[::1]:4222'])(
    'plain text on loopback: %s',
    (url) => {
      expect(connectionOptions({ url, name: 'x' }).tls).toBeUndefined();
    },
  );

  it.each([
    'nats://nats.example.com:4222',
    'nats://10.0.0.1:4222',
    'tls://127.0.0.1:4222',
    'nats://127.0.0.1.example.com',
  ])('TLS: %s', (url) => {
    expect(connectionOptions({ url, name: 'x', caPem: 'PEM' }).tls).toEqual({ ca: 'PEM' });
    expect(connectionOptions({ url, name: 'x' }).tls).toEqual({});
  });

  it('reconnects for ever, not in step with others', () => {
    const options = connectionOptions({ url: 'nats://127.0.0.1:4222', name: 'x' });
    expect(options).toMatchObject({ reconnect: true, maxReconnectAttempts: -1, ignoreAuthErrorAbort: true });
    const delays = new Set(Array.from({ length: 20 }, () => options.reconnectDelayHandler?.()));
    expect(delays.size).toBeGreaterThan(5);
    for (const delay of delays) expect(delay).toBeLessThanOrEqual(2_000);
  });

  it('passes credentials on, and takes none from the URL', () => {
    const credentials = { user: 'cert', password: 'p' };
    expect(connectionOptions({ url: 'nats://127.0.0.1', name: 'x', credentials })).toMatchObject({
      user: 'cert',
      pass: 'p',
    });
    const code = (url: string): unknown => {
      try {
        connectionOptions({ url, name: 'x' });
      } catch (error) {
        return error instanceof Error && 'code' in error ? error.code : error;
      }
      return undefined;
    };
    expect(code('nats://u:p@127.0.0.1')).toBe('insecure-connection');
    for (const url of ['', 'localhost:4222', 'http://localhost', 'nats://']) expect(code(url)).toBe('invalid-url');
  });
});
