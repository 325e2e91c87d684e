import { describe, expect, it } from 'vitest';
import { boundTimeout } from './timeout-header.ts';

const CAP = 60_000;
const allowed = (askedMs: number | undefined): number => Math.min(askedMs ?? 10_000, CAP);

function bounded(contentType: string, name: string, value?: string): string | null {
  const header = new Headers({ 'content-type': contentType, ...(value !== undefined && { [name]: value }) });
  boundTimeout(header, allowed);
  return header.get(name);
}

describe('boundTimeout', () => {
  it.each([
    [undefined, '10000m'],
    ['5S', '5000m'],
    ['99999999H', '60000m'],
    ['1M', '60000m'],
    ['1500u', '2m'],
    ['7n', '1m'],
    ['123456789m', '123456789m'],
    ['-1S', '-1S'],
    ['soon', 'soon'],
  ])('makes of the gRPC timeout %s %s', (sent, expected) => {
    expect(bounded('application/grpc', 'grpc-timeout', sent)).toBe(expected);
    expect(bounded('application/grpc-web+proto', 'grpc-timeout', sent)).toBe(expected);
  });

  it.each([
    [undefined, '10000'],
    ['250', '250'],
    ['9999999999', '60000'],
    ['99999999999', '99999999999'],
    ['1.5', '1.5'],
  ])('makes of the Connect timeout %s %s', (sent, expected) => {
    expect(bounded('application/json', 'connect-timeout-ms', sent)).toBe(expected);
  });

  it('adds nothing to a stream without a deadline', () => {
    const header = new Headers({ 'content-type': 'application/grpc' });
    boundTimeout(header, () => undefined);
    expect(header.get('grpc-timeout')).toBeNull();
  });
});
