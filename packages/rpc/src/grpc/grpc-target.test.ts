import { describe, expect, it } from 'vitest';
import { grpcTarget, isLoopbackAddress } from './grpc-target.ts';

describe('grpcTarget', () => {
  it.each([
    ['signer:7443', 'dns:///signer:7443'],
    ['dns:///signer:7443', 'dns:///signer:7443'],
    ['127.0.0.1:7443', 'ipv4:127.0.0.1:7443'],
    ['[::1]:7443', 'ipv6:[::1]:7443'],
    ['10.0.0.1:1, 10.0.0.2:2', 'ipv4:10.0.0.1:1,10.0.0.2:2'],
    ['[::1]:1,[::2]:2', 'ipv6:[::1]:1,[::2]:2'],
  ])('makes of %s %s', (address, target) => {
    expect(grpcTarget(address)).toBe(target);
  });

  it.each(['a:1,b:2', '10.0.0.1:1,[::1]:2', '10.0.0.1:1,b:2', '10.0.0.1:1,'])('refuses the list %s', (address) => {
    expect(() => grpcTarget(address)).toThrow(TypeError);
  });
});

describe('isLoopbackAddress', () => {
  it.each(['127.0.0.1:1', 'localhost:1', 'dns:///localhost:1', '[::1]:1', '127.0.0.1:1,127.0.0.2:2'])(
    'is true of %s',
    (address) => {
      expect(isLoopbackAddress(address)).toBe(true);
    },
  );

  it.each([
    '10.0.0.1:1',
    'signer:1',
    'dns:///signer:1',
    '127.0.0.1:1,10.0.0.1:1',
    '127.evil.example:1',
    'localhost.example:1',
    'dns://8.8.8.8/localhost:1',
  ])('is false of %s', (address) => {
    expect(isLoopbackAddress(address)).toBe(false);
  });
});
