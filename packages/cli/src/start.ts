import { join } from 'node:path';
import {
  checkPortsFree,
  type FirstRun,
  firstRun,
  Home,
  homePath,
  Platform,
  type Ports,
  portsFromEnv,
  removePlatformFile,
  StackError,
  writeFileAtomic,
  writePlatformFile,
} from '@cert-tasks/stack';

const PROJECT = 'default';
const OPERATOR_TOKEN = 'operator.token';
const TOKEN_LIFETIME_SECONDS = 24 * 60 * 60;
/** npm passes a Ctrl-C on to a process that the terminal has signalled already: within this time it is one signal. */
const SAME_SIGNAL_MS = 300;

/** Runs the whole platform in the foreground until a signal: what `npm start` does. Its exit code is 0 where it was stopped, 1 where it failed. */
async function main(): Promise<number> {
  const stopped = stopSignal();
  try {
    const ports = portsFromEnv(process.env);
    const home = await Home.open(homePath(process.env));
    try {
      return await runPlatform({ home, ports, stopped });
    } finally {
      home.close();
    }
  } catch (error) {
    if (!(error instanceof StackError)) throw error;
    process.stderr.write(`cert-tasks: ${error.message}\n`);
    return 1;
  }
}

async function runPlatform(input: { home: Home; ports: Ports; stopped: Promise<string> }): Promise<number> {
  const { home, ports, stopped } = input;
  await checkPortsFree(portsToBind(ports));
  const platform = new Platform({ home, ports, env: process.env, notify: say });
  try {
    say(`starting PostgreSQL, NATS and four services (data and logs: ${home.path})`);
    const started = platform.start().then(() => 'started' as const);
    if ((await Promise.race([started, stopped])) !== 'started') {
      await started.catch(() => undefined);
      return 0;
    }
    const made = await firstRun({
      certUrl: platform.urls.cert,
      adminToken: platform.issuer.mint(
        { subject: 'first-run', kind: 'admin', roles: { '*': ['admin'] }, lifetimeSeconds: 600 },
        new Date(),
      ),
      project: PROJECT,
      directory: home.path,
    });
    const tokenFile = await writeOperatorToken({ home, platform });
    const { pki, ...services } = platform.urls;
    await writePlatformFile(home.path, {
      project: PROJECT,
      services,
      pki,
      tokenFile,
      databaseUrl: platform.databaseUrl,
    });
    process.stdout.write(summary({ home: home.path, urls: platform.urls, made, tokenFile }));
    const end = await Promise.race([stopped, platform.broken]);
    if (!end.startsWith('SIG')) process.stderr.write(`cert-tasks: ${end}; stopping\n`);
    return end.startsWith('SIG') ? 0 : 1;
  } finally {
    await removePlatformFile(home.path);
    await platform.stop();
  }
}

/** The ports that this machine must have free: an own PostgreSQL or NATS is not bound here. */
function portsToBind(ports: Ports): Partial<Ports> {
  const { postgres, nats, issuer: _issuer, ...services } = ports;
  return {
    ...services,
    ...((process.env['DATABASE_URL'] ?? '') === '' && { postgres }),
    ...((process.env['NATS_URL'] ?? '') === '' && { nats }),
  };
}

async function writeOperatorToken({ home, platform }: { home: Home; platform: Platform }): Promise<string> {
  const token = platform.issuer.mint(
    {
      subject: 'operator',
      kind: 'user',
      roles: { [PROJECT]: ['operator', 'auditor'] },
      lifetimeSeconds: TOKEN_LIFETIME_SECONDS,
    },
    new Date(),
  );
  const path = join(home.path, OPERATOR_TOKEN);
  await writeFileAtomic({ path, content: `${token}\n`, mode: 0o600 });
  return path;
}

function summary(input: { home: string; urls: Platform['urls']; made: FirstRun; tokenFile: string }): string {
  const { home, urls, made, tokenFile } = input;
  const lines = [
    '',
    `  cert    ${urls.cert}   signer ${urls.signer}   gRPC, gRPC-Web and Connect/JSON`,
    `  task    ${urls.task}   audit  ${urls.audit}`,
    `  pki     ${urls.pki}   CRLs and issuer certificates`,
    `  data    ${home}   logs in logs/`,
    `  token   ${tokenFile}   operator and auditor of project ${PROJECT}, 24 hours, new at each start`,
    '',
    ...(made.made
      ? [
          `  made    ${made.root} and ${made.issuer}`,
          `          ${made.certificate ?? ''}`,
          `          for localhost: ${made.localhostDirectory}/{key,chain,root}.pem`,
        ]
      : [`  found   ${made.root} and ${made.issuer}`]),
    '',
    '  try     bin/cert-tasks issue www.example.test',
    '          bin/cert-tasks list',
    '          bin/cert-tasks fsck',
    '',
    'cert-tasks is ready',
    '',
  ];
  return lines.join('\n');
}

/** The first signal, by name. A second one ends the process at once; the guards of its children end them. */
function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    let firstAt: number | undefined;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        const now = performance.now();
        if (firstAt !== undefined && now - firstAt >= SAME_SIGNAL_MS) process.exit(1);
        if (firstAt === undefined) say('stopping');
        firstAt ??= now;
        resolve(signal);
      });
    }
  });
}

function say(line: string): void {
  process.stdout.write(`cert-tasks: ${line}\n`);
}

process.exitCode = await main();
