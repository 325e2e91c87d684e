import { failpoint } from '@cert-tasks/failpoint';
import { type CoalescedResult, Coalescer } from '@cert-tasks/kernel';
import { SignerError } from '../domain/errors.ts';
import type { KeyName } from '../domain/key.ts';
import { keyDisabled } from '../domain/key-errors.ts';
import { answerOf, type LedgerEntry, type Signature } from '../domain/ledger.ts';
import type { SignerStores, UnitOfWork } from './ports/unit-of-work.ts';
import { askedOf, type ComputedAttempt, type SigningAttempt } from './signing-attempt.ts';
import { type Refusal, signingEvents } from './signing-events.ts';

/** Most rows of one transaction: a whole batch of one caller, or many small ones of several. */
const MAX_ROWS = 256;
/** Most rows that wait; further ones are refused, for a caller that waits holds its bytes in memory. */
const MAX_WAITING = 8_192;
/**
 * Two, so that one transaction's rows are sent while the other's commit is made durable: measured on 2 cores with 64 calls of one
 * item in flight, 4,200 signatures a second with one, 6,700 with two, no more with three.
 */
const MAX_TRANSACTIONS = 2;
/** Most bytes to be signed in one transaction, unless a single item is larger. */
const MAX_BYTES = 8_388_608;

/** Options of {@link LedgerWriter}. */
export interface LedgerWriterOptions {
  readonly work: UnitOfWork;
  /** Called for a key that the ledger found disabled. */
  readonly onDisabled: (name: KeyName) => void;
}

type Answer = CoalescedResult<Signature>;

/**
 * The only way by which a signature leaves: it resolves after the transaction that holds its row has committed.
 *
 * Attempts of all calls share transactions by natural batching. In a transaction rows are inserted first; what was not
 * inserted, and what was refused earlier, is then looked up, because an intent that was signed before answers with its
 * first signature whatever has changed since; the events come last.
 */
export class LedgerWriter {
  readonly #options: LedgerWriterOptions;
  readonly #queue: Coalescer<SigningAttempt, Signature>;

  constructor(options: LedgerWriterOptions) {
    this.#options = options;
    this.#queue = new Coalescer({
      name: 'signature-ledger',
      maxBatch: MAX_ROWS,
      maxQueued: MAX_WAITING,
      maxInFlight: MAX_TRANSACTIONS,
      run: (attempts) => this.#run(attempts),
    });
  }

  /**
   * The signature of the intent as its row holds it, which for a repeat is not the one just computed.
   *
   * @throws SignerError why there is none; `CoalescerError` `overloaded` where too much waits; the database's error where
   * it is not known whether the row was written: a repeat tells.
   */
  submit(attempt: SigningAttempt): Promise<Signature> {
    return this.#queue.submit(attempt);
  }

  /** Takes no more and resolves when all that was taken is answered. */
  close(): Promise<void> {
    return this.#queue.close();
  }

  async #run(attempts: readonly SigningAttempt[]): Promise<Answer[]> {
    const answers: Answer[] = [];
    for (const part of splitBySize(attempts)) answers.push(...(await this.#runPart(part)));
    return answers;
  }

  async #runPart(attempts: readonly SigningAttempt[]): Promise<readonly Answer[]> {
    try {
      failpoint('signer.sign.before-ledger');
      const answers = await this.#options.work.transaction('sign', (stores) => record(stores, attempts));
      failpoint('signer.sign.after-ledger');
      this.#tellDisabled(attempts, answers);
      return answers;
    } catch (error) {
      return attempts.map(() => ({ ok: false, error }));
    }
  }

  #tellDisabled(attempts: readonly SigningAttempt[], answers: readonly Answer[]): void {
    for (const [i, answer] of answers.entries()) {
      const attempt = attempts[i];
      if (attempt === undefined || answer.ok || !(answer.error instanceof SignerError)) continue;
      if (answer.error.code === 'key-disabled') this.#options.onDisabled(attempt.keyName);
    }
  }
}

async function record(stores: SignerStores, attempts: readonly SigningAttempt[]): Promise<Answer[]> {
  // 1. One statement inserts what may be signed. Of two attempts for one intent the first has the chance.
  const candidates = new Map<string, ComputedAttempt>();
  for (const attempt of attempts) {
    if (attempt.kind === 'computed' && !candidates.has(attempt.intentId)) candidates.set(attempt.intentId, attempt);
  }
  const rows = [...candidates.values()].map(({ row }) => row);
  const inserted = rows.length > 0 ? await stores.ledger.insertSigned(rows) : new Map<string, Date>();
  const performed = [...candidates.values()].filter(({ intentId }) => inserted.has(intentId));
  const performedAttempts = new Set<SigningAttempt>(performed);

  // 2. The rest: signed before, voided, or refused. Statements that follow see what the insert had to wait for.
  const open = attempts.filter((attempt) => !performedAttempts.has(attempt));
  const findings = await lookUp(stores, open);
  const answers = attempts.map((attempt): Answer => {
    const signedAt = performedAttempts.has(attempt) ? inserted.get(attempt.intentId) : undefined;
    if (attempt.kind === 'computed' && signedAt !== undefined)
      return { ok: true, value: signatureOf(attempt, signedAt) };
    return answerOpen(attempt, findings);
  });

  // 3. What happened, told if and only if it is durable.
  const events = signingEvents(performed, refusalsOf(attempts, answers));
  if (events.length > 0) await stores.events.append(events);
  return answers;
}

interface Findings {
  readonly entries: ReadonlyMap<string, LedgerEntry>;
  readonly disabledKeys: ReadonlySet<string>;
}

async function lookUp(stores: SignerStores, open: readonly SigningAttempt[]): Promise<Findings> {
  const intents = new Set(open.filter((attempt) => askedOf(attempt) !== undefined).map(({ intentId }) => intentId));
  const entries = intents.size > 0 ? await stores.ledger.find([...intents]) : new Map<string, LedgerEntry>();
  const keys = new Set(
    open.flatMap((attempt) => (attempt.kind === 'computed' && !entries.has(attempt.intentId) ? [attempt.key.id] : [])),
  );
  const disabledKeys = keys.size > 0 ? await stores.keys.disabledAmong([...keys]) : new Set<string>();
  return { entries, disabledKeys };
}

function answerOpen(attempt: SigningAttempt, { entries, disabledKeys }: Findings): Answer {
  const entry = entries.get(attempt.intentId);
  const asked = askedOf(attempt);
  if (entry !== undefined && asked !== undefined) return answerFrom(entry, asked);
  if (attempt.kind === 'refused') return { ok: false, error: attempt.error };
  if (disabledKeys.has(attempt.key.id)) return { ok: false, error: keyDisabled('key') };
  // The insert leaves out a row for three reasons, and two of them are ruled out by now.
  return { ok: false, error: serialReused() };
}

function answerFrom(entry: LedgerEntry, asked: Parameters<typeof answerOf>[1]): Answer {
  try {
    return { ok: true, value: answerOf(entry, asked) };
  } catch (error) {
    return { ok: false, error };
  }
}

function refusalsOf(attempts: readonly SigningAttempt[], answers: readonly Answer[]): readonly Refusal[] {
  return attempts.flatMap((attempt, i) => {
    const answer = answers[i];
    return answer?.ok === false && answer.error instanceof SignerError ? [{ attempt, error: answer.error }] : [];
  });
}

function signatureOf({ row }: ComputedAttempt, signedAt: Date): Signature {
  return { intentId: row.intentId, keyVersion: row.keyVersion, signature: row.signature, signedAt };
}

function serialReused(): SignerError {
  return new SignerError(
    'serial-reused',
    'This key has signed another certificate of this serial number. Draw another.',
    {
      field: 'tbs',
    },
  );
}

/** Consecutive parts of at most {@link MAX_BYTES}, each with one item at least. */
function splitBySize(attempts: readonly SigningAttempt[]): readonly (readonly SigningAttempt[])[] {
  const parts: SigningAttempt[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const attempt of attempts) {
    const bytes = attempt.kind === 'computed' ? attempt.row.tbs.length : 0;
    size += bytes;
    if (size > MAX_BYTES) {
      parts.push([]);
      size = bytes;
    }
    parts.at(-1)?.push(attempt);
  }
  return parts;
}
