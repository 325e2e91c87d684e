import { describe, expect, it } from 'vitest';
import { connectionTarget, describeTarget } from './connection-settings.ts';

const codeOf = (fn: () => unknown): unknown => {
  try {
    fn();
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
  return undefined;
};

describe('connectionTarget', () => {
  it.each([
    'postgres://u:p@localhost:5432/d',
    'postgresql://u:p@127.0.0.1/d',
    'postgres://u:p@127.3.2.1/d',
    'postgres://u:p@[::1]:5432/d',
    'postgres://u:p@localhost/d?sslmode=prefer',
  ])('allows plain text on loopback: %s', (url) => {
    expect(connectionTarget(url).ssl).toBe(false);
  });

  it.each([
    'postgres://u:p@db.example.com/d',
    'postgres://u:p@10.0.0.1/d',
    'postgres://u:p@localhost.example.com/d',
    'postgres://u:p@127.0.0.1.example.com/d',
    'postgres://u:p@db/d?sslmode=allow',
    'postgres://u:p@localhost,db.example.com:5432/d',
    'postgres://u:p@127.0.0.1/d?sslmode=require',
  ])('demands TLS that verifies: %s', (url) => {
    expect(connectionTarget(url, { caPem: 'PEM' })).toMatchObject({ ssl: { rejectUnauthorized: true, ca: 'PEM' } });
  });

  it('takes sslmode out of the URL, which the driver would read in its own way', () => {
    expect(connectionTarget('postgres://u:p@db/d?sslmode=require').url).toBe('postgres://u:p@db/d');
  });

  it('refuses plain text to another machine', () => {
    expect(codeOf(() => connectionTarget('postgres://u:p@db/d?sslmode=disable'))).toBe('insecure-connection');
  });

  it.each([
    '',
    'db',
    'http://u:p@db/d',
    'postgres:///d',
    'postgres://u:p@localhost/d?host=db',
    'postgres://db/d?sslmode=x',
  ])('refuses what is no URL of a database: %j', (url) => {
    expect(codeOf(() => connectionTarget(url))).toBe('invalid-url');
  });

  it('never shows a password', () => {
    expect(describeTarget('postgres://user:secret@db:1234/name')).toBe('db:1234/name');
    expect(() => connectionTarget('mysql://user:secret@db/d')).toThrow(/^(?!.*secret)/);
  });
});
