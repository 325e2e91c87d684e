import { describe, expect, it } from 'vitest';
import { crlShard } from './crl-shard.ts';
import { formatSerial, serialFromBytes } from './serial.ts';

describe('serials', () => {
  it('are 20 octets with the top bit cleared, also with leading zeros', () => {
    const ones = serialFromBytes(new Uint8Array(20).fill(0xff));
    expect(formatSerial(ones)).toBe(`7f${'ff'.repeat(19)}`);
    const small = serialFromBytes(new Uint8Array([...new Uint8Array(19), 5]));
    expect(small).toHaveLength(20);
    expect(formatSerial(small)).toBe(`${'00'.repeat(19)}05`);
  });

  it('are not drawn from a generator that is broken', () => {
    expect(() => serialFromBytes(new Uint8Array(20))).toThrow();
    expect(() => serialFromBytes(new Uint8Array(19).fill(1))).toThrow();
  });

  it('fall into a shard by their last octet', () => {
    const serial = new Uint8Array([...new Uint8Array(19), 0xff]);
    expect(crlShard({ serial, shardCount: 1 })).toBe(0);
    expect(crlShard({ serial, shardCount: 128 })).toBe(127);
    expect(crlShard({ serial, shardCount: 100 })).toBe(55);
  });
});
