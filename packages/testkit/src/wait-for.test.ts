import { describe, expect, it } from 'vitest';
import { waitFor } from './wait-for.ts';

describe('waitFor', () => {
  it('gives the first value that is there', async () => {
    let calls = 0;
    const value = await waitFor(() => (++calls < 3 ? undefined : calls), { what: 'the third call' });
    expect(value).toBe(3);
  });

  it('takes errors and false for not yet', async () => {
    const answers: (() => boolean)[] = [
      () => {
        throw new Error('not yet');
      },
      () => false,
      () => true,
    ];
    expect(await waitFor(() => answers.shift()?.(), { what: 'true' })).toBe(true);
  });

  it('says what it waited for, with the last error', async () => {
    const cause = new Error('still down');
    const waiting = waitFor(() => Promise.reject(cause), { what: 'the moon', timeoutMs: 30 });
    await expect(waiting).rejects.toMatchObject({ message: 'Waited 30 ms in vain for the moon.', cause });
  });
});
