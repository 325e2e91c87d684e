/** Longer names get no hint: the work grows with the square of the length. */
const MAX_LENGTH = 128;

/**
 * The candidate that the name is probably a slip of: the fewest insertions, deletions and replacements of characters
 * away, and at most a quarter of the name's length (but 2 at least). Undefined when there is none.
 */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length > MAX_LENGTH) return undefined;
  let nearest: string | undefined;
  let best = Math.max(2, Math.floor(name.length / 4)) + 1;
  for (const candidate of candidates) {
    if (candidate.length > MAX_LENGTH || Math.abs(candidate.length - name.length) >= best) continue;
    const distance = editDistance(name, candidate);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

/** Levenshtein distance, a row of the table at a time. */
function editDistance(name: string, candidate: string): number {
  let previous = Array.from({ length: candidate.length + 1 }, (_, i) => i);
  for (let i = 1; i <= name.length; i++) {
    const current = [i];
    for (let j = 1; j <= candidate.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (name[i - 1] === candidate[j - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[candidate.length] ?? 0;
}
