import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { benchCert } from './cert/bench-cert.ts';
import { benchX509 } from './x509/bench-x509.ts';

/** One line of the table. */
interface Row {
  readonly area: string;
  readonly name: string;
  /** Median of several runs. */
  readonly value: number;
  readonly unit: string;
  readonly goal: number;
  /** The same by others, measured in the same run. */
  readonly peers: Readonly<Record<string, number>>;
}

const AREAS: Readonly<Record<string, (options: { readonly quick: boolean }) => Promise<readonly Row[]>>> = {
  x509: benchX509,
  cert: benchCert,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, json: { type: 'string' } },
});
const areas = positionals.length === 0 ? Object.keys(AREAS) : positionals;
const rows: Row[] = [];
for (const area of areas) {
  const bench = AREAS[area];
  if (bench === undefined) {
    process.stderr.write(`bench: there is no area ${area}; there are ${Object.keys(AREAS).join(', ')}\n`);
    process.exit(1);
  }
  process.stderr.write(`bench: ${area}\n`);
  rows.push(...(await bench({ quick: values.quick })));
}
for (const { area, name, value, unit, goal, peers } of rows) {
  const others = Object.entries(peers).map(([peer, figure]) => `${peer} ${figure.toLocaleString('en')}`);
  const columns = [
    area.padEnd(6),
    name.padEnd(48),
    value.toLocaleString('en').padStart(10),
    unit.padEnd(6),
    `goal ${goal.toLocaleString('en')}`,
    ...others,
  ];
  process.stdout.write(`${columns.join('  ')}\n`);
}
if (values.json !== undefined) writeFileSync(values.json, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
