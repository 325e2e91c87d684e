import { AppError } from '@cert-tasks/kernel';
import postgres from 'postgres';
import { describe, expect, it } from 'vitest';
import { classifyPgError } from './classify-pg-error.ts';
import { DbError } from './db-error.ts';
import { translateError } from './translate-error.ts';

/** As postgres.js makes them. */
function serverError(code: string, constraint?: string): Error {
  const error = Object.create(postgres.PostgresError.prototype);
  return Object.assign(error, { message: 'text', code, constraint_name: constraint });
}

describe('classifyPgError', () => {
  it.each([
    ['23505', 'unique-violation'],
    ['23503', 'foreign-key'],
    ['23514', 'check'],
    ['40001', 'serialization'],
    ['40P01', 'deadlock'],
    ['55P03', 'lock-timeout'],
    ['57014', 'statement-timeout'],
    ['08006', 'connection'],
    ['57P01', 'connection'],
    ['57P03', 'connection'],
    ['53300', 'connection'],
    ['42P01', 'too-new'],
    ['42703', 'too-new'],
    ['22001', 'other'],
    ['42501', 'other'],
  ])('%s is %s', (code, kind) => {
    expect(classifyPgError(serverError(code))).toEqual({ kind });
  });

  it('names the constraint, also through wrapping errors', () => {
    const wrapped = new Error('failed', { cause: new Error('query', { cause: serverError('23505', 'c_key') }) });
    expect(classifyPgError(wrapped)).toEqual({ kind: 'unique-violation', constraint: 'c_key' });
  });

  it('tells the driver’s network errors from those of other clients', () => {
    const refused = (extra: object) => Object.assign(new Error('connect'), { code: 'ECONNREFUSED', ...extra });
    expect(classifyPgError(refused({ query: 'select 1' })).kind).toBe('connection');
    expect(classifyPgError(refused({})).kind).toBe('other');
    expect(classifyPgError(Object.assign(new Error('x'), { code: 'UNDEFINED_VALUE', query: 'q' })).kind).toBe('other');
    expect(classifyPgError(Object.assign(new Error('x'), { code: 'CONNECTION_CLOSED' })).kind).toBe('connection');
  });

  it('looks at codes alone', () => {
    expect(classifyPgError(new Error('duplicate key value violates unique constraint')).kind).toBe('other');
    expect(classifyPgError('57P01').kind).toBe('other');
  });

  it('ends on a cycle of causes', () => {
    const error = new Error('a');
    error.cause = error;
    expect(classifyPgError(error).kind).toBe('other');
  });
});

describe('translateError', () => {
  class StoreError extends AppError<'taken'> {}

  it('leaves the caller’s own errors alone, whatever their cause', () => {
    const own = new StoreError('taken', 'The name is taken.', { cause: serverError('57P01') });
    expect(translateError(own)).toBe(own);
  });

  it('keeps the cause of what it translates', () => {
    const cause = serverError('57P01');
    const error = translateError(cause);
    expect(error).toBeInstanceOf(DbError);
    expect(error).toMatchObject({ code: 'database-unavailable', cause, retryAfterMs: 1_000 });
    expect(translateError(serverError('55P03'))).toMatchObject({ code: 'database-busy' });
  });

  it('leaves violated constraints alone', () => {
    const error = serverError('23505', 'c_key');
    expect(translateError(error)).toBe(error);
  });
});
