import { setImmediate } from 'node:timers/promises';
import { DbError } from './db-error.ts';
import type { TransactionSql } from './sql.ts';

/** What sends a statement, beside the template tag itself. */
const SENDING = new Set<PropertyKey>(['unsafe', 'file', 'notify']);

/**
 * Keeps a transaction's statements inside it.
 *
 * When a connection breaks, postgres.js ends the transaction's promise at once while the function that was given it may
 * still run, and keeps the connection for the next user. A statement that the function sends later, and the COMMIT or
 * ROLLBACK that postgres.js sends after it, would then go into another transaction. So from {@link end} on statements are
 * refused, and what {@link run} is waited for never comes to its end.
 */
export class TransactionGuard {
  #ended = false;

  /** The transaction is over. */
  end(): void {
    this.#ended = true;
  }

  /** Runs what decides over COMMIT or ROLLBACK (or a savepoint's), with statements that are refused in time. */
  async run<T>(sql: TransactionSql, fn: (guarded: TransactionSql) => Promise<T>): Promise<T> {
    try {
      const result = await fn(this.#wrap(sql));
      await this.#stayOpen();
      return result;
    } catch (error) {
      // A connection that breaks fails its statements first; that the transaction is over is known within this turn.
      await setImmediate();
      await this.#stayOpen();
      throw error;
    }
  }

  async #stayOpen(): Promise<void> {
    if (this.#ended) await new Promise<never>(() => undefined);
  }

  #check(): void {
    if (!this.#ended) return;
    throw new DbError('transaction-ended', 'A statement was sent after its transaction had ended. Nothing was done.');
  }

  #wrap(sql: TransactionSql): TransactionSql {
    return new Proxy(sql, {
      apply: (target, self, args) => {
        this.#check();
        return Reflect.apply(target, self, args);
      },
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property);
        if (typeof value !== 'function') return value;
        if (property === 'savepoint') return this.#wrapSavepoint(target);
        if (!SENDING.has(property)) return value;
        return (...args: unknown[]): unknown => {
          this.#check();
          return Reflect.apply(value, target, args);
        };
      },
    });
  }

  /** `savepoint(fn)` and `savepoint(name, fn)`: the function gets a template tag of its own. */
  #wrapSavepoint(sql: TransactionSql): (...args: unknown[]) => unknown {
    return (...args) => {
      this.#check();
      const guarded = args.map((argument) =>
        typeof argument === 'function'
          ? (inner: TransactionSql) =>
              this.run(inner, async (wrapped): Promise<unknown> => Reflect.apply(argument, undefined, [wrapped]))
          : argument,
      );
      return Reflect.apply(sql.savepoint, sql, guarded);
    };
  }
}
