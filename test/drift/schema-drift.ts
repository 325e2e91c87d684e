import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dumpSchema, migrate } from '@cert-tasks/db';
import {
  DATABASE_SERVICES,
  type DatabaseService,
  homePath,
  provisionDatabase,
  startEphemeralPostgres,
} from '@cert-tasks/stack';
import { createLogger } from '@cert-tasks/telemetry';

const SERVICE_FOLDER: Readonly<Record<DatabaseService, string>> = {
  cert: 'cert',
  signer: 'signer',
  task: 'task-scheduler',
  audit: 'audit',
};

/** Compares what the migrations of each service make with its committed dump, services/<name>/schema.txt; with `write` makes the dumps anew. */
export async function schemaDrift({ root, write }: { root: string; write: boolean }): Promise<string[]> {
  const postgres = await startEphemeralPostgres({ templateDirectory: join(homePath(process.env), 'cache') });
  try {
    const secret = (): string => randomBytes(16).toString('hex');
    const pair = () => ({ owner: secret(), app: secret() });
    const databases = await provisionDatabase({
      adminUrl: postgres.adminUrl,
      database: 'drift',
      passwords: { cert: pair(), signer: pair(), task: pair(), audit: pair() },
    });
    const problems: string[] = [];
    for (const service of DATABASE_SERVICES) {
      const folder = join(root, 'services', SERVICE_FOLDER[service]);
      const { ownerUrl, schema } = databases[service];
      await migrate({
        ownerUrl,
        schema,
        folder: join(folder, 'migrations'),
        log: createLogger({ service: 'drift', level: 'silent' }),
      });
      const dump = await dumpSchema({ url: ownerUrl, schema });
      const file = join(folder, 'schema.txt');
      if (write) writeFileSync(file, dump);
      else if (!existsSync(file) || readFileSync(file, 'utf8') !== dump) {
        problems.push(`${file} is not what the migrations make; run npm run generate`);
      }
    }
    return problems;
  } finally {
    await postgres.stop();
  }
}
