import { type DescMessage, type MessageShape, toJsonString } from '@bufbuild/protobuf';

/** Prints a message as proto JSON: what scripts read. */
export function printMessage<D extends DescMessage>(schema: D, message: MessageShape<D>): void {
  process.stdout.write(`${toJsonString(schema, message, { prettySpaces: 2 })}\n`);
}

/** Prints lines for a person. */
export function printLines(lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
}

/** Prints columns of equal width. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  printLines(
    rows.map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    ),
  );
}
