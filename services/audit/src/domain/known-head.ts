import type { SignedCheckpoint, TreeHead } from './checkpoint.ts';

/** A tree that the log's witness remembers to have signed. */
export type WitnessedHead = TreeHead;

/** A tree of the log that somebody vouched for. */
export type KnownHead =
  | { readonly by: 'log'; readonly head: SignedCheckpoint }
  | { readonly by: 'witness'; readonly head: WitnessedHead };

/** Checkpoints and what a witness remembers as one sequence in order of size, each in that order itself. */
export async function* headsBySize(
  checkpoints: AsyncIterable<SignedCheckpoint>,
  witnessed: AsyncIterable<WitnessedHead> = none(),
): AsyncGenerator<KnownHead, void, void> {
  const witness = witnessed[Symbol.asyncIterator]();
  let next = await witness.next();
  for await (const head of checkpoints) {
    for (; next.done !== true && next.value.size < head.size; next = await witness.next()) {
      yield { by: 'witness', head: next.value };
    }
    yield { by: 'log', head };
  }
  for (; next.done !== true; next = await witness.next()) yield { by: 'witness', head: next.value };
}

async function* none(): AsyncGenerator<never, void, void> {}
